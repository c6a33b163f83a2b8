"""What motion capture lacks and robots meet most: people who sit, bend down and reach.

Legs and hips are posed and move between poses; trunk, head and arms keep what somebody did who
was recorded upright, and the hands go to where hands go.
"""
from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ...skeleton import SMPL24
from ...types import Bools, Floats
from .crowd import ANKLE, SIDES, UPRIGHT, Crowd, episodes, slow_noise, split_heading
from .limbs import put_foot, put_hand
from .limits import within
from .quaternions import about, between, inverse, part, product, rotate, unit

_SPINE = SMPL24.indices('spine1', 'spine2', 'spine3')
_SIGN = np.array([1.0, -1.0], np.float32)                  # left is at +x
_STANDING = 0.97                                           # of its length: a leg one stands on
_OFF_FLOOR_M = 0.1                                         # no wrist comes lower
_TRUNK = 0.6                                               # hips to shoulders, share of the leg
_FLESH_M = 0.09                                            # between the seat and the hip joints
_STAY = 0.5                                                # share who sit all the time
_SLOUCH_S = 2.5                                            # people who sit move that slowly


def upright(crowd: Crowd) -> Bools:
    """Whether pelvis and chest stay upright, within 40 degrees of the vertical, (B,)."""
    up = np.array([0, 1, 0], np.float32)[:, None, None]
    return np.asarray(np.logical_and(*(
        rotate(crowd.joint(joint)[1], np.broadcast_to(up, crowd.root.shape))[2].min(-1) > 0.77
        for joint in ('pelvis', 'spine3'))))


def with_upper_body(lower: Crowd, upper: Crowd) -> Crowd:
    """Legs and path of one, everything above the pelvis of another, leaning as the other did."""
    turns = np.array(upper.turns)
    legs = SMPL24.indices('pelvis', *(f'{side}_{joint}' for side in SIDES
                                      for joint in ('hip', 'knee', 'ankle', 'foot')))
    turns[:, legs] = lower.turns[:, legs]
    _lean(turns, split_heading(upper.turns[:, 0])[1])
    return Crowd(turns=turns, root=lower.root, offsets=lower.offsets)


def _lean(turns: Floats, tilt: Floats) -> None:
    """Bend the spine so that it makes up for a pelvis that is not tilted as `tilt` (4, B, T)."""
    difference = product(inverse(split_heading(turns[:, 0])[1]), tilt)
    each = part(difference, np.array(1 / 3, np.float32))
    for joint in _SPINE:
        turns[:, joint] = product(each, turns[:, joint])


def sitting(rng: Generator, crowd: Crowd) -> Crowd:
    """The upper bodies of a crowd on seats: seated, getting up, sitting down."""
    batch, frames = crowd.root.shape[1:]
    draw = _Draw(rng, batch)
    sat = episodes(rng, batch, frames, already=0.5, lasting_s=(1.5, 5), change_s=(1.1, 2.2))
    sat[rng.random(batch) < _STAY] = 1
    rising = 4 * sat * (1 - sat)
    thigh, shin = crowd.length('left_knee'), crowd.length('left_ankle')
    ankle = ANKLE * (thigh + shin)
    tilt = np.radians(draw(-18, 25))                                      # of the shins
    knee = ankle + shin * np.cos(tilt)
    seat = np.minimum(draw(0.38, 0.52) + _FLESH_M, knee + 0.35 * thigh)   # (B,) of the hips
    behind = np.sqrt(np.maximum(thigh ** 2 - (knee - seat) ** 2, 0)) + shin * np.sin(tilt)
    tall = ankle + _STANDING * (thigh + shin)
    hips = np.stack([0.02 * slow_noise(rng, (batch,), frames, 1.5),
                     _between(draw(0.0, 0.03), 0.98 * behind, sat),
                     _between(tall, seat, sat)])                          # (3, B, T) middle
    lean = np.radians(_between(draw(-3, 3), draw(-18, 25), sat) + 28 * rising
                      + 4 * sat * slow_noise(rng, (batch,), frames, _SLOUCH_S))
    pitch = np.radians(_between(draw(0, 6), draw(-20, 5), sat) + 22 * rising)
    yaw = np.radians(4 * slow_noise(rng, (batch,), frames, _SLOUCH_S))
    settled = sat.min(-1) > 0.99                                           # feet free to choose
    feet = _feet(rng, crowd, along_m=np.where(settled, 0.1, 0.03), apart_m=(0.0, 0.14))
    out = _on_feet(crowd, hips, _pelvis(pitch, yaw), feet, lean)
    _rest_hands(rng, out, sat)
    return out


