"""People with the parameters of a body in the format of SMPL, before cameras, hidden by things.

Bodies are of the family of one body model. Joints are those of its tree, and what a detector marks
beside them is as everywhere (`kinematics.body_points`), not taken from the skin.
"""
from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.random import Generator

from ...body.kinematics import body_points, forward
from ...body.load import load_body
from ...body.model import BodyModel
from ...geometry import rotation_6d
from ...skeleton import COCO17, SMPL24
from ...types import Bools, Floats
from ..corpus import Source
from ..mocap.motion import Motion
from ..people.bodies import draw_crowds
from ..people.crowd import Crowd, arrays_of
from ..people.paths import follow
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
_SPREAD, _MOST = 1.2, 3.0  # of shape parameters: standard deviation and limit
_CHILDREN, _CHILD = 0.06, (-7.0, -3.0)     # share of those, and their `stature`
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
    betas = draw_betas(rng, batch, body)
    parts = []
    start = 0
    for crowd in draw_crowds(rng, motions, weights, batch, frames):
        offsets = rest_offsets(body, betas[start:start + len(crowd)])
        start += len(crowd)
        parts.append(arrays_of(with_bones(rng, crowd, offsets)))
    rotations, root, offsets = (np.concatenate(part) for part in zip(*parts))
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


def draw_betas(rng: Generator, batch: int, body: BodyModel) -> Floats:
    """Shapes as one meets them, (B, S): few children, who are small grown-ups here."""
    out = np.clip(_SPREAD * rng.standard_normal((batch, len(body.meaning))), -_MOST, _MOST)
    child = rng.random(batch) < _CHILDREN
    small = rng.uniform(*_CHILD, batch)
    if 'stature' in body.meaning:
        column = body.meaning.index('stature')
        out[:, column] = np.where(child, small, out[:, column])
    return out.astype(np.float32)


def rest_offsets(body: BodyModel, betas: Floats) -> Floats:
    """Joints from their parents, arms out, of shapes (B, S): (B, 24, 3) [m], the root's 0."""
    mean = body.regressor @ body.template                                      # (24, 3)
    change = np.einsum('jv,vis->jis', body.regressor, body.shapes)
    joints = mean + np.einsum('jis,bs->bji', change, betas)
    return np.asarray(joints - joints[:, [0, *SMPL24.parents[1:]]])


def with_bones(rng: Generator, crowd: Crowd, offsets: Floats) -> Crowd:
    """The movement of a crowd by people with other bones (B, 24, 3) [m], on their own feet."""
    bones = np.ascontiguousarray(offsets.transpose(2, 1, 0), np.float32)
    return follow(rng, crowd, replace(crowd, offsets=bones), curve=0.0)


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
