"""What is compared: a lifter, and what finds the place in the world of what it lifts."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ConfigError, ModelError
from ..inference import Session, load_session, open_model
from ..lifting import lift_sequences
from ..lifting.sequence import interpolate
from ..skeleton import COCO17, H36M17, convert
from ..training.mocap.motion import FPS
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

    @property
    def is_live(self) -> bool:
        """Whether it is what the live node can run."""
        return self.causal and self.place is back_projection

    def lift(self, subjects: Subjects, seen: Bools,
             window: int | None = None) -> tuple[Floats, Floats]:
        """Joints (N, T, 17, 3) [m] around the hip in camera axes, and their std (N, T, 17) [m].

        Each sequence begins with the first valid frame of the person and ends with the last.

        Args:
            subjects: Whom to lift.
            seen: (N, T, 17).
            window: Frames after which everything is forgotten; None: never.
        """
        j = len(H36M17.joints)
        joints, std = np.zeros((*seen.shape[:2], j, 3)), np.ones((*seen.shape[:2], j))
        for whole, rows in batches(subjects.valid, together=self.causal):
            for span in _cut(whole, window):
                at = (rows, span)
                joints[at], std[at], *_ = lift_sequences(
                    self.session, subjects.rays[at], seen[at],
                    subjects.world_from_camera[at][..., :3, :3])
        return joints, std

    def locate(self, joints: Floats, std: Floats, subjects: Subjects, seen: Bools) -> Answer:
        """Find where everybody is whom `lift` has lifted."""
        root = np.zeros((*seen.shape[:2], 3))
        for n, span in enumerate(map(_span, subjects.valid)):
            if span.stop:
                root[n, span] = self.place(joints[n, span], std[n, span], subjects.rays[n, span],
                                           seen[n, span], subjects.world_from_camera[n, span])
        return Answer(joints_root=joints, std=std, root_camera=root)


def open_systems(names: Sequence[str]) -> list[System]:
    """The systems of these names: LIFTER or LIFTER+PART.

    LIFTER is an entry of models.yaml or an ONNX file, PART one of `PARTS`, or the ONNX file of a
    learned trajectory.

    Raises:
        ConfigError: A part is unknown, or two systems would have one name.
        ModelError: A model is unknown, or its file is missing or does not fit this package.
    """
    words = [name.split('+') for name in names]
    sessions = {lifter: _open_model(lifter) for lifter, *_ in words}
    systems = [_system(sessions[lifter], lifter, parts) for lifter, *parts in words]
    doubles = {s.name for s in systems if [t.name for t in systems].count(s.name) > 1}
    if doubles or not systems:
        raise ConfigError('Expected lifters with different names for --lifter, got '
                          f'{", ".join(sorted(doubles)) or "none"} more than once.')
    return systems


def _system(session: Session, lifter: str, parts: Sequence[str]) -> System:
    if len(parts) > 1:
        raise ConfigError(f'Expected one part at most, got +{"+".join(parts)} behind {lifter}: '
                          'each finds the place anew.')
    place = _open_part(parts[0]) if parts else back_projection
    return System('+'.join(Path(word).stem for word in (lifter, *parts)), session,
                  causal=session.metadata.get('causal') == 'true', place=place)


def _open_part(part: str) -> Placement:
    if part.endswith('.onnx'):
        return LearnedTrajectory(part)
    if part not in PARTS:
        raise ConfigError(f'Unknown part {part!r} of a lifter; expected one of '
                          f'{", ".join(PARTS)}, or an .onnx file, after the +.')
    return PARTS[part](part)


def _open_model(name: str) -> Session:
    if name.endswith('.onnx'):
        return load_session(Path(name), device='cpu', threads=THREADS)
    return open_model(name, device='cpu', threads=THREADS)


def back_projection(joints_root: Floats, std: Floats, rays: Floats, seen: Bools,
                    world_from_camera: Floats) -> Floats:
    """Hip of one person in the camera (T, 3) [m]: eq. 9 of the paper, over all frames at once."""
    rays, visibility = convert(rays, seen.astype(float), COCO17, H36M17)
    times_s = np.arange(len(rays)) / FPS
    solved = solve_clip(joints_root, rays, visibility, std, times_s, world_from_camera)
    offset = solved.root - world_from_camera[:, :3, 3]
    return np.asarray(np.einsum('tji,tj->ti', world_from_camera[:, :3, :3], offset))


class LearnedTrajectory:
    """A network that guesses the place of the hip from 2D joints alone, as VideoPose3D does.

    Raises:
        ModelError: The network is something else.
    """

    def __init__(self, name: str) -> None:
        self._session = _open_model(name)
        system = self._session.metadata.get('system')
        if system != 'trajectory':
            raise ModelError(f'Expected a network of the system trajectory, got {system!r} in '
                             f'{name}; train one with `occpose train learned_trajectory`.')

    def __call__(self, joints_root: Floats, std: Floats, rays: Floats, seen: Bools,
                 world_from_camera: Floats) -> Floats:
        """Hip of one person in the camera, (T, 3) [m]."""
        filled, _ = interpolate(rays[None], seen[None])
        flat = filled.reshape(1, len(rays), -1).astype(np.float32)
        return np.asarray(self._session({'rays': flat})['root'][0], float)


# name after the + -> what makes the part of that name
PARTS: Mapping[str, Callable[[str], Placement]] = {
    'back_projection': lambda _: back_projection, 'learned_trajectory': LearnedTrajectory}


def _span(valid: Bools) -> slice:
    """From the first valid frame of (T,) to the last; nothing if there is none."""
    frames = np.flatnonzero(valid)
    return slice(int(frames[0]), int(frames[-1]) + 1) if len(frames) else slice(0, 0)


def _cut(span: slice, window: int | None) -> list[slice]:
    """Pieces of some frames, each at most so long."""
    step = window or span.stop - span.start
    return [slice(first, min(first + step, span.stop))
            for first in range(span.start, span.stop, step)]


def batches(valid: Bools, *, together: bool) -> list[tuple[slice, list[int]]]:
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
