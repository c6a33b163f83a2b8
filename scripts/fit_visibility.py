"""What the cues of detection/visibility.py are worth: fitted on the rendered scenes to tune on.

    occpose evaluate rendered --tuning --output out/tuning
    python scripts/fit_visibility.py out/tuning/bags/*

A logistic regression tells joints that are hidden (behind things or people, out of view, or by the
own body and put elsewhere) from those that are seen and where the detector says. Prints the
constants of the judge in the units of its code, each beside the range that it has when one of the
bags is left out, how well each cue is missed, and the `doubt` of the detector (models.yaml): the
score that makes precision and recall equal.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measure_visibility import WRONG, Judged, from_bags, with_detector

from ros2_occpose.config import DetectionConfig, PipelineConfig
from ros2_occpose.detection.visibility import MOST_STRAY, SPREAD, SUREST
from ros2_occpose.errors import DataError
from ros2_occpose.inference import find_entry
from ros2_occpose.synth.truth import Sight
from ros2_occpose.types import Bools, Floats

CUES = ('stray', 'change', 'change of the limb', 'unclear', 'in front', 'at edge')
RIDGE, STEPS = 1e-5, 40


def columns(judged: Judged) -> Floats:
    """What the odds are a sum of, (K, 8): score, the six cues, 1."""
    score = np.clip(judged.before, 1 - SUREST, SUREST)
    stray = 0.5 * np.minimum(judged.cues[:, :1], MOST_STRAY) ** 2 / SPREAD ** 2
    return np.hstack([np.log(score / (1 - score))[:, None], stray, judged.cues[:, 1:],
                      np.ones((len(score), 1))])


def teaching(judged: Judged) -> tuple[Bools, Bools]:
    """Which joints are to be flagged, and which are clear cases, (K,) each."""
    bad = judged.invented | ((judged.sight == Sight.BEHIND_ONESELF) & (judged.error > WRONG))
    return bad, bad | ((judged.sight == Sight.SEEN) & (judged.error <= WRONG))


def fit(x: Floats, hidden: Bools) -> Floats:
    """Weights of a logistic regression by Newton's method."""
    weights = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (p - hidden) + RIDGE * len(x) * weights
        curve = (x * (p * (1 - p))[:, None]).T @ x + RIDGE * len(x) * np.eye(len(weights))
        weights = weights - np.linalg.solve(curve, slope)
    return np.asarray(weights)


def constants(weights: Floats) -> dict[str, float]:
    """The constants of the judge, whose odds are those of the detector less the cues."""
    per_score = -weights[0]
    return {'SPREAD': float(SPREAD / np.sqrt(max(weights[1] / per_score, 1e-9))),
            '_PER_CHANGE': float(weights[2] / per_score),
            '_PER_LIMB_CHANGE': float(weights[3] / per_score),
            '_NEVER_CLEAR': float(weights[4] / per_score),
            '_IN_FRONT': float(weights[5] / per_score),
            '_AT_EDGE': float(weights[6] / per_score)}


def area(score: Floats, bad: Bools) -> float:
    """Area under the curve of true against false alarms."""
    rank = np.empty(len(score))
    rank[np.argsort(score, kind='stable')] = np.arange(len(score))
    n = bad.sum()
    return float((rank[bad].sum() - n * (n - 1) / 2) / max(n * (~bad).sum(), 1))


def held_out(bags: list[Judged], keep: Callable[[Floats], Floats]) -> float:
    """Area under the curve when each bag is judged by what the others teach."""
    scores, truths = [], []
    for left_out, judged in enumerate(bags):
        rest = Judged.join([bag for i, bag in enumerate(bags) if i != left_out])
        bad, clear = teaching(rest)
        weights = fit(keep(columns(rest)[clear]), bad[clear])
        bad, clear = teaching(judged)
        scores.append(keep(columns(judged)[clear]) @ weights)
        truths.append(bad[clear])
    return area(np.concatenate(scores), np.concatenate(truths))


def break_even(judged: Judged, doubt: float) -> tuple[float, float]:
    """The doubt at which precision equals recall, and what both are; `doubt` is what was used."""
    order = np.argsort(judged.after, kind='stable')
    right = np.cumsum((judged.sight != Sight.SEEN)[order]) / np.arange(1, len(order) + 1)
    found = np.cumsum(judged.invented[order]) / judged.invented.sum()
    at = int(np.abs(right - found)[np.flatnonzero(found > 0.1)[0]:].argmin())
    at += int(np.flatnonzero(found > 0.1)[0])
    threshold = PipelineConfig().lifting.min_visibility
    reached = float(np.clip(judged.after[order[at]], 1e-3, 1 - 1e-3))
    odds = (doubt / (1 - doubt)) * (reached / (1 - reached)) / (threshold / (1 - threshold))
    return float(odds / (1 + odds)), float(right[at])


def main() -> None:
    """Print the constants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('bags', type=Path, nargs='+')
    parser.add_argument('--detector', default=DetectionConfig().detector,
                        help='whose doubt to find; the constants are those of the default')
    args = parser.parse_args()
    if len(args.bags) < 2:
        raise DataError('Expected at least two bags, to leave one out; got one.')
    bags = [judged for _, judged, _ in from_bags(
        args.bags, PipelineConfig().tracking.min_visibility, with_detector(args.detector))]
    everything = Judged.join(bags)
    bad, clear = teaching(everything)
    found = constants(fit(columns(everything)[clear], bad[clear]))
    others = []
    for left_out in range(len(bags)):
        rest = Judged.join([bag for i, bag in enumerate(bags) if i != left_out])
        bad, clear = teaching(rest)
        others.append(constants(fit(columns(rest)[clear], bad[clear])))
    for name, value in found.items():
        values = [other[name] for other in others]
        print(f'{name} {value:.3f} ({min(values):.3f} to {max(values):.3f})')
    print(f'area under the curve, bags left out in turn: {held_out(bags, lambda x: x):.4f}')
    for index, cue in enumerate(CUES, 1):
        without = held_out(bags, lambda x, index=index: np.delete(x, index, 1))
        print(f'  without {cue}: {without:.4f}')
    seen = everything.sight == Sight.SEEN
    print(f'_USUAL_CHANGE {np.median(everything.cues[seen, 1]):.2f}')
    doubt, rate = break_even(everything, find_entry(args.detector).doubt)
    print(f'doubt {doubt:.2f}, where precision and recall are {rate:.2f}')


if __name__ == '__main__':
    main()
