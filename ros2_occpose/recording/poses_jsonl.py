"""`poses.jsonl`: one JSON object a frame, written line by line so that a crash loses no line."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ..body.meshes import Meshes
from ..errors import InputError
from .humans import Humans, Json, record


class PosesJsonl:
    """Writes frame after frame.

    Raises:
        InputError: The file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open('w', buffering=1)     # a line reaches the system at its end
        except OSError as error:
            raise InputError(f'Cannot write {path}: {error.strerror}.') from error

    def write(self, humans: Humans, meshes: Meshes | None = None) -> None:
        """One frame."""
        line = json.dumps(record(humans, meshes), allow_nan=False, separators=(',', ':'))
        self._file.write(line + '\n')

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def read_jsonl(path: Path) -> Iterator[dict[str, Json]]:
    """The frames of a file; a last line cut short by a crash is left out.

    Raises:
        InputError: The file cannot be read, or a line before the last is not JSON.
    """
    try:
        lines = path.read_text().splitlines(keepends=True)
    except OSError as error:
        raise InputError(f'Cannot read {path}: {error.strerror}.') from error
    for number, line in enumerate(lines, 1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines) and not line.endswith('\n'):
                return
            raise InputError(f'Expected a JSON object in line {number} of {path}, got '
                             f'{line[:40]!r}; was the file edited?') from error
