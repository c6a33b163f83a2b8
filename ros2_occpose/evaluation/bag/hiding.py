"""What becomes of people and joints while they are hidden: errors over time, ids, stated std.

Letters: T frames, P people, J = 17 joints.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...geometry import RADIUS_68, RADIUS_95
from ...types import Bools, Floats, Ints, JointState
from ..calibration import share_within
from ..tracking import LEAST_SEEN
from .comparison import Comparison
from .matching import INSIDE
from .scoring import frames_of
from .skeletons import HIP, JOINTS, SECOND_NS

EDGES_S = (0.0, 0.25, 0.5, 1.0, 1.5, 2.5)       # of the time since a joint or a person was seen
LONGEST_S = 1.5                                 # of the hidings in which an id is to be kept
_SHORTEST_FRAMES = 2                            # of a hiding: less is a flicker
_FOUND_AGAIN_S = 1.0                            # time to be found again after a hiding
_STANDS_M = 0.5                                 # who stays within it stands
_LEAST_STAND_S = 3.0
_CAMERA_WAY_M = 0.3                             # of a camera that moves
_SMOOTH_S = 1.0
NEAR_M = 6.0


@dataclass(frozen=True, kw_only=True)
class Since:
    """Errors of joints and people by the time since they were seen; NaN: there were none."""

    from_s: Floats          # (B,) of each bin; the first bin is of what is seen now
    to_s: Floats            # (B,)
    joint_m: Floats         # (B,) mean distance of a joint from where it is, nothing fitted
    around_hip_mm: Floats   # (B,)
    joints: Ints            # (B,) how many
    root_m: Floats          # (B,) mean distance of the hip, by the time since anything was seen
    roots: Ints             # (B,)
    known: Floats           # (B,) share of people who were still known then


@dataclass(frozen=True, kw_only=True)
class Hiding:
    """Ids over hidings of whole people inside the image."""

    spells: int             # of up to LONGEST_S, of people known before
    kept: int               # with the same id afterwards
    longer: int             # hidings that lasted longer
    longer_kept: int


@dataclass(frozen=True, kw_only=True)
class Stated:
    """Share of errors within the stated std, at the radii that hold 68 and 95 %."""

    within_1_std: float
    within_2_std: float
    count: int


def seconds_since(seen: Bools, stamps_ns: Ints, fresh: Ints) -> Floats:
    """Time since something (T, ...) was seen, 0 if it is now; NaN if it never was."""
    out = np.full(seen.shape, np.nan)
    last = np.full(seen.shape[1:], np.nan)
    for t, stamp_ns in enumerate(stamps_ns):
        if t and fresh[t] != fresh[t - 1]:
            last[:] = np.nan
        last[seen[t]] = stamp_ns
        out[t] = (stamp_ns - last) / SECOND_NS
    return out


def states_of(found: Comparison) -> Ints | None:
    """JointState of the reference at the frames compared, (T, P, 17)."""
    return found.reference.at(found.stamps_ns)[1]


def errors_since(found: Comparison) -> Since | None:
    """Errors by the time since joints and people were seen; None: the reference does not say."""
    states = states_of(found)
    if states is None:
        return None
    fresh = fresh_of(found.stamps_ns)
    seen = states == JointState.OBSERVED
    away = np.linalg.norm(found.predicted - found.truth, axis=-1)              # (T, P, 17)
    given = found.expected[..., None] & np.isfinite(away)
    since = seconds_since(seen, found.stamps_ns, fresh)
    anything = seconds_since((seen & found.reference.given).sum(-1) >= LEAST_SEEN,
                             found.stamps_ns, fresh)
    inside = (states != JointState.OUT_OF_VIEW).mean(-1) >= INSIDE
    there = np.isfinite(found.truth[..., HIP, 0]) & inside
    bins = [(-1.0, 0.0), *pairwise(EDGES_S)]
    some = [given & (since > low) & (since <= high) for low, high in bins]
    people = [there & (anything > low) & (anything <= high) for low, high in bins]
    matched = found.rows >= 0
    return Since(
        from_s=np.array([max(low, 0.0) for low, _ in bins]),
        to_s=np.array([high for _, high in bins]),
        joint_m=np.array([_mean(away[s]) for s in some]),
        around_hip_mm=np.array([_mean(found.errors.mpjpe_mm[s]) for s in some]),
        joints=np.array([int(s.sum()) for s in some]),
        root_m=np.array([_mean(found.errors.root_m[p]) for p in people]),
        roots=np.array([int((p & matched).sum()) for p in people]),
        known=np.array([_mean(matched[p].astype(float)) for p in people]))


def ids_kept(found: Comparison) -> Hiding | None:
    """How many people have the same id before and after they were hidden as a whole."""
    states = states_of(found)
    if states is None:
        return None
    fresh = fresh_of(found.stamps_ns)
    seen = ((states == JointState.OBSERVED) & found.reference.given).sum(-1) >= LEAST_SEEN
    inside = (states != JointState.OUT_OF_VIEW).mean(-1) >= INSIDE
    counts = np.zeros((2, 2), int)                     # short or longer, lost or kept
    for person in range(seen.shape[1]):
        ids = np.array([said.ids[row] if row >= 0 else 0 for said, row in
                        zip(found.said, found.rows[:, person])])
        for start, end in _hidings(seen[:, person], inside[:, person], fresh):
            kept = _kept(ids, seen[:, person], start, end, found.stamps_ns)
            seconds = (found.stamps_ns[end] - found.stamps_ns[start - 1]) / SECOND_NS
            if kept is not None:
                counts[int(seconds > LONGEST_S), int(kept)] += 1
    return Hiding(spells=int(counts[0].sum()), kept=int(counts[0, 1]),
                  longer=int(counts[1].sum()), longer_kept=int(counts[1, 1]))


def _hidings(seen: Bools, inside: Bools, fresh: Ints) -> Sequence[tuple[int, int]]:
    """First frame of each hiding, and the first frame after it, in which the person is seen."""
    found = []
    edges = np.flatnonzero(np.diff(seen.astype(int)))
    for start, end in zip(edges[:-1] + 1, edges[1:] + 1):
        part = slice(start, end)
        whole = fresh[start - 1] == fresh[end]
        if not seen[start] and end - start >= _SHORTEST_FRAMES and inside[part].all() and whole:
            found.append((int(start), int(end)))
    return found


def _kept(ids: Ints, seen: Bools, start: int, end: int, stamps_ns: Ints) -> bool | None:
    """Whether the id is the same after a hiding; None: the person was not known before."""
    within = round(_FOUND_AGAIN_S * SECOND_NS)
    before = [i for t, i in enumerate(ids[:start])
              if i and seen[t] and stamps_ns[start] - stamps_ns[t] <= within]
    if not before:
        return None
    after = []
    for t in range(end, len(ids)):
        if not seen[t] or stamps_ns[t] - stamps_ns[end] > within:
            break
        after += [ids[t]] if ids[t] else []
    return bool(after) and after[0] == before[-1]


def stated(found: Comparison) -> dict[str, Stated] | None:
    """Whether the stated covariance of joints is the one found: 'all', 'seen' and 'hidden'.

    The distance of Mahalanobis of an error is a chi of three degrees of freedom, as the ratio to
    an isotropic std is. None: nothing was stated.
    """
    if any(said.covariance is None for said in found.said):
        return None
    shape = found.rows.shape
    covariance = np.full((*shape, JOINTS, 9), np.nan)
    parts = frames_of(found.rows, [_columns(said.covariance) for said in found.said], width=9)
    covariance[:] = parts
    away = found.predicted - found.truth
    usable = (found.expected[..., None] & np.isfinite(away).all(-1)
              & np.isfinite(covariance).all(-1))
    matrices = covariance[usable].reshape(-1, 3, 3)
    ratio = np.full(usable.shape, np.nan)
    solved = np.linalg.solve(matrices + 1e-9 * np.eye(3), away[usable][..., None])[..., 0]
    ratio[usable] = np.sqrt(np.maximum((away[usable] * solved).sum(-1), 0))
    hidden = np.zeros(usable.shape, bool) if found.hidden is None else found.hidden
    kinds = {'all': usable, 'seen': usable & ~hidden, 'hidden': usable & hidden}
    return {name: Stated(within_1_std=share_within(ratio[some], RADIUS_68),
                         within_2_std=share_within(ratio[some], RADIUS_95),
                         count=int(some.sum())) for name, some in kinds.items()}


def _columns(covariance: Floats | None) -> Floats:
    return np.zeros((0, JOINTS, 9)) if covariance is None else covariance.reshape(-1, JOINTS, 9)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far the said place of somebody who stands wanders while the camera moves."""

    person: str
    seconds: float
    camera_way_m: float
    drift_m: float          # from where it was in the first second, median over time
    drift_most_m: float     # the same, at most


