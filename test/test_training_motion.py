"""Readers of motion capture: tiny files written here, and the real ones where they are."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.errors import DataError
from ros2_occpose.skeleton import COCO17, H36M17, convert
from ros2_occpose.training.mocap.bvh import read_bvh
from ros2_occpose.training.mocap.mocap_text import read_deepmimic, read_expmap
from ros2_occpose.training.mocap.motion import BODY, Motion, h36m_of, load_motions, split_of

BVH = """HIERARCHY
ROOT hip
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT arm
  {
    OFFSET 10 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 5 0 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.0333333
0 100 0 0 0 0 0 0 0
1 100 0 90 0 0 90 0 0
"""


def test_bvh_turns_its_joints(tmp_path: Path) -> None:
    path = tmp_path / 'tiny.bvh'
    path.write_text(BVH)
    positions, rotations, frame_time = read_bvh(path)
    assert frame_time == pytest.approx(1 / 30, rel=1e-4)
    np.testing.assert_allclose(positions['arm'], [[10, 100, 0], [1, 110, 0]], atol=1e-9)
    np.testing.assert_allclose(positions['arm end'], [[15, 100, 0], [-4, 110, 0]], atol=1e-9)
    np.testing.assert_allclose(rotations['arm'][1] @ [1, 0, 0], [-1, 0, 0], atol=1e-9)


def test_bvh_rotations_apply_in_the_order_of_the_channels(tmp_path: Path) -> None:
    path = tmp_path / 'tiny.bvh'
    path.write_text(BVH.replace('0 100 0 0 0 0 0 0 0', '0 0 0 90 90 0 0 0 0'))
    _, rotations, _ = read_bvh(path)
    about_z = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    about_y = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    np.testing.assert_allclose(rotations['hip'][0], about_z @ about_y, atol=1e-9)


@pytest.mark.parametrize(('text', 'message'), [
    ('solid wood', 'Expected HIERARCHY and MOTION'),
    (BVH.replace('1 100 0 90', '1 100 0'), 'Expected rows of 9 numbers'),
    (BVH.replace('1 100 0 90', '1 100 0 ninety'), 'Expected rows of 9 numbers'),
    (BVH[:BVH.index('Frame Time')], 'Expected rows of 9 numbers')])
def test_a_damaged_bvh_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / 'bad.bvh'
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_bvh(path)


def test_exponential_maps_turn_their_joints(tmp_path: Path) -> None:
    skeleton, path = tmp_path / 'skeleton.json', tmp_path / 'walk.txt'
    skeleton.write_text(json.dumps({'unit_m': 0.5, 'joints': [
        {'name': 'root', 'parent': -1, 'offset': [0, 0, 0]},
        {'name': 'arm', 'parent': 0, 'offset': [2, 0, 0]},
        {'name': 'hand', 'parent': 1, 'offset': [2, 0, 0]}]}))
    quarter = np.pi / 2
    rows = [np.zeros(12), [0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 2, 0, 0, 0, quarter, 0, 0, quarter, 0, 0, 0]]
    path.write_text('\n'.join(','.join(map(str, row)) for row in rows))
    positions, _ = read_expmap(path, skeleton)
    # as skeleton.json says, vectors are rows: (1, 0, 0) @ exp([r]x) is (0, -1, 0) for r = pi/2 z
    np.testing.assert_allclose(positions['arm'], [[1, 1, 0], [0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(positions['hand'], [[2, 1, 0], [-1, 0, 0]], atol=1e-6)
    path.write_text('1,2,3\n4,5,6')
    with pytest.raises(DataError, match='Expected 12 numbers a row'):
        read_expmap(path, skeleton)


def test_deepmimic_turns_its_joints(tmp_path: Path) -> None:
    def joint(name: str, kind: str, parent: int, x: float, y: float) -> dict[str, object]:
        return {'Name': name, 'Type': kind, 'Parent': parent, 'AttachX': x, 'AttachY': y,
                'AttachZ': 0.0}

    skeleton, path = tmp_path / 'humanoid.txt', tmp_path / 'walk.txt'
    skeleton.write_text(json.dumps({'Skeleton': {'Joints': [
        joint('root', 'none', -1, 0, 0), joint('hip', 'spherical', 0, 0, 0),
        joint('knee', 'revolute', 1, 0, -0.4), joint('ankle', 'fixed', 2, 0, -0.4)]}}))
    frame = [1 / 30, 0, 0.8, 0, 1, 0, 0, 0, 1, 0, 0, 0, -np.pi / 2]
    path.write_text(json.dumps({'Loop': 'none', 'Frames': [frame]}))
    positions, _, durations = read_deepmimic(path, skeleton)
    np.testing.assert_allclose(positions['knee'], [[0, 0.4, 0]], atol=1e-9)
    np.testing.assert_allclose(positions['ankle'], [[-0.4, 0.4, 0]], atol=1e-9)    # bent backwards
    assert durations == pytest.approx([1 / 30])
    path.write_text(json.dumps({'Frames': [frame[:-1]]}))
    with pytest.raises(DataError, match='Expected 13 numbers a frame'):
        read_deepmimic(path, skeleton)
    with pytest.raises(DataError, match='Cannot read'):
        read_deepmimic(tmp_path / 'missing.txt', skeleton)


def test_h36m_joints_mean_what_conversion_of_coco_means(rng: np.random.Generator) -> None:
    body = rng.normal(0, 1, (4, len(BODY), 3))
    joints = h36m_of(body)
    expected, given = convert(body[:, :17], np.ones((4, 17)), COCO17, H36M17)
    np.testing.assert_allclose(joints[given > 0], expected[given > 0], atol=1e-12)
    np.testing.assert_array_equal(joints[:, H36M17.index('head')], body[:, BODY.index('head')])


@pytest.mark.parametrize('folder', ['nowhere', '.'])
def test_missing_motion_capture_is_said(tmp_path: Path, folder: str) -> None:
    with pytest.raises(DataError, match='Expected'):
        load_motions(tmp_path / folder)


def test_files_with_other_skeletons_are_named(tmp_path: Path) -> None:
    path = tmp_path / 'bvh' / 'robots' / 'tiny.bvh'
    path.parent.mkdir(parents=True)
    path.write_text(BVH)
    with pytest.raises(DataError, match=r'tiny\.bvh: .*Daz figures, \'abdomen\' is missing'):
        load_motions(tmp_path)


SOME = ('bvh/salsa/14.bvh', 'bvh/martial/04.bvh', 'bvh/indian/07.bvh',
        'deepmimic/cmu01-09/02/02_01.txt', 'deepmimic/cmu46-56/49/49_02.txt',
        'deepmimic/extra/humanoid3d_backflip.txt', 'expmap/walking/train_walking_1.txt',
        'expmap/running/test_running_1.txt')


@pytest.fixture(scope='module')
def motions(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Motion]:
    """Some clips of each kind; all of them take too long."""
    folder = tmp_path_factory.mktemp('mocap')
    for name in (*SOME, 'deepmimic/humanoid3d.txt', 'expmap/skeleton.json'):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(shared_data / 'mocap' / name)
    motions = load_motions(folder)
    assert len({motion.name.partition('#')[0] for motion in motions}) == len(SOME)
    return motions


def test_the_real_clips_are_people(motions: list[Motion]) -> None:
    for motion in motions:
        body = motion.body.astype(float)
        assert np.isfinite(body).all(), motion.name

        def length(a: str, b: str, body: np.ndarray = body) -> np.ndarray:
            return np.linalg.norm(body[:, BODY.index(a)] - body[:, BODY.index(b)], axis=-1)

        for side in ('left', 'right'):
            thigh = length(f'{side}_hip', f'{side}_knee')
            assert abs(thigh.mean() - 0.4) < 0.03, motion.name
            assert abs(length(f'{side}_knee', f'{side}_ankle').mean() - 0.37) < 0.03, motion.name
            assert abs(length(f'{side}_elbow', f'{side}_wrist').mean() - 0.25) < 0.03, motion.name
            assert thigh.std() < 0.02, motion.name        # the hip's mark is the pelvis's
        assert -0.6 < body[..., 2].min() < 0.3, motion.name
        assert 1.5 < body[..., 2].max() < 3.5, motion.name


def test_the_real_clips_look_and_bend_their_knees_forward(motions: list[Motion]) -> None:
    at = BODY.index
    for motion in motions:
        if motion.name.startswith('extra'):
            continue                                        # head over heels
        body = motion.body.astype(float)
        left = body[:, at('left_hip')] - body[:, at('right_hip')]
        forward = np.cross(left, [0, 0, 1])
        forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
        nose = body[:, at('nose')] - (body[:, at('left_ear')] + body[:, at('right_ear')]) / 2
        assert (nose * forward).sum(-1).mean() > 0.05, motion.name
        for side in ('left', 'right'):
            hip, knee, ankle = (body[:, at(f'{side}_{j}')] for j in ('hip', 'knee', 'ankle'))
            bent = ((knee - (hip + ankle) / 2) * forward).sum(-1)
            assert bent.mean() > 0.01, motion.name
        ears = body[:, at('left_ear')] - body[:, at('right_ear')]
        assert (ears * left).sum(-1).mean() > 0, motion.name


def test_nobody_turns_faster_than_people_can(motions: list[Motion]) -> None:
    for motion in motions:
        before, after = motion.rotations[:-1].astype(float), motion.rotations[1:].astype(float)
        cosine = ((before * after).sum((-1, -2)) - 1) / 2
        turned = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        assert turned[:, 0].max() < 45, motion.name
        assert turned.max() < 100, motion.name
    assert sum(motion.name.startswith('indian/07') for motion in motions) > 1   # cut at jumps


def test_the_split_keeps_test_clips_away(motions: list[Motion]) -> None:
    splits = {motion.name.split('#')[0]: motion.split for motion in motions}
    assert splits['salsa/14'] == splits['running/test_running_1'] == splits['cmu/49_02'] == 'test'
    assert splits['salsa/14'] == split_of('salsa/29', '60/61')      # his partner
    assert splits['walking/train_walking_1'] == splits['cmu/02_01'] == 'train'
    for first in range(1, 16):                                      # couples stay together
        names = f'salsa/{first:02d}', f'salsa/{first + 15:02d}'
        assert len({split_of(name, '60/61') for name in names}) == 1
    assert {split_of(f'cmu/{s}_01', s) for s in ('49', '88', '90')} == {'test'}
    assert split_of('walking/train_walking_4', '') == 'validation'
