"""From the frame rate of a data set to that of everything here."""
from __future__ import annotations

import numpy as np

from ....body.turns import between
from ....errors import DataError
from ....types import Floats, Ints
from ..motion import FPS


def resample_turns(turns: Floats, fps: float) -> Floats:
    """Rotations (T, ..., 3, 3) at FPS, by the shortest way between frames."""
    if same_rate(fps):
        return turns
    low, share = _places(len(turns), fps)
    high = np.minimum(low + 1, len(turns) - 1)
    return between(turns[low], turns[high], share.reshape(-1, *(1,) * (turns.ndim - 3)))


def resample(values: Floats, fps: float) -> Floats:
    """Values (T, ...) at FPS, on straight lines between frames; NaN beside a NaN."""
    if same_rate(fps):
        return values
    low, share = _places(len(values), fps)
    high = np.minimum(low + 1, len(values) - 1)
    share = share.reshape(-1, *(1,) * (values.ndim - 1))
    mixed = values[low] * (1 - share) + values[high] * share
    return np.where(share == 0, values[low], mixed)


def same_rate(fps: float) -> bool:
    """Whether frames at `fps` can be taken as they are.

    Raises:
        DataError: There is no such rate.
    """
    if not (np.isfinite(fps) and fps > 0):
        raise DataError(f'Expected a frame rate above 0, got {fps}; the file is damaged.')
    return bool(abs(fps - FPS) < 0.2)


def _places(frames: int, fps: float) -> tuple[Ints, Floats]:
    """Frames before the wanted instants, and how far it is to the next one, 0 to 1."""
    at = np.arange(0, (frames - 1) / fps + 1e-6, 1 / FPS) * fps
    near = np.abs(at - np.round(at)) < 1e-6
    at = np.where(near, np.round(at), at)
    low = np.minimum(at.astype(np.intp), frames - 1)
    return low, at - low
