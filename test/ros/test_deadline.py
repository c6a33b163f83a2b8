"""The process ends in time, whatever holds the global lock of Python, and cleans up."""
import ctypes
import fcntl
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ros2_occpose.ros import deadline

ROOT = Path(__file__).resolve().parents[2]
# Arguments: seconds of the deadline, of the block, and the files to lock.
PROGRAM = """
import ctypes, fcntl, sys, time
from ros2_occpose.ros.deadline import ending_within
locks = [open(name, 'w') for name in sys.argv[3:]]
for lock in locks:
    fcntl.flock(lock, fcntl.LOCK_SH)
with ending_within(float(sys.argv[1]), code=3):
    print('begun', flush=True)
    ctypes.PyDLL(None).usleep(int(float(sys.argv[2]) * 1e6))     # no other Python thread runs
print('in time', flush=True)
time.sleep(float(sys.argv[1]) + 0.3)                              # the deadline is off
sys.exit(5)
"""


def start(deadline_s: float, block_s: float, *locks: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-c', PROGRAM, str(deadline_s), str(block_s), *map(str, locks)],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def segments() -> Iterator[list[Path]]:
    """Three names as Fast DDS gives them; no such files are there before or after the test."""
    stems = [deadline.SHARED_MEMORY / f'fastdds_test{os.getpid()}{letter}' for letter in 'abc']
    yield stems
    for stem in stems:
        for path in stem.parent.glob(f'*{stem.name}*'):
            path.unlink()


def test_a_block_that_hangs_ends_the_process_and_its_files(segments: list[Path]) -> None:
    own, shared, foreign = segments
    for stem in segments:
        stem.touch()
        stem.with_name(f'sem.{stem.name}_mutex').touch()
    kept = [shared.with_name(f'{shared.name}_sl'), foreign.with_name(f'{foreign.name}_el')]
    with kept[0].open('w') as one, kept[1].open('w') as other:
        for lock in (one, other):
            fcntl.flock(lock, fcntl.LOCK_SH)
        ended = start(0.3, 20, own.with_name(f'{own.name}_el'), kept[0])
    assert ended.returncode == 3, ended.stderr
    assert ended.stdout == 'begun\n'
    assert ended.stderr.startswith('ros2_occpose: DDS does not end')
    left = {path.name for stem in segments for path in stem.parent.glob(f'*{stem.name}*')}
    assert left == {*(path.name for path in kept), shared.name, f'sem.{shared.name}_mutex',
                    foreign.name, f'sem.{foreign.name}_mutex'}


def test_a_block_that_ends_in_time_is_left_alone(segments: list[Path]) -> None:
    lock = segments[0].with_name(f'{segments[0].name}_el')
    ended = start(0.5, 0, lock)
    assert (ended.returncode, ended.stdout, ended.stderr) == (5, 'begun\nin time\n', '')
    assert lock.exists()


def test_a_system_without_such_timers_goes_on(monkeypatch: pytest.MonkeyPatch,
                                              caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(ctypes, 'CDLL', lambda name: object())
    monkeypatch.setattr(deadline, 'LOCKS', Path('no_such_file'))
    done = False
    with caplog.at_level(logging.DEBUG), deadline.ending_within(0.1, code=3):
        done = True
    assert done
    assert 'the process will not end by itself' in caplog.text
