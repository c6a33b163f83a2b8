"""Recorded skeletons become people, and detectors mark people where they mark them."""
from __future__ import annotations

import numpy as np
import pytest

from ros2_occpose.skeleton import SMPL24
from ros2_occpose.training.mocap.bvh import axis_rotations
from ros2_occpose.training.mocap.kinematics import BODY, body_points, forward
from ros2_occpose.training.mocap.proportions import lift_collars, like_people
from ros2_occpose.training.mocap.retarget import TYPICAL_OFFSETS, Z_UP_FROM_Y_UP
from ros2_occpose.types import Floats

REST = np.tile(np.eye(3), (1, len(SMPL24.joints), 1, 1))
REST[:, 0] = Z_UP_FROM_Y_UP


def joints_of(offsets: Floats, rotations: Floats = REST) -> dict[str, Floats]:
    """Positions (3,) [m] of the first frame by joint of smpl24, the pelvis at the origin."""
    joints, _ = forward(rotations, np.zeros((len(rotations), 3)), offsets)
    return dict(zip(SMPL24.joints, joints[0]))


def shares(offsets: Floats) -> dict[str, float]:
    """Lengths over the length of the leg."""
    at = joints_of(offsets)

    def length(a: str, b: str) -> float:
        return float(np.linalg.norm(at[a] - at[b]))

    leg = length('left_hip', 'left_knee') + length('left_knee', 'left_ankle')
    lengths = {
        'thigh': length('left_hip', 'left_knee'), 'arm': length('left_shoulder', 'left_elbow'),
        'forearm': length('right_elbow', 'right_wrist'),
        'hips': length('left_hip', 'right_hip'),
        'shoulders': length('left_shoulder', 'right_shoulder'),
        'torso': at['left_shoulder'][2] - at['left_hip'][2],
    }
    return {part: value / leg for part, value in lengths.items()}


WINTER = {'thigh': 0.5, 'arm': 0.36, 'forearm': 0.297, 'hips': 0.204, 'shoulders': 0.387,
          'torso': 0.587}


def test_people_stay_as_they_are() -> None:
    once = like_people(TYPICAL_OFFSETS)
    np.testing.assert_allclose(like_people(once), once, atol=1e-9)
    assert np.abs(once - TYPICAL_OFFSETS).max() < 0.01


@pytest.mark.parametrize('factor', [0.5, 1.5])
@pytest.mark.parametrize('bones', [
    ('knee',), ('elbow',), ('wrist',), ('hip',), ('shoulder', 'collar'),
    ('spine1', 'spine2', 'spine3')])
def test_other_bodies_become_people(bones: tuple[str, ...], factor: float) -> None:
    offsets = TYPICAL_OFFSETS.copy()
    for index, joint in enumerate(SMPL24.joints):
        if joint.rpartition('_')[2] in bones:
            offsets[index] *= factor
    before, after = shares(offsets), shares(like_people(offsets))
    assert max(abs(before[part] / WINTER[part] - 1) for part in WINTER) > 0.2
    for part, share in WINTER.items():
        assert after[part] == pytest.approx(share, rel=0.062), part


def test_shoulders_rise_with_their_arms() -> None:
    rotations = np.repeat(REST, 3, 0)                               # hanging, level, straight up
    shoulder = SMPL24.index('left_shoulder')
    rotations[:, shoulder] = axis_rotations(np.radians([-90, 0, 90]), 2)
    lifted = lift_collars(rotations)
    before, turns = forward(rotations, np.zeros((3, 3)), TYPICAL_OFFSETS)
    after, lifted_turns = forward(lifted, np.zeros((3, 3)), TYPICAL_OFFSETS)
    np.testing.assert_allclose(lifted_turns[:, shoulder], turns[:, shoulder], atol=1e-12)
    rise = (after - before)[:, shoulder, 2]
    np.testing.assert_allclose(rise, [0, 0.023, 0.052], atol=0.005)
    other = SMPL24.index('right_shoulder')                          # level all the time
    np.testing.assert_allclose((after - before)[:, other, 2], 0.023, atol=0.005)
    np.testing.assert_allclose(lift_collars(lifted), lifted)        # it moves already


def test_detectors_mark_what_is_beside_the_joints() -> None:
    offsets = like_people(TYPICAL_OFFSETS)
    joints, turns = forward(REST, np.zeros((1, 3)), offsets)
    marks = dict(zip(BODY, body_points(joints, turns)[0]))
    at = joints_of(offsets)
    for side, sign in (('left', 1), ('right', -1)):
        for joint, beside in (('hip', (0.017 * sign, 0, -0.03)), ('knee', (0, 0, -0.02)),
                              ('ankle', (0, 0, 0.024)), ('elbow', (0, 0, 0)),
                              ('shoulder', (0.017 * sign, 0, 0.008))):
            name = f'{side}_{joint}'
            np.testing.assert_allclose(marks[name] - at[name], beside, atol=1e-9, err_msg=name)
    assert marks['nose'][1] < marks['left_ear'][1] - 0.1            # it faces -y
    assert marks['head'][2] > marks['left_eye'][2] > marks['nose'][2]
    leg = sum(np.linalg.norm(marks[a] - marks[b]) for a, b in (
        ('left_hip', 'left_knee'), ('left_knee', 'left_ankle')))
    torso = marks['left_shoulder'][2] - marks['left_hip'][2]
    assert torso / leg == pytest.approx(0.66, abs=0.03)


def test_lifted_thighs_look_longer() -> None:
    rotations = np.repeat(REST, 2, 0)
    rotations[1, SMPL24.index('left_hip')] = axis_rotations(np.array(-np.pi / 2), 0)
    marks = body_points(*forward(rotations, np.zeros((2, 3)), TYPICAL_OFFSETS))
    thigh = np.linalg.norm(marks[:, BODY.index('left_hip')] - marks[:, BODY.index('left_knee')],
                           axis=-1)
    assert 0.02 < thigh[1] - thigh[0] < 0.05
