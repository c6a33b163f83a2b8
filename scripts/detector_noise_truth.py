"""Errors of detections in the four calibrated views, against a truth of another detector.

The truth was triangulated from the keypoints of a detector trained on COCO. In a view it is off by
up to 9 % of a person's height, the same for all joints, as cameras and clocks do not quite agree;
that much is taken from the other detector's keypoints in this very view. What the truth is wrong
by otherwise is estimated from how far those keypoints are from it: of eight coordinates that make
three, the residual keeps 5/8 of the variance and the truth 3/8, so 0.6 of the residual's.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.signal import savgol_filter

from ros2_occpose.geometry import Camera
from ros2_occpose.skeleton import COCO17
from ros2_occpose.types import Bools, Floats

FPS = 60.0
SIZE_PX = (1088, 1920)
SIZES = (1.0, 0.4, 0.2, 0.12)    # of the images that were looked at
TRUTH_SHARE = 0.6               # variance of the truth's error over that of the residual
HEIGHT_M = 1.7                  # of the person whose limbs sum up to ...
_LIMBS_M = 1.86                 # ... trunk, thigh, shin, upper arm and forearm
_LIMBS = (('hip', 'knee'), ('knee', 'ankle'), ('shoulder', 'elbow'), ('elbow', 'wrist'),
          ('shoulder', 'hip'))
_SMOOTH, _SHIFT = 9, 15         # frames: of the truth, and of its offset in a view
_SURE = 0.5                     # score of the other detector's joints that are used
_JUMP = 0.02                    # heights: the truth is not used where it jumps further
_SAME = 0.1                     # heights: median distance of somebody's joints from the truth


@dataclass(frozen=True)
class Truth:
    """V views of P people in T frames."""

    points_px: Floats           # (V, P, T, 17, 2)
    height_px: Floats           # (V, P, T) of the person, standing upright at that distance
    steady: Bools               # (V, P, T, 17) where the truth can be used
    other: Floats               # (V, P, T, 17, 3) the other detector: x, y [px], score
    cameras: list[Camera] = field(repr=False)

    @property
    def rays(self) -> Floats:
        """Of the joints, (V * P, T, 17, 2)."""
        rays = np.array([camera.rays(points) for camera, points
                         in zip(self.cameras, self.points_px, strict=True)])
        return rays.reshape(-1, *rays.shape[2:])


def read_truth(folder: Path) -> Truth:
    """The truth of the videos in `folder`."""
    with np.load(folder / 'pseudo_gt_triangulated.npz') as data:
        world = np.moveaxis(data['xyz_world_m'].astype(float), 1, 0)               # (P, T, 17, 3)
        other = np.moveaxis(data['kp2d'].astype(float), (1, 2), (0, 1))
        cameras = [Camera(*SIZE_PX, k, d=d) for k, d in zip(data['K'], data['dist'], strict=True)]
        poses = list(zip(data['R'], data['t'], strict=True))
    smooth = savgol_filter(world, _SMOOTH, 2, axis=1)
    points, height, steady = [], [], []
    for camera, (rotation, shift), found in zip(cameras, poses, other, strict=True):
        seen = smooth @ rotation.T + shift
        height_px = stature(world)[:, None] * camera.focal_px / np.median(seen[..., 2], -1)
        scale = height_px[..., None, None]
        exact, rough = camera.project(seen), camera.project(world @ rotation.T + shift)
        away = np.where(found[..., 2:] > _SURE, found[..., :2] - exact, np.nan)
        common = np.nan_to_num(np.nanmedian(away / scale, axis=2))                 # (P, T, 2)
        points.append(exact + scale * savgol_filter(common, _SHIFT, 1, axis=1)[:, :, None])
        steady.append(np.linalg.norm((exact - rough) / scale, axis=-1) < _JUMP)
        height.append(height_px)
    return Truth(np.array(points), np.array(height), np.array(steady), other, cameras)


def stature(world: Floats) -> Floats:
    """Of people whose joints are (P, T, 17, 3) [m], (P,) [m]."""
    limbs = [np.median(np.linalg.norm(world[:, :, COCO17.index(f'{side}_{a}')]
                                      - world[:, :, COCO17.index(f'{side}_{b}')], axis=-1), axis=1)
             for a, b in _LIMBS for side in ('left', 'right')]
    return HEIGHT_M * np.sum(limbs, axis=0) / 2 / _LIMBS_M


@dataclass(frozen=True)
class Errors:
    """Of one detector at one image size, in heights; NaN where nothing can be said."""

    error: Floats               # (V * P, T, 17, 2)
    score: Floats               # (V * P, T, 17) NaN where the person was not found
    visibility: Floats          # (V * P, T, 17) the same after tracker and optical flow
    truth: Floats               # (V * P, T, 17, 2) residual of the other detector

    @property
    def found(self) -> Bools:
        """Whether the person was, (V * P, T)."""
        return np.isfinite(self.score[..., 0])


def errors_of(truth: Truth, views: list[dict[str, Floats]], size: float) -> Errors:
    """The errors of what was seen in each view.

    Args:
        truth: Where people are.
        views: Per view the columns frame (R,), points_px (R, 17, 2), scores and visibility.
        size: Of the images that were looked at.
    """
    shape = truth.points_px.shape
    found = np.full((*shape[:4], 4), np.nan)
    for view, rows in enumerate(views):
        for person, frame, row in _matches(truth, view, rows, size):
            found[view, person, frame] = np.column_stack([
                rows['points_px'][row] / size, rows['scores'][row], rows['visibility'][row]])
    scale = truth.height_px[..., None, None]
    error = (found[..., :2] - truth.points_px) / scale
    against = (found[..., :2] - truth.other[..., :2]) / scale
    residual = (truth.other[..., :2] - truth.points_px) / scale
    sure = truth.other[..., 2] > _SURE
    # far from the truth but where the other detector is, too: the truth is wrong
    far, near = np.linalg.norm(error, axis=-1) > .06, np.linalg.norm(against, axis=-1) < .04
    error[~truth.steady | (sure & far & near)] = np.nan
    residual[~truth.steady | ~sure] = np.nan

    def flat(array: Floats) -> Floats:
        return array.reshape(-1, *array.shape[2:])

    return Errors(flat(error), flat(found[..., 2]), flat(found[..., 3]), flat(residual))


def _matches(truth: Truth, view: int, rows: dict[str, Floats], size: float,
             ) -> list[tuple[int, int, int]]:
    """(person, frame, row) of the detections that are these people, the best of each frame."""
    frame = rows['frame'].astype(int)
    away = rows['points_px'][:, None] / size - truth.points_px[view][:, frame].swapaxes(0, 1)
    away = np.median(np.linalg.norm(away, axis=-1), axis=-1) / truth.height_px[view][:, frame].T
    best: dict[tuple[int, int], int] = {}
    for row in np.argsort(-away.min(1)):                     # the closest comes last and stays
        if away[row].min() < _SAME:
            best[int(away[row].argmin()), int(frame[row])] = int(row)
    return [(person, at, row) for (person, at), row in best.items()]


def covers(truth: Truth, view: int, size: float) -> dict[str, Floats]:
    """Rectangles (K, 4) [px of images of that size] to paint over a view, by name.

    A table in front of everybody's legs from the hips or the knees down, a board over the elbows
    of one, and a pole before one half of each.
    """
    width, height = SIZE_PX
    points = np.median(truth.points_px[view], axis=1)                              # (P, 17, 2)
    tall = np.median(truth.height_px[view], axis=1)                                # (P,)

    def middle(joint: str) -> Floats:
        return points[:, COCO17.indices(f'left_{joint}', f'right_{joint}')].mean(1)

    board = middle('elbow')[0, 1]
    rectangles = {
        'table_to_hips': [(0, middle('hip')[:, 1].mean(), width, height)],
        'table_to_knees': [(0, middle('knee')[:, 1].mean(), width, height)],
        'board': [(0, board - .05 * tall[0], width, board + .10 * tall[0])],
        'pole': [(x - .02 * h, 0, x + .13 * h, height)
                 for x, h in zip(middle('shoulder')[:, 0], tall, strict=True)]}
    return {name: np.array(each) * size for name, each in rectangles.items()}


def hidden_by(truth: Truth, view: int, rectangles: Floats) -> Bools:
    """Which joints lie well inside rectangles (K, 4) [px], (P, T, 17)."""
    points = truth.points_px[view]
    margin = .02 * truth.height_px[view][..., None, None]                          # (P, T, 1, 1)
    inside = [((points > corners[:2] + margin) & (points < corners[2:] - margin)).all(-1)
              for corners in rectangles]
    return np.any(inside, axis=0)
