"""Who moves where: recorded movement placed in a furnished room.

Everybody walks around furniture and past each other, with feet on the floor for the length of
their own legs. Letters: P people, T frames.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ..body.character import Character
from ..errors import ConfigError, DataError
from ..skeleton import SMPL24
from ..training.mocap.kinematics import forward
from ..training.mocap.motion import FPS, Motion
from ..training.people.bodies import at_times, mirrored
from ..training.people.compose import with_upper_body
from ..training.people.crowd import Crowd, arrays_of, crowd_of
from ..training.people.quaternions import about, product, rotate, unit
from ..types import Bools, Floats
from .floor import STEP_M, Floor, smooth_way
from .gait import Cycle, along, cycle_of, pace_m_s, plant, stretches, walk

ROLES = ('walk', 'stand', 'dance')
_TWO = 'dance'                  # the role that takes two people
_APART_M = 0.7                 # between the middles of two people
_ROOMY_M = 0.42                 # from the middle of a person to furniture and walls
_CLOSE_M = 1.5                  # dancers farther apart than this are no pair
_TIGHTEST = 3.5                 # bend of a way on which somebody can walk [rad/m]
_TRIES = 4000
_BACK = (0.85, 0.1, 0.05)       # shares of dead ends from which one, two, three legs are undone
_CANDIDATES = 12                # next corners of a way, of which one inside is taken
_TURN, _LEG_M = 1.45, (1.1, 3.6)    # how far one turns at a corner [rad], from corner to corner
_LONGEST_WALK_M_S = 1.9
_STRAIGHT = 1.15                # of a way to the distance it covers: straight on
_STILL_M = 0.5                  # who stands stays within
_STAND_S = 3.0                  # and is upright so long
_UP = 0.85                      # cosine to the vertical of who is upright
_SALSA_PARTNER = 15             # salsa/NN dances with salsa/NN+15
_TEMPO = (0.9, 1.1)


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Everybody's movement."""

    names: tuple[str, ...]      # (P,) of the recordings
    roles: tuple[str, ...]      # (P,) of ROLES
    rotations: Floats           # (P, T, 24, 3, 3) of smpl24 joints in the parent's axes, z up
    root: Floats                # (P, T, 3) [m] of the pelvis
    present: Bools              # (P, T)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, kw_only=True)
class Repertoire:
    """What the recordings of some splits can be used for."""

    walks: tuple[tuple[str, Cycle], ...]
    stands: tuple[Motion, ...]
    pairs: tuple[tuple[Motion, Motion], ...]        # cut to the same frames


def repertoire(motions: Sequence[Motion]) -> Repertoire:
    """Sort recordings by what they show.

    Raises:
        DataError: Nobody walks straight on, or nobody stands.
    """
    walks, stands = [], []
    for motion in motions:
        way = float(np.linalg.norm(np.diff(motion.root[:, :2], axis=0), axis=-1).sum())
        net = float(np.linalg.norm(motion.root[-1, :2] - motion.root[0, :2]))
        if 'walk' in motion.name and net > 2.5 and way < _STRAIGHT * net:
            try:
                cycle = cycle_of(motion)
            except DataError:               # too short to repeat
                continue
            if cycle.advance_m.mean() * FPS < _LONGEST_WALK_M_S:
                walks.append((motion.name, cycle))
        elif np.ptp(motion.root, axis=0).max() < _STILL_M:
            stands += [_cut(motion, stretch.start, stretch.stop - stretch.start)
                       for stretch in stretches(_upright(motion))
                       if stretch.stop - stretch.start > _STAND_S * FPS]
    if not walks or not stands:
        raise DataError(f'Expected recordings of people who walk straight on and who stand, got '
                        f'{len(walks)} and {len(stands)}; give the folder with expmap by --mocap.')
    return Repertoire(walks=tuple(walks), stands=tuple(stands), pairs=tuple(_pairs(motions)))


def _upright(motion: Motion) -> Bools:
    """The frames in which pelvis and chest are upright, (T,)."""
    _, turns = forward(motion.rotations, motion.root, motion.offsets)
    return np.asarray((turns[:, SMPL24.indices('pelvis', 'spine3'), 2, 1] > _UP).all(1))


