"""AMASS: tiny files in its layout come back as the movement that was written."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from archived_person import Person, joints_of, walking, without_floor

from ros2_occpose.errors import DataError
from ros2_occpose.skeleton import SMPL24
from ros2_occpose.training.mocap.archives.amass import read_amass
from ros2_occpose.training.mocap.motion import load_motions

HANDS = SMPL24.indices('left_hand', 'right_hand')


def write(path: Path, person: Person, count: int = 52, rate: str = 'mocap_framerate',
          **changes) -> None:
    """A clip of SMPL-H (52 joints) or SMPL-X (55), the fingers in their own way."""
    frames = len(person.root)
    angles = np.full((frames, count, 3), 0.3)
    angles[:, :22] = person.angles[:, :22]
    angles[:, [{52: 25, 55: 28}[count], {52: 40, 55: 43}[count]]] = person.angles[:, HANDS]
    content = {
        'poses': angles.reshape(frames, -1), 'trans': person.root, rate: np.array(person.fps),
        'betas': np.zeros(16), 'dmpls': np.zeros((frames, 8)), 'gender': np.array('female'),
    } | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{key: value for key, value in content.items() if value is not None})



@pytest.mark.parametrize(('count', 'rate'), [(52, 'mocap_framerate'), (55, 'mocap_frame_rate')])
@pytest.mark.parametrize('fps', [30.0, 60.0, 100.0, 120.0])
def test_joints_are_where_they_were(tmp_path: Path, count: int, rate: str, fps: float) -> None:
    person = walking(fps=fps)
    write(tmp_path / 'KIT' / '3' / 'walk_poses.npz', person, count, rate)
    (motion,) = read_amass(tmp_path)
    assert (motion.name, motion.subject) == ('amass/KIT/3/walk_poses', 'KIT/3')
    assert (motion.split, motion.fps) == ('train', 30.0)
    exact = walking(fps=30.0)
    shared = min(len(motion), len(exact.root))
    assert shared >= 89
    np.testing.assert_allclose(motion.rotations[:shared], exact.rotations[:shared], atol=2e-3)
    found = without_floor(joints_of(motion))[::30]
    wanted = without_floor(person.joints)[::round(fps)]
    np.testing.assert_allclose(found, wanted[:len(found)], atol=1e-3)
    ankles = joints_of(motion)[:, SMPL24.indices('left_ankle', 'right_ankle'), 2]
    assert np.percentile(ankles.min(1), 5) == pytest.approx(0.08, abs=1e-3)      # z is up


def test_training_finds_them(tmp_path: Path) -> None:
    write(tmp_path / 'amass' / 'KIT' / '3' / 'walk_poses.npz', walking())
    write(tmp_path / 'amass' / 'KIT' / '3' / 'twitch_poses.npz', walking(0.9))    # too short
    (motion,) = load_motions(tmp_path, ('train',))
    assert motion.name == 'amass/KIT/3/walk_poses'
    with pytest.raises(DataError, match='found none of the splits test'):
        load_motions(tmp_path, ('test',))


def test_splits_and_what_is_left_out(tmp_path: Path) -> None:
    person = walking(0.5, 30.0)
    for data_set in ('KIT', 'SFU', 'HDM05', 'Transitions', 'CMU'):
        write(tmp_path / data_set / 's1' / 'a_poses.npz', person)
    np.savez(tmp_path / 'KIT' / 's1' / 'shape.npz', betas=np.zeros(16))
    np.savez(tmp_path / 'KIT' / 's1' / 'male_stagei.npz', betas=np.zeros(16))
    splits = {motion.name: motion.split for motion in read_amass(tmp_path)}
    assert splits == {
        'amass/KIT/s1/a_poses': 'train', 'amass/SFU/s1/a_poses': 'validation',
        'amass/HDM05/s1/a_poses': 'validation', 'amass/Transitions/s1/a_poses': 'test'}
    assert [m.name for m in read_amass(tmp_path, ('test',))] == ['amass/Transitions/s1/a_poses']
    assert 'amass/CMU/s1/a_poses' in {m.name for m in read_amass(tmp_path, with_cmu=True)}


@pytest.mark.parametrize(('changes', 'message'), [
    ({'poses': None}, r'Expected poses in .*a_poses\.npz, got .*trans.*; see docs/datasets'),
    ({'mocap_framerate': None}, r'Expected mocap_framerate in .*a_poses\.npz'),
    ({'mocap_framerate': np.array(0.0)}, 'Expected a frame rate above 0, got 0.0'),
    ({'poses': np.zeros((15, 72))}, r'Expected poses of SMPL-H .*got 72; download'),
    ({'trans': np.zeros((3, 3))}, r'Expected trans of shape \(15, 3\).*got \(3, 3\)'),
    ({'trans': np.full((15, 3), np.nan)}, 'Expected finite trans'),
    ({'poses': np.array(['x'])}, 'Expected numbers as poses'),
])
def test_bad_files_are_named(tmp_path: Path, changes, message: str) -> None:
    write(tmp_path / 'KIT' / '3' / 'a_poses.npz', walking(0.5, 30.0), **changes)
    with pytest.raises(DataError, match=message):
        list(read_amass(tmp_path))


def test_files_without_their_folders_are_named(tmp_path: Path) -> None:
    write(tmp_path / 'a_poses.npz', walking(0.5, 30.0))
    with pytest.raises(DataError, match=r'Expected <data set>/<subject>/<clip>.npz below'):
        list(read_amass(tmp_path))
