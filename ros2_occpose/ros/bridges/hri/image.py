"""What REP-155 says about a body in the image: normalised region and 18 keypoints."""
from __future__ import annotations

import numpy as np

from ....geometry import Camera
from ....recording.humans import Humans
from ....skeleton import COCO17, convert
from ....skeleton import Skeleton as JointSet
from ....types import Floats, Image

# Eyes and ears left first, unlike the skeleton of OpenPose that the message refers to.
_JOINTS = (
    'nose', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder', 'left_elbow',
    'left_wrist', 'right_hip', 'right_knee', 'right_ankle', 'left_hip', 'left_knee', 'left_ankle',
    'left_eye', 'right_eye', 'left_ear', 'right_ear')
SKELETON_2D = JointSet('hri18', _JOINTS, ())      # Skeleton2D.msg


def skeleton_2d(humans: Humans, camera: Camera) -> Floats:
    """x, y and confidence of each keypoint, (N, 18, 3), all from 0 to 1; (0, 0) is top left.

    A joint that was not seen, or lies outside the image, has confidence 0.
    """
    points, scores = convert(np.nan_to_num(humans.keypoints_px),
                             np.nan_to_num(humans.keypoint_scores), COCO17, SKELETON_2D)
    xy = points / camera.size
    inside = ((xy >= 0) & (xy <= 1)).all(-1)
    scores = np.where(inside, np.clip(scores, 0, 1), 0.0)
    return np.concatenate([np.clip(xy, 0, 1), scores[..., None]], -1)


def regions(humans: Humans, camera: Camera) -> Floats:
    """Boxes inside the image, (N, 4) xmin ymin xmax ymax from 0 to 1; NaN for who is hidden."""
    return np.clip(humans.boxes_px / (camera.size * 2), 0, 1)


def crop(image: Image, region: Floats) -> Image:
    """The pixels of a normalised region; at least one."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (region * (width, height, width, height)).round().astype(int).tolist()
    x0, y0 = min(x0, width - 1), min(y0, height - 1)
    return image[y0:max(y1, y0 + 1), x0:max(x1, x0 + 1)]
