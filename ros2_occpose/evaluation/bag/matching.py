"""Who of those said is who of those true, frame by frame, and how well ids are kept."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ...types import Bools, Floats, Ints, JointState
from ..tracking import LEAST_SEEN, IdScore, IdTally
from .skeletons import HIP, SECOND_NS, Said

Rows = NDArray[np.intp]

INSIDE = 0.3               # share of the joints in the image, below which a person has left it
_FAR = 1e6                  # a cost that no match has


def match_all(said: Sequence[Said], hips: Floats, gate_m: float) -> Rows:
    """Row in `said[t]` of each person, (T, P); -1: nobody.

    As CLEAR MOT does it (Bernardin and Stiefelhagen 2008): who matched in the frame before stays
    matched while within the gate, the others are assigned so that distances are least.

    Args:
        said: (T,) frames.
        hips: Of the reference, in the frame of what was said, (T, P, 3) [m]; NaN: not there.
        gate_m: Largest distance of two hips of the same person.
    """
    rows = np.full(hips.shape[:2], -1)
    last: dict[int, int] = {}               # person -> id
    for t, one in enumerate(said):
        distance = np.linalg.norm(hips[t][:, None] - one.joints[None, :, HIP], axis=-1)  # (P, N)
        near = distance <= gate_m                       # False where NaN
        for person, number in last.items():
            for row in np.flatnonzero(one.ids == number):
                if near[person, row] and row not in rows[t]:
                    rows[t, person] = row
        free = rows[t] < 0
        taken = np.isin(np.arange(len(one.ids)), rows[t][~free])
        cost = np.where(near & free[:, None] & ~taken, distance, _FAR)
        for person, row in zip(*linear_sum_assignment(cost)):
            if cost[person, row] < _FAR:
                rows[t, person] = row
        last.update({int(p): int(one.ids[rows[t, p]]) for p in np.flatnonzero(rows[t] >= 0)})
    return rows


def expected_people(states: Ints | None, there: Bools, stamps_ns: Ints,
                    longest_s: float) -> Bools:
    """Whom a tracker should know, (T, P): seen now, or hidden in the image for `longest_s`.

    The rule of the open benchmark. A reference that does not say what could be seen expects
    everybody who is there.

    Args:
        states: JointState of the joints that the reference gives, (T, P, J).
        there: (T, P).
        stamps_ns: (T,).
        longest_s: How long the tracker remembers.
    """
    if states is None:
        return there
    found = there & ((states == JointState.OBSERVED).sum(-1) >= LEAST_SEEN)
    inside = (states != JointState.OUT_OF_VIEW).mean(-1) >= INSIDE
    expected = np.zeros_like(there)
    last_ns = np.full(there.shape[1], -np.inf)
    for t, stamp_ns in enumerate(stamps_ns):
        if t and stamp_ns < stamps_ns[t - 1]:
            last_ns[:] = -np.inf                        # the recording starts afresh
        last_ns[found[t]] = stamp_ns
        known = inside[t] & (stamp_ns - last_ns <= longest_s * SECOND_NS)
        expected[t] = there[t] & (found[t] | known)
    return expected


def keep_ids(said: Sequence[Said], rows: Rows, hips: Floats, expected: Bools, fresh: Ints,
             gate_m: float) -> IdScore:
    """IDF1, MOTA and id switches over the people expected; NaN where nobody is.

    An answer that matches somebody who is there but not expected is neither right nor wrong.

    Args:
        said: (T,) frames.
        rows: Of `match_all`, (T, P).
        hips: See there.
        expected: (T, P).
        fresh: How often the recording started afresh before each frame, (T,); ids begin anew.
        gate_m: See there.
    """
    if not expected.any():
        return IdScore(float('nan'), float('nan'), 0)
    tally = IdTally()
    for t, one in enumerate(said):
        if t and fresh[t] != fresh[t - 1]:
            tally.next_recording()
        ignored = rows[t][~expected[t]]
        kept = ~np.isin(np.arange(len(one.ids)), ignored[ignored >= 0])
        people = np.flatnonzero(expected[t])
        apart = np.linalg.norm(hips[t, people, None] - one.joints[None, kept, HIP], axis=-1)
        tally.add(people.tolist(), one.ids[kept].tolist(),
                  np.where(apart <= gate_m, apart, np.nan))
    return tally.score()
