"""Several people with networks made for one: those known are followed, new ones searched in tiles.

Every frame the landmark network looks at the regions where people were, and the box network at a
few tiles of the image for those who are not known yet. People who are known are painted over in
the tiles, as the box network sees mostly one person a tile.
"""
from __future__ import annotations

import numpy as np

from ..config import DetectionConfig
from ..types import Bools, Detections, Floats, Image
from .blazepose import Sightings, read_people
from .blazepose_boxes import BoxNetwork
from .blazepose_landmarks import LandmarkNetwork
from .carrying import Carrier
from .duplicates import iou, same_place, without_duplicates
from .tiles import TileOrder, tile_grid
from .turns import Turns

_NEWS = 0.4                     # weight of the newest frame in the probability of a person
_DIES = 0.15                    # ... below which nobody is followed any longer
_STEERING = 0.35                # how fast the followed motion takes on what was seen
_FRESH_PER_TILE = 2             # candidates of a tile that are looked at
_FRESH_SCALE = 0.9              # the box network's regions are wider than the landmark network's
_KNOWN_BONUS, _JUMP = 0.1, 0.5  # when two regions show one person: the known one, the calm one
_LOST_FRAMES = (1, 3)           # after which the place where somebody was lost is searched again
_LOST_SIDE = 1.5                # ... this much wider than the person's region
_ROUNDS = 2                     # over a single image; the second without those found in the first
_PASSES = 2                     # over each person in it; the second sees the better region
_CLOSE = 0.1                    # overlap of the boxes of two people who are always looked at


