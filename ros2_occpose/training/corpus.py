"""Training clips, drawn once and kept on disk: every system learns from the very same ones."""
from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..types import Floats
from .fingerprint import code_fingerprint
from .mocap.motion import Motion
from .people.bodies import sampling_weights
from .views.detections import RENDERED_NOISE
from .views.film import Film, draw_film
from .views.sequences import Clips, draw_clips

logger = logging.getLogger(__name__)

GROUP = 128                # clips a file


@dataclass(frozen=True)
class Source:
    """A kind of clips: a dataclass of arrays, and what draws it (as `draw_clips` does)."""

    prefix: str                # of its folders
    kind: type
    draw: Callable[..., Any]


CLIPS = Source('', Clips, draw_clips)
RENDERED_CLIPS = Source('rendered-', Clips, partial(draw_clips, noise=RENDERED_NOISE))
FILM = Source('film-', Film, draw_film)


@dataclass(frozen=True)
class Corpus:
    """Groups of clips by number; a group that is not on disk yet is drawn and written.

    Raises:
        DataError: The folder cannot be written.
    """

    motions: Sequence[Motion]
    folder: Path
    seed: int
    frames: int
    source: Source = CLIPS

    def group(self, number: int) -> Any:
        """The clips of a group; the same for the same motions, seed and code."""
        path = self._folder / f'{number:05}.npz'
        if not path.exists():
            self._write(path, self._draw(number))
        with np.load(path) as arrays:
            kind = self.source.kind
            return kind(**{field.name: arrays[field.name] for field in fields(kind)})

    def _draw(self, number: int) -> Any:
        rng = np.random.default_rng([self.seed, number])
        weights = sampling_weights(self.motions)
        return self.source.draw(rng, self.motions, weights, GROUP, self.frames)

    def _write(self, path: Path, clips: Any) -> None:
        part = path.with_name(f'{path.stem}.{np.random.default_rng().integers(2 ** 60)}.part')
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open('wb') as file:
                np.savez(file, allow_pickle=False,
                         **{field.name: _compact(getattr(clips, field.name))
                            for field in fields(clips)})
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise DataError(f'Cannot write training clips into {path.parent}: {error.strerror}; '
                            'make room there, or choose another folder with --cache.') from error

    @property
    def _folder(self) -> Path:
        name = f'{self.frames}x{GROUP}-{self.seed}-{self._fingerprint()}'
        return self.folder / (self.source.prefix + name)

    def _fingerprint(self) -> str:
        """Of the motions and of the code that multiplies them."""
        digest = hashlib.sha256()
        for motion in self.motions:
            digest.update(motion.name.encode())
            digest.update(np.ascontiguousarray(motion.body).tobytes())
        digest.update(code_fingerprint())
        return digest.hexdigest()[:12]


def _compact(array: Floats) -> Floats:
    return array.astype(np.float32) if array.dtype == np.float64 else array
