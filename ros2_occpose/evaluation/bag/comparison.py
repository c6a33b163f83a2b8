"""What a recording gave, compared with a reference: time, place, people, errors."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...config import TrackingConfig
from ...errors import DataError
from ...geometry import transform
from ...types import Bools, Floats, Ints, JointState
from ..tracking import GATE_M, IdScore
from .matching import Rows, expected_people, keep_ids, match_all
from .placing import place
from .scoring import Errors, Figures, errors, figures, frames_of
from .skeletons import HIP, SECOND_NS, Reference, Said, known
from .timing import Clock, set_clock

ALIGNMENTS = ('auto', 'none', 'rigid')
FILE_BOUND_S = 0.5          # how far off the clock of a file is looked for
_HIDDEN_SHARE = 0.5         # of the compared joints, from which a person counts as hidden


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a reference is laid over a recording."""

    max_shift_s: float | None = None    # of its clock; None: 0 if it names its frame, else 0.5
    align: str = 'auto'                 # one of ALIGNMENTS
    gate_m: float = GATE_M              # hips farther apart are other people's
    remembered_s: float = TrackingConfig.max_gap_s      # how long hidden people must be known


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Over the T frames that recording and reference share; P people, N said."""

    said: Sequence[Said]
    reference: Reference            # of its own frame, the clock set
    clock: Clock
    recording_from_reference: Floats | None         # (4, 4); None: the same frame
    apart_m: float                  # mean distance of the hips after that fit; NaN: none
    truth: Floats                   # (T, P, 17, 3) [m] in the frame of what was said
    predicted: Floats               # (T, P, 17, 3) NaN where nobody matches
    rows: Rows                      # (T, P) of `match_all`
    expected: Bools                 # (T, P)
    hidden: Bools | None            # joints, (T, P, 17); None: the reference does not say
    errors: Errors
    figures: Figures
    figures_hidden: Figures | None
    people: tuple[Figures, ...]     # (P,) of one person each
    frames_said: int                # in the recording, shared or not

    @property
    def stamps_ns(self) -> Ints:
        """(T,)."""
        return np.array([s.stamp_ns for s in self.said])


def compare(said: Sequence[Said], frame_id: str, reference: Reference,
            options: Options) -> Comparison:
    """Lay a reference over what was said, and judge.

    Args:
        said: All frames, in the order of the recording.
        frame_id: Of their positions.
        reference: With its own clock and frame.
        options: See there.

    Raises:
        DataError: The two share no frame, or cannot be aligned.
    """
    if not said:
        raise DataError('Expected frames in the recording, got none.')
    bound_s = options.max_shift_s
    if bound_s is None:             # who knows the frame of reference knows the time
        bound_s = FILE_BOUND_S if reference.frame_id is None else 0.0
    clock = set_clock(said, reference, bound_s)
    timed = reference.shifted(round(clock.shift_s * SECOND_NS))
    covered = timed.covers(np.array([s.stamp_ns for s in said]))
    shared = [s for s, there in zip(said, covered) if there]
    if not shared:
        raise DataError(
            f'Expected a reference at the time of the recording ({_span(said)}), got one of '
            f'{timed.stamps_ns[0] / 1e9:.3f} to {timed.stamps_ns[-1] / 1e9:.3f} s; is it of '
            'another recording?')
    moved, apart_m = None, float('nan')
    if options.align == 'rigid' or (options.align == 'auto' and reference.frame_id != frame_id):
        moved, apart_m = place(shared, timed, options.gate_m)
    return _judged(shared, timed, clock, moved, apart_m, options, len(said))


def _span(said: Sequence[Said]) -> str:
    stamps = [s.stamp_ns for s in said]
    return f'{min(stamps) / 1e9:.3f} to {max(stamps) / 1e9:.3f} s'


def _judged(said: Sequence[Said], reference: Reference, clock: Clock, moved: Floats | None,
            apart_m: float, options: Options, frames_said: int) -> Comparison:
    stamps = np.array([s.stamp_ns for s in said])
    fresh = np.concatenate([[0], np.cumsum(np.diff(stamps) < 0)])      # jumps back before
    truth, states = reference.at(stamps)
    truth = truth if moved is None else transform(moved, truth)
    hips = truth[..., HIP, :]
    seen = None if states is None else states[..., reference.given]
    expected = expected_people(seen, known(hips), stamps, options.remembered_s)
    rows = match_all(said, hips, options.gate_m)
    predicted = frames_of(rows, [s.joints for s in said])
    found = errors(predicted, truth, stamps, fresh)
    score = _Judge(said, rows, hips, expected, fresh, options.gate_m, found)
    everything = np.ones(truth.shape[:-1], bool)
    hidden, whole_hidden = None, None
    if states is not None:
        hidden = states != JointState.OBSERVED
        people_hidden = hidden[..., reference.given].mean(-1) >= _HIDDEN_SHARE
        whole_hidden = score.of(hidden, expected & people_hidden)
    return Comparison(
        said=said, reference=reference, clock=clock, recording_from_reference=moved,
        apart_m=apart_m, truth=truth, predicted=predicted, rows=rows, expected=expected,
        hidden=hidden, errors=found, figures=score.of(everything, expected),
        figures_hidden=whole_hidden, frames_said=frames_said,
        people=tuple(score.of_one(person) for person in range(len(reference.people))))


@dataclass(frozen=True)
class _Judge:
    """Means over parts of one comparison."""

    said: Sequence[Said]
    rows: Rows
    hips: Floats
    expected: Bools
    fresh: Ints
    gate_m: float
    found: Errors

    def of(self, joints: Bools, people: Bools) -> Figures:
        """Over joints (T, P, 17) and, for ids and recall, people (T, P)."""
        ids = keep_ids(self.said, self.rows, self.hips, people, self.fresh, self.gate_m)
        return figures(self.found, joints & self.expected[..., None], people, self.rows >= 0, ids)

    def of_one(self, person: int) -> Figures:
        """Over one person; the changes of the id are counted, IDF1 and MOTA are NaN."""
        only = np.zeros_like(self.expected)
        only[:, person] = self.expected[:, person]
        matched = self.rows >= 0
        changes = 0
        for start in np.unique(self.fresh):
            ids = [self.said[t].ids[self.rows[t, person]]
                   for t in np.flatnonzero(only[:, person] & matched[:, person]
                                           & (self.fresh == start)).tolist()]
            changes += int(np.count_nonzero(np.diff(ids)))
        joints = np.repeat(only[..., None], self.found.w_mm.shape[-1], axis=-1)
        unknown = IdScore(float('nan'), float('nan'), changes)
        return figures(self.found, joints, only, matched, unknown)
