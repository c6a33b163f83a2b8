"""Where a reference of another frame lies in the frame of the recording."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import DataError
from ...geometry import align_similarity, se3, transform
from ...types import Floats
from .matching import Rows, match_all
from .skeletons import HIP, Reference, Said, known

_LONGEST = 12           # ids and people that are tried as the same
_MOST_FRAMES = 120      # that are looked at
_ROUNDS = 4             # of matching and fitting once more
_LEAST_JOINTS = 30      # that a fit needs


def rigid(source: Floats, target: Floats) -> Floats:
    """target_from_source (4, 4) that brings points (M, 3) closest, without scale.

    Umeyama, PAMI 1991: the rotation of the similarity is that of the rigid motion too.
    """
    _, rotation, _ = align_similarity(source, target)
    return se3(rotation, target.mean(0) - rotation @ source.mean(0))


def place(said: Sequence[Said], reference: Reference, gate_m: float) -> tuple[Floats, float]:
    """recording_from_reference (4, 4), and the mean distance of the hips that match then [m].

    Who is who is not known before the frames lie on each other. So each pair of an id and a person
    is taken for the same for a moment; the motion that then explains most people is kept, and
    fitted once more to all that match.

    Args:
        said: What the pipeline said, at stamps that the reference has too.
        reference: In its own frame.
        gate_m: Hips farther apart are not the same person's.

    Raises:
        DataError: Nobody was said while the reference has somebody.
    """
    chosen = said[::max(len(said) // _MOST_FRAMES, 1)]
    truth, _ = reference.at(np.array([s.stamp_ns for s in chosen]))
    best: tuple[int, float] = (-1, 0.0)
    found: Floats = np.eye(4)
    for one, other in _pairs(chosen, truth, reference):
        moved = rigid(other, one)
        quality = _quality(chosen, truth, moved, gate_m)
        if quality > best:
            best, found = quality, moved
    if best[0] < 0:
        raise DataError('Expected people in the recording while the reference has some, got none '
                        'to align; do they overlap in time (--max-shift), is anybody seen?')
    for _ in range(_ROUNDS):
        source, target = _matched(chosen, truth, found, gate_m)
        if len(source) < _LEAST_JOINTS:
            break
        moved = rigid(source, target)
        quality = _quality(chosen, truth, moved, gate_m)
        if quality <= best:
            break
        best, found = quality, moved
    return found, -best[1]


def _pairs(said: Sequence[Said], truth: Floats,
           reference: Reference) -> list[tuple[Floats, Floats]]:
    """Joints (M, 3) of an id and of a person in the same frames, for all that have enough."""
    ids, counts = np.unique(np.concatenate([s.ids for s in said]), return_counts=True)
    pairs = []
    for i in ids[np.argsort(-counts, kind='stable')][:_LONGEST]:
        rows = [(t, int(np.flatnonzero(s.ids == i)[0])) for t, s in enumerate(said)
                if (s.ids == i).any()]
        mine = np.array([said[t].joints[n] for t, n in rows])                    # (S, 17, 3)
        for person in range(min(len(reference.people), _LONGEST)):
            other = truth[[t for t, _ in rows], person]
            both = known(mine) & known(other)
            if both.sum() >= _LEAST_JOINTS:
                pairs.append((mine[both], other[both]))
    return pairs


def _quality(said: Sequence[Said], truth: Floats, moved: Floats,
             gate_m: float) -> tuple[int, float]:
    """How many match, and minus the mean distance of their hips [m]: larger is better."""
    placed = transform(moved, truth)
    rows = match_all(said, placed[..., HIP, :], gate_m)
    off = [np.linalg.norm(said[t].joints[n, HIP] - placed[t, p, HIP]) for t, p, n in _each(rows)]
    return len(off), -float(np.mean(off)) if off else -np.inf


def _matched(said: Sequence[Said], truth: Floats, moved: Floats,
             gate_m: float) -> tuple[Floats, Floats]:
    """Joints (M, 3) of the reference, and of the recording, of all that match."""
    rows = match_all(said, transform(moved, truth)[..., HIP, :], gate_m)
    source = np.array([truth[t, p] for t, p, _ in _each(rows)]).reshape(-1, 3)
    target = np.array([said[t].joints[n] for t, _, n in _each(rows)]).reshape(-1, 3)
    both = known(source) & known(target)
    return source[both], target[both]


def _each(rows: Rows) -> list[tuple[int, int, int]]:
    """Frame, person and row of what was said, of all that match."""
    frames, people = np.nonzero(rows >= 0)
    return [(t, p, int(rows[t, p])) for t, p in zip(frames.tolist(), people.tolist())]
