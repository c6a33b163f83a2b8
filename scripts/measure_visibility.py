"""How well hidden joints are told from seen ones: on hand-labelled video and on rendered bags.

    python scripts/measure_visibility.py labels DATA/video
    python scripts/measure_visibility.py bags out/rendered/bags/*      # of occpose synth

A detector invents joints that it cannot see. Counted are the joints it believes in, of people who
are followed: the judge of `detection/visibility.py` should flag those that are hidden (recall)
and no others (precision). Without the judge nothing of these is flagged.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import yaml
from numpy.typing import NDArray

from ros2_occpose.config import PipelineConfig
from ros2_occpose.detection import load_detector, load_visibility
from ros2_occpose.errors import DataError
from ros2_occpose.inference.shared import Models
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.skeleton import COCO17
from ros2_occpose.synth.truth import Sight
from ros2_occpose.tracking import load_tracker
from ros2_occpose.types import Bools, Floats, Frame, Ints, Tracks

LABELS = Path(__file__).with_name('visibility_labels.yaml')
SAME = 0.3                  # overlap of boxes (IoU) at which a track is the labelled person
UNKNOWN, SEEN, HIDDEN = 0, 1, 2
THRESHOLDS = (0.20, 0.25, 0.30, 0.35, 0.40)


@dataclass(frozen=True)
class Truth:
    """What is known of one frame."""

    boxes_px: Floats        # (P, 4)
    joints: Ints            # (P, 17) UNKNOWN, SEEN or HIDDEN


@dataclass(frozen=True)
class Judged:
    """Joints of tracks that are somebody known, all frames together."""

    before: Floats          # (K,) what the detector believes
    after: Floats           # (K,) what is left of it
    hidden: Bools           # (K,)

    @classmethod
    def join(cls, parts: list[Judged]) -> Judged:
        """All of them."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts])
                     for name in ('before', 'after', 'hidden')))


def labelled(people: dict, frame: int) -> Truth:
    """The hand-made labels of one frame of a video."""
    boxes, joints = [], np.zeros((len(people), len(COCO17.joints)), int)
    for row, person in enumerate(people.values()):
        at = np.array(sorted(person['boxes']))
        corners = np.array([person['boxes'][k] for k in at], float)
        boxes.append([np.interp(frame, at, corner) for corner in corners.T])
        for kind, value in (('seen', SEEN), ('hidden', HIDDEN)):
            for joint, spans in person[kind].items():
                if any(first <= frame <= last for first, last in spans):
                    joints[row, COCO17.index(joint)] = value
    return Truth(np.array(boxes), joints)


def from_truth(path: Path) -> list[Truth]:
    """What is known of each frame of a rendered bag."""
    with np.load(path) as file:
        sight = file['sight'][:, :, :len(COCO17.joints)]
        boxes = np.nan_to_num(file['boxes_px'])
    return [Truth(box, np.where(seen == Sight.SEEN, SEEN, HIDDEN))
            for box, seen in zip(boxes, sight)]


def followed(frames: Iterator[Frame]) -> Iterator[tuple[Frame, Tracks, Tracks, float]]:
    """Tracks of the default detector before and after the judge, and its milliseconds."""
    config = PipelineConfig()
    detect = load_detector(config.detection, Models().on('cpu', 2))
    track, judge = load_tracker(config.tracking), load_visibility(config.detection)
    for frame in frames:
        tracks = track.update(detect(frame.image), frame)
        start = perf_counter()
        judged = judge.update(tracks, frame)
        yield frame, tracks, judged, (perf_counter() - start) * 1e3


def compare(truth: Truth, tracks: Tracks, judged: Tracks, least: float) -> Judged:
    """The joints of a frame whose truth is known and in which the detector believes."""
    overlap = _overlaps(truth.boxes_px, tracks.boxes_px)             # (P, N)
    parts = [Judged(np.zeros(0), np.zeros(0), np.zeros(0, bool))]
    for person, row in enumerate(overlap):
        if not len(row) or row.max() < SAME or overlap[:, row.argmax()].argmax() != person:
            continue
        track = int(row.argmax())
        known = (truth.joints[person] != UNKNOWN) & (tracks.visibility[track] >= least)
        parts.append(Judged(tracks.visibility[track][known], judged.visibility[track][known],
                            truth.joints[person][known] == HIDDEN))
    return Judged.join(parts)


def _overlaps(a: Floats, b: Floats) -> Floats:
    """Intersection over union of boxes (P, 4) and (N, 4), (P, N)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0), -1)
    area = [np.prod(x[:, 2:] - x[:, :2], -1) for x in (a, b)]
    return np.asarray(both / np.maximum(area[0][:, None] + area[1][None] - both, 1e-9))


def table(judged: Judged, thresholds: tuple[float, ...]) -> list[str]:
    """Precision and recall at thresholds, a line each."""
    lines = [f'{len(judged.hidden)} joints believed by the detector, {judged.hidden.sum()} of '
             'them hidden', '| threshold | flagged | precision | recall | seen joints lost |',
             '|---|---|---|---|---|']
    for threshold in thresholds:
        flagged: NDArray[np.bool_] = judged.after < threshold
        right = (flagged & judged.hidden).sum()
        lines.append(
            f'| {threshold:.2f} | {flagged.sum()} | {right / max(flagged.sum(), 1):.2f} | '
            f'{right / max(judged.hidden.sum(), 1):.2f} | '
            f'{(flagged & ~judged.hidden).sum() / max((~judged.hidden).sum(), 1):.3f} |')
    return lines


def from_labels(folder: Path, least: float) -> tuple[Judged, list[float]]:
    """All labelled videos."""
    parts, times = [], []
    for name, people in yaml.safe_load(LABELS.read_text()).items():
        frames = open_source(folder / name, SourceOptions(hfov_deg=60.0))
        for index, (_, tracks, judged, ms) in enumerate(followed(iter(frames))):
            parts.append(compare(labelled(people, index), tracks, judged, least))
            times.append(ms)
    return Judged.join(parts), times


def from_bags(bags: list[Path], least: float) -> tuple[Judged, list[float]]:
    """All rendered bags."""
    parts, times = [], []
    for bag in bags:
        frames = open_source(bag, SourceOptions(pose_topic='/camera/pose'))
        truths = from_truth(bag / 'truth.npz')
        for truth, (_, tracks, judged, ms) in zip(truths, followed(iter(frames)), strict=True):
            parts.append(compare(truth, tracks, judged, least))
            times.append(ms)
    return Judged.join(parts), times


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('what', choices=('labels', 'bags'))
    parser.add_argument('path', type=Path, nargs='+')
    args = parser.parse_args()
    least = PipelineConfig().tracking.min_visibility
    if args.what == 'labels':
        judged, times = from_labels(args.path[0], least)
    else:
        judged, times = from_bags(args.path, least)
    if not len(judged.hidden):
        raise DataError('Expected tracks of the labelled people, got none; is the detector there?')
    print('\n'.join(table(judged, THRESHOLDS)))
    print(f'{np.median(times):.1f} ms a frame (p95 {np.percentile(times, 95):.1f})')


if __name__ == '__main__':
    main()
