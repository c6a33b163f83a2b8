"""From what a system says to the figures of a table."""
from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..geometry import RADIUS_68, RADIUS_95
from ..skeleton import H36M17
from ..training.mocap.motion import FPS
from ..types import Bools, Floats
from . import metrics
from .calibration import found_shares, share_within
from .subjects import Subjects, frames_unseen, hidden_joints, visible_joints
from .systems import Answer

GAPS_S = (0.0, 0.01, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5)     # edges; the first is "now"
_BESIDE_HIP = np.arange(len(H36M17.joints)) != H36M17.index('hip')


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Means over some joints of some frames; NaN where there are none."""

    mpjpe_mm: float
    pa_mpjpe_mm: float
    scale_mm: float
    accel_mm: float           # per frame^2 at 30 Hz
    root_error_m: float       # over frames; of hidden joints: over those with a hidden hip
    within_1_std: float       # share within 1.88 std, ideally 0.68; the hip left out
    within_2_std: float       # share within 2.80 std, ideally 0.95


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Joints that were last seen some time ago."""

    unseen_s: float
    error_mm: float       # mean distance from the truth, hips on each other
    std_mm: float         # mean of what the system stated
    joints: int           # how many, over all frames


@dataclass(frozen=True, kw_only=True)
class Score:
    """What one system is worth in one protocol."""

    all: Figures
    hidden: Figures           # of joints that the lifter was not given
    visible: Figures
    share_hidden: float       # of the coco17 joints in frames that count
    frames: int               # that count
    by_gap: tuple[Gap, ...]
    found: Floats             # shares found where `calibration.STATED` were stated, visible joints
    found_hidden: Floats      # the same of hidden joints


@dataclass(frozen=True)
class _Errors:
    """Per joint and frame, (N, T, 17), but the root's (N, T)."""

    mpjpe_mm: Floats
    pa_mpjpe_mm: Floats
    scale_mm: Floats
    accel_mm: Floats
    root_m: Floats
    ratio: Floats         # length of the error around the hip, in std


def score(answer: Answer, subjects: Subjects, seen: Bools, counts: Bools) -> Score:
    """Judge what a system says about everybody.

    Args:
        answer: Of the system.
        subjects: N people in T frames, with the truth.
        seen: coco17 joints that the system was given, (N, T, 17).
        counts: Frames that are judged, (N, T).
    """
    hidden = hidden_joints(seen) & counts[..., None]
    visible = visible_joints(seen) & counts[..., None]
    errors = _errors(answer, subjects, counts)
    return Score(
        all=_figures(errors, counts[..., None] & np.ones_like(hidden)),
        hidden=_figures(errors, hidden), visible=_figures(errors, visible),
        share_hidden=1 - _mean(seen[counts].astype(float)), frames=int(counts.sum()),
        by_gap=_by_gap(errors, answer.std, visible_joints(seen), counts),
        found=found_shares(errors.ratio[visible & _BESIDE_HIP]),
        found_hidden=found_shares(errors.ratio[hidden & _BESIDE_HIP]))


def pa_mpjpe_mm(joints_root: Floats, subjects: Subjects, seen: Bools,
                counts: Bools) -> tuple[float, float]:
    """PA-MPJPE of all joints and of hidden ones: `score` in less time."""
    error = metrics.similarity_aligned_mm(joints_root[counts], subjects.joints_camera[counts])
    return _mean(error), _mean(error[hidden_joints(seen)[counts]])


def _errors(answer: Answer, subjects: Subjects, counts: Bools) -> _Errors:
    said, truth = answer.joints_camera, subjects.joints_camera
    aligned = np.full(said.shape[:-1], np.nan)
    aligned[counts] = metrics.similarity_aligned_mm(said[counts], truth[counts])
    around = metrics.root_aligned_mm(said, truth)
    judged = counts.copy()                      # three frames in a row, for a second difference
    judged[:, 1:-1] &= counts[:, :-2] & counts[:, 2:]
    accel = np.where(judged[..., None], metrics.acceleration_mm(said, truth), np.nan)
    return _Errors(
        mpjpe_mm=around, pa_mpjpe_mm=aligned,
        scale_mm=metrics.scale_aligned_mm(said, truth, counts), accel_mm=accel,
        root_m=metrics.root_m(answer.root_camera, truth[:, :, H36M17.index('hip')]),
        ratio=around / metrics.MM / answer.std)


def _figures(errors: _Errors, chosen: Bools) -> Figures:
    accel = errors.accel_mm[chosen]
    ratio = errors.ratio[chosen & _BESIDE_HIP]
    return Figures(
        mpjpe_mm=_mean(errors.mpjpe_mm[chosen]), pa_mpjpe_mm=_mean(errors.pa_mpjpe_mm[chosen]),
        scale_mm=_mean(errors.scale_mm[chosen]), accel_mm=_mean(accel[np.isfinite(accel)]),
        root_error_m=_mean(errors.root_m[chosen[..., H36M17.index('hip')]]),
        within_1_std=share_within(ratio, RADIUS_68), within_2_std=share_within(ratio, RADIUS_95))


def _by_gap(errors: _Errors, std: Floats, visible: Bools, counts: Bools) -> tuple[Gap, ...]:
    """Error and std by the time since a joint was seen; of joints that were seen before."""
    unseen_s = frames_unseen(visible, axis=1) / FPS                              # (N, T, 17)
    usable = counts[..., None] & _BESIDE_HIP
    gaps = []
    for low, high in pairwise(GAPS_S):
        inside = usable & (unseen_s >= low) & (unseen_s < high)
        if inside.any():
            gaps.append(Gap(unseen_s=float(unseen_s[inside].mean()), joints=int(inside.sum()),
                            error_mm=_mean(errors.mpjpe_mm[inside]),
                            std_mm=metrics.MM * _mean(std[inside])))
    return tuple(gaps)


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float('nan')
