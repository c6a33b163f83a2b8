"""People with the parameters of a body in the format of SMPL, before cameras, hidden by things.

Bodies are of the family of one body model, shaped after the people whom all other lifters learn
from. Joints are those of its tree, and what a detector marks beside them is as everywhere
(`kinematics.body_points`), not taken from the skin.
"""
from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.random import Generator

from ...body.fit import ON_TRUNK, TRUNK, draw_betas, rest_offsets, trunk_lean
from ...body.kinematics import body_points, forward
from ...body.load import load_body
from ...body.model import BodyModel
from ...geometry import rotation_6d
from ...skeleton import COCO17
from ...types import Bools, Floats
from ..corpus import Source
from ..mocap.motion import Motion
from ..people.bodies import draw_crowds
from ..people.crowd import Crowd, arrays_of
from ..people.paths import follow
from ..people.quaternions import about, inverse, product
from .cameras import CameraPaths, draw_cameras
from .detections import DEFAULT_NOISE
from .film import masks
from .occluders import obstruct
from .pasted import paste
from .sequences import observe

_J = len(COCO17.joints)
# What hides the joints, keys of `occlusion.SHARES` and what is pasted over the image.
_SHARES = {'nothing': 0.2, 'person': 0.1, 'object': 0.25, 'pasted': 0.45}
_ALSO_PASTED = 0.3         # share of the others but `nothing` that have something pasted, too
_MASKED = 0.6              # share of the sequences with random masks
# limbs that an object hides at once are in `covered`, not made by the detector
_NOISE = replace(DEFAULT_NOISE, hidden_rows=0.0)


@dataclass(frozen=True)
class PosedFilm:
    """B people with SMPL parameters before B cameras, over T frames."""

    rays: Floats            # (B, T, 17, 2) coco17 as detected, hidden ones, too; no guesses
    detected: Bools         # (B, T, 17) inside the image and not lost by the detector
    covered: Bools          # (B, T, 17) hidden by something, over time
    masked: Bools           # (B, T, 17) hidden by random masks, correlated over time
    now_from_last: Floats   # (B, T, 3, 3) camera rotation between frames; identity where unknown
    body_camera: Floats     # (B, T, 18, 3) [m] true BODY points
    turns: Floats           # (B, T, 24, 6) `rotation_6d` of smpl24; the root's in camera axes
    betas: Floats           # (B, S) shape parameters of the body

    def __len__(self) -> int:
        return len(self.rays)


def posed_source(body: str) -> Source:
    """Posed film for `Corpus`, of people of a body that `load_body` knows by this name."""
    path = Path(body).expanduser()
    known = hashlib.sha256(path.read_bytes()).hexdigest()[:8] if path.is_file() else ''
    return Source(f'posed-{path.stem}{known}-', PosedFilm, partial(_draw_of, body))


def _draw_of(body: str, rng: Generator, motions: Sequence[Motion], weights: Floats, batch: int,
             frames: int) -> PosedFilm:
    return draw_posed(rng, motions, weights, batch, frames, _loaded(body))


@lru_cache(maxsize=1)
def _loaded(body: str) -> BodyModel:
    return load_body(body)


def draw_posed(rng: Generator, motions: Sequence[Motion], weights: Floats, batch: int,
               frames: int, body: BodyModel) -> PosedFilm:
    """People of a body's family before moving cameras, hidden by passers-by and by things.

    Args:
        rng: Source of randomness.
        motions: Recorded movements.
        weights: How often each is drawn, (M,), as `sampling_weights` gives them.
        batch: How many people, B.
        frames: How long, T, at 30 Hz.
        body: Whose shape parameters they have.
    """
    people = [as_body(rng, crowd, body)
              for crowd in draw_crowds(rng, motions, weights, batch, frames)]
    betas = np.concatenate([shape for shape, _ in people])
    rotations, root, offsets = (np.concatenate(part) for part in zip(
        *(arrays_of(crowd) for _, crowd in people)))
    points = body_points(*forward(rotations, root, offsets[:, None]))          # (B, T, 18, 3)

    cameras = draw_cameras(rng, points[:, :, :_J].mean(2).astype(float))
    body_camera = cameras.to_camera(points.astype(float))
    rays, detected = observe(rng, body_camera, cameras.half_view, _NOISE)
    turn = cameras.now_from_last()
    turn[rng.random(batch) < 0.4] = np.eye(3)              # pose of the camera unknown
    rotations[:, :, 0] = np.swapaxes(cameras.rotation, -1, -2) @ rotations[:, :, 0]
    return PosedFilm(
        rays=rays.astype(np.float32), detected=detected,
        covered=cover(rng, cameras, points, body_camera),
        masked=masks(rng, batch, frames, _MASKED), now_from_last=turn.astype(np.float32),
        body_camera=body_camera.astype(np.float32),
        turns=rotation_6d(rotations).astype(np.float16), betas=betas)


def as_body(rng: Generator, crowd: Crowd, body: BodyModel) -> tuple[Floats, Crowd]:
    """The movement of a crowd done by people of a body's family, on their own feet.

    Args:
        rng: Source of randomness.
        crowd: B people.
        body: Of whom the others are.

    Returns:
        Shape parameters (B, S) of who may have the bones of the crowd, and these people.
    """
    betas = draw_betas(rng, body, crowd.offsets.transpose(2, 1, 0))
    bones = np.ascontiguousarray(rest_offsets(body, betas).transpose(2, 1, 0), np.float32)
    turns = np.array(crowd.turns)
    lean = about(0, np.array(trunk_lean(body)))[:, None, None, None]
    turns[:, TRUNK] = product(turns[:, TRUNK], lean)
    after = [*TRUNK[1:], *ON_TRUNK]
    turns[:, after] = product(inverse(lean), turns[:, after])
    moved = follow(rng, crowd, replace(crowd, turns=turns, offsets=bones), curve=0.0)
    return betas.astype(np.float32), moved


def cover(rng: Generator, cameras: CameraPaths, points: Floats, body_camera: Floats) -> Bools:
    """Joints hidden by what is in the room or pasted over the image, (B, T, 17).

    Args:
        rng: Source of randomness.
        cameras: B cameras.
        points: BODY in the world, (B, T, 18, 3) [m].
        body_camera: The same in camera axes.
    """
    batch = len(points)
    kinds = rng.choice(tuple(_SHARES), batch, p=tuple(_SHARES.values()))
    out = obstruct(rng, kinds, cameras, points, body_camera)
    pasted = (kinds == 'pasted') | ((kinds != 'nothing') & (rng.random(batch) < _ALSO_PASTED))
    rows = np.flatnonzero(pasted)
    joints = body_camera[rows, :, :_J]
    rays = joints[..., :2] / np.maximum(joints[..., 2:], 0.2)
    out[rows] |= paste(rng, rays, 1 / np.maximum(joints[..., 2].mean(-1), 0.5))
    return out
