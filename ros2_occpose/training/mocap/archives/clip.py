"""One person filmed by one real camera, for evaluation."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ....skeleton import COCO17, H36M17
from ....types import Floats, require_shape
from ..motion import FPS
from .sampling import resample, resample_turns, same_rate


@dataclass(frozen=True, kw_only=True, eq=False)
class RealClip:
    """2D detections of a person, the camera, and where the person really was."""

    name: str                   # e.g. 'human36m/S9/Walking/54138969'
    subject: str
    split: str                  # train, validation or test
    fps: float
    keypoints_px: Floats        # (T, 17, 2) coco17 without lens distortion; NaN: not detected
    scores: Floats              # (T, 17) the detector's; 0: not detected
    K: Floats                   # (3, 3) camera matrix [px]
    world_from_camera: Floats   # (T, 4, 4) z up
    joints_world: Floats        # (T, 17, 3) [m] h36m17; what it means: docs/datasets.md

    def __post_init__(self) -> None:
        frames, coco, h36m = len(self.keypoints_px), len(COCO17.joints), len(H36M17.joints)
        require_shape('keypoints_px', self.keypoints_px, frames, coco, 2)
        require_shape('scores', self.scores, frames, coco)
        require_shape('K', self.K, 3, 3)
        require_shape('world_from_camera', self.world_from_camera, frames, 4, 4)
        require_shape('joints_world', self.joints_world, frames, h36m, 3)

    def __len__(self) -> int:
        return len(self.keypoints_px)


def at_30_hz(clip: RealClip) -> RealClip:
    """The clip at FPS; a joint is detected where it was in the frames before and after."""
    if same_rate(clip.fps):
        return clip
    camera = np.zeros((len(resample(clip.scores, clip.fps)), 4, 4))
    camera[:, :3, :3] = resample_turns(clip.world_from_camera[:, :3, :3], clip.fps)
    camera[:, :3, 3] = resample(clip.world_from_camera[:, :3, 3], clip.fps)
    camera[:, 3, 3] = 1
    keypoints = resample(clip.keypoints_px, clip.fps)
    scores = np.where(np.isnan(keypoints[..., 0]), 0.0, resample(clip.scores, clip.fps))
    return replace(clip, fps=FPS, keypoints_px=keypoints, scores=scores, world_from_camera=camera,
                   joints_world=resample(clip.joints_world, clip.fps))


def coco17_of(named: dict[str, Floats], frames: int) -> tuple[Floats, Floats]:
    """Keypoints (T, 17, 2) [px] and scores (T, 17) of named joints (T, 3) = x, y, score.

    What is not named or has no score is NaN with score 0.
    """
    keypoints = np.full((frames, len(COCO17.joints), 2), np.nan)
    scores = np.zeros((frames, len(COCO17.joints)))
    for joint, values in named.items():
        if joint in COCO17.joints:
            seen = (values[:, 2] > 0) & np.isfinite(values).all(1)
            place = COCO17.index(joint)
            keypoints[seen, place], scores[seen, place] = values[seen, :2], values[seen, 2]
    return keypoints, scores
