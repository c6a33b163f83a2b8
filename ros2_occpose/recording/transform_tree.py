"""The transform tree of a recording, without ROS: what tf2 would answer."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..camera_path import CameraPath
from ..errors import InputError
from ..geometry import Floats, invert

ANY_GAP_NS = 2 ** 62            # tf2 looks between two transforms, however far apart


@dataclass
class _Edge:
    parent: str
    still: Floats | None = None             # (4, 4) of a static transform
    path: CameraPath = field(default_factory=lambda: CameraPath(ANY_GAP_NS))


class TransformTree:
    """Transforms between frames, each with its past; nothing is extrapolated."""

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}      # by child

    @property
    def frames(self) -> list[str]:
        """Everything that is a child or a parent."""
        return sorted(set(self._edges) | {edge.parent for edge in self._edges.values()})

    def add(self, parent: str, child: str, stamp_ns: int, parent_from_child: Floats) -> None:
        """Remember one transform, (4, 4); stamps that jump back start the edge afresh."""
        edge = self._edges.get(child)
        if edge is None or edge.parent != parent or edge.still is not None:
            edge = self._edges[child] = _Edge(parent)
        edge.path.add(stamp_ns, parent_from_child)

    def add_static(self, parent: str, child: str, parent_from_child: Floats) -> None:
        """Remember one transform, (4, 4), that holds at all times."""
        self._edges[child] = _Edge(parent, parent_from_child)

    def reaches(self, target: str, source: str, stamp_ns: int) -> bool:
        """Whether all transforms between two frames are known until a stamp or longer."""
        up, down = self._ways(target, source)
        moving = [self._edges[frame] for frame in (*up, *down)
                  if self._edges[frame].still is None]
        return self._meet(up, down, target, source) and all(
            edge.path.reaches(stamp_ns) for edge in moving)

    def at(self, target: str, source: str, stamp_ns: int) -> Floats:
        """target_from_source (4, 4) at a stamp.

        Raises:
            InputError: The frames are not connected, or not at that time.
        """
        up, down = self._ways(target, source)
        if not self._meet(up, down, target, source):
            raise InputError(f'Expected transforms from {source!r} to {target!r}, got none that '
                             f'connect them, but of {", ".join(self.frames) or "nothing"}.')
        return invert(self._along(down, stamp_ns)) @ self._along(up, stamp_ns)

    def _ways(self, target: str, source: str) -> tuple[list[str], list[str]]:
        """Children on the way from source, and from target, to the first ancestor of both."""
        up, down = self._ancestors(source), self._ancestors(target)
        common = next((frame for frame in up if frame in set(down)), None)
        if common is None:
            return up[:-1], down[:-1]
        return up[:up.index(common)], down[:down.index(common)]

    def _ancestors(self, frame: str) -> list[str]:
        """The frame, its parent and so on."""
        found = [frame]
        while found[-1] in self._edges and self._edges[found[-1]].parent not in found:
            found.append(self._edges[found[-1]].parent)
        return found

    def _meet(self, up: list[str], down: list[str], target: str, source: str) -> bool:
        def end(way: list[str], start: str) -> str:
            return self._edges[way[-1]].parent if way else start

        return end(up, source) == end(down, target)

    def _along(self, way: list[str], stamp_ns: int) -> Floats:
        """ancestor_from_frame (4, 4) for the first frame on a way."""
        found: Floats = np.eye(4)
        for child in way:
            edge = self._edges[child]
            found = (edge.path.at(stamp_ns) if edge.still is None else edge.still) @ found
        return found
