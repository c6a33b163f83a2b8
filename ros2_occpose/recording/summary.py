"""`summary.json`: what a run or the live node did, in numbers; and the same as a table."""
from __future__ import annotations

import json
import resource as process
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..types import TrackState
from .humans import Humans

Json: TypeAlias = Any


@dataclass
class Tally:
    """Counts over the frames of a recording."""

    frames_in: int = 0                     # given to the pipeline or published
    frames_answered: int = 0
    ids: set[int] = field(default_factory=set)
    people: list[int] = field(default_factory=list)        # a frame, believed and not lost
    hidden: list[int] = field(default_factory=list)        # of these, not seen in the frame
    latency_ms: list[float] = field(default_factory=list)
    stage_ms: dict[str, list[float]] = field(default_factory=dict)
    first_ns: int | None = None
    last_ns: int = 0

    def add(self, humans: Humans, latency_ms: float = float('nan'),
            stage_ms: Mapping[str, float] | None = None) -> None:
        """One answer."""
        self.frames_answered += 1
        believed = np.isin(humans.states, (TrackState.TRACKED, TrackState.OCCLUDED))
        self.people.append(int(believed.sum()))
        self.hidden.append(int((humans.states == TrackState.OCCLUDED).sum()))
        self.ids.update(humans.ids[believed].tolist())
        self.latency_ms.append(latency_ms)
        for stage, spent_ms in (stage_ms or {}).items():
            self.stage_ms.setdefault(stage, []).append(spent_ms)
        self.first_ns = humans.stamp_ns if self.first_ns is None else self.first_ns
        self.last_ns = humans.stamp_ns

    def summary(self) -> dict[str, Json]:
        """The numbers, as `summary.json` has them."""
        seconds = 0.0 if self.first_ns is None else (self.last_ns - self.first_ns) / 1e9
        return {
            'frames_in': self.frames_in,
            'frames_answered': self.frames_answered,
            'seconds': round(seconds, 3),
            'people_per_frame': {'mean': _mean(self.people), 'max': max(self.people, default=0)},
            'hidden_per_frame': {'mean': _mean(self.hidden), 'max': max(self.hidden, default=0)},
            'ids': len(self.ids),
            'latency_ms': quantiles(self.latency_ms),
            'stage_ms': {stage: quantiles(spent) for stage, spent in self.stage_ms.items()},
        }


def quantiles(values: list[float]) -> dict[str, float | None]:
    """p50 and p95, rounded; None where nothing was measured."""
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if not len(known):
        return {'p50': None, 'p95': None}
    p50, p95 = np.percentile(known, [50, 95]).round(2).tolist()
    return {'p50': p50, 'p95': p95}


def peak_memory_mb() -> float:
    """Most memory that this process ever held [MB]."""
    unit = 1 if sys.platform == 'darwin' else 1024
    return round(process.getrusage(process.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def write_summary(path: Path, summary: Mapping[str, Json]) -> None:
    """Write `summary.json`."""
    path.write_text(json.dumps(summary, indent=2, allow_nan=False) + '\n')


def table(summary: Mapping[str, Json]) -> str:
    """The summary for people to read, one line a number."""
    rows = list(_rows(summary, ''))
    width = max(len(name) for name, _ in rows)
    return '\n'.join(f'{name.ljust(width)}  {value}' for name, value in rows)


def _rows(values: Mapping[str, Json], prefix: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and all(isinstance(v, Mapping) for v in value.values()):
            rows += _rows(value, f'{prefix}{name} ')
        elif isinstance(value, Mapping):
            parts = (f'{key} {_text(v)}' for key, v in value.items())
            rows.append((f'{prefix}{name}', ', '.join(parts)))
        elif isinstance(value, list):
            rows += [(f'{prefix}{name}', str(item)) for item in value]
        else:
            rows.append((f'{prefix}{name}', _text(value)))
    return rows


def _text(value: Json) -> str:
    return 'not measured' if value is None else str(value)


def _mean(values: list[int]) -> float:
    return round(float(np.mean(values)), 2) if values else 0.0
