"""Bags that a crash, a full disk or an interrupted copy cut short: what is there can be read.

A recorder that was killed leaves no metadata.yaml, an MCAP file without its index, or a database
with the last rows in a journal beside it. Here such files are read from the front, up to the first
thing that is not whole.
"""
from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol, Self, cast

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition
from rosbags.rosbag2 import Reader

from ..errors import InputError
from .salvage_mcap import CutMcap, ends_well
from .salvage_sqlite import CutDatabase, is_whole
from .source import BAG_SUFFIXES

METADATA = 'metadata.yaml'


class CutFile(Protocol):
    """One file of a bag, as far as it goes."""

    topics: dict[int, tuple[str, str, MessageDefinition, int]]     # name, type, text, messages
    first_ns: int
    last_ns: int

    def read(self, wanted: Collection[int], start_ns: int | None,
             end_ns: int | None) -> Iterator[tuple[int, int, bytes]]:
        """(number of the topic, time of recording, CDR) of the topics that are wanted."""


def files_of(path: Path) -> list[Path]:
    """The files that hold the messages of a bag, in the order of their numbers."""
    if path.is_file():
        return [path]
    return sorted((p for p in path.iterdir() if p.suffix in BAG_SUFFIXES), key=_natural)


def damage_of(path: Path) -> str | None:
    """What is wrong with a bag, in a sentence; None: nothing, by its first and last bytes."""
    files = files_of(path)
    for file in files:
        if file.suffix == '.mcap' and not ends_well(file):
            return f'{file.name} ends without an index, as a crash or a cut copy leaves it.'
        if file.suffix == '.db3' and not is_whole(file):
            return f'{file.name} is not complete, as a crash or a cut copy leaves it.'
    if path.is_dir() and files and not (path / METADATA).exists():
        return f'{METADATA} is missing, as a recorder that was killed leaves it.'
    return None


def salvage(path: Path) -> AnyReader:
    """A reader of a damaged bag.

    Raises:
        InputError: Nothing in it can be read.
    """
    files = files_of(path)
    found: list[CutFile] = [CutMcap(file) if file.suffix == '.mcap' else CutDatabase(file)
                            for file in files]
    if not any(count for file in found for *_, count in file.topics.values()):
        raise InputError(f'Cannot read the bag {path}: it is damaged before its first message.')
    from .typestore import typestore

    reader = AnyReader(files[:1], default_typestore=typestore())
    reader.readers = cast('list[Reader]', [_Salvaged(found)])
    return reader


class _Salvaged:
    """Takes the place of a reader of rosbags."""

    def __init__(self, files: list[CutFile]) -> None:
        self._files = [file for file in files if file.topics]
        self.start_time = min(file.first_ns for file in self._files)
        self.end_time = max(file.last_ns for file in self._files) + 1
        counts: dict[tuple[str, str], int] = {}
        texts: dict[tuple[str, str], MessageDefinition] = {}
        for file in self._files:
            for name, kind, text, count in file.topics.values():
                counts[name, kind] = counts.get((name, kind), 0) + count
                texts.setdefault((name, kind), text)
        self.connections = [
            Connection(i, name, kind, texts[name, kind], '', count,
                       ConnectionExtRosbag2('cdr', []), self)
            for i, ((name, kind), count) in enumerate(counts.items(), 1)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Files are open only while they are read."""

    def messages(self, connections: Collection[Connection] = (), start: int | None = None,
                 stop: int | None = None) -> Iterator[tuple[Connection, int, bytes]]:
        """File after file."""
        wanted = {(c.topic, c.msgtype): c for c in connections or self.connections}
        for file in self._files:
            mine = {number: wanted[name, kind] for number, (name, kind, *_) in file.topics.items()
                    if (name, kind) in wanted}
            for number, log_ns, data in file.read(mine, start, stop):
                yield mine[number], log_ns, data


def _natural(path: Path) -> list[tuple[int, str]]:
    """A key that sorts bag_2 before bag_10."""
    return [(int(part), '') if part.isdigit() else (-1, part)
            for part in re.split(r'(\d+)', path.name) if part]
