"""What went wrong, said once in a while and counted; the state of the node for /diagnostics."""
from __future__ import annotations

import re
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.impl.rcutils_logger import RcutilsLogger

from .conversions import header

QUIET_S = 5.0        # the same fault, but for its numbers, is logged once in this time
RECENT_S = 5.0       # a fault younger than this makes the status an error
KEPT = 200           # frames over which rate and latency are taken
OLD_S, EARLY_S = 10.0, 0.5      # stamps further in the past or future are those of another clock
NUMBERS = re.compile(r'[\d.]+')


class Faults:
    """Faults by kind: each wording is logged at once, then every few seconds; all are counted."""

    def __init__(self, logger: RcutilsLogger) -> None:
        self.counts: Counter[str] = Counter()
        self._logger = logger
        self._lock = threading.Lock()
        self._unsaid: Counter[str] = Counter()       # wording -> times since it was logged
        self._logged_s: dict[str, float] = {}        # wording -> when it was logged
        self._last: tuple[float, str] = (-np.inf, '')

    def __call__(self, kind: str, text: str) -> None:
        """Report one fault of a kind; `text` says expected, got, what to do."""
        now, wording = monotonic(), NUMBERS.sub('#', f'{kind}: {text}')
        with self._lock:
            self.counts[kind] += 1
            self._last = (now, text)
            if now - self._logged_s.get(wording, -np.inf) < QUIET_S:
                self._unsaid[wording] += 1
                return
            more = self._unsaid.pop(wording, 0)
            self._logged_s[wording] = now
        self._logger.error(text + (f' ({more} more since the last time)' if more else ''))

    @property
    def recent(self) -> str | None:
        """The last fault, if it is young."""
        when, text = self._last
        return text if monotonic() - when < RECENT_S else None


class StageTimes:
    """Milliseconds of each stage over the last images."""

    def __init__(self) -> None:
        self._ms: dict[str, deque[float]] = {}

    def add(self, stage_ms: Mapping[str, float]) -> None:
        """One more image."""
        for stage, ms in stage_ms.items():
            self._ms.setdefault(stage, deque(maxlen=KEPT)).append(ms)

    def percentiles(self, stages: Sequence[str]) -> tuple[list[float], list[float]]:
        """Median and 95th percentile of each stage [ms]."""
        rows = [np.percentile(self._ms[stage], (50, 95)) for stage in stages]
        return [float(p50) for p50, _ in rows], [float(p95) for _, p95 in rows]


def listeners_fact(topic: str) -> str:
    """Name of the fact how many listen to a topic and are known to the node that publishes it."""
    return f'listeners to {topic}'


class Health:
    """Numbers of the live node, and the diagnostics made of them."""

    def __init__(self, name: str, faults: Faults) -> None:
        self._name, self._faults = name, faults
        self._latencies_s: deque[float] = deque(maxlen=KEPT)
        self._times: deque[float] = deque(maxlen=KEPT)

    def answered(self, latency_s: float) -> None:
        """One frame has been answered."""
        if np.isfinite(latency_s):               # else the clock does not run yet
            self._latencies_s.append(latency_s)
        self._times.append(monotonic())

    def wrong_clock(self) -> str:
        """What to say if the stamps of the images are from another clock than the node's."""
        latency_s = float(np.median(list(self._latencies_s) or [0.0]))
        if -EARLY_S <= latency_s <= OLD_S:
            return ''
        way = 'past' if latency_s > 0 else 'future'
        return (f'Expected images of this moment, got stamps that are {abs(latency_s):.1f} s in '
                f'the {way}: with a bag, play it with --clock and set use_sim_time; else compare '
                'the clocks of the camera and of this machine.')

    def diagnostics(self, stamp_ns: int, state: str, values: Mapping[str, Any],
                    warning: str = '') -> DiagnosticArray:
        """The message for /diagnostics.

        Args:
            stamp_ns: Now, on the node's clock.
            state: Lifecycle state of the node.
            values: Further facts.
            warning: What is not as it was asked for, though the node works.
        """
        latency_ms = 1e3 * np.array(list(self._latencies_s) or [np.nan])
        now = monotonic()
        times = [t for t in list(self._times) if now - t < RECENT_S]
        rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
        level, text = self._verdict(state, rate, warning or self.wrong_clock())
        facts = {
            'state': state, **values,
            'rate [Hz]': f'{rate:.1f}',
            'latency p50 [ms]': f'{np.percentile(latency_ms, 50):.1f}',
            'latency p95 [ms]': f'{np.percentile(latency_ms, 95):.1f}',
            **{f'errors: {kind}': count
               for kind, count in sorted(dict(self._faults.counts).items())}}
        status = DiagnosticStatus(
            level=level, name=f'{self._name}: people', message=text, hardware_id='',
            values=[KeyValue(key=key, value=str(value)) for key, value in facts.items()])
        return DiagnosticArray(header=header(stamp_ns, ''), status=[status])

    def _verdict(self, state: str, rate: float, warning: str) -> tuple[bytes, str]:
        fault = self._faults.recent
        if fault:
            return DiagnosticStatus.ERROR, fault
        if state != 'active':
            return DiagnosticStatus.WARN, f'The node is {state}.'
        if warning:
            return DiagnosticStatus.WARN, warning
        return DiagnosticStatus.OK, f'{rate:.1f} frames per second'
