"""A virtual pan over real video, its rotation known: people stay where they were in the world.

A camera that only turns sees the same rays: its image is the still one through K R K^-1.
"""
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
from ros2_occpose.pipeline import Pipeline
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.types import CameraPoseSource, Floats, Frame, TrackState

FRAMES, SETTLED = 50, 10
SAME_M = 1.0                # roots nearer than this, across the view, are of the same person
STILL = look(np.array([[0, 0, 4.0]]), np.zeros(1), np.radians([8.0]), np.zeros(1))[0]


def panned(frame: Frame, time_s: float) -> Frame:
    """The same street, seen by a camera that looks around by up to 6 degrees, and knows it."""
    sway = np.array([6.0, 2.0, 2.0]) * np.sin(np.array([1.5, 2.1, 1.1]) * time_s)
    still_from_panned = Rotation.from_euler('yxz', sway, degrees=True).as_matrix()
    k, pose = frame.camera.k, STILL.copy()
    pose[:3, :3] = STILL[:3, :3] @ still_from_panned
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


def test_people_stay_where_they_are_while_the_camera_pans(shared_data: Path) -> None:
    source = open_source(shared_data / 'video' / 'pedestrians.avi', SourceOptions(hfov_deg=38))
    still = [replace(frame, world_from_camera=STILL, camera_pose=CameraPoseSource.ODOMETRY)
             for frame in islice(source, FRAMES)]
    start_ns = still[0].stamp_ns
    moving = [panned(frame, (frame.stamp_ns - start_ns) / 1e9) for frame in still]
    along, across, away, alone = [], [], [], 0
    for here, there in zip(world_roots(still), world_roots(moving), strict=True):
        for root in here:
            ray = root - STILL[:3, 3]
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
    print('across', np.percentile(across, (50, 75, 90)), 'along', np.percentile(along, (50, 75)),
          'matched', len(across), 'alone', alone)
    assert len(across) > 60
    assert alone < 0.3 * len(across)
    difference = np.hypot(along, across) / (0.05 + 0.01 * np.array(away))
    assert np.median(difference) < 1
    assert np.median(across) < 0.05             # uncompensated, the pan moves them by 2 m
    assert np.percentile(across, 75) < 0.1
