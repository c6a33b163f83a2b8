"""OcMotion: tiny annotations in its layout come back as the movement that was written."""
from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from archived_person import Y_UP_FROM_Z_UP, joints_of, walking, without_floor
from scipy.spatial.transform import Rotation

from ros2_occpose.errors import DataError
from ros2_occpose.training.mocap.archives.ocmotion import read_ocmotion
from ros2_occpose.training.mocap.motion import load_motions

Y_DOWN = Y_UP_FROM_Z_UP * [[1], [-1], [-1]]


def frames_of(world=Y_DOWN, sequence='0013', camera='Camera00', gone=(), seconds=4.0):
    """One camera's frames of somebody who walks; person 0 is not annotated in `gone`."""
    person = walking(seconds, 10.0)
    frames = []
    for time, (angles, root) in enumerate(zip(person.angles, person.root)):
        turned = angles.copy()
        turned[0] = (Rotation.from_matrix(world) * Rotation.from_rotvec(angles[0])).as_rotvec()
        frame = {'h_w': (1536, 2048), 'img_path': f'images/{sequence}/{camera}/{time:06d}.jpg'}
        if time not in gone:
            frame['0'] = {
                'pose': turned.ravel()[None], 'betas': np.zeros((1, 10)),
                'trans': (world @ root)[None], 'bbox': np.zeros((2, 2)),
                'lsp_joints_2d': np.zeros((14, 3)), 'intri': np.eye(3), 'extri': np.eye(4)}
        frames.append(frame)
    return frames


def write(folder: Path, annotations, split='test') -> None:
    (folder / 'annot').mkdir(parents=True, exist_ok=True)
    (folder / 'annot' / f'{split}.pkl').write_bytes(pickle.dumps(annotations, 2))


@pytest.mark.parametrize('world', [Y_DOWN, Y_UP_FROM_Z_UP, np.eye(3)])
def test_joints_are_where_they_were(tmp_path: Path, world) -> None:
    write(tmp_path, [[frames_of(world, seconds=3.0), frames_of(world, camera='Camera01')]])
    (motion,) = read_ocmotion(tmp_path)                # the camera that saw most of it
    assert (motion.name, motion.subject) == ('ocmotion/0013/0#0', 'ocmotion/0013/0')
    assert (motion.split, motion.fps, len(motion)) == ('test', 30.0, 118)
    exact = walking(4.0, 10.0).joints
    found = without_floor(joints_of(motion))[::3]
    np.testing.assert_allclose(turned_level(found, exact), without_floor(exact), atol=1e-3)


def turned_level(found, exact):
    """Found joints as if z had not been turned about: worlds differ about the vertical."""
    a, b = (joints[..., :2].reshape(-1, 2) for joints in (found, without_floor(exact)))
    angle = np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a * b).sum())
    return found @ Rotation.from_euler('z', angle).as_matrix().T


def test_movements_are_cut_where_nobody_was_annotated(tmp_path: Path) -> None:
    write(tmp_path, [[frames_of(gone=(15, 16, 20))]])
    motions = list(read_ocmotion(tmp_path))            # 15 frames, 3 (too few), 19
    assert [(m.name, len(m)) for m in motions] == [
        ('ocmotion/0013/0#0', 43), ('ocmotion/0013/0#18', 55)]


def test_missing_frames_cut_too(tmp_path: Path) -> None:
    frames = frames_of()
    write(tmp_path, [[frames[:12] + frames[20:]]])
    assert [len(m) for m in read_ocmotion(tmp_path)] == [34, 58]


def test_several_people_share_a_world(tmp_path: Path) -> None:
    frames = frames_of()
    for frame in frames:
        frame['1'] = frame['0'] | {'trans': frame['0']['trans'] + Y_DOWN @ [0, 3.0, 0]}
    write(tmp_path, [[frames]])
    first, second = read_ocmotion(tmp_path)
    apart = second.root - first.root
    np.testing.assert_allclose(np.linalg.norm(apart[:, :2], axis=1), 3.0, atol=1e-4)
    np.testing.assert_allclose(apart[:, 2], 0.0, atol=1e-4)


def test_splits_are_the_authors(tmp_path: Path) -> None:
    write(tmp_path / 'ocmotion', [[frames_of(sequence='0001')]], 'train')
    write(tmp_path / 'ocmotion', [[frames_of()]], 'test')
    assert {m.name: m.split for m in load_motions(tmp_path)} == {
        'ocmotion/0001/0#0': 'train', 'ocmotion/0013/0#0': 'test'}
    assert [m.split for m in load_motions(tmp_path, ('train', 'validation'))] == ['train']


def changed(**changes):
    frames = frames_of()
    frames[3] = frames[3] | changes
    return [[frames]]


def without(key):
    frames = frames_of()
    del frames[3]['0'][key]
    return [[frames]]


@pytest.mark.parametrize(('annotations', 'message'), [
    (without('pose'), r'Expected pose in .*test\.pkl, images/0013/Camera00/000003\.jpg, got bbox'),
    (changed(img_path='3.jpg'), r"Expected images/<sequence>/.* got '3\.jpg'"),
    ([[[{'h_w': (1, 1)}]]], r'Expected img_path in .*test\.pkl, got h_w'),
    ({'0013': []}, 'Expected a list of sequences in .*, got dict of 1'),
    ([[[]]], 'Expected a list of frames in .*, got list of 0'),
    (changed(**{'0': {'pose': np.zeros(66), 'trans': np.zeros(3)}}),
     'Expected pose of 72 numbers in .*, got 66'),
])
def test_bad_files_are_named(tmp_path: Path, annotations, message: str) -> None:
    write(tmp_path, annotations)
    with pytest.raises(DataError, match=message):
        list(read_ocmotion(tmp_path))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'annot/train\.pkl or test\.pkl, got neither'):
        list(read_ocmotion(tmp_path))


class Malicious:
    def __reduce__(self):
        return os.system, ('touch made',)


def test_malicious_annotations_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, [[frames_of(), Malicious()]])
    with pytest.raises(DataError, match='system, which could run code'):
        list(read_ocmotion(tmp_path))
    assert not (tmp_path / 'made').exists()