def _pairs(motions: Sequence[Motion]) -> Iterator[tuple[Motion, Motion]]:
    """Two who dance together, cut to the frames in which both were recorded."""
    for one in motions:
        for other in motions:
            pieces = [name.removeprefix('salsa/').partition('#')
                      for name in (one.name, other.name)]
            if not all(m.name.startswith('salsa/') for m in (one, other)):
                continue
            if int(pieces[1][0]) != int(pieces[0][0]) + _SALSA_PARTNER:
                continue
            if pieces[0][2] in ('', '0') and pieces[1][2] in ('', '0'):
                count = min(len(one), len(other))           # both from the beginning
                starts = (0, 0)
            elif not pieces[1][2] and _is_last(one, motions):
                count = len(one)                            # both to the end
                starts = (0, len(other) - len(one))
            else:
                continue
            both = tuple(_cut(m, s, count) for m, s in zip((one, other), starts))
            apart = np.linalg.norm(both[0].root[:, :2] - both[1].root[:, :2], axis=-1)
            if apart.max() < _CLOSE_M and count > 5 * FPS:
                yield both[0], both[1]


def _is_last(piece: Motion, motions: Sequence[Motion]) -> bool:
    clip, _, number = piece.name.partition('#')
    return number != '' and f'{clip}#{int(number) + 1}' not in {m.name for m in motions}


def _cut(motion: Motion, start: int, count: int) -> Motion:
    part = slice(start, start + count)
    return Motion(name=motion.name, subject=motion.subject, split=motion.split, fps=motion.fps,
                  rotations=motion.rotations[part], root=motion.root[part],
                  offsets=motion.offsets)


def groups_of(roles: Sequence[str]) -> list[list[int]]:
    """People who are placed together: (P,) roles to lists of their numbers.

    Raises:
        ConfigError: A role is unknown, or a dancer has nobody to dance with.
    """
    unknown = set(roles) - set(ROLES)
    dancers = [i for i, role in enumerate(roles) if role == _TWO]
    if unknown or len(dancers) % 2:
        raise ConfigError(f'Expected roles of {", ".join(ROLES)}, dancers two by two, got '
                          f'{", ".join(roles)}.')
    pairs = [[a, b] for a, b in zip(dancers[::2], dancers[1::2])]
    return [*pairs, *([i] for i, role in enumerate(roles) if role == 'stand'),
            *([i] for i, role in enumerate(roles) if role == 'walk')]


def stage(rng: Generator, plays: Repertoire, offsets: Sequence[Floats], roles: Sequence[str],
          floor: Floor, area: Floats, seconds: float, fps: float) -> Cast:
    """Everybody in the room.

    Args:
        rng: Source of chance; the same seed gives the same movements.
        plays: What people do.
        offsets: (P,) of each person's joints, (24, 3) [m].
        roles: (P,) of ROLES.
        floor: The room.
        area: Corners of the part of it where people are, (2, 2) [m]: least, greatest x and y.
        seconds: How long.
        fps: Frames a second.

    Raises:
        DataError: There is no place where somebody neither walks into furniture nor people.
    """
    frames = int(np.ceil(seconds * FPS)) + 2            # at 30 Hz
    bodies: list[tuple[str, Crowd] | None] = [None] * len(roles)
    taken = np.zeros((0, frames, 2))
    for group in groups_of(roles):
        sizes = [offsets[i] for i in group]
        if roles[group[0]] == 'walk':
            placed = _walker(rng, plays, sizes[0], floor, area, frames, taken)
        elif roles[group[0]] == 'stand':
            placed = _stander(rng, plays, sizes[0], floor, area, frames, taken)
        else:
            placed = _dancers(rng, plays, sizes, floor, area, frames, taken)
        for i, one in zip(group, placed):
            bodies[i] = one
        taken = np.concatenate([taken, [one[1].root[:2, 0].T for one in placed]])
    at = np.arange(round(seconds * fps)) * FPS / fps
    arrays = [arrays_of(_sampled(one[1], at)) for one in bodies if one is not None]
    return Cast(names=tuple(one[0] for one in bodies if one is not None), roles=tuple(roles),
                rotations=np.stack([rotations[0] for rotations, _, _ in arrays]),
                root=np.stack([root[0] for _, root, _ in arrays]),
                present=np.ones((len(roles), len(at)), bool))


def _sampled(crowd: Crowd, at: Floats) -> Crowd:
    turns, root = at_times(crowd, at)
    return Crowd(turns=turns[:, :, None], root=root[:, None], offsets=crowd.offsets)


def _nowhere(role: str) -> DataError:
    return DataError(f'Expected a free place for somebody to {role} in the room, found none in '
                     f'{_TRIES} tries; ask for fewer people or fewer occluders.')