def bending(rng: Generator, crowd: Crowd) -> Crowd:
    """The upper bodies of a crowd that stoop or squat to something low, and come up again."""
    batch, frames = crowd.root.shape[1:]
    draw = _Draw(rng, batch)
    down = episodes(rng, batch, frames, already=0.1, lasting_s=(0.5, 3), change_s=(0.8, 1.8))
    leg, ankle = crowd.leg(), ANKLE * crowd.leg()
    arm = crowd.length('left_elbow') + crowd.length('left_wrist')
    height = draw(0.05, 0.75) * leg                                        # of what they want
    low = ankle + leg * (_STANDING - 0.05 - 0.5 * draw(0, 1) ** 1.5)       # of the hips: squat
    trunk = _TRUNK * leg
    stoop = np.arccos(np.clip((height + draw(0.65, 0.95) * arm - low) / trunk, -0.3, 0.97))
    back = leg * (0.04 + draw(0.08, 0.14) * stoop)
    tall = ankle + _STANDING * leg
    hips = np.stack([0.02 * slow_noise(rng, (batch,), frames, 1.5),
                     _between(draw(0.0, 0.03), back, down), _between(tall, low, down)])
    pitch = _between(np.radians(draw(0, 6)), draw(0.45, 0.7) * stoop, down)
    lean = _between(np.radians(draw(-3, 3)), draw(1.15, 1.35) * stoop, down)
    yaw = np.radians(3 * slow_noise(rng, (batch,), frames, _SLOUCH_S))
    feet = _feet(rng, crowd, along_m=np.full(batch, 0.05), apart_m=(0.0, 0.2))
    out = _on_feet(crowd, hips, _pelvis(pitch, yaw), feet, lean)
    ahead = trunk * np.sin(stoop) - back + draw(-0.05, 0.25)
    aside = draw(-0.15, 0.15)
    hands = _hands_used(rng, batch, both=0.6)
    for side in range(2):
        width = _SIGN[side] * draw(0.05, 0.2)
        target = np.broadcast_to(np.stack([aside + width, -ahead, height])[..., None],
                                 hips.shape) + 0.02 * slow_noise(rng, (3, batch), frames, 1.0)
        used = down * hands[side, :, None]
        _reach(out, side, target.astype(np.float32), used)
    return out


def reaching(rng: Generator, crowd: Crowd) -> Crowd:
    """A crowd that does what it does and now and then reaches for something with a hand."""
    batch, frames = crowd.root.shape[1:]
    draw = _Draw(rng, batch)
    out = crowd.pick(np.arange(batch))
    reach = episodes(rng, batch, frames, already=0.15, lasting_s=(0.5, 2.5), change_s=(0.5, 1.3))
    hands = _hands_used(rng, batch, both=0.3)
    length = crowd.length('left_elbow') + crowd.length('left_wrist')
    for side in range(2):
        outwards, upwards = np.radians(draw(-25, 90)), np.radians(draw(-50, 65))
        far = length * draw(0.6, 1.0)
        towards = far * np.stack([_SIGN[side] * np.sin(outwards) * np.cos(upwards),
                                  np.sin(upwards), np.cos(outwards) * np.cos(upwards)])
        heading = product(split_heading(crowd.turns[:, 0])[0], UPRIGHT)
        shoulder = out.joint(f'{SIDES[side]}_shoulder')[0]
        shaky = towards[..., None] + 0.03 * slow_noise(rng, (3, batch), frames, 0.7)
        used = reach * hands[side, :, None]
        _reach(out, side, shoulder + rotate(heading, shaky.astype(np.float32)), used)
    return out


def _rest_hands(rng: Generator, crowd: Crowd, sat: Floats) -> None:
    """Hands of seated people: in the lap, on a table, before the chest, on armrests, or free."""
    batch, frames = sat.shape
    draw = _Draw(rng, batch)
    common, share = rng.integers(0, 4, batch), draw(0.35, 0.95)[:, None]
    chest = crowd.joint('spine3')[0]
    hips = crowd.root
    for side, name in enumerate(SIDES):
        hip, knee = crowd.joint(f'{name}_hip')[0], crowd.joint(f'{name}_knee')[0]
        goals = np.stack([
            hip + share * (knee - hip) + _at(-_SIGN[side] * draw(0, 0.1), 0, draw(0.04, 0.08)),
            hips + _at(_SIGN[side] * draw(0.05, 0.25), -draw(0.3, 0.5), draw(0.1, 0.3)),
            chest + _at(_SIGN[side] * draw(0.02, 0.12), -draw(0.2, 0.35), draw(-0.1, 0.15)),
            hips + _at(_SIGN[side] * draw(0.24, 0.32), -draw(0.1, 0.25), draw(0.1, 0.2))])
        kind = np.where(rng.random(batch) < 0.8, common, rng.integers(0, 4, batch))
        goal = goals[kind, :, np.arange(batch)].swapaxes(0, 1)             # (3, B, T)
        goal = goal + 0.02 * slow_noise(rng, (3, batch), frames, 0.8)
        used = episodes(rng, batch, frames, already=0.8, lasting_s=(2, 12), change_s=(0.6, 1.3))
        used = used * sat * (rng.random((batch, 1)) < 0.85)
        _reach(crowd, side, goal, used)


def _hands_used(rng: Generator, batch: int, *, both: float) -> Bools:
    """Which hands do something, (2, B): a share of the people takes both, the others either."""
    left = rng.random(batch) < 0.5
    return np.stack([left, ~left]) | (rng.random(batch) < both)


