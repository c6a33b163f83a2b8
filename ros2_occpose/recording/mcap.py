"""A bag in one MCAP file that is complete at any time, also when the process is killed.

Format: https://mcap.dev/spec (profile ros2). Messages are collected in chunks; with each chunk the
index and the footer behind it are written anew, in one call, over the last ones. What was flushed
is therefore always readable with its index; what was not is at most `FLUSH_NS` of recording time.
"""
from __future__ import annotations

import json
import struct
import zlib
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import InputError

FLUSH_BYTES = 1 << 20
FLUSH_NS = 1_000_000_000
LIBRARY = 'ros2_occpose'

_MAGIC = b'\x89MCAP0\r\n'
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _MESSAGE_INDEX, _CHUNK_INDEX = range(1, 9)
_STATISTICS, _METADATA, _METADATA_INDEX, _SUMMARY_OFFSET, _DATA_END = range(0x0b, 0x10)


class McapWriter:
    """Writes CDR messages.

    Raises:
        InputError: The file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open('wb')
        except OSError as error:
            raise InputError(f'Cannot write {path}: {error.strerror}.') from error
        head = _MAGIC + _record(_HEADER, _string('ros2') + _string(LIBRARY))
        # Without content it tells rosbag2 that the QoS profiles are numbers, not names.
        metadata = _record(_METADATA, _string('rosbag2') + _map({'serialized_metadata': ''}))
        self._file.write(head + metadata)
        self._metadata_index = _record(
            _METADATA_INDEX, struct.pack('<QQ', len(head), len(metadata)) + _string('rosbag2'))
        self._end = len(head) + len(metadata)      # where the next chunk goes
        self._schemas: dict[str, int] = {}
        self._definitions: list[bytes] = []        # schema records
        self._channels: list[bytes] = []           # channel records
        self._chunk_indexes: list[bytes] = []
        self._counts: dict[int, int] = {}
        self._first_ns, self._last_ns = 2 ** 63 - 1, 0
        self._start_chunk()
        self.flush()

    def _start_chunk(self) -> None:
        self._chunk = bytearray()
        self._index: dict[int, list[tuple[int, int]]] = defaultdict(list)   # stamp, offset
        self._chunk_first_ns, self._chunk_last_ns = 2 ** 63 - 1, 0

    def add_channel(self, topic: str, schema: str, definition: str, *,
                    latched: bool = False) -> int:
        """A topic; returns the number to write with.

        Args:
            topic: Name of the topic.
            schema: Type of its messages, e.g. 'std_msgs/msg/String'.
            definition: The .msg text, those of all contained types appended.
            latched: Late subscribers get the last message when the bag is played.
        """
        if schema not in self._schemas:
            self._schemas[schema] = len(self._schemas) + 1
            body = (struct.pack('<H', self._schemas[schema]) + _string(schema)
                    + _string('ros2msg') + _string(definition))
            self._definitions.append(_record(_SCHEMA, body))
            self._chunk += self._definitions[-1]
        number = len(self._channels) + 1
        body = (struct.pack('<HH', number, self._schemas[schema]) + _string(topic)
                + _string('cdr') + _map({'offered_qos_profiles': _qos(latched)}))
        self._channels.append(_record(_CHANNEL, body))
        self._chunk += self._channels[-1]
        self._counts[number] = 0
        return number

    def write(self, channel: int, stamp_ns: int, data: bytes) -> None:
        """Add one message."""
        self._index[channel].append((stamp_ns, len(self._chunk)))
        sequence = self._counts[channel]
        self._chunk += _record(
            _MESSAGE, struct.pack('<HIQQ', channel, sequence, stamp_ns, stamp_ns) + data)
        self._counts[channel] += 1
        self._chunk_first_ns = min(self._chunk_first_ns, stamp_ns)
        self._chunk_last_ns = max(self._chunk_last_ns, stamp_ns)
        long = self._chunk_last_ns - self._chunk_first_ns >= FLUSH_NS
        if long or len(self._chunk) >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Bring everything so far to the file, with index and footer."""
        data = self._close_chunk() if self._chunk else b''
        tail_at = self._end + len(data)
        self._file.seek(self._end)
        self._file.write(data + self._tail(tail_at))
        self._file.truncate()
        self._file.flush()
        self._end = tail_at

    def _close_chunk(self) -> bytes:
        """The chunk and its message indexes; their place goes into the chunk index."""
        if not self._index:
            self._chunk_first_ns = 0
        times = struct.pack('<QQ', self._chunk_first_ns, self._chunk_last_ns)
        size = struct.pack('<Q', len(self._chunk))
        checksum = struct.pack('<I', zlib.crc32(self._chunk))
        chunk = _record(_CHUNK, times + size + checksum + _string('') + size + self._chunk)
        offsets, indexes = b'', b''
        for channel, entries in self._index.items():
            offsets += struct.pack('<HQ', channel, self._end + len(chunk) + len(indexes))
            packed = b''.join(struct.pack('<QQ', *entry) for entry in entries)
            indexes += _record(_MESSAGE_INDEX, struct.pack('<HI', channel, len(packed)) + packed)
        self._chunk_indexes.append(_record(
            _CHUNK_INDEX, times + struct.pack('<QQI', self._end, len(chunk), len(offsets))
            + offsets + struct.pack('<Q', len(indexes)) + _string('') + size + size))
        if self._index:
            self._first_ns = min(self._first_ns, self._chunk_first_ns)
            self._last_ns = max(self._last_ns, self._chunk_last_ns)
        self._start_chunk()
        return chunk + indexes

    def _tail(self, at: int) -> bytes:
        """Everything behind the last chunk, for a file that ends there."""
        tail = _record(_DATA_END, struct.pack('<I', 0))
        summary_start = at + len(tail)
        groups = ((_SCHEMA, b''.join(self._definitions)), (_CHANNEL, b''.join(self._channels)),
                  (_STATISTICS, self._statistics()),
                  (_CHUNK_INDEX, b''.join(self._chunk_indexes)),
                  (_METADATA_INDEX, self._metadata_index))
        offsets = b''
        for code, group in groups:
            if group:
                offsets += _record(_SUMMARY_OFFSET, struct.pack(
                    '<BQQ', code, at + len(tail), len(group)))
            tail += group
        footer = struct.pack('<QQI', summary_start, at + len(tail), 0)
        return tail + offsets + _record(_FOOTER, footer) + _MAGIC

    def _statistics(self) -> bytes:
        total = sum(self._counts.values())
        counts = b''.join(struct.pack('<HQ', *item) for item in self._counts.items())
        return _record(_STATISTICS, struct.pack(
            '<QHIIIIQQI', total, len(self._schemas), len(self._channels), 0, 1,
            len(self._chunk_indexes), self._first_ns if total else 0, self._last_ns,
            len(counts)) + counts)

    def close(self) -> None:
        """Write what is left; closing twice does nothing."""
        if not self._file.closed:
            self.flush()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def _qos(latched: bool) -> str:
    """One profile as rosbag2 reads it: KEEP_LAST, RELIABLE, VOLATILE or TRANSIENT_LOCAL."""
    forever = {'sec': 9223372036, 'nsec': 854775807}
    return json.dumps([{                    # JSON is YAML
        'history': 1, 'depth': 1 if latched else 10, 'reliability': 1,
        'durability': 1 if latched else 2, 'deadline': forever, 'lifespan': forever,
        'liveliness': 1, 'liveliness_lease_duration': forever,
        'avoid_ros_namespace_conventions': False}])


def _record(code: int, body: bytes) -> bytes:
    return struct.pack('<BQ', code, len(body)) + body


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack('<I', len(data)) + data


def _map(values: dict[str, str]) -> bytes:
    data = b''.join(_string(key) + _string(value) for key, value in values.items())
    return struct.pack('<I', len(data)) + data
