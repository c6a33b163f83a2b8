"""People carried from one image to the next by the motion of the pixels at their joints.

Pyramidal Lucas-Kanade flow between crops of the size of the person, a small part of what a look
of the landmark network costs. The flow of a joint is believed when it leads back to where it came
from and finds there what it left; other joints move with the person. Where too few joints of a
person can be believed, or they scatter, that person cannot be carried.
"""
from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ..types import Bools, Floats, Image
from .blazepose import Sightings
from .regions import crop

_CROP_PX = 160              # side of the crops: flow sees people of any size alike
_WINDOW, _LEVELS = 13, 3    # of the flow [px of a crop]
_SEEN = 0.3                 # score from which a joint has pixels of its own
_BACK_PX = 1.5              # of a crop by which flow may miss where it came from
_CHANGE = 15.0              # mean change of the pixels around a joint [grey levels]
_LEAST_JOINTS = 4           # that have to be believed, and ...
_LEAST_SHARE = 0.6          # ... which part of those that were seen
_ODD = 0.06                 # in sides of the region: who leaves the person's motion further, ...
_STRAYS = 0.25              # ... and which part of the believed ones is too many
_FADES = 0.7                # what is left of the score of a joint that is not believed


class Carrier:
    """Carries people; remembers the last image."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the last image."""
        self._last: Image | None = None             # grey

    def __call__(self, image: Image, people: Sightings,
                 velocity: Floats) -> tuple[Sightings, Bools]:
        """People of the last image in this one, and who of them can be believed, (N,).

        Args:
            image: BGR, the one after the image of the last call.
            people: As they were in that one.
            velocity: How far each is expected to have moved, (N, 2) px.
        """
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        last, self._last = self._last, grey
        if last is None or last.shape != grey.shape or not len(people):
            return people, np.zeros(len(people), bool)
        found = [_flow(last, grey, *person) for person in
                 zip(people.keypoints_px, people.regions, velocity)]
        shift, sure = (np.stack(part) for part in zip(*found))              # (N, 17, 2), (N, 17)
        seen = people.scores >= _SEEN
        sure = sure & seen
        body = _median(shift, sure)                                         # (N, 2)
        apart = np.linalg.norm(shift - body[:, None], axis=-1) / people.regions[:, 2:3]
        enough = np.maximum(_LEAST_SHARE * seen.sum(1), _LEAST_JOINTS)
        believed = ((sure.sum(1) >= enough)
                    & ((sure & (apart > _ODD)).sum(1) <= _STRAYS * sure.sum(1)))
        return _moved(people, np.where(sure[..., None], shift, body[:, None]), body,
                      np.where(sure, 1.0, _FADES), image), believed


def _flow(last: Image, grey: Image, points_px: Floats, region: Floats,
          velocity: Floats) -> tuple[Floats, Bools]:
    """How far the points (17, 2) of a person moved [px], and where that can be believed (17,)."""
    region = region * (1, 1, 1, 0)
    scale = _CROP_PX / region[2]
    before = crop(last, region, _CROP_PX)
    after = crop(grey, region + np.append(velocity, (0, 0)), _CROP_PX)
    start = (points_px - region[:2]) * scale + _CROP_PX / 2
    end, there, change = _tracked(before, after, start)
    back, here, _ = _tracked(after, before, end)
    missed = np.linalg.norm(back - start, axis=-1)
    sure = there & here & (missed <= _BACK_PX) & (change <= _CHANGE)
    return np.asarray((end - start) / scale + velocity), sure


def _tracked(first: Image, second: Image, points: Floats) -> tuple[Floats, Bools, Floats]:
    """Where points (K, 2) went, where they were found (K,), and how much they changed (K,)."""
    start = np.asarray(points[:, None], np.float32)
    end, found, change = cv2.calcOpticalFlowPyrLK(
        first, second, start, start.copy(), winSize=(_WINDOW, _WINDOW), maxLevel=_LEVELS - 1)
    return end[:, 0].astype(float), found[:, 0] > 0, change[:, 0].astype(float)


def _median(shift: Floats, sure: Bools) -> Floats:
    """Median motion (N, 2) of the points (N, K, 2) that are sure; none where there are none."""
    chosen = np.where(sure[..., None], shift, np.nan)
    chosen[~sure.any(1)] = 0.0
    return np.asarray(np.nanmedian(chosen, axis=1))


def _moved(people: Sightings, shift: Floats, body: Floats, fade: Floats,
           image: Image) -> Sightings:
    """People whose joints moved by `shift` (N, 17, 2), and they as a whole by `body` (N, 2)."""
    size = np.array([image.shape[1], image.shape[0]])
    points = people.keypoints_px + shift
    inside = ((points >= 0) & (points < size)).all(-1)
    moved = people.moved(body)
    return replace(moved, keypoints_px=points, scores=np.where(inside, fade * people.scores, 0.0),
                   boxes_px=np.clip(moved.boxes_px, 0, np.tile(size, 2)))
