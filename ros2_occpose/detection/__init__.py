"""Images to people in pixels."""
from __future__ import annotations

from ..config import DetectionConfig
from ..errors import ConfigError
from ..inference import OpenModel, find_entry
from ..types import Detector
from .visibility import JointJudge, Unchanged


def load_detector(config: DetectionConfig, open_model: OpenModel) -> Detector:
    """The detector of that name.

    Raises:
        ConfigError: There is no such detector.
        ModelError: A network of it is missing or damaged.
    """
    match config.detector:
        case 'blazepose':
            from .blazepose_boxes import BoxNetwork
            from .blazepose_landmarks import LandmarkNetwork
            from .multi_person import MultiPersonDetector
            boxes, landmarks = open_model('blazepose_detector'), open_model('blazepose_landmark')
            return MultiPersonDetector(BoxNetwork(boxes, 0.4), LandmarkNetwork(landmarks),
                                       landmarks.backend, config)
        case name:
            raise ConfigError(f'Unknown detector {name!r}; expected blazepose.')


def load_visibility(config: DetectionConfig) -> JointJudge | Unchanged:
    """The judge of which joints were seen.

    Raises:
        ModelError: There is no such detector.
    """
    return JointJudge(find_entry(config.detector).doubt) if config.flow else Unchanged()
