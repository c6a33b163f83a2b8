"""How well hidden joints are told from seen ones: on hand-labelled video and on rendered bags.

    python scripts/measure_visibility.py labels DATA/video
    python scripts/measure_visibility.py bags out/rendered/bags/*      # of occpose synth

A detector invents joints that it cannot see. Counted are the joints it believes in, of people who
are followed: the judge of `detection/visibility.py` should flag those that are hidden (recall)
and no others (precision). Without the judge nothing of these is flagged. The truth of bags also
says what hides a joint and how far off it is: who hides a joint of his own hardly misleads the
detector, so recall leaves these out, and a joint that was seen but put elsewhere is rightly
flagged, too (`or wrong`).
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from time import perf_counter

import numpy as np
import yaml
from numpy.typing import NDArray

from ros2_occpose.config import DetectionConfig, PipelineConfig
from ros2_occpose.detection import load_detector, load_visibility
from ros2_occpose.detection.visibility import JointJudge
from ros2_occpose.errors import DataError
from ros2_occpose.inference.shared import Models
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.skeleton import COCO17
from ros2_occpose.synth.truth import Sight
from ros2_occpose.tracking import load_tracker
from ros2_occpose.types import Bools, Floats, Frame, Ints, Tracks

LABELS = Path(__file__).with_name('visibility_labels.yaml')
SAME = 0.3                  # overlap of boxes (IoU) at which a track is the labelled person
UNKNOWN, HIDDEN = -1, 9     # beside Sight: what labels do not say, and hidden by whatever
INVENTED = (Sight.BEHIND_OBJECT, Sight.BEHIND_PERSON, Sight.OUT_OF_VIEW, HIDDEN)
WRONG = 0.1                 # heights off the truth
THRESHOLDS = (0.20, 0.25, 0.30, 0.35, 0.40)
LEAST_HEIGHT_PX = 8.0


@dataclass(frozen=True)
class Truth:
    """What is known of one frame."""

    boxes_px: Floats        # (P, 4)
    joints: Ints            # (P, 17) Sight, UNKNOWN or HIDDEN
    points_px: Floats       # (P, 17, 2) NaN: unknown


@dataclass(frozen=True)
class Judged:
    """Joints of tracks that are somebody known, all frames together."""

    before: Floats          # (K,) what the detector believes
    after: Floats           # (K,) what is left of it
    cues: Floats            # (K, 6) stray, change, that of the limb, unclear, in front, at edge
    sight: Ints             # (K,) Sight or HIDDEN
    error: Floats           # (K,) how far off the detector is, in heights; NaN: unknown

    @classmethod
    def join(cls, parts: list[Judged]) -> Judged:
        """All of them."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts])
                     for f in fields(cls)))

    @property
    def invented(self) -> Bools:
        """Hidden, not only by the person's own body, (K,)."""
        return np.isin(self.sight, INVENTED)


def labelled(people: dict, frame: int) -> Truth:
    """The hand-made labels of one frame of a video."""
    boxes, joints = [], np.full((len(people), len(COCO17.joints)), UNKNOWN)
    for row, person in enumerate(people.values()):
        at = np.array(sorted(person['boxes']))
        corners = np.array([person['boxes'][k] for k in at], float)
        boxes.append([np.interp(frame, at, corner) for corner in corners.T])
        for kind, value in (('seen', int(Sight.SEEN)), ('hidden', HIDDEN)):
            for joint, spans in person[kind].items():
                if any(first <= frame <= last for first, last in spans):
                    joints[row, COCO17.index(joint)] = value
    return Truth(np.array(boxes), joints, np.full((*joints.shape, 2), np.nan))


def from_truth(path: Path) -> list[Truth]:
    """What is known of each frame of a rendered bag."""
    coco = slice(len(COCO17.joints))
    with np.load(path) as file:
        rows = zip(np.nan_to_num(file['boxes_px']), file['sight'][:, :, coco].astype(int),
                   file['pixels'][:, :, coco], strict=True)
        return [Truth(*row) for row in rows]


def with_detector(name: str) -> PipelineConfig:
    """The defaults, with another detector."""
    return PipelineConfig(detection=DetectionConfig(detector=name))


def followed(frames: Iterator[Frame], config: PipelineConfig | None = None,
             ) -> Iterator[tuple[Tracks, Tracks, Floats, float]]:
    """Of each frame the tracks of the detector before and after the judge.

    And what it was judged by, (N, 17, 6), and its milliseconds.
    """
    config = config or PipelineConfig()
    detect = load_detector(config.detection, Models().on('cpu', 2))
    track, judge = load_tracker(config.tracking), load_visibility(config.detection)
    assert isinstance(judge, JointJudge)
    for frame in frames:
        tracks = track.update(detect(frame.image), frame)
        start = perf_counter()
        judged = judge.update(tracks, frame)
        elapsed = perf_counter() - start
        cues = judge.cues
        assert cues is not None
        yield tracks, judged, np.stack([cues.stray, cues.colours.joint, cues.colours.limb,
                                        cues.colours.unclear, cues.in_front, cues.at_edge],
                                       -1), elapsed * 1e3


