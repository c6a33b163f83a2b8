"""An end of the process that nothing can hold up, not even DDS.

Fast DDS 2.14 can hang for ever when its participant is destroyed while other nodes on the machine
end too: `DomainParticipant::set_listener` waits for a callback that waits for a mutex held by
`set_listener`. rclpy keeps Python's global lock meanwhile, so no thread of Python can help. Timers
of the C library can: they call C functions on threads of their own.
"""
from __future__ import annotations

import ctypes
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SHARED_MEMORY, LOCKS = Path('/dev/shm'), Path('/proc/locks')
LOCK = re.compile(r'(fast(?:dds|rtps)_\w+)_[es]l')      # of a segment or port of Fast DDS
EXIT_S = 0.1                                            # after the files have been removed
SAID = b'ros2_occpose: DDS does not end in time; the process ends without it'
SIGEV_THREAD = 2                                        # <signal.h>
log = logging.getLogger(__name__)


class _Event(ctypes.Structure):
    """`struct sigevent`, padded to its size."""

    _fields_ = (('value', ctypes.c_void_p), ('number', ctypes.c_int), ('notify', ctypes.c_int),
                ('function', ctypes.c_void_p), ('attributes', ctypes.c_void_p),
                ('padding', ctypes.c_char * 64))


class _Time(ctypes.Structure):
    """`struct itimerspec`: every so much, and after so much."""

    _fields_ = (('every_s', ctypes.c_long), ('every_ns', ctypes.c_long),
                ('after_s', ctypes.c_long), ('after_ns', ctypes.c_long))


@contextmanager
def ending_within(seconds: float, code: int) -> Iterator[None]:
    """End the process if the block takes longer, without the global lock of Python.

    Says so, and removes the files in shared memory that Fast DDS cannot remove any more. Where the
    C library has no such timers (outside Linux) nothing happens.

    Args:
        seconds: For the block.
        code: Exit code of the process then.
    """
    calls = [('perror', SAID), *(('unlink', os.fsencode(path)) for path in own_files())]
    texts = [ctypes.create_string_buffer(text) for _, text in calls]     # live as long as we do
    timers: list[ctypes.c_void_p] = []
    try:
        libc = ctypes.CDLL(None)
        for (function, _), text in zip(calls, texts, strict=True):
            timers.append(_call_later(libc, seconds, function, ctypes.addressof(text)))
        timers.append(_call_later(libc, seconds + EXIT_S, '_exit', code))
    except (AttributeError, OSError, TypeError) as error:
        log.debug('If DDS hangs, the process will not end by itself: %s', error)
    try:
        yield
    finally:
        for timer in timers:
            libc.timer_delete(timer)


def own_files() -> list[Path]:
    """Files of Fast DDS in /dev/shm that nobody but this process uses, as their locks tell."""
    try:
        lines = LOCKS.read_text().splitlines()
        names = {path.name for path in SHARED_MEMORY.iterdir()}
    except OSError:                      # a system without them
        return []
    holders: dict[tuple[int, int, int], set[int]] = {}
    for line in lines:                   # '1: FLOCK  ADVISORY  WRITE 2621 00:1a:12345 0 EOF'
        words = line.split()
        if words[1] == 'FLOCK':
            major, minor, inode = words[5].split(':')
            holders.setdefault((int(major, 16), int(minor, 16), int(inode)), set()).add(
                int(words[4]))
    users: dict[str, set[int]] = {}
    for match in filter(None, map(LOCK.fullmatch, names)):
        with suppress(FileNotFoundError):            # others end too, just now
            at = (SHARED_MEMORY / match[0]).stat()
            users.setdefault(match[1], set()).update(
                holders.get((os.major(at.st_dev), os.minor(at.st_dev), at.st_ino), ()))
    return [SHARED_MEMORY / name for stem, pids in users.items() if pids == {os.getpid()}
            for name in (stem, f'{stem}_el', f'{stem}_sl', f'sem.{stem}_mutex') if name in names]


def _call_later(libc: ctypes.CDLL, seconds: float, function: str, value: int) -> ctypes.c_void_p:
    """A timer that has a function of the C library called with one value."""
    event = _Event(value=value, notify=SIGEV_THREAD, function=ctypes.cast(
        getattr(libc, function), ctypes.c_void_p).value)
    timer = ctypes.c_void_p()
    whole, rest = divmod(round(seconds * 1e9), 10**9)
    due = _Time(after_s=whole, after_ns=rest)
    if libc.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer)) or (
            libc.timer_settime(timer, 0, ctypes.byref(due), None)):
        raise OSError('the C library makes no timer')
    return timer
