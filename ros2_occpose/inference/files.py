"""Model files on disk: checksums, writing all or nothing, one writer at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ModelError
from ..resources import cache_folder


def sha256(path: Path) -> str:
    """Checksum of a file's content, in hexadecimal."""
    with path.open('rb') as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def remembered_sha256(path: Path) -> str:
    """The checksum, computed once for each path, size and time of change; for a quick start."""
    memory, status = cache_folder() / 'checksums.json', path.stat()
    key, stamp = str(path.resolve()), [status.st_size, status.st_mtime_ns]
    match _read(memory).get(key):
        case [size, mtime_ns, str(digest)] if [size, mtime_ns] == stamp:
            return digest
    digest = sha256(path)
    try:
        with locked(memory):
            known = {**_read(memory), key: [*stamp, digest]}
            write_atomically(memory, json.dumps(known, indent=0).encode())
    except (OSError, ModelError):
        pass  # a read-only cache only costs time
    return digest


def _read(memory: Path) -> dict[str, object]:
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}  # nothing remembered, or damaged
    return known if isinstance(known, dict) else {}


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees half of it; its folder is made when missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from making the same file until the block ends.

    Raises:
        ModelError: The folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(f'.{path.name}.lock').open('w')
    except OSError as error:
        raise ModelError(
            f'Cannot write to {path.parent} ({error.strerror}); '
            'set OCCPOSE_CACHE to a folder that is yours.'
        ) from error
    with file as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
