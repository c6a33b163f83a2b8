"""How wrong the default detector is on real images, and for how long: the numbers of training.

    python scripts/measure_detector_noise.py look DATA --output out/noise       # 5 minutes, once
    python scripts/measure_detector_noise.py report DATA --output out/noise     # 1 minute
    python scripts/measure_detector_noise.py rendered BAGS --output out/noise   # 5 minutes

`look` keeps what detector, tracker and optical flow say of all videos and stills. `report` prints
the tables of docs/detector-noise.md, draws its picture and writes `noise.yaml`: the fitted numbers
of ros2_occpose/training/views/detections.py. `rendered` does both for a folder of bags of `occpose
synth`, whose truth is exact, and writes `rendered.md` and `rendered.yaml`.
"""
from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from detector_noise_rendered import report_rendered
from detector_noise_report import report
from detector_noise_truth import SIZES, Truth, covers, read_truth
from measure_detector import LABELS, detector, video_frames
from scipy.optimize import linear_sum_assignment

from ros2_occpose.config import DetectionConfig, TrackingConfig
from ros2_occpose.detection import load_detector, load_visibility
from ros2_occpose.detection.duplicates import keypoint_similarity
from ros2_occpose.errors import InputError
from ros2_occpose.geometry import Camera
from ros2_occpose.inference import open_model
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.skeleton import COCO17
from ros2_occpose.tracking import load_tracker
from ros2_occpose.types import Floats, Frame, Image

# Videos without truth: frames looked at, and sizes.
_VIDEOS = (('pedestrians.avi', 400, (1.0,)), ('moving/davis_loading.mp4', 100, (1.0, 0.5)),
           ('moving/davis_lindy-hop.mp4', 100, (1.0,)),
           ('moving/posetrack_012968.mp4', 120, (1.0,)))
_HFOV_DEG = 60.0                # of all videos, for the tracker only
_COVERED_FROM = 20              # frames before the covers are painted, so that people are found
_COVERED_SIZE = 0.4
_SAME_PERSON = 0.3              # object keypoint similarity of a label and a detection
_FEWEST_LABELS = 5
_Change = Callable[[Image, int], Image]


def look_at_video(path: Path, most: int, every: int, size: float,
                  change: _Change | None = None) -> dict[str, Floats]:
    """Each person in each frame: frame, id, points, scores, and visibility after the flow."""
    fps = cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS)

    def frames() -> Iterator[tuple[int, Frame]]:
        for number, full in islice(enumerate(video_frames(path)), 0, most, every):
            image = full if size == 1 else np.asarray(
                cv2.resize(full, None, fx=size, fy=size, interpolation=cv2.INTER_AREA), np.uint8)
            if change is not None:
                image = change(image.copy(), number)
            camera = Camera.from_hfov(image.shape[1], image.shape[0], _HFOV_DEG)
            yield number, Frame(stamp_ns=int(number / fps * 1e9) + 1, image=image, camera=camera)

    return {**watch(frames(), path), 'fps': np.array(fps / every), 'every': np.array(every)}


def watch(frames: Iterable[tuple[int, Frame]], path: Path) -> dict[str, Floats]:
    """The same of numbered frames; `path` is for errors."""
    config = DetectionConfig()
    detect = load_detector(config, partial(open_model, device='cpu', threads=1))
    visibility, tracker = load_visibility(config), load_tracker(TrackingConfig())
    rows = []
    for number, frame in frames:
        detections = detect(frame.image)
        tracks = visibility.update(tracker.update(detections, frame), frame)
        for row, box in enumerate(tracks.boxes_px):
            same = np.flatnonzero((detections.boxes_px == box).all(1))
            if len(same):                       # else only predicted
                rows.append((number, tracks.ids[row], detections.keypoints_px[same[0]],
                             detections.scores[same[0]], tracks.visibility[row]))
    if not rows:
        raise InputError(f'Expected people in {path}, got none.')
    names = ('frame', 'id', 'points_px', 'scores', 'visibility')
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True))}


def paint(image: Image, number: int, rectangles: Floats) -> Image:
    """Rectangles (K, 4) of a mottled wall, the same in every frame."""
    if number < _COVERED_FROM:
        return image
    grain = np.random.default_rng(0).uniform(-1, 1, (*image.shape[:2], 3)).astype(np.float32)
    wall = cv2.GaussianBlur(grain, (0, 0), 6)
    wall = np.clip(115 + 50 * wall / wall.std(), 0, 255).astype(np.uint8)
    for left, top, right, bottom in np.maximum(rectangles, 0).astype(int):
        image[top:bottom, left:right] = wall[top:bottom, left:right]
    return image


