"""Images with exactly as many people as wanted, made of the people of a recording.

Every person is cut out along the track that the pipeline found, enlarged to a cell of a grid, and
played to and fro. The detector has to find and follow each of them as in any other image.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np

from ..errors import InputError
from ..geometry import Camera
from ..types import Floats, Frame, Image, People, TrackState

SIZE = (640, 480)
GRIDS = {1: (1, 1), 4: (2, 2), 12: (4, 3)}        # people -> columns, rows
HFOV_DEG = 60.0
FPS = 30.0
MARGIN = 0.25           # around the box, in its height
LEAST_WIDTH = 0.5       # of a cut-out; the rest of its square is grey, for neighbours to be away
LEAST_FRAMES = 15       # of a usable track
CELL_PX = 480           # cut-outs are kept at this size
GREY = 114


@dataclass
class Cutouts:
    """One square image a frame for each person followed."""

    people: dict[int, list[Image]] = field(default_factory=dict)
    most_frames: int = 90

    def add(self, frame: Frame, people: People) -> None:
        """Cut out everybody who is seen in this frame."""
        tracks = people.tracks
        for row in range(len(tracks)):
            images = self.people.setdefault(int(tracks.ids[row]), [])
            if tracks.states[row] == TrackState.TRACKED and len(images) < self.most_frames:
                images.append(_cut(frame.image, tracks.boxes_px[row]))

    def best(self, count: int) -> list[list[Image]]:
        """As many sequences as wanted, the longest first; few people serve several times.

        Raises:
            InputError: Nobody was followed for long enough.
        """
        usable = sorted((images for images in self.people.values()
                         if len(images) >= LEAST_FRAMES), key=len, reverse=True)
        if not usable:
            raise InputError(
                f'Expected people who are followed for at least {LEAST_FRAMES} frames, got none '
                'in this recording; take one that shows people.')
        return [usable[i % len(usable)] for i in range(count)]


def _cut(image: Image, box_px: Floats) -> Image:
    """A square around a box, grey outside the image."""
    x0, y0, x1, y1 = box_px
    half = max(y1 - y0, x1 - x0) * (0.5 + MARGIN)
    scale = CELL_PX / (2 * half)
    shift = np.array([[scale, 0, -scale * ((x0 + x1) / 2 - half)],
                      [0, scale, -scale * ((y0 + y1) / 2 - half)]])
    cell = cv2.warpAffine(image, shift, (CELL_PX, CELL_PX), flags=cv2.INTER_LINEAR,
                          borderValue=(GREY, GREY, GREY))
    width = max(LEAST_WIDTH * CELL_PX, 1.3 * scale * (x1 - x0))
    side = max(0, round((CELL_PX - width) / 2))
    cell[:, :side], cell[:, CELL_PX - side:] = GREY, GREY
    return np.asarray(cell, np.uint8)


def mosaic(sequences: list[list[Image]], frames: int) -> Iterable[Frame]:
    """VGA frames at 30 Hz in which each sequence has its cell."""
    columns, rows = GRIDS[len(sequences)]
    width, height = SIZE
    side = min(width // columns, height // rows)
    camera = Camera.from_hfov(width, height, HFOV_DEG)
    left = (width - columns * side) // 2
    for t in range(frames):
        image = np.full((height, width, 3), GREY, np.uint8)
        for i, images in enumerate(sequences):
            # Different starts: the same person in two cells is not the same image twice.
            step = (t + 7 * i) % max(2 * len(images) - 2, 1)
            cell = images[step if step < len(images) else 2 * len(images) - 2 - step]
            x, y = left + (i % columns) * side, (i // columns) * side
            image[y:y + side, x:x + side] = cv2.resize(cell, (side, side),
                                                       interpolation=cv2.INTER_AREA)
        yield Frame(stamp_ns=round(t / FPS * 1e9), image=image, camera=camera)
