"""How well ids are kept where several people cross: the stages of the live node on the test set.

The detector is simulated, everything after it is real: tracking, lifting and trajectory, frame by
frame. IDF1: Ristani et al., "Performance measures and a data set for multi-target, multi-camera
tracking", ECCV-W 2016. MOTA: Bernardin and Stiefelhagen, "Evaluating multiple object tracking
performance: the CLEAR MOT metrics", 2008. Both are computed by the library motmetrics.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..config import LiftingConfig, TrackingConfig, TrajectoryConfig
from ..geometry import Camera
from ..inference import Session
from ..lifting import load_lifter
from ..skeleton import H36M17
from ..tracking import load_tracker
from ..training.mocap.motion import FPS, h36m_of
from ..training.views.scenes import Scenes
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

GATE_M = 1.0              # farther off on the ground, an answer is somebody else
LEAST_SEEN = 4            # joints that must be seen for a person to be detected
_WIDTH = 640              # of the imagined image [px]
_MARGIN = 0.08            # of the box around the seen joints, in box heights
_SCORE = 0.9
_INSIDE = 0.3             # share of the joints in the image, below which a person has left it
_NUMBERS = 1_000_000      # more than there are people or ids in a recording
_METRICS = ['idf1', 'mota', 'num_switches']


@dataclass(frozen=True)
class IdScore:
    """Over all scenes together."""

    idf1: float             # 0..1
    mota: float             # at most 1, below 0 when more is wrong than there are people
    id_switches: int


class IdTally:
    """Adds up who was who over several recordings."""

    def __init__(self) -> None:
        import motmetrics

        self._events = motmetrics.MOTAccumulator(auto_id=True)
        self._metrics = motmetrics.metrics.create()
        self._recording = 0

    def next_recording(self) -> None:
        """From now on all people and ids are others, whatever their numbers."""
        self._recording += 1

    def add(self, people: Sequence[int], ids: Sequence[int], distances: Floats) -> None:
        """One frame.

        Args:
            people: Who is there, (E,).
            ids: Who is said to be there, (M,).
            distances: Between the two, (E, M); NaN: cannot be the same.
        """
        first = self._recording * _NUMBERS
        self._events.update([first + p for p in people], [first + i for i in ids], distances)

    def score(self) -> IdScore:
        """Of all that was added."""
        table = self._metrics.compute(self._events, metrics=_METRICS)
        idf1, mota, switches = (table[name].iloc[0] for name in _METRICS)
        return IdScore(float(idf1), float(mota), int(switches))


def score_ids(session: Session, scenes: Scenes, seen: Bools) -> IdScore:
    """Run the live stages over all scenes.

    Args:
        session: A causal lifter.
        scenes: Of P people.
        seen: coco17 joints that the detector reports, (S, P, T, 17).
    """
    tally = IdTally()
    for scene in range(len(seen)):
        tally.next_recording()
        truth = _true_hips(scenes, scene)                                        # (P, T, 3)
        present = scenes.valid[scene]
        expected = expected_people(seen[scene], scenes.out_of_view[scene], present)
        for t, people in enumerate(_people(session, scenes, seen[scene], scene)):
            known = np.isin(people.tracks.states, (TrackState.TRACKED, TrackState.OCCLUDED))
            ids, distances = compare(truth[:, t], present[:, t], expected[:, t],
                                     people.tracks.ids[known], people.root[known])
            tally.add(np.flatnonzero(expected[:, t]).tolist(), ids.tolist(), distances)
    return tally.score()


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
    return np.asarray(valid & (found | (inside & (unseen_s <= TrackingConfig().max_gap_s))))


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
    turned = np.einsum('tij,ptj->pti', scenes.cameras.rotation[scene], hips)
    return np.asarray(turned + scenes.cameras.position[scene])


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

    They end when nobody is left.

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
    for t in range(int(np.flatnonzero(scenes.valid[scene].any(0))[-1]) + 1):
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
