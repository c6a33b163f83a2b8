"""What the std of networks is calibrated on: recorded people, hidden as the benchmark hides."""
from __future__ import annotations

import numpy as np
from toy_motion import walkers

from ros2_occpose.training.views.recorded import recorded_clips


def test_everybody_is_filmed_and_some_are_hidden() -> None:
    motions = walkers(splits=('validation',), people=6, frames=200)
    clips = recorded_clips(motions, seed=1)
    people, frames = clips.seen.shape[:2]
    assert people == 12                       # two cameras
    assert clips.rays.shape == (people, frames, 17, 2)
    assert clips.joints_camera.shape == (people, frames, 17, 3)
    assert (clips.joints_camera[..., 2] > 0.3).mean() > 0.9        # before their cameras
    assert (clips.detected | ~clips.seen).all()
    unseen = 1 - clips.seen.sum((1, 2)) / np.maximum(clips.detected.sum((1, 2)), 1)
    assert (unseen < 0.001).any()             # of a third nothing is hidden
    assert (unseen > 0.05).mean() > 0.3
    dark = ~clips.seen.any(-1) & clips.detected.any(-1)
    assert dark.any()                         # blackouts


def test_the_same_seed_films_the_same() -> None:
    motions = walkers(splits=('validation',), people=2, frames=120)
    first, again, other = (recorded_clips(motions, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.rays, again.rays)
    np.testing.assert_array_equal(first.seen, again.seen)
    assert not np.array_equal(first.rays, other.rays)
