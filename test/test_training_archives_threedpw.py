"""3DPW: tiny files in its layout come back as the movement and the views that were written."""
from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from archived_person import Y_UP_FROM_Z_UP, joints_of, look_at, project, walking, without_floor
from scipy.spatial.transform import Rotation

from ros2_occpose.cli import main
from ros2_occpose.errors import DataError
from ros2_occpose.geometry import invert, transform
from ros2_occpose.skeleton import COCO17, H36M17, SMPL24
from ros2_occpose.training.mocap.archives import find_clips
from ros2_occpose.training.mocap.archives.threedpw import read_threedpw, read_threedpw_clips
from ros2_occpose.training.mocap.motion import load_motions

K = np.array([[1969.0, 0, 540], [0, 1961, 960], [0, 0, 1]])
OPENPOSE = ['nose', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder',
            'left_elbow', 'left_wrist', 'right_hip', 'right_knee', 'right_ankle', 'left_hip',
            'left_knee', 'left_ankle', 'right_eye', 'left_eye', 'right_ear', 'left_ear']
WORLDS = {
    'y up': Y_UP_FROM_Z_UP, 'z up': np.eye(3), 'y down': Y_UP_FROM_Z_UP * [[1], [-1], [-1]],
    'askew': Rotation.from_euler('xyz', [40, 15, 70], degrees=True).as_matrix(),
}


def write(folder: Path, world=Y_UP_FROM_Z_UP, split='test', lost=False, **changes):
    """Two people and a moving camera in a world of another kind; what was true in ours."""
    people = [walking(2.0, 30.0, 1.1), walking(2.0, 30.0, 0.9)]
    people[1].root[:] += [0.5, 2.0, 0.0]
    frames = len(people[0].root)
    cameras = np.stack([look_at(np.array([5.0 - 0.01 * t, -3, 1.6]), np.array([1.0, 2, 1]))
                        for t in range(frames)])
    poses, positions, detections = [], [], []
    theirs = np.eye(4)
    theirs[:3, :3] = world
    for person in people:
        angles = person.angles.copy()
        angles[:, 0] = (Rotation.from_matrix(world) * Rotation.from_rotvec(angles[:, 0])
                        ).as_rotvec()
        poses.append(angles.reshape(frames, 72))
        positions.append((person.joints @ world.T).reshape(frames, 72))
        pixels = project(person.joints, cameras, K)
        seen = np.zeros((frames, 3, 18))
        for place, joint in enumerate(OPENPOSE):
            if joint in SMPL24.joints and joint != 'neck':
                seen[:, :2, place] = pixels[:, SMPL24.index(joint)]
                seen[:, 2, place] = 0.8
        seen[5, :, OPENPOSE.index('left_knee')] = 0
        detections.append(seen)
    valid = np.ones(frames, bool)
    valid[10] = False
    views = invert(cameras) @ np.linalg.inv(theirs)
    views[10] = np.nan if lost else views[10]
    found = {
        'sequence': 'courtyard_walk_00', 'poses': poses, 'jointPositions': positions,
        'trans': [person.root @ world.T for person in people], 'betas': [np.zeros(10)] * 2,
        'poses2d': detections, 'campose_valid': [valid, np.ones(frames, bool)],
        'cam_poses': views, 'cam_intrinsics': K,
        'genders': ['m', 'f'], 'img_frame_ids': np.arange(frames) * 2,
    } | changes
    found = {key: value for key, value in found.items() if value is not None}
    path = folder / 'sequenceFiles' / split / 'courtyard_walk_00.pkl'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(found, 2))
    return people, cameras


@pytest.mark.parametrize('world', WORLDS.values(), ids=WORLDS.keys())
def test_joints_are_where_they_were(tmp_path: Path, world) -> None:
    people, _ = write(tmp_path, world)
    motions = list(read_threedpw(tmp_path))
    assert [m.name for m in motions] == ['3dpw/courtyard_walk_00/0', '3dpw/courtyard_walk_00/1']
    assert {m.split for m in motions} == {'test'}
    for motion, person in zip(motions, people):
        found, wanted = (without_floor(joints) for joints in (joints_of(motion), person.joints))
        np.testing.assert_allclose(motion.offsets, person.offsets, atol=1e-4)   # their own bones
        tilt = align_about_z(found, wanted)
        assert np.linalg.norm(tilt - wanted, axis=-1).max() < (
            0.12 if world is WORLDS['askew'] else 1e-3)


def align_about_z(found, wanted):
    """The world of another data set may be turned about the vertical."""
    a, b = found[..., :2].reshape(-1, 2), wanted[..., :2].reshape(-1, 2)
    angle = np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a * b).sum())
    return found @ Rotation.from_euler('z', angle).as_matrix().T


