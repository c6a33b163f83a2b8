"""A virtual pan over real video, its rotation known: people stay where they were in the world.

A camera that only turns sees the same rays: its image is the still one through K R K^-1.
"""
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from scene import look
from scipy.spatial.transform import Rotation

from ros2_occpose.config import PipelineConfig, override
from ros2_occpose.errors import ModelError
from ros2_occpose.geometry import Camera, invert
from ros2_occpose.pipeline import Pipeline
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.types import CameraPoseSource, Floats, Frame, TrackState

FRAMES, SETTLED = 50, 10
SAME_M = 1.0                # roots nearer than this, across the view, are of the same person
STREET = look(np.array([[0, 0, 4.0]]), np.zeros(1), np.radians([8.0]), np.zeros(1))[0]
MULTIVIEW = Path(__file__).resolve().parents[1] / 'scripts' / 'multiview_reference.py'


def street(data: Path) -> list[Frame]:
    """A dozen pedestrians, seen from a window; its calibration is a guess."""
    source = open_source(data / 'video' / 'pedestrians.avi', SourceOptions(hfov_deg=38))
    return [replace(frame, world_from_camera=STREET, camera_pose=CameraPoseSource.ODOMETRY)
            for frame in islice(source, FRAMES)]


def hall(data: Path) -> list[Frame]:
    """People who walk and cross in a hall; a calibrated camera, its lens made straight."""
    folder = data / 'video' / 'multiview'
    spec = importlib.util.spec_from_file_location('multiview_reference', MULTIVIEW)
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script                     # where dataclasses look for their module
    spec.loader.exec_module(script)
    lens, camera_from_world = script.read_calibration(
        folder / 'calib__Calib_qualisys.toml', 'cam_01')
    camera = Camera(lens.width, lens.height, lens.k)
    source = open_source(folder / 'p2s_multi_cam01.mp4', SourceOptions(hfov_deg=60))
    return [replace(frame, camera=camera, world_from_camera=invert(camera_from_world),
                    image=cv2.undistort(frame.image, lens.k, lens.d),
                    camera_pose=CameraPoseSource.ODOMETRY)
            for frame in islice(source, 0, 2 * FRAMES, 2)]              # 30 Hz


def panned(frame: Frame, time_s: float) -> Frame:
    """The same place, seen by a camera that looks around by up to 6 degrees, and knows it."""
    sway = np.array([6.0, 2.0, 2.0]) * np.sin(np.array([1.5, 2.1, 1.1]) * time_s)
    still_from_panned = Rotation.from_euler('yxz', sway, degrees=True).as_matrix()
    k, pose = frame.camera.k, frame.world_from_camera.copy()
    pose[:3, :3] = pose[:3, :3] @ still_from_panned
    image = cv2.warpPerspective(frame.image, k @ still_from_panned.T @ np.linalg.inv(k),
                                frame.camera.size)
    return replace(frame, image=image, world_from_camera=pose)


def world_roots(frames: list[Frame]) -> list[Floats]:
    """Where everybody seen is, for each frame (N, 3)."""
    try:
        pipeline = Pipeline(override(PipelineConfig(), {'threads': 1, 'device': 'cpu'}))
    except ModelError as error:
        pytest.skip(f'needs the models: {error}')
    answers = [pipeline(frame) for frame in frames]
    return [a.root[a.tracks.states == TrackState.TRACKED] for a in answers[SETTLED:]]


def apart(still: list[Frame], moving: list[Frame]) -> tuple[Floats, Floats, Floats, int]:
    """Between the runs: along the view, across it [m], distance [m], and how many had no match."""
    along, across, away, alone = [], [], [], 0
    for frame, here, there in zip(still[SETTLED:], world_roots(still), world_roots(moving),
                                  strict=True):
        eye = frame.world_from_camera[:3, 3]
        for root in here:
            ray = root - eye
            distance = float(np.linalg.norm(ray))
            offsets = there - root                                          # (N, 3)
            depth = offsets @ ray / distance
            aside = np.linalg.norm(offsets - depth[:, None] * ray / distance, axis=-1)
            if not len(there) or aside.min() > SAME_M:
                alone += 1                      # not found, or outside the turned image
                continue
            along.append(abs(depth[aside.argmin()]))
            across.append(aside.min())
            away.append(distance)
    return np.array(along), np.array(across), np.array(away), alone


@pytest.mark.parametrize(('place', 'median', 'quarter'), [(street, 0.8, 1.0), (hall, 0.4, 0.8)])
def test_people_stay_where_they_are_while_the_camera_pans(
        shared_data: Path, place: Callable[[Path], list[Frame]], median: float,
        quarter: float) -> None:
    """Half, and three quarters, of them by so many times 5 cm + 1 % of the distance."""
    still = place(shared_data)
    start_ns = still[0].stamp_ns
    moving = [panned(frame, (frame.stamp_ns - start_ns) / 1e9) for frame in still]
    along, across, away, alone = apart(still, moving)
    excess = np.hypot(along, across) / (0.05 + 0.01 * away)
    print(place.__name__, 'across', np.percentile(across, (50, 75, 90, 95, 99)).round(3), 'along',
          np.percentile(along, (50, 75, 90, 95)).round(3), 'of 5 cm + 1 %',
          np.percentile(excess, (50, 75, 90, 95)).round(2), 'distance', away.mean().round(1),
          'matched', len(across), 'alone', alone)
    assert len(across) > 60
    assert alone < 0.2 * len(across)
    # The rest are people whom one of the runs has not found: their neighbour is the next best.
    assert np.median(excess) < median
    assert np.percentile(excess, 75) < quarter
    assert np.median(across) < 0.03             # uncompensated, the pan moves them by 2 m
    assert np.percentile(across, 75) < 0.05