def _free(floor: Floor, paths: Floats, taken: Floats) -> bool:
    """Whether people on paths (N, T, 2) run into nothing and nobody in (P, T, 2)."""
    if floor.clearance(paths).min() < _ROOMY_M:
        return False
    if not len(taken):
        return True
    return bool(np.linalg.norm(paths[:, None] - taken, axis=-1).min() > _APART_M)


def _walker(rng: Generator, plays: Repertoire, offsets: Floats, floor: Floor, area: Floats,
            frames: int, taken: Floats) -> list[tuple[str, Crowd]]:
    """Somebody who goes to and fro across the room, out of the way of the others."""
    name, cycle = plays.walks[rng.integers(len(plays.walks))]
    tempo = rng.uniform(*_TEMPO)
    gone = pace_m_s(cycle, offsets, tempo) * np.arange(frames) / FPS
    corners = _corners(rng, gone, floor, area, taken)
    phase = int(rng.integers(len(cycle)))
    crowd = walk(cycle, offsets, smooth_way(corners), frames, phase=phase, tempo=tempo)
    return [(name, crowd)]


def _corners(rng: Generator, gone: Floats, floor: Floor, area: Floats, taken: Floats) -> Floats:
    """Of a way across the area and back, each time elsewhere, that is free at all times.

    Args:
        rng: Source of chance.
        gone: Metres walked in each frame, (T,).
        floor: The room.
        area: See `stage`.
        taken: Where the others are, (P, T, 2) [m].
    """
    legs: list[Floats] = []                             # each two corners
    for _ in range(_TRIES):
        legs.append(_leg(rng, area, legs))
        way = smooth_way(np.concatenate(legs))
        if len(way) < 2:                                # its corners are one place
            legs.clear()
            continue
        length = STEP_M * (len(way) - 1)
        walked = gone <= length
        place, _ = along(way, gone[walked])
        if _bend(way) > _TIGHTEST or not _free(floor, place[None], taken[:, walked]):
            del legs[-int(rng.choice([1, 2, 3], p=_BACK)):]
        elif length > gone[-1] + 0.5:
            return np.concatenate(legs)
    raise _nowhere('walk')


def _bend(way: Floats) -> float:
    """The sharpest bend of a way (S, 2) [rad/m]."""
    step = np.diff(way, axis=0)
    angle = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))
    return float(np.abs(np.diff(angle)).max(initial=0.0)) / STEP_M


def _leg(rng: Generator, area: Floats, before: Sequence[Floats]) -> Floats:
    """One or two more corners, most of them across the view of a camera that looks along x."""
    if not before:
        start = rng.uniform(area[0], area[1])
        return np.concatenate([[start], _leg(rng, area, [start[None], start[None]])])
    corners = np.concatenate(before)
    start, ahead = corners[-1], corners[-1] - corners[-2]
    turn = rng.uniform(-_TURN, _TURN, _CANDIDATES) if ahead.any() else (
        rng.uniform(-np.pi, np.pi, _CANDIDATES))
    angle = np.arctan2(ahead[1], ahead[0]) + turn
    length = rng.uniform(*_LEG_M, _CANDIDATES)
    there = start + length[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    inside = ((there > area[0]) & (there < area[1])).all(-1)
    if not inside.any():
        return np.asarray(np.clip(there[:1], area[0], area[1]))
    across = inside * (0.3 + np.abs(there[:, 1] - start[1]))
    return there[[rng.choice(_CANDIDATES, p=across / across.sum())]]


def _stander(rng: Generator, plays: Repertoire, offsets: Floats, floor: Floor, area: Floats,
             frames: int, taken: Floats) -> list[tuple[str, Crowd]]:
    """Somebody who stays: does what was recorded, or waits with hanging arms."""
    motion = plays.stands[rng.integers(len(plays.stands))]
    crowd = _resized(_played(rng, motion, frames, rng.uniform(0.4, 0.8)), offsets)
    if rng.random() < 0.6:
        _, cycle = plays.walks[rng.integers(len(plays.walks))]
        at = (rng.uniform(0, len(cycle)) + 4 * np.sin(np.arange(frames) / FPS * 0.7))
        arms = np.take(cycle.turns, np.floor(at).astype(int) % len(cycle), -1)[:, :, None]
        crowd = with_upper_body(crowd, Crowd(turns=_slow(arms), root=crowd.root,
                                             offsets=crowd.offsets))
    for _ in range(_TRIES):
        spot = rng.uniform(area[0], area[1])
        yaw = rng.uniform(-np.pi, np.pi)
        moved = _moved(crowd, yaw, spot, crowd.root[:2, 0].mean(-1))
        if _free(floor, moved.root[:2, 0].T[None], taken):
            plant(moved)
            return [(motion.name, moved)]
    raise _nowhere('stand')


def _slow(turns: Floats) -> Floats:
    """Turns (4, 24, 1, T) without the steps of a cycle played in slow motion."""
    width = 15
    kernel = np.hanning(2 * width + 3)[1:-1]
    padded = np.pad(turns, [(0, 0)] * 3 + [(width, width)], mode='edge')
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=-1)
    return unit((windows @ kernel).astype(np.float32))