@pytest.mark.parametrize('world', WORLDS.values(), ids=WORLDS.keys())
def test_views_project_where_they_were_seen(tmp_path: Path, world) -> None:
    people, cameras = write(tmp_path, world)
    clips = list(read_threedpw_clips(tmp_path))
    assert [(clip.name, len(clip)) for clip in clips] == [
        ('3dpw/courtyard_walk_00/0/11', 49), ('3dpw/courtyard_walk_00/1/0', 60)]
    clip, person = clips[1], people[1]
    limbs = [joint for joint in H36M17.joints if joint in COCO17.joints and joint != 'nose']
    assert len(limbs) == 12
    pixels = project(clip.joints_world, clip.world_from_camera, clip.K)
    shown = clip.keypoints_px[:, COCO17.indices(*limbs)]
    gone = np.isnan(shown)
    assert gone.sum() == 2                                      # a knee in one frame
    assert gone[5, limbs.index('left_knee')].all()
    # the truth is where detectors mark joints, up to 4 cm beside them; elbows and wrists are exact
    np.testing.assert_allclose(
        pixels[:, H36M17.indices(*limbs)][~gone], shown[~gone], atol=15)
    arms = ('left_elbow', 'right_elbow', 'left_wrist', 'right_wrist')
    np.testing.assert_allclose(
        pixels[:, H36M17.indices(*arms)], shown[:, [limbs.index(joint) for joint in arms]],
        atol=1e-6)
    assert clip.scores[5, COCO17.index('left_knee')] == 0
    assert set(np.unique(clip.scores)) == {0, 0.8}
    # the camera stands where it stood: 1.6 m up where z is up, and as far from the person
    away = np.linalg.norm(clip.world_from_camera[:, :3, 3] - clip.joints_world[:, 0], axis=-1)
    hips = person.joints[:, SMPL24.indices('left_hip', 'right_hip')].mean(1)
    np.testing.assert_allclose(away, np.linalg.norm(cameras[:, :3, 3] - hips, axis=-1), atol=0.04)
    height = clip.world_from_camera[:, 2, 3] - clip.joints_world[:, 0, 2]
    np.testing.assert_allclose(
        height, 1.6 - hips[:, 2], atol=0.6 if world is WORLDS['askew'] else 0.04)
    head = clip.joints_world[0, H36M17.index('head')]
    assert head[2] > clip.joints_world[0, H36M17.index('thorax'), 2] + 0.15


def test_clips_end_where_the_camera_was_lost(tmp_path: Path) -> None:
    write(tmp_path, lost=True)
    names = [clip.name for clip in read_threedpw_clips(tmp_path)]
    assert names == ['3dpw/courtyard_walk_00/0/11', '3dpw/courtyard_walk_00/1/11']
    assert all(np.isfinite(clip.world_from_camera).all()
               for clip in read_threedpw_clips(tmp_path))


def test_official_splits(tmp_path: Path) -> None:
    for split in ('train', 'validation', 'test'):
        write(tmp_path / '3dpw', split=split)
    assert [m.split for m in read_threedpw(tmp_path / '3dpw', ('validation',))] == [
        'validation', 'validation']
    assert len(load_motions(tmp_path, ('train', 'test'))) == 4
    assert {clip.split for clip in find_clips(tmp_path)} == {'test'}


@pytest.mark.parametrize(('changes', 'message'), [
    ({'jointPositions': None}, r'Expected jointPositions in .*_00\.pkl, got .*poses.*; see docs'),
    ({'poses': []}, 'Expected people in'),
    ({'poses': [np.zeros((60, 66))] * 2}, r'Expected poses of shape \(\*, 72\).*got \(60, 66\)'),
    ({'cam_poses': None}, 'Expected cam_poses in'),
    ({'poses2d': []}, 'Expected poses2d of person 0 in'),
    ({'cam_intrinsics': np.eye(2)}, r'Expected cam_intrinsics of shape \(3, 3\)'),
])
def test_bad_files_are_named(tmp_path: Path, changes, message: str) -> None:
    write(tmp_path, **changes)
    with pytest.raises(DataError, match=message):
        list(read_threedpw_clips(tmp_path))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'sequenceFiles/<train\|validation\|test>/\*.pkl'):
        list(read_threedpw(tmp_path))


class Malicious:
    def __reduce__(self):
        return os.system, ('touch made',)


def test_a_malicious_sequence_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, betas=[Malicious()])
    with pytest.raises(DataError, match='system, which could run code'):
        list(read_threedpw(tmp_path))
    assert not (tmp_path / 'made').exists()


def test_points_are_given_in_the_cameras_frame(tmp_path: Path) -> None:
    """world_from_camera, not its inverse: people stand before the camera."""
    write(tmp_path)
    for clip in read_threedpw_clips(tmp_path):
        before = [transform(invert(pose), joints)
                  for pose, joints in zip(clip.world_from_camera, clip.joints_world)]
        assert np.min(np.array(before)[..., 2]) > 2


def test_a_clip_can_be_lifted(tmp_path: Path) -> None:
    """As docs/datasets.md says: nothing has to be filled in or left out."""
    write(tmp_path)
    *_, clip = read_threedpw_clips(tmp_path)
    np.savez(tmp_path / 'clip.npz', keypoints=clip.keypoints_px, scores=clip.scores, K=clip.K,
             fps=clip.fps, world_from_camera=clip.world_from_camera, truth=clip.joints_world)
    assert main(['lift', str(tmp_path / 'clip.npz'), '--lifter', 'gated_causal',
                 '--output', str(tmp_path / 'lifted.npz')]) == 0
    with np.load(tmp_path / 'lifted.npz') as lifted:
        off = np.linalg.norm(lifted['joints_world'] - clip.joints_world, axis=-1)
    assert off.mean() < 0.4                  # somewhere there; how well is the benchmark's matter
