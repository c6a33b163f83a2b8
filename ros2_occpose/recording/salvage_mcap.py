"""An MCAP file whose end is missing, read record by record (https://mcap.dev/spec)."""
from __future__ import annotations

import struct
import sys
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from rosbags.interfaces import MessageDefinition, MessageDefinitionFormat

MAGIC = b'\x89MCAP0\r\n'
_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _MESSAGE_INDEX = range(3, 8)
_FOOTER, _DATA_END = 0x02, 0x0f
_FOOTER_SIZE, _DATA_END_SIZE = 29, 13
_HEAD = struct.Struct('<BQ')
_FORMATS = {'ros2msg': MessageDefinitionFormat.MSG, 'ros2idl': MessageDefinitionFormat.IDL,
            'omgidl': MessageDefinitionFormat.IDL}
NOTHING = MessageDefinition(MessageDefinitionFormat.NONE, '')

Record = tuple[int, bytes]
Row = tuple[int, int, bytes]                # channel, time of recording, CDR


def ends_well(path: Path) -> bool:
    """Whether the last bytes are those of a whole file, and what they point to is there."""
    with path.open('rb') as file:
        if not _has_magic_at_end(file):
            return False
        file.seek(-_FOOTER_SIZE - len(MAGIC), 2)
        code, _, summary_start = struct.unpack('<BQQ', file.read(17))
        if code != _FOOTER or not summary_start:
            return bool(code == _FOOTER)
        file.seek(max(summary_start - _DATA_END_SIZE, 0))
        return file.read(1) == bytes([_DATA_END])


def _has_magic_at_end(file: BinaryIO) -> bool:
    size = file.seek(0, 2)
    file.seek(max(size - len(MAGIC), 0))
    return size > 2 * len(MAGIC) + _FOOTER_SIZE and file.read() == MAGIC


@dataclass
class _Chunk:
    offset: int                     # of its body in the file
    size: int
    first_ns: int
    last_ns: int


