"""The fixed test set: made once from the data, then read from the cache."""
from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..inference.files import locked, write_atomically
from ..resources import cache_folder
from ..training.fingerprint import code_fingerprint
from ..training.mocap.motion import SPLITS, load_motions
from ..training.views.scenes import Scenes, recorded_scenes

logger = logging.getLogger(__name__)

T = TypeVar('T')
CHOICES = (*SPLITS, 'all')


def load_test_set(data: Path, split: str, seed: int) -> Scenes:
    """Scenes from the clips of a split; the same arrays in every run.

    They are kept in the cache of models. Another content of `data`, seed, split or generator
    makes another set.

    Raises:
        DataError: The folder is missing, or holds no clip of this split.
        ModelError: The cache cannot be written.
    """
    if not data.is_dir():
        raise DataError(f'Expected a folder of motion capture, got {data}; give the folder that '
                        'holds bvh, deepmimic and expmap with --data.')
    path = cache_folder() / 'benchmark' / f'{split}-{seed}-{_key(data, split, seed)}.npz'
    with locked(path):
        if not path.exists():
            logger.info('Making the test set %s.', path)
            splits = SPLITS if split == 'all' else (split,)
            made = recorded_scenes(load_motions(data, splits), seed, splits=splits)
            buffer = io.BytesIO()
            np.savez_compressed(buffer, allow_pickle=False, **dict(_flat(made)))
            write_atomically(path, buffer.getvalue())
    with np.load(path, allow_pickle=False) as arrays:
        return _built(Scenes, arrays)


def content_sha256(scenes: Scenes) -> str:
    """What was judged, in hexadecimal: the same for the same arrays."""
    digest = hashlib.sha256()
    for name, array in _flat(scenes):
        digest.update(f'{name} {array.shape} {array.dtype}'.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _key(data: Path, split: str, seed: int) -> str:
    """Of everything that the set depends on: the data and the code that makes scenes of it."""
    digest = hashlib.sha256(f'{split} {seed}'.encode())
    for path in sorted(path for path in data.rglob('*') if path.is_file()):
        digest.update(f'{path.relative_to(data)} {path.stat().st_size}\n'.encode())
        with path.open('rb') as file:
            digest.update(hashlib.file_digest(file, 'sha256').digest())
    digest.update(code_fingerprint())
    return digest.hexdigest()[:16]


def _flat(value: Any, prefix: str = '') -> Iterator[tuple[str, NDArray[Any]]]:
    """Arrays of a dataclass of arrays, rows of names and dataclasses, by dotted name."""
    for f in fields(value):
        part = getattr(value, f.name)
        if is_dataclass(part):
            yield from _flat(part, f'{prefix}{f.name}.')
        else:
            yield prefix + f.name, np.asarray(part)


def _built(kind: type[T], arrays: Mapping[str, NDArray[Any]], prefix: str = '') -> T:
    """The dataclass of such arrays."""
    parts: dict[str, Any] = {}
    for name, wanted in get_type_hints(kind).items():
        if isinstance(wanted, type) and is_dataclass(wanted):
            parts[name] = _built(wanted, arrays, f'{prefix}{name}.')
        else:
            array = arrays[prefix + name]
            is_names = get_origin(wanted) is tuple
            parts[name] = tuple(map(tuple, array.tolist())) if is_names else array
    return kind(**parts)