class MultiPersonDetector:
    """BlazePose for everybody in the image."""

    def __init__(self, boxes: BoxNetwork, landmarks: LandmarkNetwork, backend: str,
                 config: DetectionConfig) -> None:
        self._boxes = boxes
        self._landmarks = landmarks
        self._config = config
        self.backend = backend
        self._carrier, self._turns = Carrier(), Turns()
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._known = Sightings.none()
        self._velocity = np.zeros((0, 2))                       # of the known [px a frame]
        self._carrier.reset()
        self._turns.reset()
        self._size = (0, 0)
        self._again: Floats | None = None                       # a tile that showed somebody new
        self._lost: list[tuple[int, Floats]] = []               # frames ago, region (4,)

    def adjust(self, config: DetectionConfig) -> None:
        """Take over the live fields of a configuration."""
        self._config = config

    def __call__(self, image: Image) -> Detections:
        """Everybody who is known or found in the tiles that are due, best first."""
        size = (image.shape[1], image.shape[0])
        if size != self._size:
            self.reset()
            self._size, self._order = size, TileOrder(*size)
        self._follow_and_search(image, self._tiles_due())
        return self._reported(self._known)

    def search(self, image: Image) -> Detections:
        """Everybody in a single image, best first: all tiles at once, nothing remembered."""
        size = (image.shape[1], image.shape[0])
        tiles = np.concatenate(tile_grid(*size))
        people = Sightings.none()
        for _ in range(_ROUNDS):
            found = self._boxes(image, tiles, people.keypoints_px, people.regions[:, 2])
            regions = found.regions
            views = [people]
            for _ in range(_PASSES):
                views.append(read_people(self._landmarks(image, regions), *size))
                regions = views[-1].regions
            seen = Sightings.joined(views)
            seen = seen.of(seen.is_usable() & (seen.score >= self._config.min_score))
            people = seen.of(without_duplicates(seen.keypoints_px, seen.boxes_px, seen.regions,
                                                seen.score))
        return self._reported(people)

    def _tiles_due(self) -> Floats:
        """Where to search in this frame, (T, 4): where somebody was lost or new, then in turn."""
        count = self._config.tiles_per_frame
        if len(self._known) >= self._config.max_people:
            count = 0
        self._lost = [(age + 1, region) for age, region in self._lost if age < max(_LOST_FRAMES)]
        due = [region * (1, 1, _LOST_SIDE, 0) for age, region in self._lost if age in _LOST_FRAMES]
        tiles = due[:max(count // 2, 1)]
        if self._again is not None:
            tiles.append(self._again)
        if not len(self._known) or self._turns.frame % self._config.search_interval == 0:
            tiles += [self._order.next() for _ in range(count - len(tiles))]
        return np.array(tiles[:count]).reshape(-1, 4)

    def _follow_and_search(self, image: Image, tiles: Floats) -> None:
        """Find the known where they should be by now, and others in tiles (T, 4)."""
        known = self._known.moved(self._velocity)
        n = len(known)
        looked, carried = self._carried(image)
        new = self._newcomers(image, tiles, known)
        seen = read_people(self._landmarks(image, np.concatenate([known.regions[looked], new])),
                           *self._size)
        rows = np.concatenate([np.flatnonzero(looked), n + np.arange(len(new)),
                               np.flatnonzero(~looked)])
        people = Sightings.joined([seen, carried]).of(np.argsort(rows))
        people = people.with_score(np.concatenate([
            known.score + _NEWS * (people.score[:n] - known.score), people.score[n:]]))
        regions = np.concatenate([known.regions, new])
        followed = np.arange(len(regions)) < n
        rank = people.score + _KNOWN_BONUS * followed - _JUMP * _jump(regions, people.regions)
        kept = np.flatnonzero(people.is_usable() & (people.score >= _DIES))
        kept = kept[without_duplicates(people.keypoints_px[kept], people.boxes_px[kept],
                                       people.regions[kept], rank[kept])]
        self._again = tiles[0] if (kept >= n).any() else None
        self._lost += [(0, known.regions[i]) for i in sorted(set(range(n)) - set(kept.tolist()))]
        velocity = np.zeros((len(people), 2))
        velocity[:n] = self._velocity + _STEERING * (people.regions - regions)[:n, :2]
        self._known, self._velocity = people.of(kept), velocity[kept]
        self._turns.go_on(kept, self._config.keypoint_interval,
                          first_is_busy=self._config.search_interval > 1)

    def _carried(self, image: Image) -> tuple[Bools, Sightings]:
        """At whom of the known the network has to look, (N,), and the others in this image."""
        known = self._known
        if self._config.keypoint_interval == 1:
            self._carrier.reset()
            return np.ones(len(known), bool), Sightings.none()
        crowded = (iou(known.boxes_px, known.boxes_px) > _CLOSE).sum(1) > 1
        looked = self._turns.due() | crowded
        carried, believed = self._carrier(image, known.of(~looked), self._velocity[~looked])
        looked[~looked] = ~believed
        return looked, carried.of(believed)

    def _newcomers(self, image: Image, tiles: Floats, known: Sightings) -> Floats:
        """Regions (K, 4) of people who are not known, best first."""
        found = self._boxes(image, tiles, known.keypoints_px, known.regions[:, 2])
        room = min(_FRESH_PER_TILE * len(tiles), self._config.max_people - len(known))
        return _apart(found.regions, known.regions)[:max(room, 0)] * (1, 1, _FRESH_SCALE, 1)

    def _reported(self, people: Sightings) -> Detections:
        likely = np.flatnonzero(people.score >= self._config.min_score)
        order = likely[np.argsort(-people.score[likely], kind='stable')][:self._config.max_people]
        return Detections(boxes_px=people.boxes_px[order], keypoints_px=people.keypoints_px[order],
                          scores=people.scores[order], score=people.score[order])


def _apart(regions: Floats, taken: Floats) -> Floats:
    """The regions (N, 4) that are not at the place of one in `taken` (M, 4) or of one before."""
    kept: list[Floats] = []
    for region in regions:
        if not same_place(region[None], np.array([*taken, *kept]).reshape(-1, 4)).any():
            kept.append(region)
    return np.array(kept).reshape(-1, 4)


def _jump(before: Floats, after: Floats) -> Floats:
    """How far people left the region in which they were looked for, (N,): move, change of size."""
    moved = np.linalg.norm(after[:, :2] - before[:, :2], axis=-1) / before[:, 2]
    return np.asarray(moved + np.abs(np.log(np.maximum(after[:, 2], 1) / before[:, 2])))
