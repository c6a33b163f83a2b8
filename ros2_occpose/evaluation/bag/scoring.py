"""Errors of people matched to a reference, in world coordinates over time.

W-MPJPE and WA-MPJPE are those of SLAHMR (Ye et al., "Decoupling human and camera motion from
videos in the wild", CVPR 2023) as WHAM (Shin et al., CVPR 2024) and TRAM (Wang et al., ECCV 2024)
report them: pieces of 100 frames, brought onto the truth by one similarity that is fitted to the
first two frames (W) or to the whole piece (WA). The error of the root trajectory (RTE) is theirs
too: a rigid fit without scale over the whole way of a person, in per cent of that way.
Letters: T frames, P people, J = 17 joints.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...geometry import align_similarity, transform
from ...types import Bools, Floats, Ints
from ..metrics import acceleration_mm, root_aligned_mm, root_m, similarity_aligned_mm
from ..tracking import IdScore
from .placing import rigid
from .skeletons import HIP, JOINTS, known

MM = 1e3
PIECE = 100                 # frames
FIRST = 2                   # frames that W-MPJPE is aligned on
LEAST_WAY_M = 0.5           # who goes less far has no trajectory to judge
_EVEN = 1.5                 # a step longer than this many frames is a gap


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Of each frame, person and joint; NaN: not matched, or not given by the reference."""

    w_mm: Floats            # (T, P, 17)
    wa_mm: Floats           # (T, P, 17)
    pa_mm: Floats           # (T, P, 17)
    mpjpe_mm: Floats        # (T, P, 17) around the hip, without turning
    accel_mm: Floats        # (T, P, 17) [mm/frame^2]
    root_m: Floats          # (T, P)
    rte_percent: Floats     # (T, P)
    way_m: Floats           # (P,) that the person went while matched


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Means over some joints; NaN where there are none."""

    w_mpjpe_mm: float
    wa_mpjpe_mm: float
    pa_mpjpe_mm: float
    mpjpe_mm: float
    root_error_m: float
    rte_percent: float
    accel_mm: float
    recall: float           # of the people expected, 0..1
    idf1: float
    mota: float
    id_switches: int
    joints: int             # that were compared


def errors(predicted: Floats, truth: Floats, stamps_ns: Ints, fresh: Ints) -> Errors:
    """All errors of matched people.

    Args:
        predicted: (T, P, 17, 3) [m], NaN where nobody matches.
        truth: In the same frame, (T, P, 17, 3) [m]; NaN where not there, or not given.
        stamps_ns: (T,).
        fresh: How often the recording started afresh before each frame, (T,).
    """
    both = known(predicted) & known(truth)      # (T, P, 17)
    both &= both[..., HIP, None]                # without a hip there is no match
    predicted, truth = (np.where(both[..., None], points, np.nan) for points in (predicted, truth))
    shape = both.shape
    w_mm, wa_mm = np.full(shape, np.nan), np.full(shape, np.nan)
    rte_percent, way_m = np.full(shape[:2], np.nan), np.zeros(shape[1])
    for person, frames in _stretches(both[..., HIP], fresh):
        one, other = predicted[frames, person], truth[frames, person]
        for piece in pieces(len(frames)):
            w_mm[frames[piece], person] = _aligned_mm(one[piece], other[piece], FIRST)
            wa_mm[frames[piece], person] = _aligned_mm(one[piece], other[piece], None)
        way, percent = _trajectory(one[:, HIP], other[:, HIP])
        way_m[person] += way
        rte_percent[frames, person] = percent
    return Errors(
        w_mm=w_mm, wa_mm=wa_mm, pa_mm=_frame_by_frame_mm(predicted, truth, both),
        mpjpe_mm=root_aligned_mm(predicted, truth), way_m=way_m, rte_percent=rte_percent,
        root_m=root_m(predicted[..., HIP, :], truth[..., HIP, :]),
        accel_mm=_acceleration(predicted, truth, stamps_ns))


def pieces(frames: int) -> list[slice]:
    """Runs of 100 frames; what is left over joins the last."""
    count = max(frames // PIECE, 1)
    ends = [PIECE * i for i in range(1, count)]
    return [slice(a, b) for a, b in zip([0, *ends], [*ends, frames])]


def figures(found: Errors, counts: Bools, expected: Bools, matched: Bools,
            ids: IdScore) -> Figures:
    """Means over the joints that count, (T, P, 17).

    The errors of roots count where the hip does. `expected` and `matched` (T, P) give the recall.
    """
    hips = counts[..., HIP]
    given = counts & np.isfinite(found.mpjpe_mm)
    return Figures(
        w_mpjpe_mm=_mean(found.w_mm[counts]), wa_mpjpe_mm=_mean(found.wa_mm[counts]),
        pa_mpjpe_mm=_mean(found.pa_mm[counts]), mpjpe_mm=_mean(found.mpjpe_mm[counts]),
        root_error_m=_mean(found.root_m[hips]), rte_percent=_mean(found.rte_percent[hips]),
        accel_mm=_mean(found.accel_mm[counts]), joints=int(given.sum()),
        recall=_mean(matched[expected].astype(float)), idf1=ids.idf1, mota=ids.mota,
        id_switches=ids.id_switches)


def _mean(values: Floats) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else float('nan')


def _stretches(matched: Bools, fresh: Ints) -> Iterator[tuple[int, Ints]]:
    """Each person's matched frames, one stretch each time the recording plays, in order."""
    for person in range(matched.shape[1]):
        for start in np.unique(fresh):
            frames = np.flatnonzero(matched[:, person] & (fresh == start))
            if len(frames):
                yield person, frames


