"""TensorRT engines on disk, and the batch sizes that they are built for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..resources import cache_folder
from .cuda import Device
from .files import locked, remembered_sha256, write_atomically
from .session import Array, Shape

FORMAT = 1  # of the files; a new number makes older ones stale
BATCHES = (1, 4, 16)  # an engine runs these numbers of people, others are filled up or split


@dataclass(frozen=True)
class Engine:
    """What is in an engine file: TensorRT's plan, and what it does not keep of the ONNX file."""

    inputs: Mapping[str, Shape]
    metadata: Mapping[str, str]
    plan: bytes


def engine_path(onnx: Path, *, tensorrt: str, device: Device, half: bool) -> Path:
    """Where the engine of an ONNX file is kept; all that it depends on is part of the name."""
    key = json.dumps(
        {
            'format': FORMAT,
            'onnx': remembered_sha256(onnx),
            'tensorrt': tensorrt,
            'gpu': device.name,
            'capability': device.capability,
            'batches': BATCHES,
            'half': half,
        },
        sort_keys=True,
    )
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return cache_folder() / 'engines' / f'{onnx.stem}-{digest}.engine'


def cached_engine(path: Path, build: Callable[[], Engine]) -> Engine:
    """The engine in a file; a missing or damaged one is built, by one process at a time."""
    with locked(path):
        engine = _read(path)
        if engine is None:
            engine = build()
            header = {
                'inputs': engine.inputs,
                'metadata': dict(engine.metadata),
                'sha256': hashlib.sha256(engine.plan).hexdigest(),
            }
            write_atomically(path, json.dumps(header).encode() + b'\n' + engine.plan)
    return engine


def _read(path: Path) -> Engine | None:
    try:
        header_line, _, plan = path.read_bytes().partition(b'\n')
        header: dict[str, Any] = json.loads(header_line)
        if header['sha256'] != hashlib.sha256(plan).hexdigest():
            return None
        inputs = {name: tuple(shape) for name, shape in header['inputs'].items()}
        return Engine(inputs, header['metadata'], plan)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def batches_of(inputs: Mapping[str, Shape]) -> tuple[int, ...]:
    """The batch sizes to build for: `BATCHES`, or (1,) when no length is open.

    Raises:
        ModelError: A length is open that is neither the first nor called batch, or there are two.
    """
    for name, shape in inputs.items():
        lengths = [n for n in shape if isinstance(n, str)]
        if len(lengths) > 1 or (lengths and lengths != ['batch'] and shape[0] != lengths[0]):
            raise ModelError(
                f'TensorRT runs networks of which only the batch is open, the first length or one '
                f'called batch, but input {name} has the shape {shape}; export it with fixed '
                'lengths.'
            )
    return BATCHES if any(isinstance(n, str) for s in inputs.values() for n in s) else (1,)


def at_batch(shape: Shape, batch: int) -> tuple[int, ...]:
    """The shape with its open length filled in."""
    return tuple(batch if isinstance(n, str) else n for n in shape)


def split(count: int, batches: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """How `count` people are run: (first, number, batch size), the number at most the batch size.

    >>> split(0, (1, 4, 16)), split(3, (1, 4, 16)), split(21, (1, 4, 16))
    ([(0, 0, 1)], [(0, 3, 4)], [(0, 16, 16), (16, 5, 16)])
    """
    parts = []
    for first in range(0, max(count, 1), batches[-1]):
        number = min(count - first, batches[-1])
        parts.append((first, number, next(b for b in batches if b >= number)))
    return parts


def part_of(array: Array, axis: int | None, first: int, number: int) -> Array:
    """A view of some people in an array; of everything where no axis (None) is of people."""
    if axis is None:
        return array
    return array[(slice(None),) * axis + (slice(first, first + number),)]
