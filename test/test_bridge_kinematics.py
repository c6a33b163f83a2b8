"""REP-155 joint angles: the URDF, posed by them, points its limbs where the skeleton does."""
from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from walker import Walker, walk

from ros2_occpose.ros.bridges.hri.kinematics import (
    NAMES,
    body_rotations,
    head_rotations,
    heights,
    joint_angles,
    torso_rotations,
)
from ros2_occpose.ros.bridges.hri.urdf import urdf
from ros2_occpose.skeleton import H36M17
from ros2_occpose.training.mocap.motion import load_motions
from ros2_occpose.trajectory.body_frame import orientations

DEGREE = np.pi / 180
Z = np.array([0.0, 0.0, 1.0])
# Natural postures in degrees, wider than the limits of the model where people are.
RANGES = {'abduct': (-10, 160), 'swing': (-50, 160), 'twist': (-70, 70), 'elbow': (0, 140),
          'thigh': (-20, 100), 'spread': (-10, 35), 'turn': (-25, 25), 'knee': (0, 130),
          'bend': (0, 55), 'nod': (-40, 40), 'shake': (-70, 70), 'tilt': (-25, 25)}


def euler(order: str, *degrees: float) -> np.ndarray:
    return Rotation.from_euler(order, degrees, degrees=True).as_matrix()


