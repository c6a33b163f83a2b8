"""Movements on the smpl24 tree: of recorded skeletons, and of bare joint positions."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.body.turns import between, swing
from ros2_occpose.errors import DataError
from ros2_occpose.skeleton import COCO17, H36M17, SMPL24
from ros2_occpose.training.mocap.bvh import axis_rotations, read_bvh
from ros2_occpose.training.mocap.kinematics import body_points, forward
from ros2_occpose.training.mocap.mocap_text import read_deepmimic, read_expmap
from ros2_occpose.training.mocap.motion import h36m_of
from ros2_occpose.training.mocap.recordings import from_cmu, from_daz, from_deepmimic
from ros2_occpose.training.mocap.retarget import (
    TYPICAL_OFFSETS,
    Z_UP_FROM_Y_UP,
    Recording,
    from_positions,
    retarget,
)
from ros2_occpose.types import Floats

T = 80


def dance(rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Rotations, root and offsets of somebody who turns, bends knees and elbows, and nods."""
    phase = np.linspace(0, 7, T)
    local = np.tile(np.eye(3), (T, len(SMPL24.joints), 1, 1))
    local[:, 0] = axis_rotations(phase / 2, 2) @ Z_UP_FROM_Y_UP

    def turn(joint: str, axis: int, angle: Floats) -> None:
        at = SMPL24.index(joint)
        local[:, at] = local[:, at] @ axis_rotations(angle, axis)

    for joint in ('spine1', 'spine2', 'spine3'):
        turn(joint, 1, 0.1 * np.sin(phase))
    turn('neck', 0, 0.2 * np.sin(phase))
    turn('head', 0, 0.2 * np.sin(phase))
    for side, sign in (('left', 1), ('right', -1)):
        turn(f'{side}_hip', 0, -0.4 + 0.4 * sign * np.sin(phase))
        turn(f'{side}_knee', 0, 0.9 + 0.4 * np.sin(phase))
        turn(f'{side}_shoulder', 2, -sign * (1.0 + 0.4 * np.sin(phase)))
        turn(f'{side}_elbow', 1, -sign * (1.2 + 0.5 * np.cos(phase)))
    root = np.stack([0.3 * phase, np.sin(phase), np.full(T, 0.9)], 1)
    return local, root, TYPICAL_OFFSETS * rng.uniform(0.9, 1.1, (len(SMPL24.joints), 1))


def degrees_between(a: Floats, b: Floats) -> Floats:
    """Angles between rotations (..., 3, 3) [deg]."""
    return np.degrees(np.arccos(np.clip(((a * b).sum((-1, -2)) - 1) / 2, -1, 1)))


def assert_rotations(turns: Floats) -> None:
    np.testing.assert_allclose(turns @ np.swapaxes(turns, -1, -2),
                               np.broadcast_to(np.eye(3), turns.shape), atol=1e-5)
    assert np.linalg.det(turns) == pytest.approx(1.0, abs=1e-5)


def test_a_recording_keeps_its_turns_and_gives_its_bones(rng: np.random.Generator) -> None:
    local, root, offsets = dance(rng)
    joints, turns = forward(local, root, offsets)
    kept = [joint for joint in SMPL24.joints if 'spine' not in joint and 'collar' not in joint]
    points = {joint: joints[:, SMPL24.index(joint)] for joint in kept}
    fit = retarget(Recording(turns=turns, points=points))
    found, _ = forward(fit.rotations, fit.root, fit.offsets)
    np.testing.assert_allclose(fit.rotations, local, atol=1e-9)
    error = np.linalg.norm(found - joints, axis=-1)[:, SMPL24.indices(*points)]
    assert np.median(error) < 0.002
    limbs = SMPL24.indices('left_knee', 'right_ankle', 'left_elbow', 'right_wrist')
    np.testing.assert_allclose(fit.offsets[limbs], offsets[limbs], atol=1e-3)


@pytest.mark.parametrize('skeleton', ['coco17', 'h36m17', 'smpl24'])
def test_bare_positions_give_the_turns_back(rng: np.random.Generator, skeleton: str) -> None:
    local, root, _ = dance(rng)
    joints, turns = forward(local, root, TYPICAL_OFFSETS)
    body = body_points(joints, turns)
    named = {'smpl24': dict(zip(SMPL24.joints, np.moveaxis(joints, 1, 0))),
             'coco17': dict(zip(COCO17.joints, np.moveaxis(body, 1, 0))),
             'h36m17': dict(zip(H36M17.joints, np.moveaxis(h36m_of(body), 1, 0)))}[skeleton]
    rotations, where, offsets = from_positions(named)
    assert_rotations(rotations)
    found, found_turns = forward(rotations, where, offsets)
    limbs = [joint for joint in SMPL24.joints
             if joint.endswith(('hip', 'knee', 'ankle', 'shoulder', 'elbow', 'wrist'))]
    error = np.stack([found[:, SMPL24.index(joint)] - named[joint] for joint in limbs])
    assert np.median(np.linalg.norm(error, axis=-1)) < 0.01
    angles = degrees_between(found_turns, turns)
    for joint in limbs:
        if not joint.endswith(('ankle', 'wrist')):
            assert np.median(angles[:, SMPL24.index(joint)]) < 8, joint
    if skeleton == 'coco17':
        assert angles[:, SMPL24.index('head')].max() < 1


def test_missing_and_broken_positions_are_refused() -> None:
    named = {joint: np.zeros((3, 3)) for joint in COCO17.joints}
    with pytest.raises(DataError, match='left_knee are missing'):
        from_positions({joint: at for joint, at in named.items() if joint != 'left_knee'})
    named['nose'] = np.full((3, 3), np.nan)
    with pytest.raises(DataError, match='NaN in nose'):
        from_positions(named)