def _at(*xyz: Floats | float) -> Floats:
    """A place of each body, (3, B, 1) [m], of (B,) or numbers."""
    return np.stack(np.broadcast_arrays(*xyz))[..., None].astype(np.float32)


def _reach(crowd: Crowd, side: int, goal: Floats, used: Floats) -> None:
    """Bring a hand to a goal (3, B, T) as far as `used` (B, T) says; 0: as it was, off the floor.

    The hand goes round the shoulder, not through it.
    """
    wrist = crowd.joint(f'{SIDES[side]}_wrist')[0]
    rows = np.flatnonzero((used.max(-1) > 0) | (wrist[2].min(-1) < _OFF_FLOOR_M))
    some, used, goal, wrist = crowd.pick(rows), used[rows], goal[:, rows], wrist[:, rows]
    shoulder, elbow = (some.joint(f'{SIDES[side]}_{joint}')[0] for joint in ('shoulder', 'elbow'))
    hand, wanted, bone = wrist - shoulder, goal - shoulder, elbow - shoulder
    now = unit(hand)
    towards = rotate(part(between(now, unit(wanted)), used), now)
    far = [np.sqrt((to * to).sum(0)) for to in (hand, wanted)]
    target = shoulder + towards * (far[0] + used * (far[1] - far[0]))
    target[2] = np.maximum(target[2], _OFF_FLOOR_M)
    pole = (bone - (bone * now).sum(0) * now) * (1 - used)
    put_hand(some, side, target, pole + _elbow_side(some, side) * (0.02 + 0.2 * used))
    crowd.put(rows, some)


def _elbow_side(crowd: Crowd, side: int) -> Floats:
    """Where an elbow points: downwards, outwards and back from the chest, (3, B, T)."""
    down = np.array([0.4 * _SIGN[side], -0.7, -0.8], np.float32)[:, None, None]
    return rotate(crowd.joint('spine3')[1], np.broadcast_to(down, crowd.root.shape))


def _on_feet(crowd: Crowd, hips: Floats, pelvis: Floats, feet: Floats, lean: Floats) -> Crowd:
    """A crowd with its hips and feet elsewhere.

    Args:
        crowd: Where trunk, head and arms come from.
        hips: The middle between the hip joints, (3, B, T) [m].
        pelvis: How it is turned in the world, (4, B, T).
        feet: Both ankles, (3, 2, B, 1) [m], and in the fourth row where they point (outwards).
        lean: Of the trunk, forward beyond what it was recorded with, (B, T) [rad].
    """
    turns = np.array(crowd.turns)
    turns[:, 0] = pelvis
    _lean(turns, product(about(0, lean), split_heading(crowd.turns[:, 0])[1]))
    turns[:] = within(turns)
    middle = crowd.offsets[:, SMPL24.indices('left_hip', 'right_hip')].mean(1)[..., None]
    out = Crowd(turns=turns, root=(hips - rotate(pelvis, middle)).astype(np.float32),
                offsets=crowd.offsets)
    for side, name in enumerate(SIDES):
        ankle, yaw = feet[:3, side], feet[3, side]
        knee = np.stack([np.sin(yaw), -np.cos(yaw), 0 * yaw])
        put_foot(out, side, np.broadcast_to(ankle, hips.shape),
                 np.broadcast_to(knee, hips.shape))
        flat = product(about(2, yaw), UPRIGHT)
        turns[:, SMPL24.index(f'{name}_ankle')] = product(
            inverse(out.joint(f'{name}_knee')[1]), np.broadcast_to(flat, pelvis.shape))
        turns[:, SMPL24.index(f'{name}_foot')] = about(0, 0 * lean)
    return out


def _feet(rng: Generator, crowd: Crowd, *, along_m: Floats,
          apart_m: tuple[float, float]) -> Floats:
    """Where feet stand, flat on the floor, (4, 2, B, 1): x, y, z of the ankles and their yaw."""
    batch = len(crowd)
    out = np.zeros((4, 2, batch), np.float32)
    out[0] = np.abs(crowd.offsets[0, SMPL24.indices('left_hip', 'right_hip')])
    out[0] = (out[0] + rng.uniform(*apart_m, batch) / 2) * _SIGN[:, None]
    out[1] = rng.normal(size=(2, batch)) * along_m
    out[2] = ANKLE * crowd.leg()
    out[3] = np.radians(rng.uniform(0, 25, (2, batch))) * _SIGN[:, None]
    return out[..., None]


def _pelvis(pitch: Floats, yaw: Floats) -> Floats:
    """Turns (4, B, T) of the pelvis of somebody who faces -y, leaning forward by a pitch."""
    return product(about(2, yaw), product(UPRIGHT, about(0, pitch)))


def _between(start: Floats, end: Floats, share: Floats) -> Floats:
    """From (B,) to (B,) values as shares (B, T) say, (B, T)."""
    return start[:, None] + (end - start)[:, None] * share


class _Draw:
    """Uniform numbers (B,), one for each body."""

    def __init__(self, rng: Generator, batch: int) -> None:
        self._rng, self._batch = rng, batch

    def __call__(self, low: float, high: float) -> Floats:
        return self._rng.uniform(low, high, self._batch).astype(np.float32)
