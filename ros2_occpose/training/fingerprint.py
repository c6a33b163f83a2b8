"""Which version of our code made some data: caches are named after it."""
from __future__ import annotations

import hashlib
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_SOURCES = ('training/mocap', 'training/people', 'training/views', 'body')


def code_fingerprint() -> bytes:
    """SHA-256 of all code that makes people, cameras and detections."""
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((_PACKAGE / folder).rglob('*.py')):
            digest.update(str(path.relative_to(_PACKAGE)).encode())
            digest.update(path.read_bytes())
    return digest.digest()
