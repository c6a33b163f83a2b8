"""Real people with triangulated truth: `scripts/multiview_reference.py` and what it is for."""
from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ros2_occpose import cli
from ros2_occpose.errors import DataError
from ros2_occpose.evaluation.bag.references import read_reference, read_truth
from ros2_occpose.geometry import transform
from ros2_occpose.recording.camera_file import load_camera
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.skeleton import COCO17, H36M17
from ros2_occpose.types import JointState

SCRIPT = Path(__file__).resolve().parent.parent / 'scripts' / 'multiview_reference.py'
FRAMES = 6
LIMBS = [name for name in COCO17.joints if name in H36M17.joints]


@pytest.fixture(scope='module')
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location('multiview_reference', SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module             # where dataclasses look for their module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def folder(shared_data: Path) -> Path:
    found = shared_data / 'video' / 'multiview'
    if not found.is_dir():
        pytest.skip(f'needs the multi-camera recording: {found} does not exist')
    return found


@pytest.fixture(params=[1, 2, 3, 4])
def written(request: pytest.FixtureRequest, script: ModuleType, folder: Path,
            tmp_path: Path) -> tuple[int, Path]:
    """The number of a camera and what was written of its first frames."""
    number = request.param
    whole = script.view_of(folder / 'calib__Calib_qualisys.toml',
                           folder / 'pseudo_gt_triangulated.npz', f'cam_0{number}', 60.0)
    view = replace(whole, joints_world=whole.joints_world[:FRAMES],
                   states=whole.states[:FRAMES], stamps_ns=whole.stamps_ns[:FRAMES])
    script.write_reference(view, tmp_path)
    script.write_bag(view, folder / f'p2s_multi_cam0{number}.mp4', tmp_path / 'recording.mcap')
    return number, tmp_path


def test_the_reference_lies_on_the_people_in_the_image(written: tuple[int, Path],
                                                       folder: Path) -> None:
    number, out = written
    reference = read_reference([out / 'reference.npz'])
    camera = load_camera(out / 'camera.yaml')
    limbs = reference.joints[..., H36M17.indices(*LIMBS), :]                # (T, 2, L, 3)
    with np.load(folder / 'pseudo_gt_triangulated.npz') as arrays:
        found = arrays['kp2d'][:FRAMES, number - 1]
    off_px = np.linalg.norm(
        camera.project(limbs) - found[..., COCO17.indices(*LIMBS), :2], axis=-1)
    off_m = off_px * limbs[..., 2] / camera.focal_px
    assert np.nanmedian(off_m) < 0.05                   # what triangulation leaves
    assert reference.frame_id == 'camera'
    assert 'head' not in reference.compared
    assert reference.states is not None
    assert (reference.states == JointState.OBSERVED).mean() > 0.8


def test_the_bag_says_the_same_in_the_world(written: tuple[int, Path]) -> None:
    _, out = written
    camera, world = read_reference([out / 'reference.npz']), read_truth(out / 'recording.mcap')
    frames = list(open_source(out / 'recording.mcap', SourceOptions(pose_topic='/camera/pose')))
    assert len(frames) == FRAMES
    pose = frames[0].world_from_camera
    assert pose is not None
    assert 1.5 < pose[2, 3] < 2.5                                   # cameras stand that high
    np.testing.assert_allclose(transform(pose, camera.joints), world.joints, atol=1e-4)
    np.testing.assert_array_equal(camera.states, world.states)
    np.testing.assert_array_equal(camera.stamps_ns, [f.stamp_ns for f in frames])
    assert np.nanmin(world.joints[..., 2]) > -0.3                     # z is up
    assert np.nanmax(world.joints[..., 2]) > 1.4


def test_a_video_against_its_reference(script: ModuleType, folder: Path, tmp_path: Path) -> None:
    view = script.view_of(folder / 'calib__Calib_qualisys.toml',
                          folder / 'pseudo_gt_triangulated.npz', 'cam_01', 60.0)
    script.write_reference(view, tmp_path)
    code = cli.main(['evaluate', 'bag', str(folder / 'p2s_multi_cam01.mp4'), '--threads', '1',
                     '--camera', str(tmp_path / 'camera.yaml'), '--seconds', '0.4',
                     '--reference', str(tmp_path / 'reference.npz'), '--output', str(tmp_path)])
    assert code == 0
    made = json.loads((tmp_path / 'results.json').read_text())
    assert made['frames']['compared'] == 24
    assert (made['alignment']['frame'], made['alignment']['time_shift_s']) == ('none', 0)
    assert made['recall'] > 0.5
    assert made['pa_mpjpe_mm'] < 200
    assert made['root_error_m'] < 0.7


def test_a_camera_that_is_not_there(script: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / 'c.toml'
    path.write_text('[left]\nname = "left"\n')
    with pytest.raises(DataError, match=r'Expected the camera right in .* got left'):
        script.read_calibration(path, 'right')
    with pytest.raises(DataError, match='Cannot read the calibration'):
        script.read_calibration(tmp_path / 'no.toml', 'right')
