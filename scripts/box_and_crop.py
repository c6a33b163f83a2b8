"""People by two networks, boxes and then a crop of each: RTMDet and TinyPose, to compare with."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from ros2_occpose.types import Detections, Floats, Image

BOXES, CROPS = 'rtmdet_nano_person.onnx', 'tinypose_256x192.onnx'
_SIDE = 640                                         # px of the picture for boxes
_MEAN, _STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)                    # BGR
_CROP_MEAN, _CROP_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)                # RGB
_CROP = (192, 256)                                  # px, width and height
_WIDER = 1.25                                       # crop over box
_LEAST_SCORE = 0.3


class BoxAndCrop:
    """A detector of two networks; also of crops alone, in boxes that are given."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._boxes, self._crops = (
            onnxruntime.InferenceSession(str(folder / name), options,
                                         providers=['CPUExecutionProvider'])
            for name in (BOXES, CROPS))

    def search(self, image: Image) -> Detections:
        """Everybody in a picture."""
        boxes = self._find(image)                                              # (N, 5)
        points, scores = self.crops(image, boxes[:, :4])
        return Detections(boxes_px=boxes[:, :4], keypoints_px=points, scores=scores,
                          score=boxes[:, 4])

    def _find(self, image: Image) -> Floats:
        scale = _SIDE / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        canvas = np.full((_SIDE, _SIDE, 3), 114, np.float32)
        canvas[:small.shape[0], :small.shape[1]] = small
        tensor = ((canvas - _MEAN) / _STD).transpose(2, 0, 1)[None].astype(np.float32)
        found = self._boxes.run(['dets'], {'input': tensor})[0][0]             # (n, 5)
        found = found[found[:, 4] > _LEAST_SCORE]
        return np.asarray(found * (1 / scale, 1 / scale, 1 / scale, 1 / scale, 1))

    def crops(self, image: Image, boxes_px: Floats) -> tuple[Floats, Floats]:
        """Key points (N, 17, 2) px and their scores (N, 17) in boxes (N, 4)."""
        points, scores = np.zeros((len(boxes_px), 17, 2)), np.zeros((len(boxes_px), 17))
        for row, (x0, y0, x1, y1) in enumerate(boxes_px):
            wide = max((x1 - x0), (y1 - y0) * _CROP[0] / _CROP[1]) * _WIDER
            scale = wide / _CROP[0]
            corner = (np.array([x0 + x1, y0 + y1]) - scale * np.array(_CROP)) / 2
            to_image = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
            crop = cv2.warpAffine(image, to_image, _CROP,
                                  flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            rgb = (crop[..., ::-1] / 255.0 - _CROP_MEAN) / _CROP_STD
            tensor = rgb.transpose(2, 0, 1)[None].astype(np.float32)
            maps = self._crops.run(['heatmaps'], {'image': tensor})[0][0]      # (17, 64, 48)
            at, scores[row] = _peaks(maps)
            points[row] = (at * 4 + 1.5) * scale + corner
        return points, scores


def _peaks(maps: Floats) -> tuple[Floats, Floats]:
    """The highest cells of maps (J, h, w), moved a quarter towards the higher neighbour."""
    count, _, wide = maps.shape
    best = maps.reshape(count, -1).argmax(-1)
    row, column = best // wide, best % wide
    joint = np.arange(count)
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode='edge')
    dx = padded[joint, row + 1, column + 2] - padded[joint, row + 1, column]
    dy = padded[joint, row + 2, column + 1] - padded[joint, row, column + 1]
    at = np.stack([column, row], -1) + 0.25 * np.sign(np.stack([dx, dy], -1))
    return at, maps[joint, row, column]
