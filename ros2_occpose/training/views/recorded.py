"""People as they were recorded, for judging: what the std of a network is calibrated on."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...types import Bools
from ..mocap.motion import Motion, h36m_of
from .occlusion import KERNEL, blackouts, random_masks
from .scenes import Scenes, recorded_scenes
from .sequences import Clips

_MOST_HIDDEN = 0.6       # share of the joints that random masks hide at most


def recorded_clips(motions: Sequence[Motion], seed: int) -> Clips:
    """Everybody in scenes of recorded people, hidden in the ways of the benchmark.

    A third sees all, a third has joints hidden at random (eq. 10-11), a third has them hidden by
    people and things; of each a fifth has blackouts as well.

    Args:
        motions: Of held-out people, never of the test split.
        seed: Of cameras, errors and masks.
    """
    scenes = recorded_scenes(motions, seed, splits=tuple({motion.split for motion in motions}))
    rng = np.random.default_rng([seed, KERNEL])
    rows = np.argwhere(scenes.valid.any(-1))                                       # (N, 2)
    there = tuple(rows.T)
    rays, inside = scenes.rays[there], ~scenes.out_of_view[there]
    seen, (frames, joints) = np.ones(inside.shape, bool), inside.shape[1:]
    for n, kind in enumerate(rng.integers(3, size=len(rows))):
        if kind == 1:
            share = float(rng.uniform(0.05, _MOST_HIDDEN))
            seen[n] = ~random_masks(rng, frames, joints, share, KERNEL)
        elif kind == 2:
            seen[n] = _seen(scenes, *rows[n])
        if rng.random() < 0.2:
            seen[n] &= ~blackouts(inside.shape[1], first_s=float(rng.uniform(0.5, 3)))[:, None]
    turn = scenes.cameras.now_from_last()[rows[:, 0]]
    return Clips(rays, seen & inside, inside, turn, h36m_of(scenes.body_camera[there]))


def _seen(scenes: Scenes, scene: int, person: int) -> Bools:
    """What people, things and the detector leave of somebody, (T, 17)."""
    at = (scene, person)
    hidden = scenes.hidden_by_self[at] | scenes.hidden_by_person[at] | scenes.hidden_by_object[at]
    return np.asarray(scenes.detected[at] & ~hidden)