def standing(found: Comparison) -> list[Standing]:
    """Everybody who stands for a while before a camera that moves.

    Means over a second are compared, of the place said relative to the true one.
    """
    eyes, out = eyes_of(found), []
    if eyes is None:
        return []
    for person, name in enumerate(found.reference.people):
        frames = np.flatnonzero((found.rows[:, person] >= 0) & found.expected[:, person])
        truth, said = (points[frames, person, HIP] for points in (found.truth, found.predicted))
        if len(frames) < 2 or np.linalg.norm(np.ptp(truth[:, :2], axis=0)) > _STANDS_M:
            continue
        stamps = found.stamps_ns[frames] / SECOND_NS
        way = float(np.linalg.norm(np.diff(eyes[frames], axis=0), axis=-1).sum())
        if stamps[-1] - stamps[0] < _LEAST_STAND_S or way < _CAMERA_WAY_M:
            continue
        off = said - truth
        means = np.stack([off[np.abs(stamps - s) <= _SMOOTH_S / 2].mean(0) for s in stamps])
        start = off[stamps < stamps[0] + _SMOOTH_S].mean(0)
        gone = np.linalg.norm(means - start, axis=-1)[stamps >= stamps[0] + _SMOOTH_S]
        out.append(Standing(person=name, seconds=float(stamps[-1] - stamps[0]), camera_way_m=way,
                            drift_m=float(np.median(gone)), drift_most_m=float(gone.max())))
    return out


def root_median_m(found: Comparison, within_m: float = NEAR_M) -> float:
    """Median error of the hips of expected people no farther than this from the camera."""
    errors = near_roots_m(found, within_m)
    return float(np.median(errors)) if len(errors) else float('nan')


def near_roots_m(found: Comparison, within_m: float) -> Floats:
    """Errors of the hips of expected people, matched and no farther than this, (N,) [m].

    Where it is not known where the camera was, nobody is too far.
    """
    errors, eyes = found.errors.root_m, eyes_of(found)
    some = found.expected & np.isfinite(errors)
    if eyes is not None:
        some &= np.linalg.norm(found.truth[..., HIP, :] - eyes[:, None], axis=-1) <= within_m
    return np.asarray(errors[some])


def eyes_of(found: Comparison) -> Floats | None:
    """Where the camera was, (T, 3) [m]; None: not known throughout."""
    eyes = [said.eye for said in found.said if said.eye is not None]
    return np.stack(eyes) if len(eyes) == len(found.said) else None


def fresh_of(stamps_ns: Ints) -> Ints:
    """How often the recording started afresh before each frame, (T,)."""
    return np.concatenate([[0], np.cumsum(np.diff(stamps_ns) < 0)])


def _mean(values: Floats) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else float('nan')
