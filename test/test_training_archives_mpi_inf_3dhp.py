"""MPI-INF-3DHP: tiny sequences in its layout come back as what was written."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from archived_person import Y_UP_FROM_Z_UP, joints_of, look_at, project, walking
from scipy.io import savemat

from ros2_occpose.errors import DataError
from ros2_occpose.geometry import invert, se3, transform
from ros2_occpose.skeleton import COCO17, H36M17, SMPL24
from ros2_occpose.training.mocap.archives.mpi_inf_3dhp import (
    read_mpi_inf_3dhp,
    read_mpi_inf_3dhp_clips,
)
from ros2_occpose.training.mocap.kinematics import BODY, body_points, forward
from ros2_occpose.training.mocap.motion import load_motions

LIMBS = [f'{side}_{joint}' for side in ('left', 'right')
         for joint in ('hip', 'knee', 'ankle', 'shoulder', 'elbow', 'wrist')]
K = np.array([[1497.7, 0, 1024.7], [0, 1497.1, 1051.4], [0, 0, 1]])
CAMERAS = [look_at(np.array([1 + 4 * np.cos(a), 2 + 4 * np.sin(a), 1.2]), np.array([1.0, 2, 1]))
           for a in np.linspace(0, 6, 14)]
ORDER = ['spine3', 'spine4', 'spine2', 'spine', 'pelvis', 'neck', 'head', 'head_top',
         'left_clavicle', 'left_shoulder', 'left_elbow', 'left_wrist', 'left_hand',
         'right_clavicle', 'right_shoulder', 'right_elbow', 'right_wrist', 'right_hand',
         'left_hip', 'left_knee', 'left_ankle', 'left_foot', 'left_toe',
         'right_hip', 'right_knee', 'right_ankle', 'right_foot', 'right_toe']


def recorded(person):
    """(T, 28, 3) [m], z up."""
    points = body_points(*forward(person.rotations, person.root, person.offsets))
    at = person.named()
    at |= {'spine': at['spine1'], 'spine4': at['neck'], 'head_top': points[:, BODY.index('head')],
           'head': points[:, BODY.index('nose')]}
    for side in ('left', 'right'):
        at |= {f'{side}_clavicle': at[f'{side}_collar'], f'{side}_toe': at[f'{side}_foot']}
    return np.stack([at[joint] for joint in ORDER], 1)


def write(folder: Path, subject='S1', sequence='Seq1', fps=25.0, **changes):
    """A walk as 14 cameras saw it."""
    person = walking(fps=fps, scale=0.97)
    joints = recorded(person)
    cells2, cells3 = np.empty((14, 1), object), np.empty((14, 1), object)
    text = []
    for number, camera in enumerate(CAMERAS):
        inside = np.stack([transform(invert(camera), frame) for frame in joints])
        cells3[number, 0] = (1000 * inside).reshape(len(joints), 84)
        pixels = project(joints, np.repeat(camera[None], len(joints), 0), K)
        pixels[7, ORDER.index('left_wrist')] = [-3.0, 900.0]             # left the image
        cells2[number, 0] = pixels.reshape(len(joints), 56)
        theirs = se3(Y_UP_FROM_Z_UP, np.zeros(3)) @ camera
        theirs[:3, 3] *= 1000
        k = np.eye(4)
        k[:3, :3] = K
        text.append(f'name          {number}\n  sensor      10 10\n  size        2048 2048\n'
                    f'  animated    0\n  intrinsic   {words(k)}\n'
                    f'  extrinsic   {words(invert(theirs))}\n  radial      0\n')
    found = {
        'annot2': cells2, 'annot3': cells3, 'univ_annot3': cells3, 'cameras': np.arange(14),
        'frames': np.arange(len(joints))[:, None]} | changes
    place = folder / subject / sequence
    place.mkdir(parents=True, exist_ok=True)
    savemat(place / 'annot.mat', {key: value for key, value in found.items() if value is not None})
    (place / 'camera.calibration').write_text(
        'Skeletool Camera Calibration File V1.0\n' + ''.join(text))
    return person, joints


def words(matrix) -> str:
    return ' '.join(f'{value:.9g}' for value in matrix.ravel())


@pytest.mark.parametrize(('place', 'fps'), [(('S1', 'Seq1'), 25.0), (('S1', 'Seq2'), 50.0),
                                            (('S5', 'Seq1'), 50.0), (('S6', 'Seq2'), 25.0)])
def test_joints_are_where_they_were(tmp_path: Path, place, fps: float) -> None:
    person, _ = write(tmp_path, *place, fps=fps)
    (motion,) = read_mpi_inf_3dhp(tmp_path)
    assert motion.name == 'mpi_inf_3dhp/' + '/'.join(place)
    assert (motion.subject, motion.split, motion.fps) == (place[0], 'train', 30.0)
    assert len(motion) == pytest.approx(90, abs=1)
    here = SMPL24.indices(*LIMBS)
    step = round(fps / 5)
    both = joints_of(motion)[::6, here] - person.joints[::step, here][:len(motion) // 6 + 1]
    error = np.linalg.norm(both - np.median(both[..., 2]) * np.array([0, 0, 1]), axis=-1)
    assert np.median(error) < 0.015
    assert error.max() < 0.05
    assert np.ptp(motion.root[:, 2]) < 0.15                      # walks on the ground: z is up


def test_views_project_where_they_were_seen(tmp_path: Path) -> None:
    _, joints = write(tmp_path, 'S8', 'Seq1')
    clips = list(read_mpi_inf_3dhp_clips(tmp_path, cameras=(0, 12)))
    assert [clip.name for clip in clips] == [f'mpi_inf_3dhp/S8/Seq1/{n}' for n in (0, 12)]
    for clip, camera in zip(clips, (CAMERAS[0], CAMERAS[12])):
        assert (clip.subject, clip.split, clip.fps) == ('S8', 'validation', 30.0)
        np.testing.assert_allclose(clip.world_from_camera[3], camera, atol=1e-6)
        np.testing.assert_allclose(clip.K, K)
        pixels = project(clip.joints_world, clip.world_from_camera, clip.K)
        shown = clip.keypoints_px[:, COCO17.indices(*LIMBS)]
        gone = np.isnan(shown[..., 0])
        assert gone.any(0).sum() == 1
        assert gone[:, LIMBS.index('left_wrist')].sum() in (1, 2)
        off = np.linalg.norm(pixels[:, H36M17.indices(*LIMBS)] - shown, axis=-1)
        assert off[::6][~gone[::6]].max() < 0.01                 # at the instants recorded
        assert off[~gone].max() < 1.5
        assert (clip.scores[:, COCO17.indices(*LIMBS)] == ~gone).all()
        assert (clip.scores[:, COCO17.indices('nose', 'left_eye')] == 0).all()
        np.testing.assert_allclose(
            clip.joints_world[::6, H36M17.indices('hip', 'thorax', 'head')],
            joints[::5, [ORDER.index(joint) for joint in ('pelvis', 'neck', 'head_top')]],
            atol=1e-5)


def test_splits_and_cameras(tmp_path: Path) -> None:
    for subject in ('S1', 'S8'):
        write(tmp_path / 'mpi_inf_3dhp', subject)
    splits = {motion.subject: motion.split for motion in load_motions(tmp_path)}
    assert splits == {'S1': 'train', 'S8': 'validation'}
    clips = list(read_mpi_inf_3dhp_clips(tmp_path / 'mpi_inf_3dhp'))
    assert [clip.name.rsplit('/', 1)[-1] for clip in clips] == list('01245678')


@pytest.mark.parametrize(('changes', 'message'), [
    ({'annot3': None}, r'Expected annot3 in .*annot\.mat, got .*annot2.*; see docs/datasets'),
    ({'annot3': np.empty((0, 1), object)}, r'Expected annot3 of 14 cameras in .*, got 0'),
    ({'annot3': np.array([[np.zeros((5, 51))]] * 14 + [[1]], object)},
     r'Expected annot3 of camera 0 of shape \(\*, 84\).*got \(5, 51\)'),
    ({'cameras': np.arange(99, 113)}, r'Expected 99, .* in .*camera\.calibration, got 0, 1'),
])
def test_bad_files_are_named(tmp_path: Path, changes, message: str) -> None:
    write(tmp_path, **changes)
    with pytest.raises(DataError, match=message):
        list(read_mpi_inf_3dhp(tmp_path))


@pytest.mark.parametrize(('name', 'content', 'message'), [
    ('annot.mat', b'\x89HDF\r\n\x1a\n' + bytes(600), 'Expected a MATLAB file'),
    ('annot.mat', b'', 'Expected a MATLAB file'),
    ('camera.calibration', b'name 0\n  size 2048 2048\n', 'Expected intrinsic, extrinsic in'),
    ('camera.calibration', b'name 0\n size 9 9\n intrinsic 1 2\n extrinsic 1\n',
     r'Expected intrinsic of shape \(16\)'),
    ('camera.calibration', None, 'Expected .*camera.calibration, got No such file'),
])
def test_damaged_files_are_named(tmp_path: Path, name: str, content, message: str) -> None:
    write(tmp_path)
    path = tmp_path / 'S1' / 'Seq1' / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_mpi_inf_3dhp(tmp_path))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'S<1-8>/Seq<1-2>/annot\.mat, found none'):
        list(read_mpi_inf_3dhp(tmp_path))
