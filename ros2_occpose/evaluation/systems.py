"""What is compared: a lifter, and what finds the place in the world of what it lifts."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ConfigError
from ..inference import Session, load_session, open_model
from ..lifting import lift_sequences
from ..skeleton import COCO17, H36M17, convert
from ..training.motion import FPS
from ..trajectory import solve_clip
from ..types import Bools, Floats
from .subjects import Subjects

THREADS = 2
BATCH = 32           # people lifted together


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a system says about N people in T frames; 0 where they are not valid."""

    joints_root: Floats    # (N, T, 17, 3) [m] h36m17 around the hip, in camera axes
    std: Floats            # (N, T, 17) [m] of each joint around the hip
    root_camera: Floats    # (N, T, 3) [m] hip

    @property
    def joints_camera(self) -> Floats:
        """(N, T, 17, 3) [m]."""
        return self.joints_root + self.root_camera[:, :, None]


# joints_root, std, rays and seen (coco17), world_from_camera of one person -> hip (T, 3) [m] in
# the camera
Placement = Callable[[Floats, Floats, Floats, Bools, Floats], Floats]


@dataclass(frozen=True)
class System:
    """A lifter under the name of the results."""

    name: str
    session: Session
    causal: bool
    place: Placement

    def lift(self, subjects: Subjects, seen: Bools) -> tuple[Floats, Floats]:
        """Joints (N, T, 17, 3) [m] around the hip in camera axes, and their std (N, T, 17) [m].

        Each sequence begins with the first valid frame of the person and ends with the last.
        """
        j = len(H36M17.joints)
        joints, std = np.zeros((*seen.shape[:2], j, 3)), np.ones((*seen.shape[:2], j))
        for span, rows in _batches(subjects.valid, together=self.causal):
            at = (rows, span)
            joints[at], std[at] = lift_sequences(
                self.session, subjects.rays[at], seen[at],
                subjects.world_from_camera[at][..., :3, :3])
        return joints, std

    def answer(self, subjects: Subjects, seen: Bools) -> Answer:
        """Lift everybody and find where they are."""
        joints, std = self.lift(subjects, seen)
        root = np.zeros((*seen.shape[:2], 3))
        for n, span in enumerate(map(_span, subjects.valid)):
            if span.stop:
                root[n, span] = self.place(joints[n, span], std[n, span], subjects.rays[n, span],
                                           seen[n, span], subjects.world_from_camera[n, span])
        return Answer(joints_root=joints, std=std, root_camera=root)


def open_systems(names: Sequence[str]) -> list[System]:
    """The systems of these names: a lifter of models.yaml or an ONNX file, and +PART.

    Raises:
        ConfigError: A part is unknown, or two systems would have one name.
        ModelError: A lifter is unknown, or its file is missing or does not fit this package.
    """
    systems = [_open(name) for name in names]
    doubles = {s.name for s in systems if [t.name for t in systems].count(s.name) > 1}
    if doubles or not systems:
        raise ConfigError('Expected lifters with different names for --lifter, got '
                          f'{", ".join(sorted(doubles)) or "none"} more than once.')
    return systems


def _open(name: str) -> System:
    lifter, *parts = name.split('+')
    for part in parts:
        if part not in PARTS:
            raise ConfigError(f'Unknown part {part!r} of the lifter {name!r}; expected one of '
                              f'{", ".join(PARTS)} after the +.')
    if len(parts) > 1:
        raise ConfigError(f'Expected at most one part, got {name!r}: each finds the place anew.')
    if lifter.endswith('.onnx'):
        session = load_session(Path(lifter), device='cpu', threads=THREADS)
    else:
        session = open_model(lifter, device='cpu', threads=THREADS)
    return System('+'.join([Path(lifter).stem, *parts]), session,
                  causal=session.metadata.get('causal') == 'true',
                  place=PARTS[parts[0]] if parts else back_projection)


def back_projection(joints_root: Floats, std: Floats, rays: Floats, seen: Bools,
                    world_from_camera: Floats) -> Floats:
    """Hip of one person in the camera (T, 3) [m]: eq. 9 of the paper, over all frames at once."""
    rays, visibility = convert(rays, seen.astype(float), COCO17, H36M17)
    times_s = np.arange(len(rays)) / FPS
    solved = solve_clip(joints_root, rays, visibility, std, times_s, world_from_camera)
    offset = solved.root - world_from_camera[:, :3, 3]
    return np.asarray(np.einsum('tji,tj->ti', world_from_camera[:, :3, :3], offset))


# name after the + -> what finds the place in the world
PARTS: Mapping[str, Placement] = {'back_projection': back_projection}


def _span(valid: Bools) -> slice:
    """From the first valid frame of (T,) to the last; nothing if there is none."""
    frames = np.flatnonzero(valid)
    return slice(int(frames[0]), int(frames[-1]) + 1) if len(frames) else slice(0, 0)


def _batches(valid: Bools, *, together: bool) -> list[tuple[slice, list[int]]]:
    """Frames and people (rows of (N, T)) to lift in one go, at most `BATCH` people.

    Args:
        valid: (N, T).
        together: People whose sequences begin alike may share a batch though they end apart,
            because what comes after the end changes nothing.
    """
    ends: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row, span in enumerate(map(_span, valid)):
        if span.stop:
            key = (span.start, 0 if together else span.stop)
            ends.setdefault(key, []).append((span.stop, row))
    return [(slice(start, max(group)[0]), [row for _, row in group])
            for (start, _), members in ends.items()
            for group in _split(sorted(members))]


def _split(members: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    return [members[i:i + BATCH] for i in range(0, len(members), BATCH)]
