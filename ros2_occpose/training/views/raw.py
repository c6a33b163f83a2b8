"""What a detector says when nobody filters it: guesses for hidden joints, and how sure it is.

How far off guesses are was measured on the default detector, for joints that it states as seen and
for those of which it is unsure apart (docs/detector-noise.md: *Confidence*). How often a detector
is unsure of a hidden joint depends on how it was trained: the default one seldom is (`MEASURED`),
the paper's (Cheng et al. 2019, eq. 1) learns to answer 0 for hidden joints; how often it does is
not published, and assumed here.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ...skeleton import COCO17
from ...types import Bools, Floats
from .detections import DEFAULT_NOISE, FPS, HEIGHT_M, PARTS, DetectorNoise, ar1, invent

LEAST_JOINTS = 4       # joints to be seen for a person to be found at all
_J = len(COCO17.joints)
_PART = np.array([PARTS.index(name) if (name := joint.partition('_')[2]) in PARTS else 0
                  for joint in COCO17.joints])


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """Scores of a detector, C* of eq. 2, and its guesses where it is unsure.

    Scores are sigmoids of sums, so that they stay between 0 and 1. Tables of seven are in the
    order of `detections.PARTS`, lengths are shares of a standing person's height in the image.
    """

    # Share of the hidden joints that the detector notices to be hidden: assumed. For how long one
    # is noticed or not was measured: as long as it is hidden, mostly.
    noticed: tuple[float, ...] = (.8,) * 7
    noticed_score: float = .06     # their median score: nearly all are below the threshold
    # ... and how far off they are: the median of joints that are scored 0.1 to 0.3 (0.177 in four
    # views, 0.121 in stills), the spread of its logarithm, and what wanders as a share of it.
    gross: float = .15
    gross_spread: float = 0.45
    gross_wander: float = 0.5
    # Median score of all others by part, at an error of `calm` or less; so many logits are lost
    # while the error grows by a factor of e beyond it.
    open_score: tuple[float, ...] = (.97, .96, .91, .92, .94, .90, .90)
    calm: float = .02
    slope: float = 1.75
    spread: float = 1.0            # std of the logit that wanders, and its memory
    memory_s: float = 0.2
    joint_spread: float = 0.5      # ... of a joint over a whole recording
    lost_score: float = 0.25       # at most, of joints that the detector lost though in the open

    def notices(self, rng: Generator, batch: int) -> Bools:
        """Which joints the detector notices to be hidden when they are, (B, 1, 17)."""
        return np.asarray(rng.random((batch, 1, _J)) < np.array(self.noticed)[_PART])

    def guesses(self, rng: Generator, batch: int, frames: int) -> Floats:
        """How far off guesses for such joints are, (B, T, 17, 2) [heights]."""
        size = self.gross * np.exp(rng.normal(0, self.gross_spread, (batch, 1, _J, 1)))
        way = rng.uniform(-np.pi, np.pi, (batch, 1, _J))
        wander = ar1(rng, (batch, frames, _J, 2), _correlation(DEFAULT_NOISE.invented_memory_s))
        to = np.stack([np.cos(way), np.sin(way)], -1)
        return np.asarray(size * (to + self.gross_wander / np.sqrt(2) * wander))

    def scores(self, rng: Generator, error: Floats, noticed: Bools, lost: Bools) -> Floats:
        """Scores (B, T, 17) of joints with such errors [heights], some noticed to be hidden."""
        base = np.array(self.open_score)[_PART]
        logit = _logit(base) - self.slope * np.log(np.maximum(error / self.calm, 1))
        logit = np.where(noticed, _logit(np.array(self.noticed_score)), logit)
        logit += self.spread * ar1(rng, error.shape, _correlation(self.memory_s))
        logit += rng.normal(0, self.joint_spread, (len(error), 1, _J))
        return np.where(lost, rng.uniform(0, self.lost_score, error.shape),
                        1 / (1 + np.exp(-logit)))


def _logit(share: Floats) -> Floats:
    return np.asarray(np.log(share / (1 - share)))


def _correlation(memory_s: float) -> float:
    return float(np.exp(-1 / (FPS * memory_s)))


DEFAULT_CONFIDENCE = Confidence()
# The default detector: what it does not state as seen of what is hidden.
MEASURED = Confidence(noticed=tuple(1 - share for share in DEFAULT_NOISE.invented))


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
    batch, frames = per_m.shape
    noticed = hidden & confidence.notices(rng, batch)
    guessed, _ = invent(rng, rays, hidden & ~noticed, per_m, noise)
    height = (HEIGHT_M * per_m)[..., None]
    guessed += confidence.guesses(rng, batch, frames) * (height * noticed)[..., None]
    error = np.linalg.norm(guessed - true_rays, axis=-1) / height
    scores = confidence.scores(rng, error, noticed, lost & ~hidden)
    found = (~(hidden | lost)).sum(-1) >= LEAST_JOINTS
    return Raw(guessed, scores, hidden, np.asarray(found))
