"""Images to people in pixels."""
from __future__ import annotations

from collections.abc import Mapping

from ..config import DetectionConfig
from ..errors import ConfigError, ModelError
from ..inference import ModelEntry, OpenModel, find_entry, models, own_models
from ..types import Detector
from .visibility import JointJudge, Unchanged


def load_detector(config: DetectionConfig, open_model: OpenModel,
                  entries: Mapping[str, ModelEntry] | None = None) -> Detector:
    """The detector of that name: an entry of models.yaml, which says what family it is of.

    Args:
        config: Which one, and whom to report.
        open_model: Opens its networks.
        entries: Instead of those of models.yaml.

    Raises:
        ConfigError: There is no such detector.
        ModelError: A network of it is missing, damaged, or not what its entry says.
    """
    entries = entries or models()
    entry = _chosen(config.detector, entries)
    match entry.family:
        case 'blazepose':
            from .blazepose_boxes import BoxNetwork
            from .blazepose_landmarks import LandmarkNetwork
            from .multi_person import MultiPersonDetector
            boxes, landmarks = open_model('blazepose_detector'), open_model('blazepose_landmark')
            return MultiPersonDetector(BoxNetwork(boxes, 0.4), LandmarkNetwork(landmarks),
                                       landmarks.backend, config)
        case 'top_down':
            from .top_down import load_top_down
            return load_top_down(entry, entries, open_model, config)
        case 'one_shot':
            from .one_shot import load_one_shot
            return load_one_shot(entry, open_model, config)
        case family:
            raise ModelError(f'The detector {entry.name} is of the family {family!r}; expected '
                             'blazepose, top_down or one_shot in models.yaml.')


def _chosen(name: str, entries: Mapping[str, ModelEntry]) -> ModelEntry:
    detectors = {entry.name: entry for entry in entries.values() if entry.kind == 'detector'}
    if name not in detectors:
        raise ConfigError(
            f'Unknown detector {name!r}; expected {", ".join(detectors)}, or an entry of your own '
            f'in {own_models()} (docs/detectors.md).')
    return detectors[name]


def load_visibility(config: DetectionConfig) -> JointJudge | Unchanged:
    """The judge of which joints were seen, who knows how sure this detector is.

    Raises:
        ModelError: There is no such detector.
    """
    return JointJudge(find_entry(config.detector).doubt) if config.flow else Unchanged()
