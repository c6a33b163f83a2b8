"""Several people with networks made for one: those known are followed, new ones searched in tiles.

Every frame the landmark network looks at the regions where people were, and the box network at a few
tiles of the image for those who are not known yet. People who are known are painted over in the
tiles, as the box network sees mostly one person a tile.
"""
from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from ..config import DetectionConfig
from ..types import Detections, Floats, Image
from .blazepose import Sightings, read_people
from .blazepose_boxes import BoxNetwork
from .blazepose_landmarks import LandmarkNetwork
from .duplicates import without_duplicates
from .tiles import TileOrder, tile_grid

_BORN, _DIES = 0.5, 0.25        # probability of a person from which one is followed, or no longer
_BELIEVED = 0.5                 # the landmark network's own flag
_FRESH_PER_TILE = 2             # candidates of a tile that are looked at
_NEAR, _ALIKE = 0.3, 1.6        # of a region's side, and ratio of sides: the same person
_KNOWN_BONUS, _JUMP = 0.1, 0.5  # when two regions show one person: the known one, the calm one
_LOST_FRAMES = (1, 3, 6)        # after which the place where somebody was lost is searched again
_LOST_SIDE = 1.5                # ... this much wider than the person's region


class MultiPersonDetector:
    """BlazePose for everybody in the image."""

    def __init__(self, boxes: BoxNetwork, landmarks: LandmarkNetwork, backend: str,
                 config: DetectionConfig) -> None:
        self._boxes = boxes
        self._landmarks = landmarks
        self._config = config
        self.backend = backend
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._known = Sightings.none()
        self._size = (0, 0)
        self._again: Floats | None = None                      # a tile that showed somebody new
        self._lost: deque[tuple[int, Floats]] = deque()        # frames ago, region (4,)

    def __call__(self, image: Image) -> Detections:
        """Everybody who is known or found in the tiles that are due, best first."""
        self._fit(image)
        tiles = self._tiles_due(self._config.tiles_per_frame)
        return self._reported(self._look(image, tiles))

    def search_everywhere(self, image: Image, *, rounds: int = 3) -> Detections:
        """Everybody in a single image: all tiles, again while they show somebody new."""
        self._fit(image)
        tiles = np.concatenate(tile_grid(*self._size))
        for _ in range(rounds):
            before = len(self._known)
            for start in range(0, len(tiles), 4):
                people = self._look(image, tiles[start:start + 4])
            if len(people) <= before:
                break
        return self._reported(people)

    def _fit(self, image: Image) -> None:
        size = (image.shape[1], image.shape[0])
        if size != self._size:
            self.reset()
            self._size, self._order = size, TileOrder(*size)

    def _tiles_due(self, count: int) -> Floats:
        """Where to search in this frame, (T, 4): where somebody was lost or new, then in turn."""
        self._lost = deque((age + 1, region) for age, region in self._lost if age < _LOST_FRAMES[-1])
        due = [region * (1, 1, _LOST_SIDE, 0) for age, region in self._lost if age in _LOST_FRAMES]
        tiles = due[:max(count // 2, 1)]
        if self._again is not None:
            tiles.append(self._again)
        while len(tiles) < count:
            tiles.append(self._order.next())
        return np.array(tiles[:count]).reshape(-1, 4)

    def _look(self, image: Image, tiles: Floats) -> Sightings:
        """Follow the known and look for others in tiles (T, 4)."""
        known = self._known
        n = len(known)
        fresh = self._candidates(image, tiles)
        regions = np.concatenate([known.regions, fresh])[:max(self._config.max_people, n)]
        landmarks = self._landmarks(image, regions)
        people = read_people(landmarks, *self._size)
        followed = np.arange(len(regions)) < n
        real = ((landmarks.person >= _BELIEVED) & np.isfinite(people.regions).all(-1)
                & (people.score >= np.where(followed, _DIES, _BORN)))
        rank = people.score + _KNOWN_BONUS * followed - _JUMP * _jump(regions, people.regions)
        kept = np.flatnonzero(real)
        kept = kept[without_duplicates(people.keypoints_px[kept], people.boxes_px[kept],
                                       people.regions[kept], rank[kept])]
        self._remember(regions, kept, n, tiles)
        self._known = people.of(kept)
        return self._known

    def _candidates(self, image: Image, tiles: Floats) -> Floats:
        """Regions (K, 4) of people who are not known, best first."""
        known = self._known
        found = self._boxes(image, tiles, known.keypoints_px, known.regions[:, 2])
        taken = list(known.regions)
        fresh: list[Floats] = []
        for region in found.regions:
            if len(fresh) == _FRESH_PER_TILE * len(tiles):
                break
            if not _same_place(region, np.array(taken).reshape(-1, 4)).any():
                fresh.append(region)
                taken.append(region)
        return np.array(fresh).reshape(-1, 4)

    def _remember(self, regions: Floats, kept: NDArray[np.intp], n: int, tiles: Floats) -> None:
        """Whom we lost, and where there may be more."""
        for i in set(range(n)) - set(kept.tolist()):
            if (regions[i, :2] >= 0).all() and (regions[i, :2] < self._size).all():
                self._lost.append((0, regions[i]))
        self._again = tiles[0] if (kept >= n).any() else None

    def _reported(self, people: Sightings) -> Detections:
        likely = np.flatnonzero(people.score >= self._config.min_score)
        order = likely[np.argsort(-people.score[likely], kind='stable')][:self._config.max_people]
        return Detections(boxes_px=people.boxes_px[order], keypoints_px=people.keypoints_px[order],
                          scores=people.scores[order], score=people.score[order])


def _same_place(region: Floats, others: Floats) -> NDArray[np.bool_]:
    """Whether regions (N, 4) are about where `region` (4,) is, (N,)."""
    apart = np.linalg.norm(others[:, :2] - region[:2], axis=-1)
    small, large = np.minimum(others[:, 2], region[2]), np.maximum(others[:, 2], region[2])
    return np.asarray((apart < _NEAR * small) & (large < _ALIKE * small))


def _jump(before: Floats, after: Floats) -> Floats:
    """How far people left the region in which they were looked for, (N,): move and change of size."""
    moved = np.linalg.norm(after[:, :2] - before[:, :2], axis=-1) / before[:, 2]
    return np.asarray(moved + np.abs(np.log(np.maximum(after[:, 2], 1) / before[:, 2])))