def compare(truth: Truth, tracks: Tracks, judged: Tracks, cues: Floats, least: float) -> Judged:
    """The joints of a frame whose truth is known and in which the detector believes."""
    overlap = _overlaps(truth.boxes_px, tracks.boxes_px)             # (P, N)
    nothing = np.zeros(0)
    parts = [Judged(nothing, nothing, np.zeros((0, 6)), nothing.astype(int), nothing)]
    for person, row in enumerate(overlap):
        if not len(row) or row.max() < SAME or overlap[:, row.argmax()].argmax() != person:
            continue
        track = int(row.argmax())
        known = (truth.joints[person] != UNKNOWN) & (tracks.visibility[track] >= least)
        points = truth.points_px[person]
        off = np.linalg.norm(tracks.keypoints_px[track] - points, axis=-1)
        rows = points[np.isfinite(points[:, 1]), 1]
        tall = max(float(np.ptp(rows)) if len(rows) else 0.0, LEAST_HEIGHT_PX)
        parts.append(Judged(tracks.visibility[track][known], judged.visibility[track][known],
                            cues[track][known], truth.joints[person][known], off[known] / tall))
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
    hidden = judged.sight != Sight.SEEN
    causes = [cause for cause in (*Sight, HIDDEN) if cause != Sight.SEEN
              and (judged.sight == cause).any()]
    names = ['hidden' if cause == HIDDEN else Sight(cause).name.lower() for cause in causes]
    count = ', '.join(f'{(judged.sight == cause).sum()} {name}'
                      for cause, name in zip(causes, names, strict=True))
    lines = [f'{len(hidden)} joints believed by the detector; {count}',
             '| threshold | flagged | precision | or wrong | recall | '
             + ''.join(f'{name} | ' for name in names)
             + 'seen joints lost | error believed | flagged |',
             '|---' * (8 + len(names)) + '|']
    for threshold in thresholds:
        flagged: NDArray[np.bool_] = judged.after < threshold
        rates = [_share(flagged, hidden), _share(flagged, hidden | (judged.error > WRONG)),
                 _share(judged.invented, flagged),
                 *(_share(judged.sight == cause, flagged) for cause in causes)]
        lines.append(
            f'| {threshold:.2f} | {flagged.sum()} | '
            + ''.join(f'{rate:.2f} | ' for rate in rates) + f'{_share(~hidden, flagged):.3f} | '
            + ' | '.join(f'{_mean(judged.error[which]):.3f}' for which in (~flagged, flagged))
            + ' |')
    return lines


def _share(of: Bools, that: Bools) -> float:
    return float((of & that).sum() / max(of.sum(), 1))


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float('nan')


def from_labels(folder: Path, least: float, config: PipelineConfig | None = None,
                ) -> Iterator[tuple[str, Judged, list[float]]]:
    """Each labelled video."""
    for name, people in yaml.safe_load(LABELS.read_text()).items():
        frames = open_source(folder / name, SourceOptions(hfov_deg=60.0))
        parts, times = [], []
        for index, (tracks, judged, cues, ms) in enumerate(followed(iter(frames), config)):
            parts.append(compare(labelled(people, index), tracks, judged, cues, least))
            times.append(ms)
        yield name, Judged.join(parts), times


def from_bags(bags: list[Path], least: float, config: PipelineConfig | None = None,
              ) -> Iterator[tuple[str, Judged, list[float]]]:
    """Each rendered bag."""
    for bag in bags:
        frames = open_source(bag, SourceOptions(pose_topic='/camera/pose'))
        truths = from_truth(bag / 'truth.npz')
        parts, times = [], []
        looks = followed(iter(frames), config)
        for truth, (tracks, judged, cues, ms) in zip(truths, looks, strict=True):
            parts.append(compare(truth, tracks, judged, cues, least))
            times.append(ms)
        yield bag.name, Judged.join(parts), times


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('what', choices=('labels', 'bags'))
    parser.add_argument('path', type=Path, nargs='+')
    parser.add_argument('--detector', default=DetectionConfig().detector)
    args = parser.parse_args()
    least, config = PipelineConfig().tracking.min_visibility, with_detector(args.detector)
    looks = list(from_labels(args.path[0], least, config) if args.what == 'labels'
                 else from_bags(args.path, least, config))
    if not sum(len(judged.sight) for _, judged, _ in looks):
        raise DataError('Expected tracks of the labelled people, got none; is the detector there?')
    for name, judged, _ in looks:
        print('\n'.join([f'\n{name}', *table(judged, (PipelineConfig().lifting.min_visibility,))]))
    print('\n'.join(['\nall', *table(Judged.join([look for _, look, _ in looks]), THRESHOLDS)]))
    times = np.concatenate([ms for *_, ms in looks])
    print(f'{np.median(times):.1f} ms a frame (p95 {np.percentile(times, 95):.1f})')


if __name__ == '__main__':
    main()
