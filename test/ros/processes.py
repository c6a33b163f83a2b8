"""Processes that tests start, talk to by signals, and never leave behind."""
import signal
import subprocess
import sys
import time
from pathlib import Path

STOP_S = 2.0            # longest time from a signal to the end
START_S = 30.0          # longest time until a process says what is expected
ROOT = Path(__file__).resolve().parents[2]
SCRIPTED_NODE = str(Path(__file__).with_name('scripted_node.py'))


class Process:
    """A Python process whose output goes to a file, so that nothing blocks."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        with log.open('w') as out:
            self._process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=out,
                                             stderr=subprocess.STDOUT)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + START_S
        while text not in self.said:
            assert self._process.poll() is None, f'ended before {text!r}: {self.said}'
            assert time.monotonic() < deadline, f'{text!r} was not said, but: {self.said}'
            time.sleep(0.05)

    def stop(self, how: signal.Signals) -> int:
        """Exit code after a signal; fails if it takes longer than two seconds."""
        self._process.send_signal(how)
        return self._process.wait(STOP_S)

    def end(self) -> int:
        """Exit code of a process that ends by itself."""
        return self._process.wait(START_S)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