def look_at_views(folder: Path, truth: Truth) -> Iterator[tuple[str, dict[str, Floats]]]:
    """The calibrated views: in all sizes, and with parts of the people covered."""
    for view in range(len(truth.cameras)):
        path = folder / f'p2s_multi_cam0{view + 1}.mp4'
        for size in SIZES:
            yield f'view{view}_{size}', look_at_video(path, 100, 1, size)
        for name, rectangles in covers(truth, view, _COVERED_SIZE).items():
            seen = look_at_video(path, 100, 2, _COVERED_SIZE,
                                 partial(paint, rectangles=rectangles))
            later = seen['frame'] >= _COVERED_FROM
            columns = {key: value[later] if value.ndim else value for key, value in seen.items()}
            yield f'covered{view}_{name}', {**columns, 'cover_px': rectangles / _COVERED_SIZE}


def look_at_stills(folder: Path) -> dict[str, Floats]:
    """Labelled people who were found: data set, labels (x, y, flag), points, scores."""
    look = detector(min_score=0.2)
    rows = []
    for name, labels in LABELS.items():
        content = json.loads((folder / labels).read_text())
        joints = content['categories'][0]['keypoints']
        for entry in content['images']:
            image = cv2.imread(str(folder / name / entry['file_name']))
            if image is None:
                raise InputError(f'Expected an image at {folder / name / entry["file_name"]}.')
            found = look.search(np.asarray(image, np.uint8))
            people = [_labels(each, joints) for each in content['annotations']
                      if each['image_id'] == entry['id']]
            people = [each for each in people if (each[:, 2] > 0).sum() >= _FEWEST_LABELS]
            if not people or not len(found):
                continue
            alike = np.array([keypoint_similarity(
                each[None, :, :2], found.keypoints_px, np.full((1, len(found)), _extent(each)),
                each[:, 2] > 0)[0] for each in people])
            rows += [(name, people[person], found.keypoints_px[row], found.scores[row])
                     for person, row in zip(*linear_sum_assignment(-alike), strict=True)
                     if alike[person, row] > _SAME_PERSON]
    names = ('source', 'labels', 'points_px', 'scores')
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True))}


def _labels(annotation: dict, joints: list[str]) -> Floats:
    rows = dict(zip(joints, np.array(annotation['keypoints'], float).reshape(-1, 3), strict=True))
    return np.array([rows.get(joint, np.zeros(3)) for joint in COCO17.joints])


def _extent(labels: Floats) -> float:
    """About the square root of the person's area [px]."""
    given = labels[labels[:, 2] > 0, :2]
    return float(np.sqrt(0.53 * np.prod(np.maximum(np.ptp(given, axis=0), 10.0))))


def look(data: Path, output: Path) -> None:
    """Run the detector over everything."""
    output.mkdir(parents=True, exist_ok=True)
    for name, most, sizes in _VIDEOS:
        for size in sizes:
            seen = look_at_video(data / 'video' / name, most, 1, size)
            np.savez_compressed(output / f'video_{Path(name).stem}_{size}.npz', **seen)
            print(f'{name} at size {size}: {len(seen["frame"])} people', flush=True)
    folder = data / 'video' / 'multiview'
    for name, seen in look_at_views(folder, read_truth(folder)):
        np.savez_compressed(output / f'{name}.npz', **seen)
        print(f'{name}: {len(seen["frame"])} people', flush=True)
    seen = look_at_stills(data / 'images')
    np.savez_compressed(output / 'stills.npz', **seen)
    print(f'stills: {len(seen["labels"])} people')


def look_at_bags(bags: Path, output: Path) -> dict[Path, dict[str, Floats]]:
    """The truth of rendered bags and what is seen in them; who was looked at is not again."""
    truths = sorted(bags.glob('*/truth.npz'))
    if not truths:
        raise InputError(f'Expected folders with a bag and its truth.npz in {bags}, got none; '
                         'make some with `occpose synth`.')
    output.mkdir(parents=True, exist_ok=True)
    seen = {}
    for truth in truths:
        kept = output / f'rendered_{truth.parent.name}.npz'
        if not kept.exists():
            source = open_source(truth.parent, SourceOptions(pose_topic='/camera/pose'))
            np.savez_compressed(kept, **watch(enumerate(source), truth.parent))
        with np.load(kept) as content:
            seen[truth] = dict(content)
        print(f'{truth.parent.name}: {len(seen[truth]["frame"])} people', flush=True)
    return seen


def main() -> None:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('what', choices=('look', 'report', 'rendered'))
    parser.add_argument('data', type=Path,
                        help='folder with video/ and images/, or with rendered bags')
    parser.add_argument('--output', type=Path, required=True)
    args = parser.parse_args()
    # joints that are unknown throughout a sequence stay unknown
    warnings.filterwarnings('ignore', '(All-NaN|Mean of empty)')
    if args.what == 'look':
        look(args.data, args.output)
    elif args.what == 'rendered':
        report_rendered(look_at_bags(args.data, args.output), args.output)
    else:
        report(args.data, args.output)


if __name__ == '__main__':
    main()
