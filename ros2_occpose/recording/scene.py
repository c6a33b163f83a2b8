"""`scene.png`: where everybody went, seen from the side, from above, and over time."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..geometry import Camera, transform
from ..skeleton import H36M17
from ..types import Bools, Floats, TrackState
from .humans import Humans, inferred

SAMPLE_NS = 200_000_000         # five samples a second are enough for a picture
BELIEVED = (TrackState.TRACKED, TrackState.OCCLUDED)
ANKLES = H36M17.indices('left_ankle', 'right_ankle')
UP_FROM_OPTICAL = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One person at one time, z up."""

    time_s: float
    joints: Floats              # (17, 3) [m]
    hidden: Bools               # (17,)
    seen: bool                  # detected at this time
    root_std: float             # [m] horizontal, along the worst direction

    @property
    def ground(self) -> Floats:
        """The point under the root at the height of the lower ankle, (3,)."""
        return np.array([*self.joints[0, :2], self.joints[ANKLES, 2].min()])


@dataclass
class SceneLog:
    """Collects what the picture needs; its memory grows by some kilobytes a second."""

    people: dict[int, list[Sample]] = field(default_factory=dict)
    cameras: list[Floats] = field(default_factory=list)        # up_from_camera (4, 4)
    camera: Camera | None = None
    frame_id: str = ''
    world_known: bool = False
    _first_ns: int | None = None
    _last_ns: int | None = None

    def add(self, humans: Humans, camera: Camera, world_from_camera: Floats | None = None) -> None:
        """Remember one frame; frames in quick succession are skipped."""
        stamp_ns = humans.stamp_ns
        if self._last_ns is not None and 0 <= stamp_ns - self._last_ns < SAMPLE_NS:
            return
        if self._first_ns is None:
            self._first_ns = stamp_ns
        self._last_ns = stamp_ns
        self.camera, self.frame_id = camera, humans.frame_id
        self.world_known = world_from_camera is not None
        up_from_results = np.eye(4) if self.world_known else UP_FROM_OPTICAL
        pose = world_from_camera if world_from_camera is not None else np.eye(4)
        self.cameras.append(up_from_results @ pose)
        hidden, time_s = inferred(humans), (stamp_ns - self._first_ns) / 1e9
        for row, person in enumerate(humans.ids.tolist()):
            joints = transform(up_from_results, humans.joints[row])
            if humans.states[row] not in BELIEVED or not np.isfinite(joints).all():
                continue
            turn = up_from_results[:2, :3]
            ground = turn @ humans.root_covariance[row] @ turn.T
            std = np.sqrt(np.linalg.eigvalsh(ground)[-1]) if np.isfinite(ground).all() else np.nan
            self.people.setdefault(person, []).append(Sample(
                time_s=time_s, joints=joints, hidden=hidden[row], root_std=float(std),
                seen=bool(humans.states[row] == TrackState.TRACKED)))

    @property
    def duration_s(self) -> float:
        """From the first to the last frame."""
        if self._first_ns is None or self._last_ns is None:
            return 0.0
        return (self._last_ns - self._first_ns) / 1e9

    def fullest_s(self) -> float:
        """The time at which most joints of most people are seen."""
        score: dict[float, float] = {}
        for samples in self.people.values():
            for s in samples:
                score[s.time_s] = score.get(s.time_s, 0.0) + 1.0 + (~s.hidden).mean()
        return max(score, key=lambda t: (score[t], t)) if score else 0.0

    def save(self, path: Path) -> None:
        """Draw the picture into a PNG."""
        from .scene_plot import draw_scene  # matplotlib takes a second to load

        draw_scene(self, path)
