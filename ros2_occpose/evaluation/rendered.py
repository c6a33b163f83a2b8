"""The pipeline on rendered scenes, with the true camera pose and with wrong ones.

The detector sees each picture once; its answers are the same for all camera poses.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from ..config import DetectionConfig
from ..synth.camera_path import Disturbance, disturb
from ..types import Detections, Floats, Frame, Image, People
from .bag.answers import replay
from .bag.comparison import Comparison, Options, compare
from .bag.hiding import (
    NEAR_M,
    Since,
    errors_since,
    ids_kept,
    near_roots_m,
    standing,
    stated,
)
from .bag.skeletons import Reference

TRUE_POSE = 'true pose'
DISTURBANCES: Mapping[str, Disturbance] = {
    TRUE_POSE: Disturbance(),
    '1 deg, 2 cm, anew in each frame': Disturbance(turn_deg=1.0, shift_m=0.02),
    '1 deg, 2 cm, slow': Disturbance(turn_deg=1.0, shift_m=0.02, memory_s=2.0),
    'stamps 20 ms off': Disturbance(late_s=0.02),
    '1 deg, 2 cm, slow, and 20 ms off': Disturbance(turn_deg=1.0, shift_m=0.02, memory_s=2.0,
                                                    late_s=0.02),
}


@dataclass(frozen=True)
class Filmed:
    """A scene as the pipeline gets it, and the truth."""

    frames: list[Frame]
    detect_ms: Floats           # (T,)
    reference: Reference
    frame_id: str


def with_detections(frames: Sequence[Frame], detector: Callable[[Image], Detections],
                    ) -> tuple[list[Frame], Floats]:
    """The same frames with what a detector finds in them, and how long that took [ms]."""
    found, spent_ms = [], []
    for frame in frames:
        start = perf_counter()
        found.append(replace(frame, detections=detector(frame.image)))
        spent_ms.append((perf_counter() - start) * 1e3)
    return found, np.array(spent_ms)


class Recorded:
    """A detector that says again what it once said of the same images.

    So the pipeline takes it for its own: detections that come with frames are somebody else's,
    whose scores mean something else.
    """

    backend = 'recorded'

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._images = [frame.image for frame in frames]     # kept, so that ids stay theirs
        self._found = {id(frame.image): frame.detections for frame in frames}

    def __call__(self, image: Image) -> Detections:
        """What was found in this very image."""
        found = self._found[id(image)]
        assert found is not None
        return found

    def adjust(self, config: DetectionConfig) -> None:
        """Nothing to take over."""

    def reset(self) -> None:
        """Nothing to forget."""


def judge(filmed: Filmed, pipeline: Callable[[Frame], People], how: Disturbance, seed: int,
          options: Options) -> Comparison:
    """One scene with one error of the camera pose.

    Args:
        filmed: The scene.
        pipeline: It has seen nothing yet.
        how: The error.
        seed: Of the error.
        options: Of the comparison.
    """
    said = list(replay(disturbed(filmed.frames, how, seed), pipeline))
    said = [replace(one, spent_ms=one.spent_ms + spent, eye=_eye(frame))
            for one, spent, frame in zip(said, filmed.detect_ms, filmed.frames)]
    return compare(said, filmed.frame_id, filmed.reference, options)


def _eye(frame: Frame) -> Floats | None:
    """Where the camera truly was."""
    return None if frame.world_from_camera is None else frame.world_from_camera[:3, 3]


def disturbed(frames: Sequence[Frame], how: Disturbance, seed: int) -> Iterator[Frame]:
    """Frames whose camera pose is wrong in some way."""
    poses = np.stack([f.world_from_camera for f in frames if f.world_from_camera is not None])
    stamps_ns = np.array([f.stamp_ns for f in frames])
    wrong = disturb(np.random.default_rng([seed, len(frames)]), poses, stamps_ns, how)
    for frame, pose in zip(frames, wrong):
        yield replace(frame, world_from_camera=pose)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Over several scenes; NaN: there was nothing to judge."""

    scenes: int
    w_mpjpe_mm: float           # means over joints of all scenes
    wa_mpjpe_mm: float
    pa_mpjpe_mm: float
    mpjpe_mm: float
    hidden_mpjpe_mm: float
    root_error_m: float
    root_median_m: float        # of hips within NEAR_M of the camera
    rte_percent: float
    accel_mm: float
    recall: float               # means over scenes
    idf1: float
    mota: float
    id_switches: int            # sums
    spells: int
    kept: int
    kept_share: float
    drift_m: float              # mean over people who stand
    drift_most_m: float
    within_1_std: float
    within_2_std: float
    hidden_within_1_std: float
    hidden_within_2_std: float
    latency_ms: float           # median over frames


