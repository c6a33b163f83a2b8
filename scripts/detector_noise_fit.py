"""Statistics of errors, the same for measured and for simulated ones, and the numbers that fit."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from detector_noise_truth import FPS, TRUTH_SHARE, Errors, Truth

from ros2_occpose.config import LiftingConfig
from ros2_occpose.skeleton import COCO17
from ros2_occpose.training.views.detections import PARTS, DetectorNoise, detect
from ros2_occpose.types import Bools, Floats

SEEN = LiftingConfig().min_visibility
STEP = 2                    # every second frame: 30 Hz
LAGS = (0, 1, 2, 3, 4, 6, 8)
WRONG = 0.06                # heights
CALM = 0.05                # heights: larger deviations are no noise
_MOST_OFFSET = 0.08
_KINDS = [joint.partition('_')[2] or joint for joint in COCO17.joints]
OF_PART = {part: [j for j, kind in enumerate(_KINDS)
                  if (kind if kind in PARTS else 'face') == part] for part in PARTS}
_COPIES = 60                # of the truth, through the simulated detector
# The two people and eight views that were measured differ less than what is trained on.
_START = {'level_spread': 0.33, 'joint_spread': 0.30, 'hidden_rows': 0.0, 'lost_any': 0.0,
          'habit_spread': 0.0, 'wander': (.006,) * 7, 'jitter': (.002,) * 7, 'offset': (.006,) * 7,
          'wrong_limb': (.03, .03), 'wrong_joint': (.01, .01, .002, .01, .01, .002, .01),
          'wrong_size': (.07, .09, .1, .1, .08, .1, .1), 'lost': (.02,) * 7, 'swapped': .01}


FITTED = ('wander', 'jitter', 'offset', 'wrong_limb', 'wrong_joint', 'wrong_size', 'swapped',
          'swapped_arms', 'lost')
Sample = tuple[Floats, Bools]           # errors and what is stated as seen


@dataclass(frozen=True)
class Statistics:
    """Of the joints of one part of the body at one image size; lengths in heights."""

    total: Floats           # quantiles 25, 50, 75, 90, 95, 99 % of the error
    moving: Floats          # the same of its deviation from the median of the sequence
    covariance: Floats      # (LAGS,) of calm deviations along an axis, the truth's taken out
    offset: float           # rms along an axis of the median of a sequence, the truth's taken out
    wrong: float            # share of the joints that are stated as seen but more than WRONG off
    far: float              # the same, twice as far
    wrong_size: float       # median of the errors above WRONG
    wrong_s: float          # mean time that an error is above WRONG
    lost: float             # share of the joints not stated as seen
    lost_s: float           # mean time that they are not


def measure(error: Floats, seen: Bools, residual: Floats | None = None,
            frame_s: float = STEP / FPS) -> dict[str, Statistics]:
    """Statistics of each part from errors (S, T, 17, 2) and what is stated as seen.

    Args:
        error: NaN where nothing is known.
        seen: (S, T, 17)
        residual: Of the truth, (S, T, 17, 2), see `detector_noise_truth`; None: it is exact.
        frame_s: Time between frames.
    """
    return {part: _statistics(error[:, :, joints], seen[:, :, joints],
                              None if residual is None else residual[:, :, joints], frame_s)
            for part, joints in OF_PART.items()}


def _statistics(error: Floats, seen: Bools, residual: Floats | None,
                frame_s: float) -> Statistics:
    size = np.linalg.norm(error, axis=-1)
    known = np.isfinite(size)
    wrong = size > WRONG
    deviation = np.linalg.norm(error - np.nanmedian(error, 1, keepdims=True), axis=-1)
    quantiles = [25, 50, 75, 90, 95, 99]
    covariance, offset = autocovariance(error), _offset(error)
    if residual is not None:
        covariance = covariance - TRUTH_SHARE * autocovariance(residual)
        offset = offset - TRUTH_SHARE * _offset(residual)
    return Statistics(
        total=np.nanpercentile(size, quantiles), moving=np.nanpercentile(deviation, quantiles),
        covariance=covariance, offset=float(np.sqrt(max(offset, 0))),
        wrong=float((wrong & seen).sum() / known.sum()),
        far=float(((size > 2 * WRONG) & seen).sum() / known.sum()),
        wrong_size=float(np.median(size[wrong])) if wrong.any() else WRONG,
        wrong_s=frame_s * _mean_frames(wrong, known), lost=float(1 - seen[known].mean()),
        lost_s=frame_s * _mean_frames(~seen, known))


def autocovariance(error: Floats) -> Floats:
    """Along an axis of calm deviations from the mean of each sequence, (LAGS,)."""
    calm = error - np.nanmedian(error, 1, keepdims=True)
    calm = np.where((np.linalg.norm(calm, axis=-1) > CALM)[..., None], np.nan, calm)
    calm = calm - np.nanmean(calm, 1, keepdims=True)
    frames = calm.shape[1]
    return np.array([np.nanmean(calm[:, lag:] * calm[:, :frames - lag]) for lag in LAGS])


def _offset(error: Floats) -> float:
    """Mean square along an axis of the medians of the sequences, without the far ones."""
    median = np.nanmedian(error, 1)
    near = np.linalg.norm(median, axis=-1) < _MOST_OFFSET
    return float(np.mean(median[near] ** 2))


def _mean_frames(on: Bools, known: Bools) -> float:
    """Mean length of the spells in which a joint is `on`, (S, T, J); 0 where there are none."""
    lengths = _spells(on, known)
    return float(lengths.mean()) if len(lengths) else 0.0


def spells_s(error: Floats, seen: Bools, *, wrong: bool) -> Floats:
    """Lengths of the spells in which joints are wrong, or else not stated as seen [s]."""
    size = np.linalg.norm(error, axis=-1)
    return _spells(size > WRONG if wrong else ~seen, np.isfinite(size)) * STEP / FPS


def _spells(on: Bools, known: Bools) -> Floats:
    """Unknown frames between known ones are left out."""
    lengths: list[Floats] = []
    for row, joint in np.ndindex(on.shape[0], on.shape[2]):
        states = on[row, known[row, :, joint], joint].astype(int)
        edges = np.diff(np.concatenate([[0], states, [0]]))
        lengths.append(np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0))
    return np.concatenate(lengths)


def sides_of(truth: Truth) -> Floats:
    """From each joint to that of the other side, at 30 Hz, in heights, (V * P, T, 17, 2)."""
    across = truth.points_px[..., COCO17.mirror, :] - truth.points_px
    return (across / truth.height_px[..., None, None]).reshape(truth.rays.shape)[:, ::STEP]


def swapped_share(error: Floats, across: Floats) -> tuple[float, float]:
    """Share of the frames in which arms, and legs, lie much better on the other side's truth.

    Args:
        error: (N * S, T, 17, 2) in heights.
        across: From each joint to that of the other side, (S, T, 17, 2).
    """
    across = np.repeat(across, len(error) // len(across), 0)
    own, other = (np.minimum(np.linalg.norm(e, axis=-1), .3) for e in (error, error - across))
    shares = []
    for parts in (('shoulder', 'elbow', 'wrist'), ('hip', 'knee', 'ankle')):
        joints = [joint for part in parts for joint in OF_PART[part]]
        apart = np.linalg.norm(across[:, :, joints], axis=-1) > .03
        use = np.isfinite(own[:, :, joints]) & apart
        number = use.sum(-1)
        mine, theirs = (np.where(use, e[:, :, joints], 0).sum(-1) for e in (own, other))
        swapped = (number > 1) & (theirs < .6 * mine) & (mine > .03 * number)
        shares.append(float(swapped.sum() / (number > 1).sum()))
    return shares[0], shares[1]


def measured(errors: Errors) -> tuple[Floats, Bools, Floats]:
    """Errors, what is stated as seen, and the truth's residual, at 30 Hz."""
    seen = ~(errors.visibility < SEEN)                      # nobody found is nothing known
    return errors.error[:, ::STEP], seen[:, ::STEP], errors.truth[:, ::STEP]


