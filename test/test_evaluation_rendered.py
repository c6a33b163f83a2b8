"""The suite of rendered scenes: errors of the camera pose reach the pipeline, figures add up."""
from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ros2_occpose.evaluation.bag.comparison import Options
from ros2_occpose.evaluation.bag.skeletons import Reference
from ros2_occpose.evaluation.rendered import (
    DISTURBANCES,
    TRUE_POSE,
    Filmed,
    Recorded,
    judge,
    pooled_since,
    summary,
    with_detections,
)
from ros2_occpose.evaluation.rendered_report import markdown, results
from ros2_occpose.geometry import Camera, se3, transform
from ros2_occpose.pipeline import Pipeline
from ros2_occpose.synth.camera_path import Disturbance
from ros2_occpose.synth.suite import SUITE
from ros2_occpose.types import CameraPoseSource, Detections, Floats, Frame, JointState, TrackState

pytest.importorskip('motmetrics', reason='needs motmetrics: ros2_occpose[evaluate]')

FRAMES, FPS = 120, 15
CAMERA = Camera.from_hfov(32, 24, 70)
STAMPS = (10 ** 9 + np.arange(FRAMES) * 10 ** 9 // FPS).astype(np.int64)
LEVEL = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
BODY = np.array([4.0, 0.0, 0.9]) + 0.3 * np.random.default_rng(1).normal(size=(17, 3))


def filmed() -> Filmed:
    """A camera that goes sideways by 2 m before somebody who stands and is hidden for a second."""
    image = np.zeros((24, 32, 3), np.uint8)
    frames = [Frame(stamp_ns=int(stamp), image=image, camera=CAMERA,
                    world_from_camera=se3(LEVEL, np.array([0.0, 2 * t / FRAMES, 1.0])),
                    camera_pose=CameraPoseSource.POSE) for t, stamp in enumerate(STAMPS)]
    states = np.zeros((FRAMES, 1, 17), int)
    states[60:75] = JointState.OCCLUDED
    reference = Reference(stamps_ns=STAMPS, people=('1',), states=states, frame_id='odom',
                          joints=np.tile(BODY, (FRAMES, 1, 1, 1)), kind='test')
    seen, spent_ms = with_detections(frames, lambda _: Detections.none())
    return Filmed(seen, spent_ms, reference, 'odom')


class Sees:
    """A pipeline that knows exactly where people are before the camera, and not in the world."""

    def __init__(self, scale: float = 1.0) -> None:
        self._true = iter([f.world_from_camera for f in filmed().frames])
        self._scale = scale

    def __call__(self, frame: Frame) -> SimpleNamespace:
        true, given = next(self._true), frame.world_from_camera
        assert true is not None
        assert given is not None
        assert frame.detections is not None
        ahead: Floats = transform(np.linalg.inv(true), BODY) * self._scale
        tracks = SimpleNamespace(states=np.array([TrackState.TRACKED]), ids=np.array([7]))
        return SimpleNamespace(tracks=tracks, joints=transform(given, ahead)[None],
                               joint_covariance=np.tile(0.01 * np.eye(3), (1, 17, 1, 1)))


def test_a_perfect_pipeline_is_perfect_with_the_true_pose_only() -> None:
    scene = filmed()
    found = {name: {'scene': judge(scene, Sees(), how, 0, Options())}       # type: ignore[arg-type]
             for name, how in DISTURBANCES.items()}
    true = summary(list(found[TRUE_POSE].values()))
    assert true.root_median_m == pytest.approx(0, abs=1e-9)
    assert (true.idf1, true.id_switches, true.spells, true.kept) == (1, 0, 1, 1)
    assert true.drift_m == pytest.approx(0, abs=1e-9)
    for name, how in DISTURBANCES.items():
        one = summary(list(found[name].values()))
        if how.turn_deg:                        # 1 degree at 4 m is 7 cm, and 2 cm of the place
            assert 0.03 < one.root_error_m < 0.15
        elif how.late_s:                        # 0.25 m/s for 20 ms
            assert one.root_error_m == pytest.approx(0.25 * 0.02, rel=0.1)
    report = results(found)                     # type: ignore[arg-type]
    assert json.loads(json.dumps(report, allow_nan=False))['summary'].keys() == found.keys()


def test_a_wrong_scale_is_a_wrong_root_and_a_drift() -> None:
    wrong = judge(filmed(), Sees(1.1), Disturbance(), 0, Options())         # type: ignore[arg-type]
    one = summary([wrong])
    away = np.linalg.norm(BODY[0] - [0, 1, 1.0])
    assert one.root_median_m == pytest.approx(0.1 * away, rel=0.05)
    assert one.drift_m == pytest.approx(0.1 * 1.0, rel=0.25)        # 2 m aside, halfway on average
    since = pooled_since([wrong, wrong])
    assert since is not None
    assert since.joints.sum() == 2 * FRAMES * 17
    assert since.known[:4] == pytest.approx(np.ones(4))


def test_scenes_together_are_weighed_by_their_joints() -> None:
    good, bad = (judge(filmed(), Sees(scale), Disturbance(), 0, Options())  # type: ignore[arg-type]
                 for scale in (1.0, 1.2))
    both, worse = summary([good, bad]), summary([bad])
    assert both.scenes == 2
    assert both.spells == 2
    assert both.root_error_m == pytest.approx(worse.root_error_m / 2)
    assert both.idf1 == pytest.approx((1 + worse.idf1) / 2)


def test_the_tables_name_scenes_goals_and_camera_poses() -> None:
    one = judge(filmed(), Sees(), Disturbance(), 0, Options())              # type: ignore[arg-type]
    scenes = SUITE[:2]
    found = {name: {scene.name: one for scene in scenes} for name in DISTURBANCES}
    text = markdown(found, scenes, {'Commit': 'abc'})
    for words in ('| static_two | 2 | static | light |', '| idf1 | 1.000 | at least 0.85 | yes |',
                  '| drift_m | 0.000 | at most 0.1 | yes |', '| stamps 20 ms off |', '| 2 of 2 |',
                  '- Commit: abc'):
        assert words in text
    assert 'wrong camera poses' not in markdown({TRUE_POSE: found[TRUE_POSE]}, scenes, {})


def test_a_recorded_detector_is_the_pipelines_own() -> None:
    """Its scores are doubted as those of the detector that made them, not as somebody else's."""
    images = [np.full((24, 32, 3), value, np.uint8) for value in (10, 20)]
    people = [Detections(boxes_px=np.array([[2.0, 2, 20, 22]]), score=np.array([0.9]),
                         keypoints_px=np.full((1, 17, 2), 10.0 + n),
                         scores=np.full((1, 17), 0.8)) for n in range(2)]
    answers = iter(people)
    seen, _ = with_detections([Frame(stamp_ns=n + 1, image=image, camera=CAMERA)
                               for n, image in enumerate(images)], lambda _: next(answers))
    recorded = Recorded(seen)
    assert [recorded(image) for image in images[::-1]] == people[::-1]
    pipeline = Pipeline(detector=recorded)
    assert pipeline.backends['detection'] == 'recorded'
    for frame in seen:
        pipeline(replace(frame, detections=None))