def summary(found: Sequence[Comparison]) -> Summary:
    """Scenes together."""
    over = [f.figures for f in found]
    hidden = [f.figures_hidden for f in found if f.figures_hidden is not None]
    joints = np.array([f.joints for f in over], float)
    roots = np.concatenate([near_roots_m(f, NEAR_M) for f in found])
    hidings = [h for h in map(ids_kept, found) if h is not None]
    stands = [one for f in found for one in standing(f)]
    said = [s for s in map(stated, found) if s is not None]
    spells, kept = sum(h.spells for h in hidings), sum(h.kept for h in hidings)

    def mean(name: str) -> float:
        return _mean([getattr(f, name) for f in over], joints)

    def share(kind: str, name: str) -> float:
        return _mean([getattr(s[kind], name) for s in said],
                     np.array([s[kind].count for s in said], float))

    return Summary(
        scenes=len(found), root_median_m=float(np.median(roots)) if len(roots) else np.nan,
        hidden_mpjpe_mm=_mean([f.mpjpe_mm for f in hidden],
                              np.array([f.joints for f in hidden], float)),
        **{name: mean(name) for name in ('w_mpjpe_mm', 'wa_mpjpe_mm', 'pa_mpjpe_mm', 'mpjpe_mm',
                                         'root_error_m', 'rte_percent', 'accel_mm')},
        **{name: _mean([getattr(f, name) for f in over]) for name in ('recall', 'idf1', 'mota')},
        id_switches=sum(f.id_switches for f in over), spells=spells, kept=kept,
        kept_share=kept / spells if spells else np.nan,
        drift_m=_mean([s.drift_m for s in stands]),
        drift_most_m=_mean([s.drift_most_m for s in stands]),
        within_1_std=share('all', 'within_1_std'), within_2_std=share('all', 'within_2_std'),
        hidden_within_1_std=share('hidden', 'within_1_std'),
        hidden_within_2_std=share('hidden', 'within_2_std'),
        latency_ms=float(np.median([s.spent_ms for f in found for s in f.said])))


def _mean(values: Sequence[float], weights: Floats | None = None) -> float:
    array = np.asarray(values, float)
    weights = np.ones(len(array)) if weights is None else weights
    some = np.isfinite(array) & (weights > 0)
    return float(np.average(array[some], weights=weights[some])) if some.any() else float('nan')


def pooled_since(found: Sequence[Comparison]) -> Since | None:
    """Errors by the time since something was seen, over all scenes."""
    parts = [one for one in map(errors_since, found) if one is not None]
    if not parts:
        return None

    def pooled(name: str, weight: str) -> Floats:
        return np.array([_mean([getattr(one, name)[b] for one in parts],
                               np.array([getattr(one, weight)[b] for one in parts], float))
                         for b in range(len(parts[0].from_s))])

    roots = np.sum([one.roots for one in parts], 0)
    there = np.sum([np.nan_to_num(one.roots / one.known) for one in parts], 0)
    return Since(from_s=parts[0].from_s, to_s=parts[0].to_s, joint_m=pooled('joint_m', 'joints'),
                 around_hip_mm=pooled('around_hip_mm', 'joints'),
                 joints=np.sum([one.joints for one in parts], 0), root_m=pooled('root_m', 'roots'),
                 roots=roots, known=np.where(there > 0, roots / np.maximum(there, 1), np.nan))
