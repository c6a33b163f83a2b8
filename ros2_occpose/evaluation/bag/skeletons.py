"""Skeletons over time: those taken for true, and those that the pipeline said; h36m17, metres.

Letters: T frames, P people, N people said in one frame, J joints.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...errors import DataError
from ...skeleton import H36M17, Skeleton, conversion
from ...types import Bools, Floats, Ints, JointState, require_shape

JOINTS = len(H36M17.joints)
HIP = H36M17.index('hip')
SECOND_NS = 1_000_000_000
_BRIDGED_PERIODS = 3.5      # a reference that lacks more frames in a row is not interpolated


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Skeletons that are taken for true.

    Raises:
        ShapeError: The arrays do not fit each other.
        DataError: There is nothing in it, or it has no hips.
    """

    stamps_ns: Ints                 # (T,) ascending
    people: tuple[str, ...]         # (P,) names
    joints: Floats                  # (T, P, 17, 3) [m]; NaN: not there, or not given
    states: Ints | None             # (T, P, 17) JointState; None: the source does not say
    frame_id: str | None            # of the positions; None: the source does not say
    kind: str                       # what it was read from, e.g. 'TRC'
    notes: list[str] = field(default_factory=list)      # what had to be assumed

    def __post_init__(self) -> None:
        t, p = len(self.stamps_ns), len(self.people)
        require_shape('joints', self.joints, t, p, JOINTS, 3)
        if self.states is not None:
            require_shape('states', self.states, t, p, JOINTS)
        there = known(self.joints)
        if not there.any():
            raise DataError(f'Expected skeletons in the reference ({self.kind}), got {t} frames '
                            f'of {p} people without one position.')
        if not there[..., HIP].any():
            raise DataError(
                f'Expected the hip, the pelvis or both hips in the reference ({self.kind}), got '
                f'{", ".join(self.compared) or "none"} only: people are told apart by their hips.')

    @property
    def given(self) -> Bools:
        """Which joints the reference has at all, (17,)."""
        return np.asarray(known(self.joints).any((0, 1)))

    @property
    def compared(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(name for name, given in zip(H36M17.joints, self.given) if given)

    @property
    def period_ns(self) -> float:
        """Median time between frames; 0 of a single one."""
        return float(np.median(np.diff(self.stamps_ns))) if len(self.stamps_ns) > 1 else 0.0

    def shifted(self, shift_ns: int) -> Reference:
        """The same, later by `shift_ns`."""
        return replace(self, stamps_ns=self.stamps_ns + shift_ns)

    def covers(self, stamps_ns: Ints) -> Bools:
        """Which stamps (S,) the reference says something about, be it that nobody is there."""
        return self._between(stamps_ns)[3]

    def at(self, stamps_ns: Ints) -> tuple[Floats, Ints | None]:
        """Joints (S, P, 17, 3) and states (S, P, 17) at other stamps (S,), in any order.

        Positions lie on the line between the two neighbours; the state is that of the nearer one.
        Nothing is extrapolated, and nothing bridged where several frames are missing: NaN.
        """
        before, after, fraction, usable = self._between(stamps_ns)
        weight = fraction[:, None, None, None]
        joints = (1 - weight) * self.joints[before] + weight * self.joints[after]
        joints[~usable] = np.nan
        nearest = np.where(fraction < 0.5, before, after)
        return joints, None if self.states is None else self.states[nearest]

    def _between(self, stamps_ns: Ints) -> tuple[Ints, Ints, Floats, Bools]:
        """Frames before and after, where between them (0: a frame's own stamp), whether usable."""
        after = np.searchsorted(self.stamps_ns, stamps_ns).clip(0, len(self.stamps_ns) - 1)
        hit = self.stamps_ns[after] == stamps_ns
        before = np.where(hit, after, after - 1).clip(0)
        gap = self.stamps_ns[after] - self.stamps_ns[before]
        fraction = (stamps_ns - self.stamps_ns[before]) / np.maximum(gap, 1)
        fraction = np.where(hit, 0.0, fraction)
        usable = hit | ((fraction > 0) & (fraction < 1)
                        & (gap <= _BRIDGED_PERIODS * self.period_ns))
        return before, after, fraction, usable


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the pipeline said about one frame."""

    stamp_ns: int
    ids: Ints                   # (N,) of people tracked or believed to be hidden
    joints: Floats              # (N, 17, 3) [m]
    spent_ms: float = np.nan    # time the pipeline took; NaN: not known
    covariance: Floats | None = None    # (N, 17, 3, 3) [m^2] of joints; None: not said
    eye: Floats | None = None   # (3,) [m] the camera in the same frame; None: not known

    def __post_init__(self) -> None:
        require_shape('joints', self.joints, len(self.ids), JOINTS, 3)
        if self.covariance is not None:
            require_shape('covariance', self.covariance, len(self.ids), JOINTS, 3, 3)


def known(points: Floats) -> Bools:
    """Which points are there, (..., 3) -> (...)."""
    return np.asarray(np.isfinite(points).all(-1))


def to_h36m(joints: Floats, source: Skeleton) -> Floats:
    """Joints (..., J, 3) as h36m17 (..., 17, 3); NaN: cannot be given, or a part of it is NaN."""
    weights = conversion(source, H36M17)
    out = np.full((*joints.shape[:-2], JOINTS, 3), np.nan)
    for row in np.flatnonzero(weights.any(1)):
        parts = np.flatnonzero(weights[row])
        out[..., row, :] = np.einsum('p,...pd->...d', weights[row, parts], joints[..., parts, :])
    return out


def states_to_h36m(states: Ints, source: Skeleton) -> Ints:
    """Joint states (..., J) as those of h36m17 (..., 17); of several parts, the worst known."""
    weights = conversion(source, H36M17)
    out = np.full((*states.shape[:-1], JOINTS), int(JointState.OBSERVED))
    for row in np.flatnonzero(weights.any(1)):
        out[..., row] = states[..., np.flatnonzero(weights[row])].max(-1)
    return out


def in_order(rows: Iterable[tuple[int, Sequence[str], Floats, Ints | None]], *,
             frame_id: str | None, kind: str) -> Reference:
    """Frames that name their people, as arrays; of a stamp that comes twice, the last one counts.

    Args:
        rows: Stamp [ns], names (N,), joints (N, 17, 3), states (N, 17).
        frame_id: See `Reference`.
        kind: See `Reference`.
    """
    frames = {stamp_ns: (names, joints, states) for stamp_ns, names, joints, states in rows}
    if not frames:
        raise DataError(f'Expected skeletons in the reference ({kind}), got no frame.')
    people = tuple(sorted({name for names, _, _ in frames.values() for name in names},
                          key=lambda name: (len(name), name)))
    joints = np.full((len(frames), len(people), JOINTS, 3), np.nan)
    states = np.zeros((len(frames), len(people), JOINTS), int)
    known = True
    for t, stamp_ns in enumerate(sorted(frames)):
        names, said, stated = frames[stamp_ns]
        columns = [people.index(name) for name in names]
        joints[t, columns] = said
        if stated is None:
            known = False
        else:
            states[t, columns] = stated
    return Reference(stamps_ns=np.array(sorted(frames)), people=people, joints=joints,
                     states=states if known else None, frame_id=frame_id, kind=kind)
