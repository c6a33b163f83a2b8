"""Detections to tracks: who is who from frame to frame, also through occlusion."""
from __future__ import annotations

from ..config import TrackingConfig
from ..types import Tracker


def load_tracker(config: TrackingConfig) -> Tracker:
    """The tracker of this configuration."""
    from .tracker import PeopleTracker
    return PeopleTracker(config)
