"""Processes that run ROS nodes, what they use, and what they leave behind in shared memory."""
from __future__ import annotations

import fcntl
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGTERM, Signals

STOP_S = 2.0            # longest time from a signal to the end
START_S = 60.0          # longest time until a process says what is expected
ROOT = Path(__file__).resolve().parents[1]
SAFE_DOMAINS = range(1, 102)      # above, DDS uses ports that Linux hands out to anybody
SHARED_MEMORY = Path('/dev/shm')
SEGMENT = re.compile(r'(?:sem\.)?fast(?:dds|rtps)_')       # names of the files of Fast DDS
turns = itertools.count(os.getpid())


@contextmanager
def lock_domain() -> Iterator[int]:
    """Hold a ROS domain, by a file lock that ends with this process."""
    start = next(turns)
    for offset in range(len(SAFE_DOMAINS)):
        domain = SAFE_DOMAINS[(start + offset) % len(SAFE_DOMAINS)]
        path = Path(tempfile.gettempdir()) / f'occpose_ros_domain_{domain}.lock'
        with path.open('w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield domain
            return
    raise RuntimeError(f'all ROS domains {SAFE_DOMAINS} are taken: end the tests that hold them')


class Process:
    """A Python process whose output goes to a file, so that nothing blocks."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        with log.open('w') as out:
            self._process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=out,
                                             stderr=subprocess.STDOUT)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def said(self) -> str:
        """All its output so far."""
        return self._log.read_text()

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def wait_for(self, text: str) -> None:
        """Until it says this."""
        deadline = time.monotonic() + START_S
        while text not in self.said:
            assert self.runs, f'ended before {text!r}: {self.said}'
            assert time.monotonic() < deadline, f'{text!r} was not said, but: {self.said}'
            time.sleep(0.05)

    def send(self, how: Signals) -> None:
        """Send a signal."""
        self._process.send_signal(how)

    def stop(self, how: Signals = SIGTERM) -> int:
        """Exit code after a signal; fails if it takes longer than two seconds."""
        self.send(how)
        return self._process.wait(STOP_S)

    def end(self) -> int:
        """Exit code of a process that ends by itself."""
        return self._process.wait(START_S)

    def kill(self) -> None:
        """End it at once, as a crash would, and clean up what it left in shared memory."""
        used = shared_memory_of(self.pid) if self.runs else set()
        self._process.kill()
        self._process.wait()
        remove_abandoned(used)

    def finish(self) -> None:
        """End it if it runs: politely, and after two seconds not."""
        if self.runs:
            self.send(SIGCONT)
            self.send(SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()


# --- what a process uses ----------------------------------------------------------------------

def memory_mb(pid: int) -> tuple[float, float]:
    """Resident memory of a process, and the part that is its own (no files) [MB]."""
    found = {}
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        name, _, value = line.partition(':')
        if name in ('VmRSS', 'RssAnon'):
            found[name] = int(value.split()[0]) * 1024 / 1e6
    return found['VmRSS'], found['RssAnon']


def threads(pid: int) -> int:
    """How many threads a process has."""
    return len(list(Path(f'/proc/{pid}/task').iterdir()))


def files(pid: int) -> int:
    """How many files a process holds open."""
    return len(list(Path(f'/proc/{pid}/fd').iterdir()))


def cpu_s(pid: int) -> float:
    """Processor time of a process so far [s]."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


# --- shared memory of Fast DDS ----------------------------------------------------------------

def shared_memory_of(pid: int) -> set[Path]:
    """Files of Fast DDS in /dev/shm that a process has mapped or open; others may use them too."""
    try:
        lines = Path(f'/proc/{pid}/maps').read_text().splitlines()
        opened = [fd.readlink() for fd in Path(f'/proc/{pid}/fd').iterdir()]
    except OSError:                              # it has ended meanwhile
        return set()
    names = [Path(line.rpartition(' ')[2]) for line in lines] + opened
    used = {path for path in names if path.parent == SHARED_MEMORY and SEGMENT.match(path.name)}
    return used | {path.with_name(f'sem.{path.name}_mutex') for path in used}


def abandoned(used: set[Path]) -> set[Path]:
    """Those of the files that no living process owns: their owners hold a lock beside them."""
    return {path for path in used if path.exists() and not _is_owned(path)}


def remove_abandoned(used: set[Path]) -> None:
    """Remove what dead processes left of these files, as `fastdds shm clean` does."""
    for path in abandoned(used):
        path.unlink(missing_ok=True)


def _is_owned(path: Path) -> bool:
    name = path.name.removeprefix('sem.')
    stem = re.sub(r'_(mutex|el|sl)$', '', name)
    return any(_is_locked(path.with_name(f'{stem}_{kind}')) for kind in ('el', 'sl'))


def _is_locked(path: Path) -> bool:
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
