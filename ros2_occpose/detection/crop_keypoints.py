"""The joints of people in given boxes, by a network that looks at a crop of each."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..inference import ModelEntry, Session
from ..types import Floats, Image
from .pixels import ImageNetwork, Pixels, read_settings


@dataclass(frozen=True, kw_only=True)
class Crop(Pixels):
    """How a crop is cut, and what the joints in it say of the box."""

    wider: float = 1.25         # side of the crop over that of the box
    sure: float = 0.0           # mean score of the joints below which a person is doubted


@dataclass(frozen=True, kw_only=True)
class Heatmaps(Crop):
    """A map of each joint: TinyPose, HRNet, Lite-HRNet, ViTPose, SimpleBaseline."""

    heatmaps: str = 'heatmaps'  # output (N, J, h, w), the peak a probability


@dataclass(frozen=True, kw_only=True)
class SimCC(Crop):
    """Rows and columns apart (Li et al. 2022): RTMPose, as mmdeploy exports it."""

    x: str = 'simcc_x'          # output (N, J, bins)
    y: str = 'simcc_y'          # output (N, J, bins)


class CropKeypoints:
    """Finds the joints of people whose boxes are known.

    Args:
        joints: How many the network has to give.

    Raises:
        ModelError: The file is not what its entry says.
    """

    def __init__(self, entry: ModelEntry, session: Session, joints: int) -> None:
        known: dict[str, type[Heatmaps | SimCC]] = {'heatmaps': Heatmaps, 'simcc': SimCC}
        self._settings = read_settings(entry, known)
        self._network = ImageNetwork(entry, session, self._settings)
        self.backend = self._network.backend
        self._joints = joints
        match self._settings:
            case Heatmaps() as maps:
                names, rest = [maps.heatmaps], ['h', 'w']
            case SimCC() as simcc:
                names, rest = [simcc.x, simcc.y], ['bins']
        shapes = [self._network.shape_of(name) for name in names]
        self._network.require(
            all(s is not None and s[:2] == (1, joints) and len(s) == 2 + len(rest)
                for s in shapes),
            f'{" and ".join(names)} (1, {joints}, {", ".join(rest)})')

    def __call__(self, image: Image, boxes_px: Floats) -> tuple[Floats, Floats]:
        """Points (N, J, 2) px and their scores (N, J) in boxes (N, 4)."""
        if not len(boxes_px):
            return np.zeros((0, self._joints, 2)), np.zeros((0, self._joints))
        size = self._network.size
        frames = crop_frames(boxes_px, size, self._settings.wider)                  # (N, 3)
        border = (self._settings.border,) * 3
        outputs = self._network(np.stack([cut(image, frame, size, border) for frame in frames]))
        match self._settings:
            case Heatmaps() as maps:
                points, scores = decode_heatmaps(outputs[maps.heatmaps], size)
            case SimCC() as simcc:
                points, scores = decode_simcc(outputs[simcc.x], outputs[simcc.y], size)
        return points * frames[:, None, :1] + frames[:, None, 1:], np.clip(scores, 0, 1)

    def belief(self, scores: Floats) -> Floats:
        """Factor (N,) on the probability of people whose joints have scores (N, J).

        Box networks take stones and bags for people; in their crops no joint is found.
        """
        if not self._settings.sure:
            return np.ones(len(scores))
        return np.minimum(scores.mean(1) / self._settings.sure, 1)


def crop_frames(boxes_px: Floats, size: tuple[int, int], wider: float) -> Floats:
    """Pixels of the image a pixel of the crop, and the place of its first one: (N, 3).

    Crops have `size` (width, height), the middle of their box, and hold all of it.
    """
    sides = boxes_px[:, 2:] - boxes_px[:, :2]
    scale = (sides / size).max(1, keepdims=True) * wider
    corner = (boxes_px[:, :2] + boxes_px[:, 2:] - scale * np.array(size)) / 2
    return np.hstack([scale, corner])


def cut(image: Image, frame: Floats, size: tuple[int, int],
        border: tuple[int, ...] = (0, 0, 0)) -> Image:
    """The crop of a frame (3,): pixel x shows scale * x + corner."""
    scale, x, y = frame
    pixels = cv2.warpAffine(image, np.array([[scale, 0, x], [0, scale, y]]), size,
                            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=border)
    return np.asarray(pixels, np.uint8)


def decode_heatmaps(maps: Floats, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Points (N, J, 2) px of crops of `size` from maps (N, J, h, w), and their scores (N, J)."""
    at, scores = peaks(maps)
    cell = np.array(size) / (maps.shape[3], maps.shape[2])                          # px of a crop
    return (at + 0.5) * cell - 0.5, scores


def peaks(maps: Floats) -> tuple[Floats, Floats]:
    """The highest cells (..., 2) of maps (..., h, w) and how high they are (...,).

    Each is moved a quarter towards the higher neighbour (Newell et al. 2016).
    """
    *lead, height, wide = maps.shape
    flat = maps.reshape(-1, height, wide).astype(float)
    best = flat.reshape(len(flat), -1).argmax(-1)
    row, column, each = best // wide, best % wide, np.arange(len(flat))
    padded = np.pad(flat, ((0, 0), (1, 1), (1, 1)), mode='edge')
    dx = padded[each, row + 1, column + 2] - padded[each, row + 1, column]
    dy = padded[each, row + 2, column + 1] - padded[each, row, column + 1]
    at = np.stack([column, row], -1) + 0.25 * np.sign(np.stack([dx, dy], -1))
    return at.reshape(*lead, 2), flat[each, row, column].reshape(lead)


def decode_simcc(x: Floats, y: Floats, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Points (N, J, 2) px of crops of `size` from bins (N, J, bins); the less sure axis counts."""
    bins = np.stack([x.argmax(-1), y.argmax(-1)], -1)
    split = np.array([x.shape[-1], y.shape[-1]]) / size                             # bins a pixel
    return bins / split, np.minimum(x.max(-1), y.max(-1)).astype(float)
