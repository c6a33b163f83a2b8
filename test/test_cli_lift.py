"""`occpose lift`: keypoints in a file become skeletons in a file."""
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scene import PERFECT, Scene, behind_pillar, driving, make_scene
from walker import Walker

from ros2_occpose import cli
from ros2_occpose.geometry import invert
from ros2_occpose.recording.clip_file import load_clip
from ros2_occpose.skeleton import COCO17, H36M17, HALPE26, conversion

FPS = 30


@pytest.fixture(scope='module')
def scene() -> Scene:
    walker = Walker([(0, 4.5, 1.5), (3, 4.5, -1.5)])
    return make_scene([walker], camera_path=driving(velocity=(0.0, 0.2)), noise=PERFECT, fps=FPS)


def arrays_of(scene: Scene, **changes: Any) -> dict[str, Any]:
    """What a user would save of the scene's only person."""
    arrays = {'keypoints': scene.keypoints_px[:, 0], 'scores': scene.visible[:, 0].astype(float),
              'K': scene.camera.k, 'fps': float(FPS),
              'world_from_camera': scene.world_from_camera, 'stamps_ns': scene.stamps_ns}
    return {name: value for name, value in {**arrays, **changes}.items() if value is not None}


def lifted(folder: Path, arrays: dict[str, Any], *options: str) -> dict[str, np.ndarray]:
    np.savez(folder / 'in.npz', **arrays)
    assert cli.main(['lift', str(folder / 'in.npz'), '--output', str(folder / 'out.npz'),
                     *options]) == 0
    with np.load(folder / 'out.npz') as file:
        return dict(file.items())


def test_the_contract(scene: Scene, tmp_path: Path) -> None:
    out, t = lifted(tmp_path, arrays_of(scene)), len(scene)
    shapes = {'joints_camera': (t, 17, 3), 'joints_root': (t, 17, 3), 'root': (t, 3),
              'std': (t, 17), 'visibility': (t, 17), 'root_covariance': (t, 3, 3),
              'joints_world': (t, 17, 3)}
    assert {name: array.shape for name, array in out.items()} == shapes
    assert all(np.isfinite(array).all() for array in out.values())
    hip = H36M17.index('hip')
    np.testing.assert_allclose(out['joints_root'][:, hip], 0, atol=1e-6)
    np.testing.assert_allclose(out['joints_camera'] - out['joints_root'],
                               out['root'][:, None].repeat(17, 1), atol=1e-9)
    world = np.einsum('tij,tkj->tki', scene.world_from_camera[:, :3, :3], out['joints_camera'])
    np.testing.assert_allclose(
        out['joints_world'], world + scene.world_from_camera[:, None, :3, 3], atol=1e-9)


def test_a_walker_is_found_where_he_walks(scene: Scene, tmp_path: Path) -> None:
    out = lifted(tmp_path, arrays_of(scene))
    error = np.linalg.norm(out['joints_world'][:, 0] - scene.joints_world[:, 0, 0], axis=-1)
    print(f'root error in the world: median {np.median(error):.3f} m')
    assert np.median(error) < 0.6
    camera = invert(scene.world_from_camera)
    seen = np.einsum('tij,tkj->tki', camera[:, :3, :3], scene.joints_world[:, 0])
    seen = seen + camera[:, None, :3, 3]
    pixels = [scene.camera.project(points) for points in (out['joints_camera'], seen)]
    assert np.median(np.linalg.norm(pixels[0] - pixels[1], axis=-1)) < 12


def test_without_a_camera_pose_there_is_no_world(scene: Scene, tmp_path: Path) -> None:
    out = lifted(tmp_path, arrays_of(scene, world_from_camera=None, stamps_ns=None))
    assert 'joints_world' not in out
    assert 3 < np.median(out['root'][:, 2]) < 7


def test_hidden_frames_are_bridged(tmp_path: Path) -> None:
    scene = behind_pillar(noise=PERFECT, fps=FPS)
    out = lifted(tmp_path, arrays_of(scene))
    unseen = ~scene.visible[:, 0].any(-1)
    assert unseen.sum() > 20
    assert (out['visibility'][unseen] == 0).all()
    error = np.linalg.norm(out['joints_world'][:, 0] - scene.joints_world[:, 0, 0], axis=-1)
    print(f'root error while hidden: median {np.median(error[unseen]):.3f} m')
    assert np.median(error[unseen]) < 0.8
    spread = np.sqrt(np.trace(out['root_covariance'], axis1=1, axis2=2))
    assert spread[unseen].max() > 1.1 * np.median(spread[~unseen])


