"""How well detectors find people: on labelled stills, and alive in a video.

    python scripts/measure_detector.py stills DATA/images
    python scripts/measure_detector.py video DATA/video/pedestrians.avi --tiles 1 2 4 --frames 300
    python scripts/measure_detector.py compare DATA --weights DATA/weights --detectors \
        rtmdet_tinypose yolox_tinypose yolov8n_pose

A labelled person is found when a prediction has an object keypoint similarity (COCO) of 0.5.
`compare` looks at DATA/images and DATA/video/pedestrians.avi, at each picture with one detector
after the other, so that what else the machine does slows all of them; times are ratios to the
default. Detectors are entries of yours (docs/detectors.md), or of models/detectors.yaml with the
files in --weights.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from ros2_occpose.config import DetectionConfig
from ros2_occpose.detection import load_detector
from ros2_occpose.detection.duplicates import keypoint_similarity
from ros2_occpose.errors import InputError
from ros2_occpose.inference import ModelEntry, Session, load_session, models, open_model
from ros2_occpose.inference.registry import read_models
from ros2_occpose.resources import resource
from ros2_occpose.skeleton import COCO17
from ros2_occpose.types import Detections, Detector, Floats, Image

LABELS = {'coco': 'coco/test_coco.json', 'crowdpose': 'crowdpose/test_crowdpose.json',
          'ochuman': 'ochuman/test_ochuman.json',
          'posetrack18': 'posetrack18/annotations/test_posetrack18_val.json'}
FOUND = 0.5                     # object keypoint similarity
AREA_OF_BOX = 0.53              # where no area is labelled, as COCO's tools assume


@dataclass(frozen=True)
class Labelled:
    """One person in a still, in coco17."""

    keypoints_px: Floats        # (17, 2)
    labelled: Floats            # (17,) bool
    size_px: float              # square root of the area


def annotated(folder: Path) -> Iterator[tuple[str, Image, list[str], list[dict]]]:
    """Collection, image, names of the key points and annotations of each labelled still.

    Raises:
        InputError: An image is missing.
    """
    for name, labels in LABELS.items():
        content = json.loads((folder / labels).read_text())
        names = content['categories'][0]['keypoints']
        for entry in content['images']:
            image = cv2.imread(str(folder / name / entry['file_name']))
            if image is None:
                raise InputError(f'Expected an image at {folder / name / entry["file_name"]}.')
            yield name, np.asarray(image, np.uint8), names, [
                a for a in content['annotations'] if a['image_id'] == entry['id']]


def stills(folder: Path) -> Iterator[tuple[Image, list[Labelled]]]:
    """Images with their people who have at least one joint of coco17 labelled."""
    for _, image, names, said in annotated(folder):
        people = [_labelled(a, names) for a in said]
        yield image, [person for person in people if person.labelled.any()]


def _labelled(annotation: dict, names: list[str]) -> Labelled:
    given = dict(zip(names, np.array(annotation['keypoints'], float).reshape(-1, 3), strict=True))
    rows = np.array([given.get(joint, np.zeros(3)) for joint in COCO17.joints])     # (17, 3)
    _, _, width, height = annotation['bbox']
    area = annotation.get('area', AREA_OF_BOX * width * height)
    return Labelled(rows[:, :2], rows[:, 2] > 0, float(np.sqrt(area)))


def similarities(people: list[Labelled], detections: Detections) -> Floats:
    """Object keypoint similarity of each person to the detection that is theirs, (P,); else 0."""
    best = np.zeros(len(people))
    if not people or not len(detections):
        return best
    similarity = np.array([
        keypoint_similarity(person.keypoints_px[None], detections.keypoints_px,
                            np.full((1, len(detections)), person.size_px), person.labelled)[0]
        for person in people])
    rows, columns = linear_sum_assignment(similarity < FOUND)
    best[rows] = similarity[rows, columns]
    return best


def found(people: list[Labelled], detections: Detections) -> int:
    """How many of the people are among the detections; each detection is one person."""
    return int((similarities(people, detections) >= FOUND).sum())


def known_entries(weights: Path | None) -> dict[str, ModelEntry]:
    """Those of models.yaml; with `weights` also those of models/detectors.yaml."""
    entries = models()
    if weights is None:
        return entries
    return {**read_models(resource('models', 'detectors.yaml'), entries), **entries}


def detector(config: DetectionConfig | None = None, weights: Path | None = None,
             entries: Mapping[str, ModelEntry] | None = None) -> Detector:
    """A detector on the CPU, whose files may lie in `weights`."""
    entries = entries or known_entries(weights)

    def opened(name: str) -> Session:
        file = entries[name].file
        if weights is not None and file and (weights / file).exists():
            return load_session(weights / file, device='cpu', threads=2)
        return open_model(name, device='cpu', threads=2)
    return load_detector(config or DetectionConfig(), opened, entries)


def measure_stills(folder: Path, min_score: float) -> tuple[int, int, int]:
    """People found, people labelled, predictions in the images that have labels."""
    still = detector(DetectionConfig(min_score=min_score))
    hits, labelled, predicted = 0, 0, 0
    for image, people in stills(folder):
        detections = still.search(image)
        hits, labelled = hits + found(people, detections), labelled + len(people)
        predicted += len(detections)
    return hits, labelled, predicted


def video_frames(path: Path) -> Iterator[Image]:
    """The frames of a video."""
    video = cv2.VideoCapture(str(path))
    good, image = video.read()
    if not good:
        raise InputError(f'Expected a video, got {path}, of which no frame can be read.')
    while good:
        yield np.asarray(image, np.uint8)
        good, image = video.read()


def measure_video(path: Path, tiles: int, frames: int) -> tuple[float, float]:
    """Mean people per frame, and median milliseconds per frame."""
    live = detector(DetectionConfig(tiles_per_frame=tiles))
    counts, times = [], []
    for image in islice(video_frames(path), frames):
        start = perf_counter()
        counts.append(len(live(image)))
        times.append((perf_counter() - start) * 1e3)
    return float(np.mean(counts)), float(np.median(times))


@dataclass
class Tally:
    """What one detector did."""

    similar: list[float] = field(default_factory=list)      # of each labelled person
    predicted: int = 0
    people: list[int] = field(default_factory=list)         # in each frame of the video
    ms: list[float] = field(default_factory=list)           # for each of these

    def row(self, name: str, default_ms: float) -> str:
        """A line of the table."""
        similar = np.array(self.similar)
        hit = similar >= FOUND
        return (f'| {name} | {hit.sum()} of {len(hit)} | {self.predicted} | '
                f'{similar[hit].mean():.2f} | {np.mean(self.people):.1f} | '
                f'{np.median(self.ms):.0f} | {np.median(self.ms) / default_ms:.2f} |')


def compare(data: Path, weights: Path | None, names: list[str], frames: int) -> str:
    """A table of detectors, the default first."""
    names = [DetectionConfig().detector, *names]
    found_by = {name: detector(DetectionConfig(detector=name), weights) for name in names}
    tallies = {name: Tally() for name in names}
    for image, people in tqdm(list(stills(data / 'images')), desc='stills', disable=None):
        for name, look in found_by.items():
            detections = look.search(image)
            tallies[name].similar += similarities(people, detections).tolist()
            tallies[name].predicted += len(detections)
    video = islice(video_frames(data / 'video' / 'pedestrians.avi'), frames)
    for image in tqdm(video, total=frames, desc='video', disable=None):
        for name, look in found_by.items():
            start = perf_counter()
            tallies[name].people.append(len(look(image)))
            tallies[name].ms.append((perf_counter() - start) * 1e3)
    default_ms = float(np.median(tallies[names[0]].ms))
    return '\n'.join([
        '| detector | people found in stills | predictions | mean similarity of these | '
        'people a frame of the video | ms a frame | of the default |', '|' + '---|' * 7,
        *(tally.row(name, default_ms) for name, tally in tallies.items())])


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('what', choices=('stills', 'video', 'compare'))
    parser.add_argument('path', type=Path)
    parser.add_argument('--scores', type=float, nargs='+', default=[0.5, 0.2],
                        help='least scores of what counts as a prediction in stills')
    parser.add_argument('--tiles', type=int, nargs='+', default=[1])
    parser.add_argument('--frames', type=int, default=300)
    parser.add_argument('--detectors', nargs='+', default=[], help='to compare with the default')
    parser.add_argument('--weights', type=Path, help='folder of files of models/detectors.yaml')
    args = parser.parse_args()
    if args.what == 'compare':
        print(compare(args.path, args.weights, args.detectors, args.frames))
        return
    if args.what == 'stills':
        for score in args.scores:
            hits, labelled, predicted = measure_stills(args.path, score)
            print(f'score {score}: {hits} of {labelled} people found, {predicted} predictions')
        return
    for tiles in args.tiles:
        people, ms = measure_video(args.path, tiles, args.frames)
        print(f'{tiles} tiles a frame: {people:.2f} people a frame, {ms:.1f} ms')


if __name__ == '__main__':
    main()