def simulated(noise: DetectorNoise, truth: Truth, errors: Errors, size: float,
              ) -> tuple[Floats, Bools]:
    """Errors and what is stated as seen for the same people, many times."""
    focal_px = float(np.mean([camera.focal_px for camera in truth.cameras]))
    noise = replace(noise, focal_px=(focal_px * size, focal_px * size + 1e-6))
    rays = np.repeat(truth.rays[:, ::STEP], _COPIES, 0)
    height = np.repeat(truth.height_px.reshape(len(truth.rays), -1)[:, ::STEP], _COPIES, 0)
    height = height / focal_px
    noisy, lost = detect(np.random.default_rng(0), rays, height / 1.7, noise)
    known = np.repeat(np.isfinite(errors.error[:, ::STEP]), _COPIES, 0)
    return np.where(known, (noisy - rays) / height[..., None, None], np.nan), ~lost


def pooled(tables: list[dict[str, Statistics]], part: str, name: str) -> Floats:
    """Mean of a number over image sizes."""
    return np.asarray(np.mean([getattr(table[part], name) for table in tables], axis=0))


def fit(truth: Truth, looks: dict[float, Errors], rounds: int = 10) -> DetectorNoise:
    """The noise whose simulated errors have the statistics of the measured ones.

    Fits the tables of the parts and the share of swapped sides, from a start that knows nothing of
    them; what is not fitted is as in `DetectorNoise`, with the spreads that were measured.
    """
    def draw(noise: DetectorNoise) -> list[Sample]:
        return [simulated(noise, truth, errors, size) for size, errors in looks.items()]

    real = [measured(errors) for errors in looks.values()]
    return approach([measure(*each) for each in real], [each[0] for each in real],
                    draw, sides_of(truth), DetectorNoise(), rounds)


