"""How well ids are kept where several people cross: the stages of the live node on the test set.

The detector is simulated, everything after it is real: tracking, lifting and trajectory, frame by
frame. IDF1: Ristani et al., "Performance measures and a data set for multi-target, multi-camera
tracking", ECCV-W 2016. MOTA: Bernardin and Stiefelhagen, "Evaluating multiple object tracking
performance: the CLEAR MOT metrics", 2008. Both are computed by the library motmetrics.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..config import LiftingConfig, TrackingConfig, TrajectoryConfig
from ..geometry import Camera
from ..inference import Session
from ..lifting import load_lifter
from ..skeleton import H36M17
from ..tracking import load_tracker
from ..training.motion import FPS, h36m_of
from ..training.scenes import Scenes
from ..trajectory import load_trajectory
from ..types import (
    Bools,
    CameraPoseSource,
    Detections,
    Floats,
    Frame,
    Ints,
    People,
    TrackState,
)
from .subjects import frames_unseen

Accumulator: TypeAlias = Any          # motmetrics.MOTAccumulator

GATE_M = 1.0              # farther off on the ground, an answer is somebody else
LEAST_SEEN = 4            # joints that must be seen for a person to be detected
_WIDTH = 640              # of the imagined image [px]
_MARGIN = 0.08            # of the box around the seen joints, in box heights
_SCORE = 0.9
_INSIDE = 0.3             # share of the joints in the image, below which a person has left it
_METRICS = ['idf1', 'mota', 'num_switches']


@dataclass(frozen=True)
class IdScore:
    """Over all scenes together."""

    idf1: float             # 0..1
    mota: float             # at most 1, below 0 when more is wrong than there are people
    id_switches: int


def score_ids(session: Session, scenes: Scenes, seen: Bools) -> IdScore:
    """Run the live stages over all scenes.

    Args:
        session: A causal lifter.
        scenes: Of P people.
        seen: coco17 joints that the detector reports, (S, P, T, 17).
    """
    return summarise([_follow(session, scenes, seen[s], s) for s in range(len(seen))])


def summarise(scenes: list[Accumulator]) -> IdScore:
    """One score of all accumulated scenes."""
    import motmetrics

    table = motmetrics.metrics.create().compute_many(
        scenes, metrics=_METRICS, generate_overall=True)
    idf1, mota, switches = (table.loc['OVERALL', name] for name in _METRICS)
    return IdScore(float(idf1), float(mota), int(switches))


def _follow(session: Session, scenes: Scenes, seen: Bools, scene: int) -> Accumulator:
    import motmetrics

    accumulator = motmetrics.MOTAccumulator()
    truth = _true_hips(scenes, scene)                                            # (P, T, 3)
    expected = expected_people(seen, scenes.out_of_view[scene], scenes.valid[scene])
    for t, people in enumerate(_people(session, scenes, seen, scene)):
        believed = np.isin(people.tracks.states, (TrackState.TRACKED, TrackState.OCCLUDED))
        ids, distances = compare(truth[:, t], scenes.valid[scene, :, t], expected[:, t],
                                 people.tracks.ids[believed], people.root[believed])
        accumulator.update(np.flatnonzero(expected[:, t]), ids, distances, frameid=t)
    return accumulator


def expected_people(seen: Bools, out_of_view: Bools, valid: Bools) -> Bools:
    """Whom a tracker should know, (P, T): seen now, or hidden in the image for 1.5 s at most.

    Args:
        seen: (P, T, 17).
        out_of_view: (P, T, 17).
        valid: (P, T).
    """
    found = seen.sum(-1) >= LEAST_SEEN
    unseen_s = frames_unseen(found, axis=1) / FPS
    inside = (~out_of_view).mean(-1) >= _INSIDE
    return valid & (found | (inside & (unseen_s <= TrackingConfig().max_gap_s)))


def compare(truth: Floats, present: Bools, expected: Bools, ids: Ints,
            said: Floats) -> tuple[Ints, Floats]:
    """Ids that are judged (M,), and their distances from the expected people, (E, M) [m].

    Distances are along the ground; NaN beyond `GATE_M`. An answer about somebody who is there but
    not expected is neither right nor wrong.

    Args:
        truth: Hips in the world, (P, 3) [m].
        present: Who is there at all, (P,).
        expected: Whom the tracker should know, (P,).
        ids: (N,).
        said: Hips of these ids, (N, 3) [m].
    """
    distance = np.linalg.norm(truth[:, None, :2] - said[None, :, :2], axis=-1)   # (P, N)
    distance = np.where(present[:, None], distance, np.inf)
    nearest = distance.argmin(0)
    ignored = ~expected[nearest] & (distance.min(0) <= GATE_M)
    kept = distance[np.ix_(expected, ~ignored)]
    return ids[~ignored], np.where(kept <= GATE_M, kept, np.nan)


def _true_hips(scenes: Scenes, scene: int) -> Floats:
    hips = h36m_of(scenes.body_camera[scene].astype(float))[:, :, H36M17.index('hip')]
    return (np.einsum('tij,ptj->pti', scenes.cameras.rotation[scene], hips)
            + scenes.cameras.position[scene])


def _people(session: Session, scenes: Scenes, seen: Bools, scene: int) -> Iterator[People]:
    """What the live stages say in each frame."""
    tracker = load_tracker(TrackingConfig())
    lifter = load_lifter(LiftingConfig(), lambda _: session)
    trajectory = load_trajectory(TrajectoryConfig())
    for frame in frames(scenes, seen, scene):
        assert frame.detections is not None
        tracks = tracker.update(frame.detections, frame)
        yield trajectory.update(lifter.update(tracks, frame), frame)


def frames(scenes: Scenes, seen: Bools, scene: int) -> Iterator[Frame]:
    """The frames of a scene with what the imagined detector found, without a picture.

    Args:
        scenes: Any number of scenes.
        seen: coco17 joints that the detector reports, (P, T, 17).
        scene: Which one.
    """
    half_x, half_y = scenes.cameras.half_view[scene]
    focal = _WIDTH / 2 / half_x
    height = round(2 * focal * half_y)
    camera = Camera(_WIDTH, height, np.array([[focal, 0, _WIDTH / 2], [0, focal, height / 2],
                                              [0, 0, 1]]))
    image = np.zeros((height, _WIDTH, 3), np.uint8)
    keypoints_px = scenes.rays[scene] * focal + camera.k[:2, 2]                  # (P, T, 17, 2)
    for t in range(seen.shape[1]):
        pose = np.eye(4)
        pose[:3, :3] = scenes.cameras.rotation[scene, t]
        pose[:3, 3] = scenes.cameras.position[scene, t]
        yield Frame(stamp_ns=round(t * 1e9 / FPS), image=image, camera=camera,
                    world_from_camera=pose, camera_pose=CameraPoseSource.ODOMETRY,
                    detections=_detections(keypoints_px[:, t], seen[:, t]))


def _detections(keypoints_px: Floats, seen: Bools) -> Detections:
    """Everybody of whom enough is seen."""
    found = seen.sum(-1) >= LEAST_SEEN
    points, shown = keypoints_px[found].astype(float), seen[found][..., None]
    low = np.where(shown, points, np.inf).min(1, initial=np.inf)
    high = np.where(shown, points, -np.inf).max(1, initial=-np.inf)
    margin = _MARGIN * (high - low)[:, 1:]
    return Detections(boxes_px=np.concatenate([low - margin, high + margin], 1),
                      keypoints_px=points, scores=_SCORE * shown[..., 0],
                      score=np.full(len(points), _SCORE))
