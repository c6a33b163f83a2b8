"""The other family of detectors: one network draws boxes around people, another reads the joints in each box.

Person boxes: RTMDet as MMDeploy exports it, overlapping boxes already removed. Joints: any network from a
3:4 crop to heat maps of coco17 joints, such as TinyPose.
"""
from __future__ import annotations

import cv2
import numpy as np

from ..skeleton import COCO17
from ..types import Detections, Floats, Image
from .blazepose_boxes import Run

_BOX_PX = 640
_BOX_MEAN = np.array([103.53, 116.28, 123.675], np.float32)       # BGR
_BOX_STD = np.array([57.375, 57.12, 58.395], np.float32)
_BOX_PADDING = 114
_CROP_PX = (192, 256)                                               # width, height
_CROP_MEAN = np.array([0.485, 0.456, 0.406], np.float32)           # RGB
_CROP_STD = np.array([0.229, 0.224, 0.225], np.float32)
_CROP_MARGIN = 1.25


class BoxesAndCrops:
    """Person boxes, then joints in each; remembers nothing."""

    def __init__(self, boxes: Run, joints: Run, *, max_people: int, min_score: float,
                 backend: str) -> None:
        self._boxes = boxes
        self._joints = joints
        self._max_people = max_people
        self._min_score = min_score
        self.backend = backend

    def __call__(self, image: Image) -> Detections:
        """Everybody in the image."""
        pixels, scale = letterbox(image, _BOX_PX)
        dets = self._boxes({'input': pixels})['dets'][0].astype(float)          # (n, 5)
        dets = dets[dets[:, 4] >= self._min_score]
        dets = dets[np.argsort(-dets[:, 4], kind='stable')][:self._max_people]
        boxes_px = clip_boxes(dets[:, :4] / scale, image)
        solid = (boxes_px[:, 2:] - boxes_px[:, :2] >= 1.0).all(1)
        boxes_px, score = boxes_px[solid], dets[solid, 4]
        if not len(score):
            return Detections.none()
        matrices = np.stack([crop_matrix(box) for box in boxes_px])             # (N, 2, 3)
        crops = np.stack([crop_input(image, matrix) for matrix in matrices])
        points, scores = read_heatmaps(self._joints({'image': crops})['heatmaps'])
        points = points * np.array(_CROP_PX)
        keypoints_px = (np.einsum('nij,nkj->nki', matrices[..., :2], points)
                        + matrices[:, None, :, 2])
        scores = np.where(inside(keypoints_px, image), scores, 0.0)
        return Detections(boxes_px=boxes_px, keypoints_px=keypoints_px, scores=scores, score=score,
                          skeleton=COCO17)

    def reset(self) -> None:
        """Nothing to forget."""


def letterbox(image: Image, size: int) -> tuple[Floats, float]:
    """The image shrunk or grown into the top left of a square (1, 3, size, size), and the factor."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    padded = np.full((size, size, 3), _BOX_PADDING, np.uint8)
    padded[:shape[1], :shape[0]] = cv2.resize(image, shape, interpolation=cv2.INTER_LINEAR)
    pixels = (padded - _BOX_MEAN) / _BOX_STD
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]), scale


def clip_boxes(boxes_px: Floats, image: Image) -> Floats:
    """Boxes (N, 4) cut to the image."""
    height, width = image.shape[:2]
    return np.clip(boxes_px, 0, (width, height, width, height))


def crop_matrix(box: Floats) -> Floats:
    """Matrix (2, 3) from crop pixels to image pixels: the box widened and brought to the crop's shape."""
    width, height = _CROP_PX
    centre, size = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) * _CROP_MARGIN
    scale = max(size[0] / width, size[1] / height)
    return np.array([[scale, 0.0, centre[0] - scale * width / 2],
                     [0.0, scale, centre[1] - scale * height / 2]])


def crop_input(image: Image, matrix: Floats) -> Floats:
    """The content of a crop as the joint network wants it, (3, 256, 192)."""
    pixels = cv2.warpAffine(image, matrix, _CROP_PX, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return ((pixels[..., ::-1] / np.float32(255) - _CROP_MEAN) / _CROP_STD).transpose(2, 0, 1)


def read_heatmaps(heat: Floats) -> tuple[Floats, Floats]:
    """Peaks of heat maps (N, J, H, W), a quarter cell towards the warmer neighbour.

    Returns:
        Points (N, J, 2) in 0..1 of the crop and the heights of the peaks (N, J) within 0..1.
    """
    n, j, height, width = heat.shape
    flat = heat.reshape(n * j, -1)
    row, column = np.divmod(flat.argmax(1), width)
    padded = np.pad(heat.reshape(n * j, height, width), ((0, 0), (1, 1), (1, 1)), mode='edge')
    k = np.arange(n * j)
    dx = np.sign(padded[k, row + 1, column + 2] - padded[k, row + 1, column])
    dy = np.sign(padded[k, row + 2, column + 1] - padded[k, row, column + 1])
    points = np.stack([(column + 0.25 * dx) / width, (row + 0.25 * dy) / height], axis=-1)
    return points.reshape(n, j, 2), np.clip(flat.max(1), 0, 1).reshape(n, j).astype(float)


def inside(points_px: Floats, image: Image) -> Floats:
    """Which points (..., 2) lie in the image."""
    height, width = image.shape[:2]
    return ((points_px >= 0) & (points_px < (width, height))).all(-1)
