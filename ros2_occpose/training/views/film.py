"""Film of people: their bodies before a camera and what hides them, and virtual views of it.

Cheng et al. 2019, section 4.2: film has a few views of a motion; turning the body before the
camera gives many more, with the Cylinder Man to say which joints the body hides, and random masks
for what other things would hide.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from ...body.cylinder_man import hidden, visibility
from ...skeleton import COCO17
from ...types import Bools, Floats, Ints
from ..mocap.bvh import axis_rotations
from ..mocap.motion import Motion
from ..people.bodies import draw_bodies
from .cameras import draw_cameras
from .detections import DEFAULT_NOISE, detect
from .occluders import obstruct
from .occlusion import random_masks
from .raw import Confidence, Raw, raw_detections

_J = len(COCO17.joints)
# What hides the joints of film: only what really happens (keys of `occlusion.SHARES`).
_SHARES = {'nothing': 0.35, 'self': 0.35, 'person': 0.15, 'object': 0.15}
_TILT = 0.1 * np.pi        # about the axes to the right and forward, to either side
_STEPS = 10                # ... in so many steps: 100 views of every sample, as in the paper
_MASKED = 0.6              # share of the virtual views with random masks on top
_SHARE = (0.05, 0.5)       # of the joints that they hide
_KERNEL = (3, 90)          # frames over which their noise is averaged
_NEAREST_M = 0.3           # nothing is seen nearer to the camera
# limbs that an object hides at once are drawn by `draw_film`, not by the detector
_NOISE = replace(DEFAULT_NOISE, hidden_rows=0.0)


@dataclass(frozen=True)
class Film:
    """B people before B cameras, over T frames."""

    body_camera: Floats    # (B, T, 18, 3) [m] BODY
    half_view: Floats      # (B, 2) tangent of half the field of view
    now_from_last: Floats  # (B, T, 3, 3) camera rotation between frames; identity where unknown
    covered: Bools         # (B, T, 17) hidden by something
    solid: Bools           # (B,) the own body hides joints, too
    number: Ints           # (B,) what makes the detector's errors those of this film

    def __len__(self) -> int:
        return len(self.body_camera)

    def true_rays(self) -> Floats:
        """Of the coco17 joints, (B, T, 17, 2)."""
        joints = self.body_camera[:, :, :_J]
        return joints[..., :2] / np.maximum(joints[..., 2:], 0.2)

    def hidden(self) -> Bools:
        """Joints that nobody could see, (B, T, 17): covered, or not in the image."""
        outside = (np.abs(self.true_rays()) >= self.half_view[:, None, None]).any(-1)
        return self.covered | outside | (self.body_camera[:, :, :_J, 2] < _NEAREST_M)


def draw_film(rng: Generator, motions: Sequence[Motion], weights: Floats, batch: int,
              frames: int) -> Film:
    """People before moving cameras, hidden by themselves, by passers-by and by furniture."""
    body = draw_bodies(rng, motions, weights, batch, frames)
    cameras = draw_cameras(rng, body[:, :, :_J].mean(2).astype(float))
    body_camera = cameras.to_camera(body.astype(float))                        # (B, T, 18, 3)
    kinds = rng.choice(tuple(_SHARES), batch, p=tuple(_SHARES.values()))
    covered = obstruct(rng, kinds, cameras, body, body_camera)
    turn = cameras.now_from_last()
    turn[rng.random(batch) < 0.4] = np.eye(3)              # pose of the camera unknown
    return Film(body_camera, cameras.half_view, turn, covered, kinds != 'nothing',
                rng.integers(2 ** 31, size=batch))


def virtual_views(rng: Generator, film: Film) -> Film:
    """The same people, each turned another way before the camera, hidden by masks.

    About the axis that points down by any angle, about the two others by up to 0.1 pi to either
    side in ten steps: the paper's 100 views of a sample.
    """
    batch = len(film)
    tilt, lean = _TILT * (2 * rng.integers(_STEPS, size=(2, batch)) / (_STEPS - 1) - 1)
    turn = (axis_rotations(lean, 2) @ axis_rotations(tilt, 0)
            @ axis_rotations(rng.uniform(-np.pi, np.pi, batch), 1))            # (B, 3, 3)
    middle = film.body_camera[:, :, :_J].mean(2, keepdims=True)
    body = middle + (film.body_camera - middle) @ np.swapaxes(turn, 1, 2)[:, None]
    covered = masks(rng, batch, body.shape[1], _MASKED)
    covered[film.solid] |= hidden(visibility(body[film.solid]))
    return replace(film, body_camera=body, covered=covered,
                   number=rng.integers(2 ** 31, size=batch))


def masks(rng: Generator, batch: int, frames: int, often: float) -> Bools:
    """Random masks (B, T, 17) on some of the sequences."""
    out = np.zeros((batch, frames, _J), bool)
    for row in np.flatnonzero(rng.random(batch) < often):
        kernel = int(np.exp(rng.uniform(*np.log(_KERNEL))))
        out[row] = random_masks(rng, frames, _J, float(rng.uniform(*_SHARE)), kernel)
    return out


def watch(film: Film, confidence: Confidence) -> Raw:
    """What the detector makes of film; the same every time."""
    rng = np.random.default_rng(film.number.tolist())
    true_rays = film.true_rays()
    per_m = 1 / np.maximum(film.body_camera[:, :, :_J, 2].mean(-1), 0.5)
    rays, lost = detect(rng, true_rays, per_m, _NOISE)
    return raw_detections(rng, true_rays, rays, film.hidden(), lost, per_m, _NOISE, confidence)
