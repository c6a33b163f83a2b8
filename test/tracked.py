"""Scenes through the tracker: who had which id."""
from collections.abc import Iterator

import numpy as np
from scene import Moment, Scene, driving, handheld, static, turning

from ros2_occpose.config import TrackingConfig
from ros2_occpose.tracking import load_tracker
from ros2_occpose.types import Tracks

CAMERAS = {'static': static, 'turning': turning, 'handheld': handheld,
           'driving': lambda: driving((0.3, -0.2), (-0.5, 0.2))}


def track(moments: Scene | list[Moment], **config: float) -> Iterator[tuple[Moment, Tracks]]:
    tracker = load_tracker(TrackingConfig(**config))
    for moment in moments:
        yield moment, tracker.update(moment.detections, moment.frame)


def whose(moment: Moment, tracks: Tracks) -> dict[int, int]:
    """Row of the truth -> id, of those who are seen: a track takes over its detection's box."""
    found = {}
    for i in np.flatnonzero(tracks.unseen_s == 0):
        same = (moment.detections.boxes_px == tracks.boxes_px[i]).all(1)
        found[int(moment.person[same.argmax()])] = int(tracks.ids[i])
    return found


def ids_of(moments: Scene | list[Moment], **config: float) -> dict[int, list[int]]:
    """Row of the truth -> the ids this person had, in order."""
    ids: dict[int, list[int]] = {}
    for moment, tracks in track(moments, **config):
        for person, i in whose(moment, tracks).items():
            had = ids.setdefault(person, [])
            if had[-1:] != [i]:
                had.append(i)
    return ids
