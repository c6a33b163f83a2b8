"""The way that people came, as lines for RViz and Foxglove."""
from __future__ import annotations

from collections import deque

import numpy as np

from ..types import Floats, TrackState
from .humans import Humans
from .markers import Marker, Shape
from .palette import colour

TRAIL_M = 0.025         # width
STEP_S = 0.1            # time between two points of a trail
NS_PER_S = 1_000_000_000


class Trails:
    """Remembers where everybody has been; time comes from the stamps."""

    def __init__(self) -> None:
        self._points: dict[int, deque[tuple[int, Floats]]] = {}     # id -> (stamp_ns, xyz)

    def clear(self) -> None:
        """Forget everybody: time has jumped."""
        self._points.clear()

    def update(self, humans: Humans, length_s: float) -> list[Marker]:
        """One line for everybody who is here, as long as the last `length_s` seconds."""
        here = {int(humans.ids[i]): humans.root[i] for i in range(len(humans))
                if humans.states[i] != TrackState.LOST and np.isfinite(humans.root[i]).all()}
        self._points = {person: self._points.get(person, deque()) for person in here}
        markers = []
        for person, root in here.items():
            points = self._points[person]
            if not points or humans.stamp_ns - points[-1][0] >= STEP_S * NS_PER_S:
                points.append((humans.stamp_ns, root))
            while points and points[0][0] < humans.stamp_ns - length_s * NS_PER_S:
                points.popleft()
            line = np.array([*(point for _, point in points), root])
            if len(line) > 1:
                markers.append(Marker(
                    namespace='trail', id=person, shape=Shape.LINE_STRIP,
                    scale=(TRAIL_M, 0.0, 0.0), rgba=(*colour(person), 0.6), points=line))
        return markers
