"""Whom a robot follows: chosen once by a rule, kept until lost."""
from __future__ import annotations

import numpy as np

from ...geometry import Floats
from ...recording.humans import Humans
from ...types import Bools, TrackState


def believed(humans: Humans) -> Bools:
    """Who is there without doubt, seen or hidden, (N,): not TENTATIVE, not LOST."""
    there: Bools = np.isin(humans.states, (TrackState.TRACKED, TrackState.OCCLUDED))
    return there & np.isfinite(humans.root).all(-1) & np.isfinite(humans.root_quat_wxyz).all(-1)


class Selection:
    """Remembers who is followed, and for how long everybody has been seen."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everybody."""
        self._id = 0                             # who is followed; 0: nobody
        self._seen_ns: dict[int, int] = {}       # id -> time in sight
        self._stamp_ns: int | None = None

    def __call__(self, humans: Humans, eye: Floats, rule: str, wanted_id: int = 0) -> int | None:
        """The row of the person to follow, seen or hidden; None: nobody.

        Args:
            humans: Everybody in this frame.
            eye: Position of the camera in the frame of the people, (3,) [m].
            rule: `nearest`, `longest` (in sight) or `id`; only people in sight are chosen.
            wanted_id: Whom the rule `id` means.
        """
        self._count(humans)
        there = believed(humans)
        if rule == 'id':
            self._id = wanted_id
        kept = np.flatnonzero(there & (humans.ids == self._id))
        if len(kept) or rule == 'id':
            return int(kept[0]) if len(kept) else None
        rows = np.flatnonzero(there & (humans.states == TrackState.TRACKED))
        if not len(rows):
            self._id = 0
            return None
        if rule == 'nearest':
            cost = np.linalg.norm(humans.root[rows] - eye, axis=-1)
        else:
            cost = -np.array([self._seen_ns[int(i)] for i in humans.ids[rows]], float)
        row = int(rows[np.argmin(cost)])
        self._id = int(humans.ids[row])
        return row

    def _count(self, humans: Humans) -> None:
        """Add the time since the last frame to everybody in sight; forget who is gone."""
        since = 0 if self._stamp_ns is None else max(humans.stamp_ns - self._stamp_ns, 0)
        self._stamp_ns = humans.stamp_ns
        in_sight = humans.states == TrackState.TRACKED
        self._seen_ns = {
            int(i): self._seen_ns.get(int(i), 0) + since * bool(seen)
            for i, seen in zip(humans.ids, in_sight, strict=True)}
