"""A rosbag2 database that was not closed or is cut short, read row by row."""
from __future__ import annotations

import sqlite3
import struct
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from rosbags.interfaces import MessageDefinition, MessageDefinitionFormat

_FORMATS = {'ros2msg': MessageDefinitionFormat.MSG, 'ros2idl': MessageDefinitionFormat.IDL}
NOTHING = MessageDefinition(MessageDefinitionFormat.NONE, '')


def is_whole(path: Path) -> bool:
    """Whether a database is as long as it says, and nothing waits in a journal beside it."""
    journals = (path.with_name(path.name + end) for end in ('-wal', '-journal'))
    if any(journal.exists() and journal.stat().st_size for journal in journals):
        return False
    with path.open('rb') as file:
        head = file.read(100)
        size = file.seek(0, 2)
    if len(head) < 100 or not head.startswith(b'SQLite format 3\0'):
        return False
    page, = struct.unpack_from('>H', head, 16)              # https://www.sqlite.org/fileformat.html
    changes, pages, valid_for = (struct.unpack_from('>I', head, at)[0] for at in (24, 28, 92))
    return bool(changes != valid_for or size >= pages * (65536 if page == 1 else page))


class CutDatabase:
    """Rows in the order in which they were written, up to the first that cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.topics: dict[int, tuple[str, str, MessageDefinition, int]] = {}
        self.first_ns, self.last_ns = 2 ** 63 - 1, 0
        counts: Counter[int] = Counter()
        with closing(self._open()) as base:
            for number, log_ns in _until_damage(
                    base, 'SELECT topic_id, timestamp FROM messages ORDER BY id'):
                counts[number] += 1
                self.first_ns, self.last_ns = min(self.first_ns, log_ns), max(self.last_ns, log_ns)
            texts = {name: MessageDefinition(_FORMATS[encoding], text) for name, encoding, text in
                     _until_damage(base, 'SELECT topic_type, encoding, encoded_message_definition '
                                         'FROM message_definitions') if encoding in _FORMATS}
            for number, name, kind in _until_damage(base, 'SELECT id, name, type FROM topics'):
                self.topics[number] = name, kind, texts.get(kind, NOTHING), counts[number]

    def _open(self) -> sqlite3.Connection:
        where = f'file:{quote(str(self._path))}'
        try:
            base = sqlite3.connect(f'{where}?mode=ro', uri=True)     # with what is in the journal
            base.execute('PRAGMA writable_schema = ON')     # else a short file is refused
            base.execute('SELECT count(*) FROM sqlite_master').fetchall()
        except sqlite3.Error:                               # a folder that cannot be written to
            base = sqlite3.connect(f'{where}?immutable=1', uri=True)
            base.execute('PRAGMA writable_schema = ON')
        return base

    def read(self, wanted: Collection[int], start_ns: int | None,
             end_ns: int | None) -> Iterator[tuple[int, int, bytes]]:
        """Messages of some topics."""
        numbers = ','.join(str(int(number)) for number in wanted)
        with closing(self._open()) as base:
            yield from _until_damage(               # +: not by its index, which may be damaged
                base, 'SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN '
                f'({numbers}) AND +timestamp >= ? AND +timestamp < ? ORDER BY id',
                start_ns or 0, 2 ** 63 - 1 if end_ns is None else end_ns)


def _until_damage(base: sqlite3.Connection, query: str, *values: int) -> Iterator[tuple]:  # type: ignore[type-arg]
    """Rows of a query, until one cannot be read; none where the table is not there."""
    try:
        yield from base.execute(query, values)
    except sqlite3.Error:
        return
