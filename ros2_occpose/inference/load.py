"""Choosing what runs a network."""
from __future__ import annotations

from pathlib import Path

from ..errors import ModelError
from .registry import checked_file, find_entry
from .session import Session


def open_model(name: str, *, device: str = 'auto', threads: int = 2) -> Session:
    """The network of an entry in models.yaml.

    Raises:
        ModelError: The name is unknown, or the file is missing or damaged.
    """
    entry = find_entry(name)
    return load_session(checked_file(entry), device=device, threads=threads)


def load_session(path: Path, *, device: str = 'auto', threads: int = 2) -> Session:
    """The network in an ONNX file.

    Raises:
        ModelError: The file is missing or damaged.
    """
    from .onnx_session import OnnxSession
    if not path.exists():
        raise ModelError(f'The model file {path} does not exist.')
    return OnnxSession(path, threads=threads)