def _aligned_mm(predicted: Floats, truth: Floats, first: int | None) -> Floats:
    """Distances (S, 17) [mm] after one similarity, fitted to the first frames, or to all."""
    source, target = predicted[:first].reshape(-1, 3), truth[:first].reshape(-1, 3)
    both = known(source)
    if len(predicted) < FIRST or both.sum() < 3:
        return np.full(predicted.shape[:-1], np.nan)
    scale, rotation, shift = align_similarity(source[both], target[both])
    moved = scale * predicted @ rotation.T + shift
    return np.asarray(np.linalg.norm(moved - truth, axis=-1) * MM)


def _trajectory(predicted: Floats, truth: Floats) -> tuple[float, Floats]:
    """Way of a root (S, 3) [m], and its error after a rigid fit [% of the way], (S,)."""
    way = float(np.linalg.norm(np.diff(truth, axis=0), axis=-1).sum())
    if way < LEAST_WAY_M:
        return way, np.full(len(truth), np.nan)
    off = np.linalg.norm(transform(rigid(predicted, truth), predicted) - truth, axis=-1)
    return way, 100 * off / way


def _frame_by_frame_mm(predicted: Floats, truth: Floats, both: Bools) -> Floats:
    """PA-MPJPE of each joint, over the joints that a frame has; at least 4."""
    out = np.full(both.shape, np.nan)
    for have in np.unique(both.reshape(-1, JOINTS), axis=0):
        if have.sum() >= 4:
            rows = np.nonzero((both == have).all(-1))
            mine, other = (points[rows][:, have] for points in (predicted, truth))
            errors_mm = np.full((len(mine), JOINTS), np.nan)
            errors_mm[:, have] = similarity_aligned_mm(mine, other)
            out[rows] = errors_mm
    return out


def _acceleration(predicted: Floats, truth: Floats, stamps_ns: Ints) -> Floats:
    """(T, P, 17) [mm/frame^2]; NaN beside gaps and jumps of the stamps."""
    people = acceleration_mm(np.moveaxis(predicted, 1, 0), np.moveaxis(truth, 1, 0))
    step = np.diff(stamps_ns)
    if not len(step):
        return np.moveaxis(people, 0, 1)
    even = (step > 0) & (step <= _EVEN * np.median(np.abs(step)))
    usable = np.zeros(len(stamps_ns), bool)
    usable[1:-1] = even[1:] & even[:-1]
    return np.where(usable[:, None, None], np.moveaxis(people, 0, 1), np.nan)


def frames_of(rows: Ints, joints: Sequence[Floats], width: int = 3) -> Floats:
    """Joints (T, P, 17, 3) of those said who match, NaN elsewhere.

    Args:
        rows: Row in the frame of each person, -1: nobody, (T, P).
        joints: Of those said in each frame, (N, 17, 3).
        width: What they have instead of three coordinates.
    """
    out = np.full((*rows.shape, JOINTS, width), np.nan)
    for t, said in enumerate(joints):
        matched = rows[t] >= 0
        out[t, matched] = said[rows[t][matched]]
    return out