class CutMcap:
    """The records at the front of a file; looks at every chunk once, holds one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.topics: dict[int, tuple[str, str, MessageDefinition, int]] = {}
        self.first_ns, self.last_ns = 2 ** 63 - 1, 0
        self._schemas: dict[int, tuple[str, MessageDefinition]] = {}
        self._channels: dict[int, tuple[str, int]] = {}         # topic, schema
        self._counts: Counter[int] = Counter()
        self._chunks: list[_Chunk] = []
        self._loose = False                                     # messages outside of chunks
        with path.open('rb') as file:
            self._survey(file)
        for channel, (topic, schema) in self._channels.items():
            kind, text = self._schemas.get(schema, ('', NOTHING))
            self.topics[channel] = topic, kind, text, self._counts[channel]

    def _survey(self, file: BinaryIO) -> None:
        """What is there: topics, how many messages, when."""
        for code, offset, size in _records(file):
            if code == _CHUNK:
                chunk = self._chunk(file, offset, size)
                if chunk is None:
                    return
                self._chunks.append(chunk)
            elif code in (_SCHEMA, _CHANNEL, _MESSAGE):
                self._loose |= code == _MESSAGE
                self._learn(code, _body(file, offset, size))

    def _chunk(self, file: BinaryIO, offset: int, size: int) -> _Chunk | None:
        try:
            inside = list(_inside(_body(file, offset, size)))
        except (ValueError, struct.error):
            return None
        for code, body in inside:
            self._learn(code, body)
        first_ns, last_ns = struct.unpack_from('<QQ', _body(file, offset, 16))
        return _Chunk(offset, size, first_ns, last_ns)

    def _learn(self, code: int, body: bytes) -> None:
        if code == _SCHEMA:
            number, = struct.unpack_from('<H', body)
            name, at = _string(body, 2)
            encoding, at = _string(body, at)
            text, _ = _string(body, at)
            known = encoding in _FORMATS
            self._schemas[number] = name, (
                MessageDefinition(_FORMATS[encoding], text) if known else NOTHING)
        elif code == _CHANNEL:
            number, schema = struct.unpack_from('<HH', body)
            self._channels[number] = _string(body, 4)[0], schema
        elif code == _MESSAGE:
            channel, _, log_ns, _ = struct.unpack_from('<HIQQ', body)
            self._counts[channel] += 1
            self.first_ns, self.last_ns = min(self.first_ns, log_ns), max(self.last_ns, log_ns)

    def read(self, wanted: Collection[int], start_ns: int | None,
             end_ns: int | None) -> Iterator[Row]:
        """Messages in the order of their times, chunk by chunk."""
        start_ns, end_ns = start_ns or 0, 2 ** 63 if end_ns is None else end_ns
        with self._path.open('rb') as file:
            if self._loose:
                bodies = (_body(file, offset, size) for code, offset, size in _records(file)
                          if code == _MESSAGE)
                yield from _rows(bodies, wanted, start_ns, end_ns)
            for chunk in self._chunks:
                if chunk.last_ns < start_ns or chunk.first_ns >= end_ns:
                    continue
                bodies = (body for code, body in _inside(_body(file, chunk.offset, chunk.size))
                          if code == _MESSAGE)
                yield from sorted(_rows(bodies, wanted, start_ns, end_ns), key=itemgetter(1))


def _rows(bodies: Iterator[bytes], wanted: Collection[int], start_ns: int,
          end_ns: int) -> Iterator[Row]:
    for body in bodies:
        channel, _, log_ns, _ = struct.unpack_from('<HIQQ', body)
        if channel in wanted and start_ns <= log_ns < end_ns:
            yield channel, log_ns, body[22:]


def _records(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """(code, offset of the body, size) of the records of the data section; a chunk may be cut.

    Where the file seems to have an end, something was written over it: then what follows the part
    of a chunk is not the rest of it.
    """
    overwritten = _has_magic_at_end(file)
    end = file.seek(0, 2)
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        return
    at = len(MAGIC)
    while at + _HEAD.size <= end:
        file.seek(at)
        code, size = _HEAD.unpack(file.read(_HEAD.size))
        at += _HEAD.size
        if code in (0, _DATA_END) or (at + size > end and (overwritten or code != _CHUNK)):
            return
        yield code, at, min(size, end - at)
        at += size


def _body(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _inside(chunk: bytes) -> Iterator[Record]:
    """The records in a chunk; of one that is cut those that are whole.

    Raises:
        ValueError, struct.error: It is not what it says it is.
    """
    size, checksum = struct.unpack_from('<QI', chunk, 16)
    compression, at = _string(chunk, 28)
    packed_size, = struct.unpack_from('<Q', chunk, at)
    packed = chunk[at + 8:]
    try:
        data = _unpack(compression, packed)
    except Exception as error:          # each library has errors of its own
        raise ValueError(f'a chunk cannot be unpacked: {error}') from error
    if len(packed) >= packed_size and (
            len(data) != size or (checksum and zlib.crc32(data) != checksum)):
        raise ValueError('a chunk is damaged')
    at = 0
    while at + _HEAD.size <= len(data):
        code, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if at + length > len(data):
            return
        yield code, data[at:at + length]
        at += length


def _unpack(compression: str, packed: bytes) -> bytes:
    """What can be unpacked, also where the end is missing."""
    if compression == 'lz4':
        from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]

        return bytes(LZ4FrameDecompressor().decompress(packed))
    if compression == 'zstd':
        if sys.version_info >= (3, 14):
            from compression.zstd import ZstdDecompressor
        else:
            from backports.zstd import ZstdDecompressor

        return bytes(ZstdDecompressor().decompress(packed))
    return packed


def _string(data: bytes, at: int) -> tuple[str, int]:
    """The text that begins there, and where it ends."""
    size, = struct.unpack_from('<I', data, at)
    return data[at + 4:at + 4 + size].decode(errors='replace'), at + 4 + size
