"""What a 2D detector makes of true rays: errors that last, lost joints, swapped sides, guesses.

The numbers are those of the default detector on real video (docs/detector-noise.md, measured by
scripts/measure_detector_noise.py). Around that centre every simulated recording has levels of its
own, because other people, other cameras and other detectors have.
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from ...skeleton import COCO17
from ...types import Bools, Floats
from .spells import Spells, draw_spells

HEIGHT_M = 1.7
FPS = 30.0
PARTS = ('face', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')    # of the tables below

_J = len(COCO17.joints)
_NAMES = tuple(joint.partition('_')[2] or joint for joint in COCO17.joints)
_PART = np.array([PARTS.index(name) if name in PARTS else 0 for name in _NAMES])
_LIMBS = np.array([COCO17.indices(f'{side}_{near}', f'{side}_{far}') for side in ('left', 'right')
                   for near, far in (('elbow', 'wrist'), ('knee', 'ankle'))])      # (4, 2)
_ARMS = np.array([name in ('shoulder', 'elbow', 'wrist') for name in _NAMES])
_FACE = np.flatnonzero(_PART == 0)
_KNOT = 15             # frames between the points that slow errors are drawn at
# What an object hides at once: a limb, or the legs with the hips.
_REGIONS = np.zeros((5, _J), bool)
for _limb, _joints in enumerate(_LIMBS):
    _REGIONS[_limb, _joints] = True
_REGIONS[4] = [name in ('hip', 'knee', 'ankle') for name in _NAMES]


@dataclass(frozen=True, kw_only=True)
class DetectorNoise:
    """Errors of a detector. Lengths are shares of a standing person's height in the image.

    Tables of seven are in the order of `PARTS`; std is along each axis of the image. `spread` is
    the std of the logarithm of a level between recordings.
    """

    # Errors of a joint that is seen: at 30 Hz one lags the next by exp(-1 / 30 / memory_s) = 0.77.
    # As of the typical joint in calm times; with the levels and the restless times below, the
    # measured rms over people, joints and time comes out, 0.7 % (shoulder) to 1.1 % (wrist).
    wander: tuple[float, ...] = (.0065, .0052, .0061, .0087, .0052, .0061, .0058)
    wander_memory_s: float = 0.13
    # ... independent from frame to frame: too little to be measured but in the elbow.
    jitter: tuple[float, ...] = (.0010, .0010, .0021, .0010, .0010, .0010, .0010)
    # ... constant over the 1.7 s of a clip, once habits are taken out. How long such an error
    # lasts cannot be measured in 1.7 s: half of it stays, half wanders within `drift_memory_s`.
    offset: tuple[float, ...] = (.0065, .0071, .0078, .0100, .0041, .0046, .0038)
    drift_memory_s: float = 2.0
    # ... added in pixels, from the same people seen 60 to 900 px tall; focal lengths of usual
    # cameras [px], which say how tall somebody is in pixels.
    pixel_px: float = 0.4
    focal_px: tuple[float, float] = (350.0, 1200.0)
    # Neighbours on a limb, and points of the face, err alike (correlation).
    neighbours_alike: float = 0.3
    face_alike: float = 0.4
    # Heavy tails, between people and between their joints: measured 0.33 and 0.30 over eight views
    # of two people. Wider here: labelled stills err 1.5 times as much, other detectors 0.7 times.
    level_spread: float = 0.45
    joint_spread: float = 0.35
    # ... and in time: chosen so that the quantiles of calm errors agree.
    restless_share: float = 0.10
    restless_factor: float = 2.2
    restless_s: float = 0.12
    # Constant habits: upwards (shares of the trunk), outwards (of the width of shoulders and hips)
    # and towards the joint before (of the bone); by joint, relative to COCO's labels.
    habit_up: tuple[tuple[str, float], ...] = (
        ('nose', -.010), ('eye', -.015), ('shoulder', .012), ('elbow', -.030), ('hip', .035),
        ('knee', .012), ('ankle', -.035))
    habit_out: tuple[tuple[str, float], ...] = (
        ('eye', -.020), ('ear', -.095), ('shoulder', -.017), ('elbow', .010))
    habit_bone: tuple[tuple[str, float], ...] = (('elbow', .09), ('knee', .025), ('ankle', .08))
    habit_spread: float = 0.5           # std of how much of it a recording has, around 1
    # Wrong for a moment though stated as seen: share of the time of a whole limb, arm and leg, and
    # of single joints (9 of 10 wrong elbows, 8 of 10 wrong knees take the end of the limb along);
    # the median of how far; how long, a mean whose median is 0.04 s. More wrong joints in some
    # recordings: from 1 to 13 % over eight views.
    wrong_limb: tuple[float, float] = (.046, .044)
    wrong_joint: tuple[float, ...] = (.0035, .017, .002, .001, .023, .002, .029)
    wrong_size: tuple[float, ...] = (.070, .090, .120, .205, .080, .070, .077)
    wrong_size_spread: float = 0.55
    wrong_s: float = 0.09
    wrong_s_spread: float = 1.2
    wrong_spread: float = 0.8
    # Both, and left and right exchanged, are more for small people: by 1 + small_px / height [px].
    small_px: float = 55.0
    # Left and right exchanged: share of the time, for how long, and how much of it is arms only.
    # One of eight views has most of it.
    swapped: float = 0.017
    swapped_s: float = 0.07
    swapped_spread: float = 1.2
    swapped_arms: float = 0.4
    # Open to view, but stated as not seen (visibility, after tracker and flow, below the lifter's
    # threshold): share of the time, and how long on average.
    lost: tuple[float, ...] = (.002, .001, .057, .103, .001, .002, .017)
    lost_s: float = 0.085
    lost_s_spread: float = 0.8
    lost_spread: float = 0.7
    # ... of any joint, which this detector does not do: others are less sure of themselves.
    lost_any: float = 0.004
    lost_any_spread: float = 1.2
    # Hidden by an object (painted into the videos), but stated as seen: share of them by part. How
    # far off: the median of what stays, its spread, and the std of what wanders as a share of it.
    invented: tuple[float, ...] = (1.0, 1.0, .91, .79, .98, .75, .62)
    invented_size: tuple[float, ...] = (.029, .028, .043, .089, .046, .043, .056)
    invented_size_spread: float = 0.8
    invented_wander: float = 0.5
    invented_memory_s: float = 0.15
    # How often `detect` has a limb or the legs hidden so: not measured, it depends on what stands
    # around: share of the recordings, share of the time in these, how long.
    hidden_rows: float = 0.25
    hidden_share: float = 0.3
    hidden_s: float = 1.0


DEFAULT_NOISE = DetectorNoise()
# The same detector in rendered scenes, people of 130 to 260 px in VGA, whose truth is exact:
# `measure_detector_noise.py rendered`, docs/detector-noise.md. Published weights and the test set
# of the benchmark have the default.
RENDERED_NOISE = replace(
    DEFAULT_NOISE,
    wander=(.0047, .0066, .0085, .008, .0085, .0089, .0077),
    jitter=(.0028, .0038, .006, .0067, .0035, .0063, .0062),
    offset=(.0106, .0103, .0139, .0115, .0138, .0134, .0108),
    wrong_limb=(.074, .048),
    wrong_joint=(.001, .005, .002, .12, .001, .002, .005),
    wrong_size=(.07, .09, .078, .124, .08, .114, .135),
    swapped=.038, swapped_arms=0.0,
    lost=(.001, .001, .015, .074, .002, .014, .042),
    habit_up=(
        ('nose', .031), ('eye', .033), ('ear', .029), ('shoulder', .036), ('elbow', -.026),
        ('wrist', -.008), ('knee', -.047), ('ankle', -.018)),
    habit_out=(
        ('eye', -.019), ('ear', -.076), ('shoulder', .009), ('elbow', .038), ('wrist', -.033),
        ('hip', .011), ('ankle', -.013)),
    habit_bone=(
        ('elbow', .056), ('wrist', -.041), ('knee', .08), ('ankle', .051)),
    invented=(1.0, 1.0, .91, .79, .98, .95, .73),
    invented_size=(.029, .028, .043, .089, .046, .049, .091))


def detect(rng: Generator, rays: Floats, per_m: Floats,
           noise: DetectorNoise = DEFAULT_NOISE) -> tuple[Floats, Bools]:
    """Rays as a detector reports them, (B, T, 17, 2), and joints that it lost, (B, T, 17).

    Args:
        rng: Source of randomness.
        rays: True rays, (B, T, 17, 2).
        per_m: Length in the image of one metre at the person, (B, T).
        noise: Of which detector.
    """
    height = (HEIGHT_M * per_m).astype(np.float32)                                # (B, T)
    low, high = np.log(noise.focal_px)
    focal = np.exp(rng.uniform(low, high, (len(rays), 1)))
    height_px = np.maximum(focal * height, 1.0)                                   # (B, T)
    errors = _usual(rng, noise, height_px)
    often = 1 + noise.small_px / height_px.mean(1, keepdims=True)                 # (B, 1)
    _go_wrong(rng, noise, often, errors)
    unsure = _hide(rng, noise, errors)
    errors *= height[..., None, None]
    noisy = rays + errors
    noisy += _habits(rng, noise, rays)
    _swap(rng, noise, often, noisy)
    return noisy, _lose(rng, noise, *per_m.shape) | unsure


def invent(rng: Generator, rays: Floats, hidden: Bools, per_m: Floats,
           noise: DetectorNoise = DEFAULT_NOISE) -> tuple[Floats, Bools]:
    """What the detector says of joints that an object hides.

    Args:
        rng: Source of randomness.
        rays: Rays, (B, T, 17, 2).
        hidden: Joints behind an object, (B, T, 17).
        per_m: Length in the image of one metre at the person, (B, T).
        noise: Of which detector.

    Returns:
        The rays with guesses where hidden, and the hidden joints stated as seen, (B, T, 17).
    """
    height = (HEIGHT_M * per_m).astype(np.float32)
    errors = _guesses(rng, noise, *per_m.shape) * height[..., None, None]
    return rays + errors * hidden[..., None], hidden & _believed(rng, noise, len(rays))


def ar1(rng: Generator, shape: tuple[int, ...], correlation: float) -> Floats:
    """Unit noise (B, T, ...) whose neighbours in time are correlated."""
    out = rng.standard_normal(shape, np.float32)
    out[:, 1:] *= np.float32(np.sqrt(1 - correlation ** 2))
    for t in range(1, shape[1]):
        out[:, t] += np.float32(correlation) * out[:, t - 1]
    return out


def _usual(rng: Generator, noise: DetectorNoise, height_px: Floats) -> Floats:
    """Errors of joints that are seen, in heights, (B, T, 17, 2)."""
    batch, frames = height_px.shape
    wander = ar1(rng, (batch, frames, 2, _J), _correlation(noise.wander_memory_s))
    errors = (wander.reshape(-1, _J) @ _mix(noise)).reshape(wander.shape)
    errors *= _of_joints(noise.wander)
    errors += rng.standard_normal(errors.shape, np.float32) * _of_joints(noise.jitter)
    restless = draw_spells(rng, np.full((batch, _J), noise.restless_share), frames,
                           noise.restless_s * FPS, 0.8).mask(batch, frames, _J)
    errors *= np.where(restless, np.float32(noise.restless_factor), np.float32(1))[:, :, None]
    errors += _drift(rng, noise, batch, frames) * _of_joints(noise.offset)
    level = np.exp(rng.normal(0, noise.level_spread, (batch, 1))
                   + rng.normal(0, noise.joint_spread, (batch, _J)))              # (B, 17)
    errors *= level.astype(np.float32)[:, None, None]
    errors *= np.hypot(1, noise.pixel_px / height_px / np.mean(noise.wander)
                       ).astype(np.float32)[..., None, None]
    return np.ascontiguousarray(errors.swapaxes(-1, -2))


def _mix(noise: DetectorNoise) -> Floats:
    """White noise of the joints times this is correlated as errors of neighbours are, (17, 17)."""
    alike = np.eye(_J)
    for parent, child in COCO17.bones:
        if child not in _FACE and parent not in _FACE:
            alike[parent, child] = alike[child, parent] = noise.neighbours_alike
    for point in _FACE:
        alike[point, _FACE] = np.where(point == _FACE, 1.0, noise.face_alike)
    return np.asarray(np.linalg.cholesky(alike).T, np.float32)


def _drift(rng: Generator, noise: DetectorNoise, batch: int, frames: int) -> Floats:
    """Unit noise, half of it constant and half slow, (B, T, 2, 17)."""
    knots = frames // _KNOT + 2
    slow = ar1(rng, (batch, knots, 2 * _J), float(np.exp(-_KNOT / FPS / noise.drift_memory_s)))
    slow += rng.standard_normal((batch, 1, 2 * _J), np.float32)
    at = np.arange(frames) / _KNOT
    weights = np.maximum(1 - np.abs(at[:, None] - np.arange(knots)), 0) / np.sqrt(2)
    return np.asarray(weights.astype(np.float32) @ slow).reshape(batch, frames, 2, _J)


def _go_wrong(rng: Generator, noise: DetectorNoise, often: Floats, errors: Floats) -> None:
    """Add moments in which a limb or a joint is somewhere else, to (B, T, 17, 2) in heights."""
    batch, frames = errors.shape[:2]
    often = often * _shares(rng, noise.wrong_spread, (batch, 1))
    size = _of_joints(noise.wrong_size)
    limb, joint = np.tile(noise.wrong_limb, 2), _of_joints(noise.wrong_joint)
    for share, joints in ((limb, _LIMBS), (joint, np.arange(_J)[:, None])):
        spells = _spells(rng, often * share, frames, noise.wrong_s, noise.wrong_s_spread)
        spell, frame = spells.frames()
        angle = rng.uniform(-np.pi, np.pi, len(spells))
        for column in joints.T:                     # the joints of a limb go roughly the same way
            where = column[spells.column]
            way = angle + rng.normal(0, 0.5, len(spells))
            far = size[where] * np.exp(rng.normal(0, noise.wrong_size_spread, len(spells)))
            offset = far[:, None] * np.stack([np.cos(way), np.sin(way)], -1)
            errors[spells.row[spell], frame, where[spell]] += offset[spell].astype(np.float32)


def _hide(rng: Generator, noise: DetectorNoise, errors: Floats) -> Bools:
    """Add guesses for limbs that objects hide in some rows, to (B, T, 17, 2) in heights.

    Returns:
        The hidden joints that are not stated as seen, (B, T, 17).
    """
    batch, frames = errors.shape[:2]
    rows = np.flatnonzero(rng.random(batch) < noise.hidden_rows)
    share = np.zeros((len(rows), len(_REGIONS)))
    share[np.arange(len(rows)), rng.integers(len(_REGIONS), size=len(rows))] = noise.hidden_share
    spells = _spells(rng, share, frames, noise.hidden_s, 0.8)
    hidden = spells.mask(len(rows), frames, len(_REGIONS)) @ _REGIONS             # (R, T, 17)
    errors[rows] += _guesses(rng, noise, len(rows), frames) * hidden[..., None]
    unsure = np.zeros((batch, frames, _J), bool)
    unsure[rows] = hidden & ~_believed(rng, noise, len(rows))
    return unsure


def _guesses(rng: Generator, noise: DetectorNoise, batch: int, frames: int) -> Floats:
    """How far guesses of hidden joints are off, in heights, (B, T, 17, 2)."""
    usual = _of_joints(noise.invented_size)
    size = usual * np.exp(rng.normal(0, noise.invented_size_spread, (batch, 1, _J)))
    way = rng.uniform(-np.pi, np.pi, (batch, 1, _J))
    wander = ar1(rng, (batch, frames, _J, 2), _correlation(noise.invented_memory_s))
    wander *= np.float32(noise.invented_wander) * usual[:, None]
    wander += (size[..., None] * np.stack([np.cos(way), np.sin(way)], -1)).astype(np.float32)
    return wander


def _believed(rng: Generator, noise: DetectorNoise, batch: int) -> Bools:
    """Which joints are stated as seen while an object hides them, (B, 1, 17)."""
    return np.asarray(rng.random((batch, 1, _J)) < _of_joints(noise.invented))


def _habits(rng: Generator, noise: DetectorNoise, rays: Floats) -> Floats:
    """Offsets that a detector always has, as far as it points another way than the labels."""
    amount = rng.normal(1, noise.habit_spread, (len(rays), 1, 1, 1))
    habits = rays.swapaxes(-1, -2) @ _habit_matrix(noise).T.astype(rays.dtype)
    return np.asarray((habits * amount.astype(rays.dtype)).swapaxes(-1, -2))


def _habit_matrix(noise: DetectorNoise) -> Floats:
    """Habits as sums of differences of joints, (17, 17); each row sums to nothing."""
    def middle(*joints: str) -> Floats:
        return np.asarray(np.eye(_J)[COCO17.indices(*joints)].mean(0))

    trunk = middle('left_shoulder', 'right_shoulder') - middle('left_hip', 'right_hip')
    width = middle('left_shoulder', 'left_hip') - middle('right_shoulder', 'right_hip')
    up, out, bone = dict(noise.habit_up), dict(noise.habit_out), dict(noise.habit_bone)
    rows = []
    for joint, (name, parent) in enumerate(zip(_NAMES, COCO17.parents, strict=True)):
        side = {'left': 1.0, 'right': -1.0}.get(COCO17.joints[joint].partition('_')[0], 0.0)
        before = np.eye(_J)[parent] - np.eye(_J)[joint] if parent >= 0 else 0.0 * trunk
        rows.append(up.get(name, 0.0) * trunk + side * out.get(name, 0.0) * width
                    + bone.get(name, 0.0) * before)
    return np.array(rows)


def _swap(rng: Generator, noise: DetectorNoise, often: Floats, noisy: Floats) -> None:
    """Exchange left and right for moments, in (B, T, 17, 2)."""
    batch, frames = noisy.shape[:2]
    share = often * _shares(rng, noise.swapped_spread, (batch, 1)) * noise.swapped
    share = share * (1 - noise.swapped_arms, noise.swapped_arms)                  # (B, 2)
    spells = _spells(rng, share, frames, noise.swapped_s, 0.8)
    spell, frame = spells.frames()
    row, arms = spells.row[spell], spells.column[spell] == 1
    for which, partner in ((~arms, COCO17.mirror),
                           (arms, np.where(_ARMS, COCO17.mirror, np.arange(_J)))):
        noisy[row[which], frame[which]] = noisy[row[which], frame[which]][:, partner]


def _lose(rng: Generator, noise: DetectorNoise, batch: int, frames: int) -> Bools:
    """Joints stated as not seen, (B, T, 17)."""
    share = _of_joints(noise.lost) * _shares(rng, noise.lost_spread, (batch, 1))
    share = share + noise.lost_any * _shares(rng, noise.lost_any_spread, (batch, 1))
    return _spells(rng, share, frames, noise.lost_s, noise.lost_s_spread).mask(batch, frames, _J)


def _spells(rng: Generator, share: Floats, frames: int, mean_s: float, spread: float) -> Spells:
    return draw_spells(rng, np.minimum(share, 0.8), frames, mean_s * FPS, spread)


def _shares(rng: Generator, spread: float, shape: tuple[int, int]) -> Floats:
    """Log-normal factors with mean 1."""
    return np.exp(rng.normal(-spread ** 2 / 2, spread, shape))


def _of_joints(table: tuple[float, ...]) -> Floats:
    """A table of the parts as one of the joints, (17,)."""
    return np.asarray(np.array(table, np.float32)[_PART])


def _correlation(memory_s: float) -> float:
    return float(np.exp(-1 / (FPS * memory_s)))
