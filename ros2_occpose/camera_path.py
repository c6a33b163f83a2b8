"""Where a moving camera was, at the stamps of its images."""
from __future__ import annotations

from bisect import bisect_left, insort

from .errors import InputError
from .geometry import Floats, interpolate

MAX_GAP_NS = 500_000_000        # poses further apart than this say nothing about the time between
KEPT_NS = 30_000_000_000        # how long poses are remembered


class CameraPath:
    """Stamped poses, and the poses between them; nothing is extrapolated.

    Args:
        max_gap_ns: Longest time between two poses in which what lies between them is known.
    """

    def __init__(self, max_gap_ns: int = MAX_GAP_NS) -> None:
        self._max_gap_ns = max_gap_ns
        self._stamps: list[int] = []
        self._poses: dict[int, Floats] = {}

    def add(self, stamp_ns: int, world_from_camera: Floats) -> None:
        """Remember one pose, (4, 4); a jump back of the stamps starts afresh."""
        if self._stamps and stamp_ns < self._stamps[-1] - MAX_GAP_NS:
            self.clear()
        if stamp_ns not in self._poses:
            insort(self._stamps, stamp_ns)
        self._poses[stamp_ns] = world_from_camera
        while self._stamps[0] < self._stamps[-1] - KEPT_NS:
            del self._poses[self._stamps.pop(0)]

    def clear(self) -> None:
        """Forget everything."""
        self._stamps.clear()
        self._poses.clear()

    def reaches(self, stamp_ns: int) -> bool:
        """Whether a pose of this stamp or a later one is known."""
        return bool(self._stamps) and self._stamps[-1] >= stamp_ns

    def at(self, stamp_ns: int) -> Floats:
        """world_from_camera (4, 4) at a stamp, between its two neighbours.

        Raises:
            InputError: There is no pose on both sides, or they are too far apart.
        """
        if stamp_ns in self._poses:
            return self._poses[stamp_ns]
        after = bisect_left(self._stamps, stamp_ns)
        if after == 0 or after == len(self._stamps):
            raise InputError(f'Expected a camera pose at the stamp of the image, got '
                             f'{self._miss(stamp_ns)}; check the stamps of both topics.')
        before_ns, after_ns = self._stamps[after - 1], self._stamps[after]
        if after_ns - before_ns > self._max_gap_ns:
            raise InputError(
                f'Expected camera poses at most {self._max_gap_ns / 1e9} s apart, got a gap of '
                f'{(after_ns - before_ns) / 1e9:.3f} s around the image; publish poses faster.')
        fraction = (stamp_ns - before_ns) / (after_ns - before_ns)
        return interpolate(self._poses[before_ns], self._poses[after_ns], fraction)

    def _miss(self, stamp_ns: int) -> str:
        if not self._stamps:
            return 'no pose at all'
        if stamp_ns < self._stamps[0]:
            return f'poses from {(self._stamps[0] - stamp_ns) / 1e9:.3f} s later on'
        return f'poses until {(stamp_ns - self._stamps[-1]) / 1e9:.3f} s before it'