def _dancers(rng: Generator, plays: Repertoire, sizes: Sequence[Floats], floor: Floor,
             area: Floats, frames: int, taken: Floats) -> list[tuple[str, Crowd]]:
    """Two who dance together as they were recorded."""
    if not plays.pairs:
        raise DataError('Expected recordings of couples (bvh/salsa) for those who dance, got '
                        'none; choose other roles.')
    pair = plays.pairs[rng.integers(len(plays.pairs))]
    start = rng.uniform(0, max(len(pair[0]) - frames, 0))
    at = start + np.arange(frames)
    crowds = [_resized(_sampled_clip(motion, at), size) for motion, size in zip(pair, sizes)]
    scale = np.mean([c.leg()[0] for c in crowds]) / np.mean(
        [crowd_of(m.rotations[:1], m.root[:1], m.offsets).leg()[0] for m in pair])
    for crowd, motion in zip(crowds, pair):                # they stay as far apart as they were
        crowd.root[:2, 0] = scale * _sampled_clip(motion, at).root[:2, 0]
    centre = np.mean([c.root[:2, 0].mean(-1) for c in crowds], 0)
    for _ in range(_TRIES):
        spot, yaw = rng.uniform(area[0], area[1]), rng.uniform(-np.pi, np.pi)
        moved = [_moved(c, yaw, spot, centre) for c in crowds]
        paths = np.stack([c.root[:2, 0].T for c in moved])
        if _free(floor, paths, taken):
            for crowd in moved:
                plant(crowd)
            return [(m.name, c) for m, c in zip(pair, moved)]
    raise _nowhere('dance')


def _played(rng: Generator, motion: Motion, frames: int, tempo: float) -> Crowd:
    """A recording, somewhere from its middle, to and fro, mirrored or not."""
    at = rng.uniform(0, len(motion) - 1) + tempo * np.arange(frames)
    crowd = _sampled_clip(motion, at)
    return mirrored(crowd) if rng.random() < 0.5 else crowd


def _sampled_clip(motion: Motion, at: Floats) -> Crowd:
    return _sampled(crowd_of(motion.rotations, motion.root, motion.offsets), at)


def _resized(crowd: Crowd, offsets: Floats) -> Crowd:
    """The same movement by somebody of another size."""
    out = Crowd(turns=crowd.turns, root=crowd.root.copy(),
                offsets=offsets.T[..., None].astype(np.float32))
    out.root[:] *= out.leg() / crowd.leg()
    return out


def _moved(crowd: Crowd, yaw: float, spot: Floats, centre: Floats) -> Crowd:
    """Turned about a centre on the floor (2,) that comes to a spot (2,)."""
    turn = about(2, np.array(yaw, np.float32))[:, None, None]                  # (4, 1, 1)
    root = crowd.root.copy()
    root[:2] -= centre[:, None, None]
    root = rotate(turn, root)
    root[:2] += spot[:, None, None]
    turns = crowd.turns.copy()
    turns[:, 0] = product(np.broadcast_to(turn, turns[:, 0].shape), turns[:, 0])
    return Crowd(turns=turns, root=root.astype(np.float32), offsets=crowd.offsets)


def grounded(cast: Cast, people: Sequence[Character]) -> Cast:
    """The same movements with the soles of each character's shoes on the floor."""
    root = cast.root.astype(float)
    for i, one in enumerate(people):
        lowest = one.lowest(cast.rotations[i].astype(float), root[i])          # (T,)
        root[i, :, 2] -= _smooth(lowest)
    return Cast(names=cast.names, roles=cast.roles, rotations=cast.rotations, root=root,
                present=cast.present)


def _smooth(values: Floats, width: int = 4) -> Floats:
    kernel = np.hanning(2 * width + 3)[1:-1]
    padded = np.pad(values, width, mode='edge')
    return np.convolve(padded, kernel / kernel.sum(), 'valid')