def test_swings_are_the_smallest_turns(rng: np.random.Generator) -> None:
    start, end = rng.normal(0, 1, (2, 50, 3))
    turns = swing(start, end)
    assert_rotations(turns)
    moved = (turns @ start[..., None])[..., 0] / np.linalg.norm(start, axis=-1, keepdims=True)
    np.testing.assert_allclose(moved, end / np.linalg.norm(end, axis=-1, keepdims=True),
                               atol=1e-9)
    axis = np.cross(start, end)
    np.testing.assert_allclose((turns @ axis[..., None])[..., 0], axis, atol=1e-9)
    opposite = swing(np.array([0, 1.0, 0]), np.array([0, -2.0, 0]))
    np.testing.assert_allclose(opposite @ [0, 1, 0], [0, -1, 0], atol=1e-9)


def test_rotations_between_two() -> None:
    end = axis_rotations(np.array(1.2), 1)
    np.testing.assert_allclose(between(np.eye(3), end, 0.25), axis_rotations(np.array(0.3), 1),
                               atol=1e-12)
    np.testing.assert_allclose(between(end, end, 0.7), end, atol=1e-12)


CLIPS = {
    'daz': ('bvh/salsa/14.bvh', 'bvh/martial/04.bvh', 'bvh/indian/06.bvh'),
    'deepmimic': ('deepmimic/cmu01-09/02/02_01.txt', 'deepmimic/cmu46-56/49/49_02.txt',
                  'deepmimic/extra/humanoid3d_backflip.txt'),
    'cmu': ('expmap/walking/train_walking_1.txt', 'expmap/running/test_running_1.txt',
            'expmap/basketball/train_basketball_1.txt'),
}


def recording(mocap: Path, name: str) -> Recording:
    """What a file of shared motion capture says, without its first frame."""
    if name.endswith('.bvh'):
        positions, turns, _ = read_bvh(mocap / name)
        return from_daz({joint: at[1:] for joint, at in positions.items()},
                        {joint: turn[1:] for joint, turn in turns.items()})
    if name.startswith('deepmimic'):
        positions, turns, _ = read_deepmimic(mocap / name, mocap / 'deepmimic' / 'humanoid3d.txt')
        return from_deepmimic(positions, turns)
    return from_cmu(*read_expmap(mocap / name, mocap / 'expmap' / 'skeleton.json'))


ALL = {'daz': 'bvh/*/*.bvh', 'deepmimic': 'deepmimic/*/**/*.txt', 'cmu': 'expmap/*/*.txt'}


@pytest.mark.parametrize('kind', ALL)
def test_recorded_joints_are_met(shared_data: Path, kind: str) -> None:
    """The demand is a median under 15 mm; rigid bones of the same turns leave under 2 mm."""
    errors, mocap = [], shared_data / 'mocap'
    for path in sorted(mocap.glob(ALL[kind])):
        given = recording(mocap, str(path.relative_to(mocap)))
        fit = retarget(given)
        assert_rotations(fit.rotations)
        joints, _ = forward(fit.rotations, fit.root, fit.offsets)
        errors += [np.linalg.norm(joints[:, SMPL24.index(joint)] - at, axis=-1)
                   for joint, at in given.points.items()]
    median, most = np.percentile(1000 * np.concatenate(errors), [50, 95])
    print(f'{kind}: median {median:.2f} mm, 95 % under {most:.2f} mm, '
          f'of {sum(map(len, errors))} joints')
    assert median < 2
    assert most < 15


@pytest.mark.parametrize('kind', CLIPS)
def test_knees_and_elbows_bend_the_natural_way(shared_data: Path, kind: str) -> None:
    """Knees about the left, elbows about the vertical when the arms are stretched out."""
    for name in CLIPS[kind]:
        rotations = retarget(recording(shared_data / 'mocap', name)).rotations
        for joint, axis in (('left_knee', (1, 0, 0)), ('right_knee', (1, 0, 0)),
                            ('left_elbow', (0, -1, 0)), ('right_elbow', (0, 1, 0))):
            turn = rotations[:, SMPL24.index(joint)]
            about = np.stack([turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0],
                              turn[:, 1, 0] - turn[:, 0, 1]], 1) / 2         # sine x axis
            bent = degrees_between(turn, np.eye(3)) > 40
            assert bent.sum() > 5, (name, joint)
            along = about[bent] @ axis / np.linalg.norm(about[bent], axis=-1)
            assert np.percentile(along, 5) > 0.85, (name, joint)


@pytest.mark.parametrize('kind', CLIPS)
def test_feet_are_flat_and_ahead_when_standing(shared_data: Path, kind: str) -> None:
    given = recording(shared_data / 'mocap', CLIPS[kind][0])
    fit = retarget(given)
    joints, turns = forward(fit.rotations, fit.root, fit.offsets)
    ankle, foot = SMPL24.indices('left_ankle', 'left_foot')
    low = joints[:, ankle, 2] < np.percentile(joints[:, ankle, 2], 30)
    assert np.median(turns[low, ankle, 2, 1]) > 0.95                         # the sole's normal
    ahead = (joints[low, foot] - joints[low, ankle]) * (1, 1, 0)
    forwards = turns[low, 0, :, 2] * (1, 1, 0)
    cosine = (ahead * forwards).sum(-1) / np.linalg.norm(ahead, axis=-1)
    assert np.median(cosine) > 0.7
