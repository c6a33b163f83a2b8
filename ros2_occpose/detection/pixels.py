"""Networks that take pictures, each as its entry in models.yaml says: size, colours, numbers."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..inference import ModelEntry, Session
from ..types import Floats, Image

Arrays = dict[str, NDArray[Any]]
_BATCH = 16                     # pictures in one run where the network takes any number


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """How pixels become numbers: settings that every network of this folder has."""

    layout: str = ''                                        # which of the known outputs it has
    channels: str = 'rgb'                                   # order of the colours: rgb or bgr
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)               # taken off 0..255, in that order
    std: tuple[float, ...] = (1.0, 1.0, 1.0)                # what is left is divided by
    border: int = 0                                         # grey of what is outside the image


@dataclass(frozen=True, kw_only=True)
class Finder(Pixels):
    """What a network that finds people has besides."""

    person: int = 0             # which class is a person
    half: float = 0.5           # score at which somebody is as likely there as not

    def probability(self, score: Floats) -> Floats:
        """That there is a person: the odds of a score, so that those of `half` are even."""
        yes = np.clip(score.astype(float), 0, 1) * (1 - self.half)
        no = (1 - np.clip(score.astype(float), 0, 1)) * self.half
        return np.asarray(yes / (yes + no))


S = TypeVar('S', bound=Pixels)


def read_settings(entry: ModelEntry, known: Mapping[str, type[S]]) -> S:
    """The settings of an entry, for the layout that they name.

    Args:
        entry: Of models.yaml.
        known: Layout -> the fields that there are for it, with their defaults.

    Raises:
        ModelError: The layout or a setting is unknown or of the wrong type.
    """
    layout = entry.settings.get('layout', '')
    if not isinstance(layout, str) or layout not in known:
        raise ModelError(f'{entry.name} expects a layout of {", ".join(known)} in its settings, '
                         f'got {layout!r}; see docs/detectors.md.')
    defaults = {f.name: f.default for f in fields(known[layout])}
    values = {}
    for name, value in entry.settings.items():
        if name not in defaults:
            raise ModelError(f'{entry.name} has the setting {name!r}; expected some of '
                             f'{", ".join(defaults)} for the layout {layout}.')
        values[name] = _like(entry, name, defaults[name], value)
    settings = known[layout](**values)
    if settings.channels not in ('rgb', 'bgr') or min(settings.std) <= 0:
        raise ModelError(f'{entry.name} expects channels of rgb or bgr and a positive std, got '
                         f'{settings.channels!r} and {list(settings.std)}.')
    if isinstance(settings, Finder) and not 0 < settings.half < 1:
        raise ModelError(f'{entry.name} expects a half between 0 and 1, got {settings.half}.')
    return settings


def _like(entry: ModelEntry, name: str, default: Any, value: Any) -> Any:
    """The value in the type of the default."""
    try:
        if isinstance(default, tuple):
            if not isinstance(value, list) or len(value) != len(default):
                raise ValueError
            return tuple(type(default[0])(number) for number in value)
        if isinstance(default, str) != isinstance(value, str) or (
                isinstance(default, int) and not isinstance(value, int)):
            raise ValueError
        return type(default)(value)
    except (TypeError, ValueError):
        wanted = list(default) if isinstance(default, tuple) else default
        raise ModelError(f'{entry.name} expects the setting {name} to be like {wanted!r}, '
                         f'got {value!r}.') from None


class ImageNetwork:
    """A network with one input, which takes pictures of one size."""

    def __init__(self, entry: ModelEntry, session: Session, pixels: Pixels) -> None:
        """Know what it takes.

        Raises:
            ModelError: It takes something else, or its size is open and not declared.
        """
        self._entry = entry
        self._session = session
        self._reverse = pixels.channels == 'rgb'
        levels = np.arange(256)[:, None]
        self._numbers = ((levels - pixels.mean) / pixels.std).T.astype(np.float32)      # (3, 256)
        self._layout = pixels.layout
        self.backend = session.backend
        self._input, shape = self._only_input()
        self._channels_last = shape[1] != 3
        size = shape[1:3] if self._channels_last else shape[2:]
        self.size = int(size[1]), int(size[0])              # px, width and height
        self._batch = shape[0] if isinstance(shape[0], int) else None
        blank = np.zeros((1, self.size[1], self.size[0], 3), np.uint8)
        self._outputs = self(blank)                         # of nothing: what shapes it gives

    def _only_input(self) -> tuple[str, tuple[int | str, ...]]:
        if len(self._session.inputs) != 1:
            raise ModelError(f'{self._entry.file} of {self._entry.name} takes the inputs '
                             f'{", ".join(self._session.inputs)}; expected one, the image.')
        (name, shape), = self._session.inputs.items()
        declared = self._entry.inputs.get(name, shape)
        shape = tuple(d if isinstance(n, str) else n
                      for n, d in zip(shape, declared, strict=True))
        if len(shape) != 4 or 3 not in (shape[1], shape[3]) or any(
                isinstance(n, str) for n in shape[1:]):
            raise ModelError(
                f'{self._entry.file} of {self._entry.name} takes {name} of shape {shape}; '
                'expected (batch, 3, height, width) or (batch, height, width, 3) with fixed '
                'sizes: where the file leaves them open, choose them under `inputs` of its entry.')
        return name, shape

    def __call__(self, pictures: Image) -> Arrays:
        """What the network says of pictures (N, H, W, 3), N > 0, in as few runs as it can."""
        step = self._batch or _BATCH
        parts = [self._run(pictures[i:i + step]) for i in range(0, len(pictures), step)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _run(self, pictures: Image) -> Arrays:
        count = len(pictures)
        if self._batch is not None and count < self._batch:
            pictures = np.concatenate([pictures, np.zeros_like(
                pictures, shape=(self._batch - count, *pictures.shape[1:]))])
        outputs = self._session({self._input: self.as_input(pictures)})
        return {name: array[:count] for name, array in outputs.items()}

    def as_input(self, pictures: Image) -> Floats:
        """Pictures (N, H, W, 3) BGR as the network wants them."""
        n, height, width, _ = pictures.shape
        out = np.empty((n, 3, height, width), np.float32)
        for channel in range(3):
            source = pictures[..., 2 - channel if self._reverse else channel]
            np.take(self._numbers[channel], source, out=out[:, channel], mode='clip')
        return np.moveaxis(out, 1, -1) if self._channels_last else out

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """Shape of an output for one picture; None: there is no such output."""
        return self._outputs[name].shape if name in self._outputs else None

    def require(self, fits: bool, expected: str) -> None:
        """Complain about the file unless its outputs fit.

        Raises:
            ModelError: They do not; it says what there is, and what to do.
        """
        if not fits:
            given = ', '.join(f'{name} {array.shape}' for name, array in self._outputs.items())
            raise ModelError(
                f'{self._entry.file} of {self._entry.name} gives {given}; the layout '
                f'{self._layout} expects {expected}. Correct its settings in models.yaml '
                '(docs/detectors.md) or take another file.')


def letterboxed(image: Image, size: tuple[int, int], border: int) -> tuple[Image, float]:
    """The image in the upper left of a picture of `size` (width, height), and its scale.

    Borders of pixels are scaled: x of the image lies at scale * x of the picture.
    """
    scale = min(size[0] / image.shape[1], size[1] / image.shape[0])
    picture = np.full((size[1], size[0], 3), border, np.uint8)
    if min(image.shape[:2]) * scale >= 1:                   # else it is too thin to be seen
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        picture[:small.shape[0], :small.shape[1]] = small
    return picture, scale