def test_nan_keypoints_are_the_same_as_unseen_ones(scene: Scene, tmp_path: Path) -> None:
    keypoints, scores = scene.keypoints_px[:, 0].copy(), np.ones((len(scene), 17))
    wrist = COCO17.index('left_wrist')
    keypoints[10:20, wrist] = np.nan
    with_nan = lifted(tmp_path, arrays_of(scene, keypoints=keypoints, scores=scores))
    scores[10:20, wrist], keypoints[10:20, wrist] = 0.0, 100.0
    with_zero = lifted(tmp_path, arrays_of(scene, keypoints=keypoints, scores=scores))
    for name in with_nan:
        np.testing.assert_allclose(with_nan[name], with_zero[name], atol=1e-9)


def test_other_joint_sets_are_converted(scene: Scene, tmp_path: Path) -> None:
    weights = conversion(COCO17, HALPE26)
    keypoints = np.einsum('oi,tid->tod', weights, scene.keypoints_px[:, 0])
    scores = np.broadcast_to(weights.any(1).astype(float), keypoints.shape[:2])
    np.savez(tmp_path / 'in.npz', **arrays_of(scene, keypoints=keypoints, scores=scores,
                                              skeleton='halpe26'))
    clip = load_clip(tmp_path / 'in.npz')
    np.testing.assert_allclose(clip.keypoints_px, scene.keypoints_px[:, 0], atol=1e-9)
    assert (clip.scores == 1).all()


@pytest.mark.parametrize(('change', 'message'), [
    ({'K': None}, r'Expected keypoints, scores, K, fps in .*; missing: K'),
    ({'keypoints': np.zeros((5, 4, 2))}, r'keypoints in .* must have shape \(5, 17, 2\)'),
    ({'scores': np.zeros((3, 17))}, r'scores in .* must have shape \('),
    ({'keypoints': np.zeros((0, 17, 2)), 'scores': np.zeros((0, 17))}, 'at least one frame'),
    ({'fps': 0.0}, 'Expected a frame rate fps .* in .*, got 0'),
    ({'K': np.zeros((3, 3))}, 'positive focal lengths'),
    ({'K': np.eye(4)}, r'K in .* must have shape \(3, 3\), got \(4, 4\)'),
    ({'skeleton': 'alien5'}, "Unknown skeleton 'alien5'"),
    ({'stamps_ns': 'backwards'}, 'Expected growing stamps_ns'),
    ({'world_from_camera': np.eye(4)}, r'world_from_camera in .* must have shape'),
    ({'fps': 'fast'}, 'Expected numbers in fps'),
])
def test_bad_files_are_refused(change: dict, message: str, scene: Scene, tmp_path: Path,
                               capsys: pytest.CaptureFixture) -> None:
    if change.get('stamps_ns') == 'backwards':
        change = {'stamps_ns': scene.stamps_ns[::-1]}
    np.savez(tmp_path / 'in.npz', **arrays_of(scene, **change))
    assert cli.main(['lift', str(tmp_path / 'in.npz'), '--output', str(tmp_path / 'o.npz')]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ')
    assert error.count('\n') == 1
    assert re.search(message, error), error


def absent(path: Path) -> None:
    """Write nothing."""


@pytest.mark.parametrize('write', [
    absent, lambda p: p.write_bytes(b'nonsense'), lambda p: p.write_bytes(b''),
    lambda p: np.save(p.open('wb'), np.zeros(3)),
    lambda p: np.savez(p, keypoints=np.array([{}], object))])
def test_files_that_are_no_npz_are_refused(write: Callable[[Path], None], tmp_path: Path,
                                           capsys: pytest.CaptureFixture) -> None:
    write(tmp_path / 'in.npz')
    assert cli.main(['lift', str(tmp_path / 'in.npz'), '--output', str(tmp_path / 'o.npz')]) == 2
    assert capsys.readouterr().err.startswith('error: Expected ')


def test_unknown_lifters_are_refused(scene: Scene, tmp_path: Path,
                                     capsys: pytest.CaptureFixture) -> None:
    np.savez(tmp_path / 'in.npz', **arrays_of(scene))
    assert cli.main(['lift', str(tmp_path / 'in.npz'), '--output', str(tmp_path / 'o.npz'),
                     '--lifter', 'magic']) == 2
    assert 'magic' in capsys.readouterr().err


def test_an_output_that_cannot_be_written(scene: Scene, tmp_path: Path,
                                          capsys: pytest.CaptureFixture) -> None:
    np.savez(tmp_path / 'in.npz', **arrays_of(scene))
    assert cli.main(['lift', str(tmp_path / 'in.npz'), '--output',
                     str(tmp_path / 'no' / 'o.npz')]) == 2
    assert 'Cannot write' in capsys.readouterr().err
