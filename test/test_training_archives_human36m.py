"""Human3.6M in VideoPose3D's form: tiny archives come back as what was written."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from archived_person import joints_of, look_at, project, walking
from scipy.spatial.transform import Rotation

from ros2_occpose.errors import DataError
from ros2_occpose.skeleton import COCO17, H36M17, SMPL24
from ros2_occpose.training.mocap.archives.human36m import read_human36m, read_human36m_clips
from ros2_occpose.training.mocap.kinematics import BODY, body_points, forward
from ros2_occpose.training.mocap.motion import load_motions

LIMBS = [f'{side}_{joint}' for side in ('left', 'right')
         for joint in ('hip', 'knee', 'ankle', 'shoulder', 'elbow', 'wrist')]
# the recording's own order, with what is doubled or not used left out
ORDER = {0: 'hip', 1: 'right_hip', 2: 'right_knee', 3: 'right_ankle', 4: 'right_foot',
         6: 'left_hip', 7: 'left_knee', 8: 'left_ankle', 9: 'left_foot', 12: 'spine',
         13: 'thorax', 14: 'nose', 15: 'head', 17: 'left_shoulder', 18: 'left_elbow',
         19: 'left_wrist', 25: 'right_shoulder', 26: 'right_elbow', 27: 'right_wrist'}
FOCAL, CENTRE = (1145.0, 1143.8), (512.5, 515.5)
RADIAL, TANGENTIAL = (-0.207, 0.2478, -0.0031), (-0.00098, -0.00142)
CAMERAS = [look_at(np.array(at), np.array([1.0, 2, 1])) for at in (
    [1.8, 7.0, 1.6], [1.8, -3.0, 1.6], [-3.0, 5.2, 1.5], [-3.0, -2.0, 1.6])]


def recorded(person):
    """The recording's 32 joints, (T, 32, 3)."""
    points = body_points(*forward(person.rotations, person.root, person.offsets))
    at = dict(zip(BODY, points.swapaxes(0, 1))) | person.named() | {
        'hip': person.named()['pelvis'], 'spine': person.named()['spine2'],
        'thorax': person.named()['neck'], 'head': points[:, BODY.index('head')]}
    joints = np.full((len(points), 32, 3), 9.0)
    for place, joint in ORDER.items():
        joints[:, place] = at[joint]
    return joints.astype(np.float32)


def camera_file(subjects) -> str:
    """VideoPose3D's module, with what would fail if it were run."""
    inside = [{'id': str(number), 'center': list(CENTRE), 'focal_length': list(FOCAL),
               'radial_distortion': list(RADIAL), 'tangential_distortion': list(TANGENTIAL),
               'res_w': 1000, 'res_h': 1002, 'azimuth': 70} for number in range(4)]
    outside = {subject: [
        {'orientation': np.roll(Rotation.from_matrix(pose[:3, :3]).as_quat(), 1).tolist(),
         'translation': (pose[:3, 3] * 1000).tolist()} for pose in CAMERAS]
        for subject in subjects}
    return ('from common.skeleton import Skeleton\nraise SystemExit("this was run")\n'
            f'h36m_cameras_intrinsic_params = {inside!r}\n'
            f'h36m_cameras_extrinsic_params = {outside!r}\n')


def seen(joints, camera):
    """Pixels (T, 17, 2) through the lens, as VideoPose3D keeps them: h36m17."""
    k = np.array([[FOCAL[0], 0, CENTRE[0]], [0, FOCAL[1], CENTRE[1]], [0, 0, 1]])
    inside = (joints - camera[:3, 3]) @ camera[:3, :3]
    bent, _ = cv2.projectPoints(inside.reshape(-1, 1, 3).astype(float), np.zeros(3), np.zeros(3),
                                k, np.array([*RADIAL[:2], *TANGENTIAL, RADIAL[2]]))
    return bent.reshape(*joints.shape[:2], 2)


def write(folder: Path, subjects=('S1', 'S9'), symmetry=None, few=False, extra=5):
    """One walk a subject."""
    person = walking(fps=50.0, scale=1.03)
    joints = recorded(person)
    places = [place for place in ORDER if place not in (4, 9)]
    common = joints[:, places]
    assert [ORDER[place] for place in places] == list(H36M17.joints)
    views = [np.concatenate([seen(common, camera), np.zeros((extra, 17, 2))]).astype(np.float32)
             for camera in CAMERAS]
    symmetry = symmetry or [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / 'data_3d_h36m.npz', positions_3d={
        subject: {'Walking': common if few else joints} for subject in subjects})
    np.savez_compressed(
        folder / 'data_2d_h36m_cpn_ft_h36m_dbb.npz',
        positions_2d={subject: {'Walking': views} for subject in subjects},
        metadata={'layout_name': 'h36m', 'num_joints': 17, 'keypoints_symmetry': symmetry})
    (folder / 'h36m_dataset.py').write_text(camera_file(subjects))
    return person, common


@pytest.mark.parametrize('few', [False, True])
def test_joints_are_where_they_were(tmp_path: Path, few: bool) -> None:
    person, _ = write(tmp_path, few=few)
    train, test = read_human36m(tmp_path)
    assert (train.name, train.subject, train.split) == ('human36m/S1/Walking', 'S1', 'train')
    assert (test.name, test.subject, test.split) == ('human36m/S9/Walking', 'S9', 'test')
    assert (train.fps, len(train)) == (30.0, 90)
    exact = walking(fps=30.0, scale=1.03)
    here = SMPL24.indices(*LIMBS)
    found, wanted = joints_of(train)[:, here], person.joints[:, here]
    floor = np.median(found[..., 2] - exact.joints[:90, here, 2])
    both = found[::3] - wanted[::5] - [0, 0, floor]        # at the instants that both rates have
    error = np.linalg.norm(both, axis=-1)
    assert np.median(error) < 0.015
    assert error.max() < 0.05
    ankles = joints_of(train)[:, SMPL24.indices('left_ankle', 'right_ankle'), 2]
    assert np.percentile(ankles.min(1), 5) == pytest.approx(0.08, abs=1e-3)


