"""What a detector says when nobody filters it: guesses for hidden joints, and how sure it is.

Where hidden joints are guessed, and how the score falls with the error, was measured on the
default detector (docs/detector-noise.md: *Confidence*). How much less sure a detector is of joints
*because* they are hidden is assumed: the default detector hardly is (`unsure` = 0 fits what was
measured), while the paper's is trained to answer 0 for hidden joints (Cheng et al. 2019, eq. 1).
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ...skeleton import COCO17
from ...types import Bools, Floats
from .detections import DEFAULT_NOISE, FPS, HEIGHT_M, PARTS, DetectorNoise, ar1, invent

# Guesses that are not stated as seen: their median error [heights] and the spread of its logarithm,
# of scores of 0.1 to 0.3 (median 0.177, 90 % quantile 0.304 in four views; less in stills).
_GROSS, _GROSS_SPREAD = 0.17, 0.45
LEAST_JOINTS = 4       # joints to be seen for a person to be found at all
_J = len(COCO17.joints)
_PART = np.array([PARTS.index(name) if (name := joint.partition('_')[2]) in PARTS else 0
                  for joint in COCO17.joints])


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """Scores of a detector, C* of eq. 2: logits, so that sums stay between 0 and 1."""

    # Median score of joints in the open, by part (`detections.PARTS`), at an error of `calm`.
    open_score: tuple[float, ...] = (.97, .96, .91, .92, .94, .90, .90)
    calm: float = .02              # error, as a share of the height, up to which the score is that
    slope: float = 1.75            # logits lost while the error grows by a factor of e beyond it
    spread: float = 1.0            # std of the logit that wanders, and its memory
    memory_s: float = 0.2
    joint_spread: float = 0.5      # ... of a joint over a whole recording
    unsure: float = 4.0            # logits lost because a joint is hidden: assumed
    lost_score: float = 0.25       # at most, of joints that the detector lost though in the open

    def scores(self, rng: Generator, error: Floats, hidden: Bools, lost: Bools) -> Floats:
        """Scores (B, T, 17) of joints that err so much [heights], hidden or lost or neither."""
        shape = error.shape
        base = np.array(self.open_score)[_PART]
        logit = np.log(base / (1 - base)) - self.slope * np.log(np.maximum(error / self.calm, 1))
        wander = ar1(rng, shape, float(np.exp(-1 / (FPS * self.memory_s))))
        logit = logit + self.spread * wander - self.unsure * hidden
        logit += rng.normal(0, self.joint_spread, (shape[0], 1, _J))
        scores = 1 / (1 + np.exp(-logit))
        return np.where(lost, rng.uniform(0, self.lost_score, shape), scores)


DEFAULT_CONFIDENCE = Confidence()


@dataclass(frozen=True)
class Raw:
    """All 17 joints of B people in T frames as a detector states them."""

    rays: Floats          # (B, T, 17, 2), hidden joints guessed
    scores: Floats        # (B, T, 17)
    hidden: Bools         # (B, T, 17) joints that nobody could see
    found: Bools          # (B, T) the detector found the person

    def seen(self, threshold: float | None) -> Bools:
        """Joints (B, T, 17) that count as seen: those above the threshold b, or all (None)."""
        over = np.ones(self.scores.shape, bool) if threshold is None else self.scores >= threshold
        return np.asarray(over & self.found[..., None])


def _gross(rng: Generator, where: Bools) -> Floats:
    """Errors [heights] of guesses that the default detector would not state as seen, (B, T, 17, 2).

    Each joint of a recording keeps its own.
    """
    shape = (len(where), 1, _J)
    way = rng.uniform(-np.pi, np.pi, shape)
    size = _GROSS * np.exp(rng.normal(0, _GROSS_SPREAD, shape))
    return np.asarray((size * np.stack([np.cos(way), np.sin(way)]) * where).transpose(1, 2, 3, 0))


def raw_detections(rng: Generator, true_rays: Floats, rays: Floats, hidden: Bools, lost: Bools,
                   per_m: Floats, noise: DetectorNoise = DEFAULT_NOISE,
                   confidence: Confidence = DEFAULT_CONFIDENCE) -> Raw:
    """What is stated of people of whom some joints are hidden.

    Args:
        rng: Source of randomness.
        true_rays: (B, T, 17, 2).
        rays: As `detections.detect` gives them, with its errors but without guesses.
        hidden: Joints that nobody could see, (B, T, 17).
        lost: Joints in the open that the detector is unsure of, (B, T, 17).
        per_m: Length in the image of one metre at the person, (B, T).
        noise: Of which detector.
        confidence: How sure it is.
    """
    guessed, stated = invent(rng, rays, hidden, per_m, noise)
    guessed += _gross(rng, hidden & ~stated) * (HEIGHT_M * per_m)[..., None, None]
    error = np.linalg.norm(guessed - true_rays, axis=-1) / (HEIGHT_M * per_m)[..., None]
    scores = confidence.scores(rng, error, hidden, lost & ~hidden)
    return Raw(guessed, scores, hidden, np.asarray((~hidden).sum(-1) >= LEAST_JOINTS))
