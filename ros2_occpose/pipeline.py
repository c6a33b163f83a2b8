"""The one page that knows the order of the stages.

Live node, replay, commands and tests call it.
"""
from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from .config import PipelineConfig
from .detection import load_detector, load_visibility
from .errors import InputError
from .inference import Models
from .lifting import load_lifter
from .tracking import load_tracker
from .trajectory import load_trajectory
from .types import Detector, Frame, People

logger = logging.getLogger(__name__)


class Pipeline:
    """Frames in, people out.

    Args:
        config: Of all stages.
        shared: Networks of other pipelines too.
        detector: Instead of the one that the configuration names; its scores mean the same.

    Raises:
        ConfigError, ModelError: The configuration cannot work or a model is missing.
    """

    def __init__(self, config: PipelineConfig | None = None,
                 shared: Models | None = None, *, detector: Detector | None = None) -> None:
        self.config = config or PipelineConfig()
        models = (shared or Models()).on(self.config.device, self.config.threads)
        self._detect = detector or load_detector(self.config.detection, models)
        self._visibility = load_visibility(self.config.detection)
        self._track = load_tracker(self.config.tracking)
        self._lift = load_lifter(self.config.lifting, models)
        self._place = load_trajectory(self.config.trajectory)
        self._last_stamp_ns: int | None = None
        self._last_size: tuple[int, int] | None = None
        self.stage_ms: dict[str, float] = {}      # of the last frame, in the order of the stages

    @property
    def backends(self) -> dict[str, str]:
        """Which runtime runs which network, e.g. {'detection': 'onnxruntime cpu'}."""
        return {'detection': self._detect.backend, 'lifting': self._lift.backend}

    def __call__(self, frame: Frame) -> People:
        """Everybody in this frame.

        A stamp before the last one (a bag that loops) and images of another size start afresh;
        ids are not used again.

        Raises:
            InputError: The stamp is the last frame's.
        """
        self._check_time(frame.stamp_ns)
        self._check_size(frame.camera.size)
        self.stage_ms = {}
        with self._timed('detection'):
            detections = frame.detections
            if detections is None:
                detections = self._detect(frame.image)
        with self._timed('tracking'):
            tracks = self._track.update(detections, frame)
        with self._timed('visibility'):
            tracks = self._visibility.update(tracks, frame)
        with self._timed('lifting'):
            poses = self._lift.update(tracks, frame)
        with self._timed('trajectory'):
            return self._place.update(poses, frame)

    def reset(self) -> None:
        """Forget everybody; later people get new ids."""
        for stage in (self._detect, self._track, self._visibility, self._lift, self._place):
            stage.reset()
        self._last_stamp_ns = self._last_size = None

    def adjust(self, config: PipelineConfig) -> None:
        """Take over the live fields of a configuration between two frames; nobody is forgotten."""
        self._detect.adjust(config.detection)
        self._track.adjust(config.tracking)
        if config.detection.flow != self.config.detection.flow:
            self._visibility = load_visibility(config.detection)
        self._lift.adjust(config.lifting)
        self._place.adjust(config.trajectory)
        self.config = config

    def _check_time(self, stamp_ns: int) -> None:
        last = self._last_stamp_ns
        if last is not None and stamp_ns == last:
            raise InputError(
                f'Expected a new stamp, got {stamp_ns} ns twice; is the image published twice?')
        if last is not None and stamp_ns < last:
            logger.warning('Time went back by %.3f s: starting afresh.', (last - stamp_ns) / 1e9)
            self.reset()
        self._last_stamp_ns = stamp_ns

    def _check_size(self, size: tuple[int, int]) -> None:
        if self._last_size is not None and size != self._last_size:
            logger.warning('Images of %dx%d follow those of %dx%d: starting afresh.', *size,
                           *self._last_size)
            stamp_ns = self._last_stamp_ns
            self.reset()
            self._last_stamp_ns = stamp_ns
        self._last_size = size

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.stage_ms[stage] = (perf_counter() - start) * 1e3
