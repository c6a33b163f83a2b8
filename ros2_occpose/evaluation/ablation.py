"""What the parts of the occlusion-aware networks are worth: Table 1 and 2 of their paper.

All rows are fed what the detector states of every joint, hidden ones guessed; those that are aware
of occlusion get only the joints whose score reaches the threshold.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from ..skeleton import COCO17
from ..training.occlusion_rows import ROWS, THRESHOLD
from ..training.views.raw import DEFAULT_CONFIDENCE, Confidence, Raw, raw_detections
from ..training.views.scenes import Scenes
from ..types import Bools, Floats
from . import metrics
from .protocols import WORLD, given_in
from .subjects import Subjects, by_person, hidden_joints, subjects_of
from .systems import System

PROTOCOLS = ('random25', 'self')
WINDOWS = (16, 32, 64, 128, 256)
THRESHOLDS = (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
WORST = 0.01               # share of the joints that err most
_RAW = 3                   # beside the seed: what the detector makes of hidden joints
_J = len(COCO17.joints)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What all networks are judged on in one protocol."""

    subjects: Subjects     # with the rays as the detector states them
    raw: Raw
    hidden: Bools          # (N, T, 17) h36m17 joints of which a part is hidden
    counts: Bools          # (N, T)


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Of one network in one protocol, in frames that count: (F, 17) each."""

    mpjpe_mm: Floats
    pa_mpjpe_mm: Floats
    hidden: Bools


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network and the row that it is."""

    row: str               # key of ROWS
    seed: int
    system: System

    @property
    def aware(self) -> bool:
        """Whether unreliable joints are removed."""
        return ROWS[self.row].aware


@dataclass(frozen=True, kw_only=True)
class Worst:
    """The joints that err most."""

    joints: int
    error_mm: float        # without awareness
    same_mm: float         # the very same joints with awareness
    own_mm: float          # those that err most with awareness


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What one run found out."""

    errors: dict[tuple[str, int], dict[str, Errors]]   # row and seed -> protocol
    worst: dict[str, Worst]                            # by protocol
    windows: dict[int, dict[str, tuple[float, float]]]       # frames -> protocol -> both errors
    thresholds: dict[float, dict[str, tuple[float, float]]]
    removed: dict[float, tuple[float, float]]          # of the hidden and of the visible joints


def case_of(protocol: str, scenes: Scenes, seed: int,
            confidence: Confidence = DEFAULT_CONFIDENCE) -> Case:
    """One protocol with the detector's guesses.

    Args:
        protocol: As in `protocols`.
        scenes: The test set.
        seed: Of masks and guesses.
        confidence: How sure the detector is.
    """
    given = given_in(protocol, scenes, seed)
    subjects = subjects_of(scenes)
    seen, counts = by_person(given.seen), by_person(given.counts)
    joints = by_person(scenes.body_camera)[..., :_J, :].astype(float)
    true_rays = joints[..., :2] / np.maximum(joints[..., 2:], 0.2)
    per_m = 1 / np.maximum(joints[..., 2].mean(-1), 0.5)
    lost = np.zeros(seen.shape, bool)
    if protocol in WORLD:
        covered = scenes.out_of_view | (
            scenes.hidden_by_object if protocol == 'object' else
            scenes.hidden_by_self | scenes.hidden_by_person)
        lost = by_person(~scenes.detected & ~covered)
    rng = np.random.default_rng([seed, _RAW, len(protocol)])
    raw = raw_detections(rng, true_rays, subjects.rays, ~(seen | lost), lost, per_m,
                         confidence=confidence)
    return Case(subjects=replace(subjects, rays=raw.rays), raw=raw, hidden=hidden_joints(seen),
                counts=counts)


def errors_of(trained: Trained, case: Case, *, threshold: float = THRESHOLD,
              window: int | None = None) -> Errors:
    """How far a network is off, with removed joints where it is aware."""
    seen = case.raw.seen(threshold if trained.aware else None)
    joints, _ = trained.system.lift(case.subjects, seen, window)
    truth = case.subjects.joints_camera
    counts = case.counts
    return Errors(mpjpe_mm=metrics.root_aligned_mm(joints[counts], truth[counts]),
                  pa_mpjpe_mm=metrics.similarity_aligned_mm(joints[counts], truth[counts]),
                  hidden=case.hidden[counts])


def ablate(networks: Sequence[Trained], scenes: Scenes, seed: int, *,
           sweep: bool = True, confidence: Confidence = DEFAULT_CONFIDENCE) -> Ablation:
    """Judge every network in both protocols, and the last row at other settings.

    Args:
        networks: Of different rows or seeds, at least one.
        scenes: The test set.
        seed: Of masks and guesses.
        sweep: Whether to try other windows and thresholds.
        confidence: How sure the detector is.
    """
    cases = {protocol: case_of(protocol, scenes, seed, confidence) for protocol in PROTOCOLS}
    whole = max(networks, key=lambda trained: (list(ROWS).index(trained.row), -trained.seed))
    windows_tried = WINDOWS if sweep else ()
    thresholds_tried = THRESHOLDS if sweep and whole.aware else ()
    rounds = len(networks) + len(windows_tried) + len(thresholds_tried)
    with tqdm(total=rounds, unit='network', disable=None) as bar:
        def judged(trained: Trained, **settings: float) -> Iterator[tuple[str, Errors]]:
            for protocol, case in cases.items():
                yield protocol, errors_of(trained, case, **settings)  # type: ignore[arg-type]
            bar.update()

        errors = {(t.row, t.seed): dict(judged(t)) for t in networks}
        windows = {n: _means(dict(judged(whole, window=n))) for n in windows_tried}
        thresholds = {b: _means(dict(judged(whole, threshold=b))) for b in thresholds_tried}
    return Ablation(errors=errors, worst=_worst(errors), windows=windows, thresholds=thresholds,
                    removed={b: _removed(cases.values(), b) for b in THRESHOLDS})


def _means(errors: Mapping[str, Errors]) -> dict[str, tuple[float, float]]:
    return {protocol: (float(e.mpjpe_mm.mean()), float(e.pa_mpjpe_mm.mean()))
            for protocol, e in errors.items()}


def _worst(errors: Mapping[tuple[str, int], Mapping[str, Errors]]) -> dict[str, Worst]:
    """The joints that err most without awareness (row 2), and what awareness makes of them."""
    before, after = list(ROWS)[1:3]
    seeds = sorted({seed for _, seed in errors
                    if (before, seed) in errors and (after, seed) in errors})
    if not seeds:
        return {}
    found = {}
    for protocol in PROTOCOLS:
        without, aware = (errors[row, seeds[0]][protocol].mpjpe_mm.ravel()
                          for row in (before, after))
        many = max(int(WORST * without.size), 1)
        chosen = np.argsort(without)[-many:]
        found[protocol] = Worst(
            joints=many, error_mm=float(without[chosen].mean()),
            same_mm=float(aware[chosen].mean()), own_mm=float(np.sort(aware)[-many:].mean()))
    return found


def _removed(cases: Iterable[Case], threshold: float) -> tuple[float, float]:
    """Share of the hidden and of the visible coco17 joints of found people that go."""
    parts = [(c.raw.scores < threshold, c.raw.hidden, c.raw.found & c.counts) for c in cases]
    gone = np.concatenate([low[found] for low, _, found in parts])
    hidden = np.concatenate([behind[found] for _, behind, found in parts])
    return float(gone[hidden].mean()), float(gone[~hidden].mean())
