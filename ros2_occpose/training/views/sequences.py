"""Training sequences: people before moving cameras, normalised as the live lifter does it."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...lifting.sequence import Fill, normalise_sequences
from ...skeleton import COCO17
from ...types import Bools, Floats
from ..mocap.motion import FPS, Motion, h36m_of
from ..people.bodies import draw_bodies
from .cameras import draw_cameras
from .detections import DEFAULT_NOISE, DetectorNoise, detect
from .occluders import obstruct
from .occlusion import draw_kinds, draw_masks

_J = len(COCO17.joints)
_MIDDLE = COCO17.indices('left_shoulder', 'right_shoulder', 'left_hip', 'right_hip')
FORGET_S = 2.5         # nobody is asked about people unseen for longer


@dataclass(frozen=True)
class Sequences:
    """B sequences of T frames, from a person's first frame on."""

    features: Floats       # (B, T, FEATURES)
    target: Floats         # (B, T, 17, 3) [m] h36m17 around the hip, in the axes of the view
    counts: Bools          # (B, T) frames worth learning from

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class Clips:
    """B people as cameras saw them, before normalisation."""

    rays: Floats           # (B, T, 17, 2) coco17 as detected
    seen: Bools            # (B, T, 17) detected and not hidden
    detected: Bools        # (B, T, 17) the same without any occlusion
    # (B, T, 3, 3) camera rotation between frames; the identity where unknown
    now_from_last: Floats
    joints_camera: Floats  # (B, T, 17, 3) [m] true h36m17


def draw_clips(
    rng: Generator, motions: Sequence[Motion], weights: Floats, batch: int, frames: int,
    noise: DetectorNoise = DEFAULT_NOISE,
) -> Clips:
    """People in front of moving cameras, detected with errors and hidden in all ways."""
    body = draw_bodies(rng, motions, weights, batch, frames)
    cameras = draw_cameras(rng, _mean_of(body, slice(_J))[:, :, 0].astype(float))
    body_camera = cameras.to_camera(body.astype(float))                            # (B, T, 18, 3)
    rays, detected = observe(rng, body_camera, cameras.half_view, noise)
    middle = _mean_of(body_camera, _MIDDLE)
    kinds = draw_kinds(rng, batch)
    seen = detected & ~draw_masks(rng, kinds, (body_camera[:, :, :_J] - middle)[..., :2])
    seen &= ~obstruct(rng, kinds, cameras, body, body_camera)
    for row in np.flatnonzero(rng.random(batch) < 0.25):
        every = int(rng.integers(2, 4))
        _, detected[row] = slow(rays[row], detected[row], every)
        rays[row], seen[row] = slow(rays[row], seen[row], every)
    turn = cameras.now_from_last()
    turn[rng.random(batch) < 0.4] = np.eye(3)  # pose of the camera unknown
    return Clips(rays, seen, detected, turn, h36m_of(body_camera))


def _mean_of(body: Floats, joints: slice | list[int]) -> Floats:
    """Mean of some of the points (B, T, 18, 3), (B, T, 1, 3); faster than `mean`."""
    weights = np.zeros((1, body.shape[2]), body.dtype)
    weights[:, joints] = 1
    return np.asarray(weights / weights.sum() @ body)


def observe(rng: Generator, body_camera: Floats, half_view: Floats,
            noise: DetectorNoise = DEFAULT_NOISE) -> tuple[Floats, Bools]:
    """Detected coco17 rays (B, T, 17, 2) and what was seen (B, T, 17), before any occluder."""
    joints = body_camera[:, :, :_J]
    depth = joints[..., 2]
    rays = joints[..., :2] / np.maximum(depth, 0.2)[..., None]
    per_m = 1 / np.maximum(depth.mean(-1), 0.5)
    noisy, lost = detect(rng, rays, per_m, noise)
    inside = (np.abs(noisy) < half_view[:, None, None]).all(-1) & (depth > 0.3)
    return noisy, inside & ~lost


def slow(rays: Floats, seen: Bools, every: int) -> tuple[Floats, Bools]:
    """What remains of (T, 17, 2) and (T, 17) when only each `every`-th frame has an image.

    The live lifter fills the frames between with straight lines, where both ends were seen.
    """
    t = np.arange(len(rays))
    before = t // every * every
    after = np.minimum(before + every * (t > before), t[-1])
    share = ((t - before) / np.maximum(after - before, 1))[:, None, None]
    return rays[before] * (1 - share) + rays[after] * share, seen[before] & seen[after]


def to_sequences(clips: Clips, fill: Fill = 'hold', *, occlusion: float = 1.0) -> Sequences:
    """The clips as a network sees them; runs the live normalisation frame by frame.

    In all but a share `occlusion` of them nothing is hidden but what the detector lost.
    """
    number = np.arange(len(clips.seen))
    hidden = np.floor((number + 1) * occlusion) > np.floor(number * occlusion)
    seen = np.where(hidden[:, None, None], clips.seen, clips.detected)
    inputs = normalise_sequences(clips.rays, seen, clips.now_from_last, fill=fill)
    around = clips.joints_camera - clips.joints_camera[:, :, :1]
    return Sequences(
        inputs.features, inputs.to_view(around).astype(np.float32),
        worth_learning(seen)
    )


def worth_learning(seen: Bools) -> Bools:
    """Frames (B, T) not too long after somebody was last seen, (B, T, J)."""
    return np.asarray(frames_since(seen.any(-1)) <= FORGET_S * FPS)


def frames_since(seen: Bools | np.bool_) -> NDArray[np.integer]:
    """Frames since something was seen, (B, T); very many before the first time."""
    seen = np.asarray(seen)
    t = np.arange(seen.shape[1])
    last = np.maximum.accumulate(np.where(seen, t, -10 ** 6), axis=1)
    return np.asarray(t - last)