def test_views_are_straight_and_project_where_they_were_seen(tmp_path: Path) -> None:
    _, joints = write(tmp_path)
    clips = list(read_human36m_clips(tmp_path))
    assert [clip.name for clip in clips] == [f'human36m/S9/Walking/{n}' for n in range(4)]
    limbs = [joint for joint in H36M17.joints if joint in COCO17.joints]
    for clip, camera in zip(clips, CAMERAS):
        assert (clip.subject, clip.split, clip.fps, len(clip)) == ('S9', 'test', 30.0, 90)
        np.testing.assert_allclose(clip.world_from_camera[0], camera, atol=1e-6)
        np.testing.assert_allclose(clip.joints_world[::3], joints[::5], atol=1e-5)
        pixels = project(clip.joints_world, clip.world_from_camera, clip.K)
        shown = clip.keypoints_px[:, COCO17.indices(*limbs)]
        off = np.linalg.norm(pixels[:, H36M17.indices(*limbs)] - shown, axis=-1)
        assert off[::3].max() < 0.01                     # at the instants of the recording
        assert off.max() < 0.5                           # between them: on a straight line
        bent = seen(joints, camera)[::5, H36M17.indices(*limbs)]
        assert np.abs(bent - shown[::3]).max() > 1       # the lens does bend
        faces = COCO17.indices('left_eye', 'right_eye', 'left_ear', 'right_ear')
        assert np.isnan(clip.keypoints_px[:, faces]).all()
        assert (clip.scores[:, faces] == 0).all()
        assert (clip.scores[:, COCO17.indices(*limbs)] == 1).all()


def test_splits(tmp_path: Path) -> None:
    write(tmp_path / 'human36m', ('S1', 'S5', 'S6', 'S7', 'S8', 'S9', 'S11'))
    splits = {motion.subject: motion.split for motion in load_motions(tmp_path)}
    assert splits == dict.fromkeys(('S1', 'S5', 'S6', 'S7'), 'train') | {
        'S8': 'validation', 'S9': 'test', 'S11': 'test'}
    subjects = {clip.subject for clip in read_human36m_clips(tmp_path / 'human36m')}
    assert subjects == {'S9', 'S11'}


def test_coco_detections_keep_their_order(tmp_path: Path) -> None:
    left, right = list(range(1, 17, 2)), list(range(2, 17, 2))
    write(tmp_path / 'h36m')
    write(tmp_path / 'coco', symmetry=[left, right])
    sorted_by_name = next(read_human36m_clips(tmp_path / 'h36m'))
    as_they_are = next(read_human36m_clips(tmp_path / 'coco'))
    assert np.isfinite(as_they_are.keypoints_px).all()          # 17 columns are 17 joints
    np.testing.assert_array_equal(
        as_they_are.keypoints_px[:, H36M17.indices(*LIMBS)],
        sorted_by_name.keypoints_px[:, COCO17.indices(*LIMBS)])


@pytest.mark.parametrize(('damage', 'message'), [
    (lambda folder: np.savez(folder / 'data_3d_h36m.npz', positions={}),
     r'Expected positions_3d in .*data_3d_h36m\.npz, got positions; see docs/datasets'),
    (lambda folder: np.savez(folder / 'data_3d_h36m.npz',
                             positions_3d={'S9': {'Walking': np.zeros((9, 15, 3))}}),
     r'Expected positions of S9 Walking as \(T, 32, 3\) or .* got \(9, 15, 3\); make'),
    (lambda folder: np.savez(folder / 'data_3d_h36m.npz',
                             positions_3d={'S9': {'Walking': np.zeros((900, 32, 3))}}),
     'Expected at least 900 frames of detections in'),
    (lambda folder: np.savez(folder / 'data_3d_h36m.npz', positions_3d={
        'S9': {'Eating': np.zeros((9, 32, 3))}}), 'Expected Eating in .*, S9, got Walking'),
    (lambda folder: (folder / 'h36m_dataset.py').unlink(),
     r"Expected VideoPose3D's common/h36m_dataset\.py at"),
    (lambda folder: (folder / 'h36m_dataset.py').write_text(
        'h36m_cameras_intrinsic_params = open("x")'), 'got malformed node'),
    (lambda folder: (folder / 'h36m_dataset.py').write_text(camera_file(['S1'])),
     "Expected camera 0 of S9 in .*, got no 'S9'"),
    (lambda folder: (folder / 'data_2d_h36m_cpn_ft_h36m_dbb.npz').rename(
        folder / 'data_2d_h36m_gt.npz'), r'Expected 2D detections at .*, got data_2d_h36m_gt\.'),
])
def test_bad_files_are_named(tmp_path: Path, damage, message: str) -> None:
    write(tmp_path)
    damage(tmp_path)
    with pytest.raises(DataError, match=message):
        list(read_human36m_clips(tmp_path))


def test_other_joints_are_refused(tmp_path: Path) -> None:
    write(tmp_path, symmetry=[[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]])      # mpii, 16 joints
    with pytest.raises(DataError, match=r'Expected joints of h36m17 or coco17 in'):
        list(read_human36m_clips(tmp_path))


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'Expected a NumPy archive at .*data_3d_h36m\.npz'):
        list(read_human36m(tmp_path))
