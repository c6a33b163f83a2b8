"""Trajectory: skeletons around their root and camera poses in, people in the world out."""
from __future__ import annotations

from ..config import TrajectoryConfig
from ..types import Trajectory
from .clip import ClipTrajectory, solve_clip
from .online import SlidingWindow

__all__ = ['ClipTrajectory', 'load_trajectory', 'solve_clip']


def load_trajectory(config: TrajectoryConfig) -> Trajectory:
    """The online form: a sliding window over the last frames."""
    return SlidingWindow(config)
