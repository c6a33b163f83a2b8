"""How real rendered pictures are to detectors: the same figures on them and on labelled stills.

    python scripts/measure_rendered_detector.py DATA --count 100 --seed 0

DATA holds images/ (labelled stills), weights/ (RTMDet and TinyPose) and mocap/. A person counts
with 8 labelled points, and is found by a prediction with an object keypoint similarity of 0.5.
Errors are medians over the points of those who are found with head and feet labelled, as a
fraction of the person's height. Marked as by people: true points are moved as annotators would.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from labelled_people import Person, real_people
from measure_detector import FOUND, detector, known_entries
from rendered_stills import rendered_still
from scipy.optimize import linear_sum_assignment

from ros2_occpose.config import DetectionConfig
from ros2_occpose.detection.duplicates import keypoint_similarity
from ros2_occpose.synth.characters import characters
from ros2_occpose.synth.gl import renderer_name
from ros2_occpose.training.mocap.motion import load_motions
from ros2_occpose.types import Detections, Floats, Image

BINS_PX = (0, 70, 150, 250, np.inf)                 # heights
SPLITS = ('train', 'validation')
# How far annotators are from each other, over the root of the area (COCO's own redundant labels):
# nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
ANNOTATORS = np.array([.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062,
                       .107, .107, .087, .087, .089, .089])
Picture = tuple[Image, list[Person]]
Find = Callable[[Image, list[Person]], Detections]
Looked = tuple[Image, list[Person], dict[str, Detections]]      # of each detector


@dataclass
class Tally:
    """What one detector did in one set of pictures."""

    heights: list[float] = field(default_factory=list)      # of the people who count
    found: list[bool] = field(default_factory=list)
    predicted: int = 0
    errors: list[tuple[float, bool]] = field(default_factory=list)      # over height, hidden
    scores: list[tuple[float, bool]] = field(default_factory=list)      # confidence, hidden

    def add(self, people: list[Person], marked: list[Floats], seen: Detections) -> None:
        """Count one picture: people, where their points are said to be, and what was found."""
        self.predicted += len(seen)
        if not people:
            return
        similarity = np.array([
            keypoint_similarity(points[None], seen.keypoints_px,
                                np.full((1, len(seen)), np.sqrt(person.area_px)),
                                person.labelled)[0]
            for person, points in zip(people, marked)]).reshape(len(people), len(seen))
        rows, columns = linear_sum_assignment(similarity < FOUND)
        match = {r: c for r, c in zip(rows, columns) if similarity[r, c] >= FOUND}
        for row, (person, points) in enumerate(zip(people, marked)):
            if not person.counts:
                continue
            self.heights.append(person.height_px)
            self.found.append(row in match)
            if row in match:
                self._points(person, points, seen, match[row])

    def _points(self, person: Person, points: Floats, seen: Detections, column: int) -> None:
        off = np.linalg.norm(seen.keypoints_px[column] - points, axis=-1) / person.height_px
        for which, hidden in ((person.seen, False), (person.hidden, True)):
            self.scores += [(float(s), hidden) for s in seen.scores[column][which]]
            if person.whole:
                self.errors += [(float(e), hidden) for e in off[which]]

    def recall(self, shares: Floats) -> float:
        """Over all heights, weighted as people of these shares of BINS_PX would be."""
        recalls = np.array([self._recall(low, high)[0] for low, high in _bins()])
        there = np.isfinite(recalls)
        return float((recalls * shares)[there].sum() / shares[there].sum())

    def shares(self) -> Floats:
        """Of the heights in BINS_PX."""
        counts = np.histogram(self.heights, BINS_PX)[0]
        return np.asarray(counts / counts.sum())

    def _recall(self, low: float, high: float) -> tuple[float, int]:
        heights = np.array(self.heights)
        chosen = (heights >= low) & (heights < high)
        share = np.array(self.found, float)[chosen]
        return (float(share.mean()) if len(share) else np.nan), len(share)

    def figures(self, shares: Floats) -> dict:
        """All of it, for a table."""
        def middle(values: list[tuple[float, bool]], hidden: bool) -> list[float]:
            some = np.array([value for value, is_hidden in values if is_hidden == hidden])
            return [float(np.median(some)) if len(some) else np.nan, len(some)]
        return {'people': len(self.heights), 'recall': self.recall(shares),
                'recall_by_height': [self._recall(*limits) for limits in _bins()],
                'predicted': self.predicted,
                'error_seen': middle(self.errors, False),
                'error_hidden': middle(self.errors, True),
                'confidence_seen': middle(self.scores, False),
                'confidence_hidden': middle(self.scores, True)}


def _bins() -> list[tuple[float, float]]:
    return list(pairwise(BINS_PX))


def finders(weights: Path) -> dict[str, Find]:
    """The detectors that are compared; the last one is told where people are."""
    default, entries = detector(), known_entries(weights)
    crops = entries['tinypose_256x192']         # without its opinion on the boxes
    entries[crops.name] = replace(crops, settings={**crops.settings, 'sure': 0.0})
    two = detector(DetectionConfig(detector='rtmdet_tinypose', max_people=64), weights, entries)

    def crops_only(image: Image, people: list[Person]) -> Detections:
        boxes = np.array([person.box_px for person in people]).reshape(-1, 4)
        points, scores = two.keypoints(image, boxes)
        return Detections(boxes_px=boxes, keypoints_px=points, scores=scores,
                          score=np.ones(len(boxes)))

    return {'default': lambda image, _: default.search(image),
            'boxes + crops': lambda image, _: two.search(image), 'true boxes': crops_only}


def marked_by_people(person: Person, rng: np.random.Generator) -> Floats:
    """Points (17, 2) as an annotator would mark them."""
    std = ANNOTATORS[:, None] * np.sqrt(person.area_px) / np.sqrt(2)
    return np.asarray(person.keypoints_px + rng.normal(0, 1, (17, 2)) * std)


def tallied(pictures: list[Looked],
            rng: np.random.Generator | None = None) -> dict[str, Tally]:
    """A tally of each detector; with random numbers the true points are moved as by annotators."""
    tallies = {name: Tally() for name in pictures[0][2]}
    for _, people, found in pictures:
        marked = [person.keypoints_px if rng is None else marked_by_people(person, rng)
                  for person in people]
        for name, detections in found.items():
            tallies[name].add(people, marked, detections)
    return tallies


def table(results: dict[str, dict[str, dict]]) -> str:
    """Results of each set and detector, in Markdown."""
    heights = ' | '.join(f'{low:g} to {high:g} px' for low, high in _bins())
    lines = [f'| detector | pictures | people | recall | {heights} | predictions | error, seen | '
             'error, hidden | confidence, seen | hidden |', '|' + '---|' * (10 + len(_bins()))]
    for name in next(iter(results.values())):
        for pictures, by_name in results.items():
            row = by_name[name]
            cells = [f'{share:.2f} ({count})' if count else ''
                     for share, count in row['recall_by_height']]
            values = [_cell(row[key], digits) for key, digits in (
                ('error_seen', 4), ('error_hidden', 4), ('confidence_seen', 2),
                ('confidence_hidden', 2))]
            lines.append('| ' + ' | '.join([name, pictures, str(row['people']),
                                            f'{row["recall"]:.2f}', *cells,
                                            str(row['predicted']), *values]) + ' |')
    return '\n'.join(lines)


def _cell(value: list[float], digits: int) -> str:
    return f'{value[0]:.{digits}f} ({value[1]})' if value[1] else ''


class _Work:
    """What each process holds: forked, with detectors of its own."""

    def __init__(self, args: argparse.Namespace, heights: Floats) -> None:
        self._args = args
        self._heights = heights
        self._cast = characters(args.people, args.seed)
        self._motions = load_motions(args.data / 'mocap', SPLITS)

    @cached_property
    def _find(self) -> dict[str, Find]:
        return finders(self._args.data / 'weights')

    def real(self, picture: Picture) -> Looked:
        """A given picture."""
        return *picture, {name: seek(*picture) for name, seek in self._find.items()}

    def rendered(self, number: int) -> Looked:
        """A picture by its number."""
        still = rendered_still(number, self._args.seed, self._cast, self._motions, self._heights,
                               clean=self._args.clean)
        return self.real((still.image, still.people))


def looked_at(args: argparse.Namespace) -> tuple[list[Looked], list[Looked]]:
    """Real and rendered pictures, with who is in them and what each detector finds."""
    real = [(image, people) for _, image, people in real_people(args.data / 'images')]
    heights = np.array([p.height_px for _, people in real for p in people if p.counts])
    work = _Work(args, heights)
    _HERE.append(work)
    with get_context('fork').Pool(args.jobs) as pool:
        drawn = pool.map_async(_rendered, range(args.count), chunksize=1)
        return pool.map(_real, real, chunksize=1), drawn.get()


_HERE: list[_Work] = []


def _rendered(number: int) -> Looked:
    return _HERE[0].rendered(number)


def _real(picture: Picture) -> Looked:
    return _HERE[0].real(picture)


def main() -> None:
    """Print the table; write figures and pictures where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('data', type=Path)
    parser.add_argument('--count', type=int, default=100, help='rendered pictures')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--people', type=int, default=24, help='rendered characters')
    parser.add_argument('--clean', action='store_true', help='without what a sensor does')
    parser.add_argument('--jobs', type=int, default=2, help='processes')
    parser.add_argument('--output', type=Path, help='folder for results.json and pictures')
    args = parser.parse_args()
    real, drawn = looked_at(args)
    tallies = {'real': tallied(real), 'rendered': tallied(drawn),
               'rendered, marked as by people': tallied(drawn, np.random.default_rng(args.seed))}
    shares = tallies['real']['default'].shares()
    results = {pictures: {name: tally.figures(shares) for name, tally in by_name.items()}
               for pictures, by_name in tallies.items()}
    print(f'{renderer_name()}, {args.count} pictures, seed {args.seed}')
    print(table(results))
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        (args.output / 'results.json').write_text(json.dumps(results, indent=1))
        for number, (image, *_) in enumerate(drawn):
            cv2.imwrite(str(args.output / f'{number:03d}.png'), image)


if __name__ == '__main__':
    main()
