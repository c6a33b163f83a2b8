"""How far the clock of a reference is off that of a recording, found from the motion itself."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ...skeleton import H36M17
from ...types import Bools, Floats, Ints
from .skeletons import HIP, SECOND_NS, Reference, Said

LEAST_LIKENESS = 0.3        # correlation below which a shift is not believed; skeletons of one
LEAST_PEAK = 0.15           # camera reach 0.35 to 0.5. And how much the others must lie lower
MOST_OF_OVERLAP = 0.25      # part of the time in common, beyond which a shift is chance
LEAST_FRAMES = 20           # that must overlap
_STEPS_A_FRAME = 2          # of the search
_LONGEST = 6                # ids that are compared; shorter ones add little
_MOST_FRAMES = 1500         # of each that are compared: the first ones
_MOVING = H36M17.indices('hip', 'thorax', *(
    f'{side}_{name}' for side in ('left', 'right')
    for name in ('knee', 'ankle', 'elbow', 'wrist')))        # the others move with these


@dataclass(frozen=True)
class Clock:
    """What was found out about the time of the reference."""

    shift_s: float              # added to the reference's stamps, the start included
    from_the_start: bool        # both begin at 0, since the stamps have nothing in common
    searched_s: float           # bound of the search around that, 0: none
    likeness: float             # correlation of the motion at the shift, NaN: not searched
    note: str = ''              # why a search was without result


def set_clock(said: Sequence[Said], reference: Reference, bound_s: float) -> Clock:
    """The shift that makes the reference move at the same time as the recording.

    What is compared is free of the frame of reference: the distances between all pairs of joints,
    and the way that the hip went. Everybody said is compared with everybody true, and the best
    pairs count. Stamps that have nothing in common, such as those of a file that starts at 0, are
    first brought to the same beginning.

    Args:
        said: Of the recording.
        reference: With stamps of its own.
        bound_s: How far off the clock may be; 0: it is the same. Of short recordings less is
            searched: a quarter of the time in common.
    """
    if bound_s <= 0:
        return Clock(0.0, False, 0.0, float('nan'))
    stamps = np.array([s.stamp_ns for s in said])
    apart = bool(reference.stamps_ns[0] > stamps.max() + bound_s * SECOND_NS
                 or reference.stamps_ns[-1] < stamps.min() - bound_s * SECOND_NS)
    start_ns = int(stamps.min() - reference.stamps_ns[0]) if apart else 0
    moved = reference.shifted(start_ns)
    common_ns = min(stamps.max(), moved.stamps_ns[-1]) - max(stamps.min(), moved.stamps_ns[0])
    bound_s = min(bound_s, max(MOST_OF_OVERLAP * float(common_ns) / SECOND_NS, 0.0))
    period_s = max(float(np.median(np.abs(np.diff(stamps)))) / SECOND_NS, 1e-3)
    step_s = period_s / _STEPS_A_FRAME
    steps = int(bound_s / step_s)
    lags_s = np.arange(-steps, steps + 1) * step_s
    tracks = _tracks(said, moved)
    given = moved.given
    likeness = np.array([_likeness(tracks, moved, given, float(lag)) for lag in lags_s])
    best = _peak(likeness)
    if best is None:
        return Clock(start_ns / SECOND_NS, apart, bound_s, float(np.nanmax([*likeness, -1.0])),
                     'no shift makes the motions alike: the clock was left as it is')
    lag_s = float(lags_s[best]) + step_s * _vertex(likeness[max(best - 1, 0):best + 2])
    return Clock(start_ns / SECOND_NS + lag_s, apart, bound_s, float(likeness[best]))


def _peak(likeness: Floats) -> int | None:
    """Where the motions are alike; None: nowhere, everywhere, or beyond the bound."""
    if not np.isfinite(likeness).any():
        return None
    best = int(np.nanargmax(likeness))
    high, inside = likeness[best], 0 < best < len(likeness) - 1
    clear = high >= LEAST_LIKENESS and high - np.nanmedian(likeness) >= LEAST_PEAK
    return best if clear and inside else None


def _vertex(three: Floats) -> float:
    """Where a parabola through values at -1, 0, 1 is highest; 0 at the edge of a search."""
    if len(three) < 3 or not np.isfinite(three).all():
        return 0.0
    left, middle, right = three
    bend = left - 2 * middle + right
    return float(0.5 * (left - right) / bend) if bend < 0 else 0.0


def _tracks(said: Sequence[Said], reference: Reference) -> list[tuple[Ints, Floats]]:
    """Stamps and features (S, F) of the ids that were said longest."""
    rows: dict[int, list[tuple[int, Floats]]] = {}
    for one in said:
        for i, joints in zip(one.ids.tolist(), one.joints):
            rows.setdefault(i, []).append((one.stamp_ns, joints))
    longest = sorted(rows.values(), key=len, reverse=True)[:_LONGEST]
    given = reference.given
    return [(np.array([stamp for stamp, _ in row]),
             features(np.array([joints for _, joints in row]), given))
            for row in (rows[:_MOST_FRAMES] for rows in longest) if len(row) >= LEAST_FRAMES]


def features(joints: Floats, given: Bools) -> Floats:
    """Numbers that tell a motion whatever the frame of reference, (S, F) [m].

    Args:
        joints: (S, 17, 3).
        given: Which joints may be used, (17,).
    """
    used = [joint for joint in _MOVING if given[joint]]
    first, second = np.triu_indices(len(used), 1)
    moving = joints[:, used]
    apart = np.linalg.norm(moving[:, first] - moving[:, second], axis=-1)
    went = np.zeros((len(joints), 1))
    went[2:-2, 0] = np.linalg.norm(joints[4:, HIP] - joints[:-4, HIP], axis=-1)
    return np.concatenate([apart, went], axis=1)


def _likeness(tracks: Sequence[tuple[Ints, Floats]], reference: Reference, given: Bools,
              lag_s: float) -> float:
    """Mean correlation of the best pairs, weighted by how long they are; NaN: no overlap."""
    shifted = reference.shifted(round(lag_s * SECOND_NS))
    alike = np.zeros((len(tracks), len(reference.people)))
    frames = np.zeros_like(alike)
    for row, (stamps, motion) in enumerate(tracks):
        joints, _ = shifted.at(stamps)
        for column in range(len(reference.people)):
            other = features(joints[:, column], given)
            both = np.isfinite(motion).all(1) & np.isfinite(other).all(1)
            if both.sum() >= LEAST_FRAMES:
                alike[row, column] = _correlation(motion[both], other[both])
                frames[row, column] = both.sum()
    if not frames.any():
        return float('nan')
    chosen = linear_sum_assignment(-alike * frames)
    weight = frames[chosen]
    return float((alike[chosen] * weight).sum() / max(weight.sum(), 1))


def _correlation(one: Floats, other: Floats) -> float:
    """Of all features together: those that vary most decide."""
    a, b = one - one.mean(0), other - other.mean(0)
    return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-12))
