"""How well ids are kept, on many seeded scenes: IDF1 and id switches.

Run as a script for a table: PYTHONPATH=. python test/tracking_scores.py [seeds]
"""
from __future__ import annotations

import sys
from dataclasses import dataclass
from time import process_time

import numpy as np
from scene import (
    Noise,
    Scene,
    crowd,
    driving,
    handheld,
    make_scene,
    static,
    turning,
)
from scipy.optimize import linear_sum_assignment
from walker import Walker

from ros2_occpose.config import TrackingConfig
from ros2_occpose.geometry import Camera
from ros2_occpose.tracking import load_tracker
from ros2_occpose.types import Floats, Ints, TrackState

REALISTIC = Noise(miss=0.08, false_rate=0.05, duplicate=0.03)
CAMERAS = {'static': static, 'turning': turning, 'driving': driving, 'handheld': handheld}


@dataclass(frozen=True)
class Scores:
    """Of one or several scenes, to be added up."""

    truth: int = 0          # times somebody could be seen
    answers: int = 0        # times somebody was reported as TRACKED
    right: int = 0          # times both agree under the best pairing of true people and ids
    switches: int = 0       # changes of the id of a true person
    ghosts: int = 0         # answers that are nobody
    people: int = 0         # true people (anew after an absence that ends an id)
    ids: int = 0            # ids that were TRACKED

    def __add__(self, other: Scores) -> Scores:
        return Scores(*(a + b for a, b in zip(vars(self).values(), vars(other).values())))

    @property
    def idf1(self) -> float:
        """Ristani et al., "Performance Measures and a Data Set for Multi-Target...", 2016."""
        return 2 * self.right / max(self.truth + self.answers, 1)


def true_ids(scene: Scene, config: TrackingConfig) -> Ints:
    """Number of each person at each time (T, P), -1 if not seen; new after a long absence."""
    inside = scene.camera.contains(scene.keypoints_px).mean(-1) > 0.3              # (T, P)
    ids = np.full(scene.seen.shape, -1)
    count = 0
    for p in range(ids.shape[1]):
        times = np.flatnonzero(scene.seen[:, p])
        for last, t in zip(np.r_[-1, times[:-1]], times):
            gap = (scene.stamps_ns[t] - scene.stamps_ns[last]) / 1e9
            away = last >= 0 and t > last + 1 and not inside[last + 1:t, p].any()
            count += last < 0 or gap > (config.max_gap_outside_s if away else config.max_gap_s)
            ids[t, p] = count - 1
    return ids


def follow(scene: Scene, config: TrackingConfig | None = None) -> list[dict[int, int]]:
    """Per frame: id of each TRACKED person -> row of the truth, -1 for nobody."""
    tracker = load_tracker(config or TrackingConfig())
    frames = []
    for moment in scene:
        tracks = tracker.update(moment.detections, moment.frame)
        found = {}
        for i in np.flatnonzero(tracks.states == TrackState.TRACKED):
            same = (moment.detections.boxes_px == tracks.boxes_px[i]).all(1)
            found[int(tracks.ids[i])] = int(moment.person[same.argmax()])
        frames.append(found)
    return frames


def score(scene: Scene, config: TrackingConfig | None = None) -> Scores:
    """Scores of the tracker on one scene."""
    config = config or TrackingConfig()
    return compare(true_ids(scene, config), follow(scene, config))


def compare(truth: Ints, answers: list[dict[int, int]]) -> Scores:
    """Scores of `answers` (per frame: id -> person, -1 for nobody).

    Args:
        truth: Number of each person at each time, (T, P), -1 when not to be seen.
    """
    ids = sorted({i for found in answers for i in found})
    agree: Floats = np.zeros((truth.max(initial=-1) + 1, len(ids)))
    last: dict[int, int] = {}
    switches = ghosts = 0
    for numbers, found in zip(truth, answers):
        for i, person in found.items():
            if person < 0:
                ghosts += 1
                continue
            who = int(numbers[person])
            agree[who, ids.index(i)] += 1
            switches += last.setdefault(who, i) != i
            last[who] = i
    right = int(agree[linear_sum_assignment(-agree)].sum())
    return Scores(truth=int((truth >= 0).sum()), answers=sum(map(len, answers)), right=right,
                  switches=switches, ghosts=ghosts, people=len(agree), ids=len(ids))


def scenes(camera: str, seeds: range, **options: object) -> list[Scene]:
    """Crowds of 3 to 10 people in front of one kind of camera."""
    return [crowd(3 + seed % 8, seed=seed, camera_path=CAMERAS[camera](), **{  # type: ignore[arg-type]
        'noise': REALISTIC, **options}) for seed in seeds]


def main(seeds: int) -> None:
    print(f'{"scenes":22s}   IDF1 switches ghosts people   ids')
    cases = {'': {}, ' 10 fps': {'fps': 10.0},
             ' pose unknown': {'camera_known': False, 'textured': True}}
    for name, options in cases.items():
        for camera in CAMERAS:
            total = sum((score(s) for s in scenes(camera, range(300, 300 + seeds), **options)),
                        Scores())
            print(f'{camera + name:22s} {total.idf1:6.3f} {total.switches:8d} {total.ghosts:6d} '
                  f'{total.people:6d} {total.ids:5d}', flush=True)
    for people in (1, 4, 12):
        print(f'update with {people} people: {milliseconds(people):.2f} ms CPU, median')


def milliseconds(people: int) -> float:
    """Median CPU time of an update with so many people side by side, all seen."""
    row = [Walker([(0, 7, 0.8 * (i - people / 2)), (5, 6.5, 0.8 * (i - people / 2))], phase=i)
           for i in range(people)]
    moments = list(make_scene(row, camera_path=handheld(), camera=Camera.from_hfov(640, 480, 80)))
    tracker, times = load_tracker(TrackingConfig()), []
    for moment in moments:
        start = process_time()
        tracker.update(moment.detections, moment.frame)
        times.append(process_time() - start)
    return float(np.median(times)) * 1e3


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
