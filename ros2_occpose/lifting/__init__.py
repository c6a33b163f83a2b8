"""2D tracks to 3D skeletons: one file a system."""
from __future__ import annotations

from ..config import LiftingConfig
from ..inference import OpenModel
from ..types import Lifter
from .clip import lift_clip, lift_sequences
from .lifter import StreamingLifter
from .load import open_stepper

__all__ = ['lift_clip', 'lift_sequences', 'load_lifter']


def load_lifter(config: LiftingConfig, open_model: OpenModel) -> Lifter:
    """The lifter that the configuration names.

    Raises:
        ModelError: The model is missing, or cannot run frame by frame in this pipeline.
    """
    return StreamingLifter(config, open_stepper(open_model(config.lifter)))