def posture(rng: np.random.Generator) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A random person: h36m17 joints (17, 3), and the true rotation of chest and head.

    Made of anatomical angles and own segment lengths, not of the chain under test.
    """
    at = {name: rng.uniform(*span) for name, span in RANGES.items()}
    world = Rotation.from_euler('ZYX', rng.uniform((-180, -30, -30), (180, 30, 30)),
                                degrees=True).as_matrix()
    lower = euler('Y', at['bend'] / 3)
    chest = euler('Y', at['bend'])
    joints = {'hip': np.zeros(3)}
    joints['spine'] = 0.24 * lower @ Z
    joints['thorax'] = joints['spine'] + 0.26 * chest @ Z
    trunk = joints['thorax'] / np.linalg.norm(joints['thorax'])
    torso = np.stack([np.cross([0, 1, 0], trunk), [0, 1, 0], trunk], -1)
    head = torso @ euler('ZYX', at['shake'], at['nod'], at['tilt'])
    neck = joints['thorax'] + 0.25 / 2.75 * np.linalg.norm(joints['thorax']) * trunk
    joints['head'] = neck + head @ [0.0, 0, 0.22]
    joints['nose'] = neck + head @ [0.11, 0, 0.08]
    for side, s in (('left', 1), ('right', -1)):
        arm = {name: rng.uniform(*RANGES[name]) for name in ('abduct', 'swing', 'twist', 'elbow')}
        leg = {name: rng.uniform(*RANGES[name]) for name in ('thigh', 'spread', 'turn', 'knee')}
        upper = torso @ euler('YXZ', -arm['swing'], s * arm['abduct'], s * arm['twist'])
        joints[f'{side}_shoulder'] = joints['thorax'] + torso @ [0, 0.19 * s, 0]
        joints[f'{side}_elbow'] = joints[f'{side}_shoulder'] - 0.3 * upper @ Z
        joints[f'{side}_wrist'] = (joints[f'{side}_elbow']
                                   - 0.26 * upper @ euler('Y', -arm['elbow']) @ Z)
        thigh = euler('YXZ', -leg['thigh'], s * leg['spread'], s * leg['turn'])
        joints[f'{side}_hip'] = np.array([0, 0.1 * s, 0])
        joints[f'{side}_knee'] = joints[f'{side}_hip'] - 0.43 * thigh @ Z
        shin = thigh @ euler('Y', leg['knee'])
        joints[f'{side}_ankle'] = joints[f'{side}_knee'] - 0.42 * shin @ Z
    points = np.stack([joints[name] for name in H36M17.joints])
    return points @ world.T, {'torso': world @ torso, 'head': world @ head}


def pose_links(text: str, angles: dict[str, float]) -> dict[str, np.ndarray]:
    """Frames (4, 4) of all links in the root link, as robot_state_publisher computes them."""
    frames: dict[str, np.ndarray] = {'body_x': np.eye(4)}
    for joint in ElementTree.fromstring(text).iter('joint'):
        step = np.eye(4)
        step[:3, 3] = [float(n) for n in joint.find('origin').get('xyz').split()]
        if joint.get('type') == 'revolute':
            axis = np.array([float(n) for n in joint.find('axis').get('xyz').split()])
            turn = Rotation.from_rotvec(angles.pop(joint.get('name')) * axis)
            step[:3, :3] = turn.as_matrix()
        parent = frames[joint.find('parent').get('link')]
        frames[joint.find('child').get('link')] = parent @ step
    assert not angles, 'every angle moves a joint'
    return frames


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    """[deg]."""
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


LIMBS = [(f'{side}_{start}', f'{s}_{a}_x', f'{side}_{end}', f'{s}_{b}_x')
         for s, side in (('l', 'left'), ('r', 'right'))
         for start, a, end, b in (('shoulder', 'shoulder', 'elbow', 'elbow'),
                                  ('elbow', 'elbow', 'wrist', 'wrist'),
                                  ('hip', 'hip', 'knee', 'knee'),
                                  ('knee', 'knee', 'ankle', 'ankle'))]


def worst_limb(joints: np.ndarray, torso: np.ndarray) -> float:
    """Largest angle between limbs of the posed URDF and of the skeleton [deg]."""
    [angles] = joint_angles(joints[None], torso[None])
    named = {f'{name}_x': float(a) for name, a in zip(NAMES, angles, strict=True)}
    links = pose_links(urdf('x', 1.7), named)
    [body], _ = body_rotations(joints[None], torso[None])
    errors = []
    for start, link, end, next_link in [*LIMBS, ('hip', 'body_x', 'thorax', 'torso_x')]:
        truth = joints[H36M17.index(end)] - joints[H36M17.index(start)]
        posed = body @ (links[next_link][:3, 3] - links[link][:3, 3])
        errors.append(angle_between(truth, posed))
    return max(errors)


def test_the_posed_model_has_the_limbs_of_random_people() -> None:
    rng = np.random.default_rng(0)
    errors = [worst_limb(joints, truth['torso'])
              for joints, truth in (posture(rng) for _ in range(200))]
    assert max(errors) < 2.0, f'worst {max(errors):.2f} degrees'
    assert np.median(errors) < 0.01, 'only straight limbs lose their last degree'


def test_the_posed_model_walks() -> None:
    joints, _ = walk(Walker([(0, 0, 0), (3, 2, 3)]), np.arange(0, 3, 0.1))
    quat = orientations(joints, np.zeros((len(joints), 4)), np.zeros(3), Z)
    torso = torso_rotations(joints, quat)
    assert max(itertools.starmap(worst_limb, zip(joints, torso, strict=True))) < 2.0


@pytest.mark.parametrize('clip', ['bvh/martial', 'bvh/salsa'])
def test_the_posed_model_dances_and_fights(
        clip: str, shared_data: Path, tmp_path: Path) -> None:
    """Recorded people: a frame of every third of a second of one clip."""
    path = sorted((shared_data / 'mocap' / clip).glob('*.bvh'))[0]
    (tmp_path / clip).mkdir(parents=True)
    (tmp_path / clip / path.name).symlink_to(path)
    joints = np.concatenate([m.joints_h36m[::10] for m in load_motions(tmp_path)]).astype(float)
    quat = orientations(joints, np.zeros((len(joints), 4)), np.zeros(3), Z)
    torso = torso_rotations(joints, quat)
    errors = list(itertools.starmap(worst_limb, zip(joints, torso, strict=True)))
    assert len(errors) > 20
    assert max(errors) < 2.0, f'worst {max(errors):.2f} degrees'


def test_a_person_seen_from_the_side_has_the_trunk_of_now() -> None:
    """Hips and shoulders in one line tell no direction: the quaternion is still upright."""
    points, _ = standing()
    lean = euler('Y', 30)
    for name in points:
        if name != 'hip':
            points[name] = points['hip'] + lean @ ((points[name] - points['hip']) * (1, 0, 1))
    joints = np.stack([points[name] for name in H36M17.joints])
    [torso] = torso_rotations(joints[None], np.array([[1.0, 0, 0, 0]]))
    np.testing.assert_allclose(torso, lean, atol=1e-9)
    assert worst_limb(joints, torso) < 2.0


def jumps(aside: float, *, remember: bool) -> int:
    """How often an angle leaps while a bent arm circles twice in steps of 4 degrees."""
    points, torso = standing()
    last, found = None, 0
    for turn in np.radians(np.arange(0, 720, 4)):
        way = np.array([np.sin(turn), aside, -np.cos(turn)])
        points['left_elbow'] = points['left_shoulder'] + 0.3 * way / np.linalg.norm(way)
        points['left_wrist'] = points['left_elbow'] + (0.1, 0.15, 0.2)
        joints = np.stack([points[name] for name in H36M17.joints])[None]
        angles = joint_angles(joints, torso[None], last if remember else None)
        if last is not None:
            found += int(np.abs(np.angle(np.exp(1j * (angles - last)))).max() > np.pi / 2)
        last = angles
    return found


def test_memory_keeps_angles_from_jumping_between_two_solutions() -> None:
    without, remembered = (
        sum(jumps(aside, remember=remember) for aside in (-0.4, -0.2, 0.0))
        for remember in (False, True))
    assert without > 10
    assert remembered == 0, f'{remembered} of {without} left'


def test_the_head_of_the_posed_model_turns_like_the_head() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        joints, truth = posture(rng)
        torso = truth['torso']
        [angles] = joint_angles(joints[None], torso[None])
        named = {f'{name}_x': float(a) for name, a in zip(NAMES, angles, strict=True)}
        [body], _ = body_rotations(joints[None], torso[None])
        posed = body @ pose_links(urdf('x', 1.7), named)['head_x'][:3, :3]
        turn = Rotation.from_matrix(posed.T @ truth['head'])
        assert np.degrees(turn.magnitude()) < 0.1
        [direct] = head_rotations(joints[None], torso[None])
        np.testing.assert_allclose(direct, truth['head'], atol=1e-6)


def standing() -> tuple[dict[str, np.ndarray], np.ndarray]:
    joints, _ = walk(Walker([(0, 0, 0), (1, 0, 0)], facing_deg=0.0), np.zeros(1))
    points = {name: joints[0, i].copy() for i, name in enumerate(H36M17.joints)}
    points['spine'], points['thorax'] = points['hip'] + 0.25 * Z, points['hip'] + 0.5 * Z
    return points, np.eye(3)


def angles_of(points: dict[str, np.ndarray], torso: np.ndarray) -> dict[str, float]:
    joints = np.stack([points[name] for name in H36M17.joints])[None]
    [angles] = np.degrees(joint_angles(joints, torso[None]))
    return dict(zip(NAMES, angles, strict=True))


@pytest.mark.parametrize(('s', 'side'), [('l', 'left'), ('r', 'right')])
def test_known_angles(s: str, side: str) -> None:
    """By hand, in degrees: an elbow bent forward, an arm aside, a knee, a thigh as if sitting."""
    out = np.array([0, 1.0 if s == 'l' else -1.0, 0])
    points, torso = standing()
    shoulder, hip = points[f'{side}_shoulder'], points[f'{side}_hip']
    points[f'{side}_elbow'] = shoulder - 0.3 * Z
    points[f'{side}_wrist'] = np.add(points[f'{side}_elbow'], (0.25, 0, 0))
    points[f'{side}_knee'] = np.add(hip, (0.4, 0, 0))
    points[f'{side}_ankle'] = points[f'{side}_knee'] - 0.4 * Z
    angles = angles_of(points, torso)
    assert angles[f'{s}_elbow'] == pytest.approx(90, abs=1e-6)
    assert angles[f'{s}_knee'] == pytest.approx(-90, abs=1e-6)
    assert angles[f'{s}_r_hip'] == pytest.approx(90, abs=1e-6), 'true, beyond the limit of 40'
    assert [angles[f'{s}_{n}_hip'] for n in 'yp'] == pytest.approx([0, 0], abs=1e-6)
    points[f'{side}_elbow'] = shoulder + 0.3 * out
    points[f'{side}_wrist'] = points[f'{side}_elbow'] + 0.25 * out
    angles = angles_of(points, torso)
    assert angles[f'{s}_p_shoulder'] == pytest.approx(90, abs=1e-6)
    assert angles[f'{s}_elbow'] == 0


def test_bending_forward_moves_the_waist_within_its_limits() -> None:
    points, _ = standing()
    hip = points['hip']
    for bend, waist in ((0.0, 0.0), (40.0, 20.0), (-40.0, np.degrees(-0.2))):
        points['spine'] = hip + 0.25 * euler('Y', 0) @ Z
        points['thorax'] = points['spine'] + 0.25 * euler('Y', bend) @ Z
        trunk = points['thorax'] - hip
        trunk /= np.linalg.norm(trunk)
        torso = np.stack([np.cross([0, 1, 0], trunk), [0, 1, 0], trunk], -1)
        assert angles_of(points, torso)['waist'] == pytest.approx(waist, abs=1e-3)


def test_the_model_names_the_joints_of_rep_155() -> None:
    robot = ElementTree.fromstring(urdf('x', 1.65))
    assert len(NAMES) == 20
    assert NAMES[:8] == ('waist', 'r_head', 'y_head', 'p_head', 'l_y_shoulder', 'l_p_shoulder',
                         'l_r_shoulder', 'l_elbow')
    moving = {j.get('name') for j in robot.iter('joint') if j.get('type') == 'revolute'}
    assert moving == {f'{name}_x' for name in NAMES}
    links = {link.get('name') for link in robot.iter('link')}
    assert {'body_x', 'torso_x', 'head_x', 'l_shoulder_x', 'r_wrist_x', 'l_hip_x',
            'r_ankle_x'} <= links
    children = [j.find('child').get('link') for j in robot.iter('joint')]
    assert sorted([*children, 'body_x']) == sorted(links), 'one tree'


def test_the_model_is_as_tall_as_the_person() -> None:
    joints, _ = walk(Walker([(0, 0, 0), (1, 0, 0)], height=1.8), np.zeros(1))
    [height] = heights(joints)
    links = pose_links(urdf('x', height), {f'{name}_x': 0.0 for name in NAMES})
    trunk_and_leg = links['torso_x'][2, 3] - links['l_ankle_x'][2, 3]
    assert trunk_and_leg == pytest.approx((0.288 + 0.245 + 0.246) * 1.8, abs=0.01)


def test_nothing_known_gives_numbers() -> None:
    angles = joint_angles(np.zeros((2, 17, 3)), np.tile(np.eye(3), (2, 1, 1)))
    assert angles.shape == (2, 20)
    assert np.isfinite(angles).all()
    lying = np.zeros((1, 17, 3))          # chest up, and a head that shows nothing but that
    lying[0, H36M17.indices('head', 'nose')] = 0.2 * Z
    assert np.isfinite(joint_angles(lying, euler('y', -90)[None])).all()
    assert joint_angles(np.zeros((0, 17, 3)), np.zeros((0, 3, 3))).shape == (0, 20)