def approach(target: list[dict[str, Statistics]], errors: list[Floats],
             draw: Callable[[DetectorNoise], list[Sample]], across: Floats, base: DetectorNoise,
             rounds: int = 10) -> DetectorNoise:
    """The noise whose draws have wanted statistics.

    Args:
        target: What is wanted, of each look.
        errors: What was measured, of each look, (S, T, 17, 2): for the swapped sides.
        draw: Errors and what is stated as seen, of each look, at the times of the measured ones.
        across: From each joint to that of the other side, (S, T, 17, 2).
        base: Whatever is not fitted.
        rounds: How often to come closer.
    """
    swaps = np.mean([swapped_share(each, across) for each in errors], 0)
    noise = replace(base, **_START)
    for _ in range(rounds):
        drawn = draw(noise)
        made = [measure(*each) for each in drawn]
        noise = _closer(noise, target, made)
        share = np.mean([swapped_share(error, across) for error, _ in drawn], 0)
        noise = replace(noise, swapped=noise.swapped * float(swaps.sum() / max(share.sum(), 1e-4)),
                        swapped_arms=float(np.clip(1 - swaps[1] / max(swaps[0], 1e-4), 0, 1)))
    return noise


def _closer(noise: DetectorNoise, target: list[dict[str, Statistics]],
            made: list[dict[str, Statistics]]) -> DetectorNoise:
    """One step: each table by the ratio, or the difference, of what was wanted and what came."""
    def compare(part: str, name: str) -> tuple[Floats, Floats]:
        return pooled(target, part, name), pooled(made, part, name)

    tables: dict[str, list[float]] = {name: list(getattr(noise, name)) for name in (
        'wander', 'jitter', 'offset', 'wrong_joint', 'wrong_size', 'lost')}
    limbs = list(noise.wrong_limb)
    for i, part in enumerate(PARTS):
        want, got = compare(part, 'covariance')
        tables['wander'][i] *= float(np.sqrt(want[1] / got[1]))
        white = (want[0] - got[0]) - (want[1] - got[1]) * got[0] / got[1]
        tables['jitter'][i] = float(np.sqrt(max(tables['jitter'][i] ** 2 + white / 1.4, 1e-6)))
        want, got = compare(part, 'offset')
        tables['offset'][i] = float(np.sqrt(
            max(tables['offset'][i] ** 2 + .6 * (want ** 2 - got ** 2), 1e-5)))
        want, got = compare(part, 'lost')
        tables['lost'][i] = float(max(tables['lost'][i] + want - got, 5e-4))
        want, got = compare(part, 'wrong')
        if part in ('elbow', 'knee'):
            limb = ('elbow', 'knee').index(part)
            limbs[limb] = float(max(limbs[limb] + .7 * (want - got), .002))
        else:
            share = tables['wrong_joint'][i] + .5 * (want - got)
            tables['wrong_joint'][i] = float(max(share, 1e-3))
        if part in ('elbow', 'wrist', 'knee', 'ankle'):
            want, got = compare(part, 'wrong_size')
            tables['wrong_size'][i] = float(max(tables['wrong_size'][i] * (want / got) ** .7, .07))
    rounded = {name: tuple(round(value, 4) for value in table) for name, table in tables.items()}
    return replace(noise, **rounded, wrong_limb=tuple(round(limb, 4) for limb in limbs))
