"""The live lifter with the weights that ship: people, frame rates, cameras, garbage."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scene import PERFECT, Moment, Scene, handheld, make_scene, pillar, turning
from walker import Walker

from ros2_occpose.body.load import load_body
from ros2_occpose.config import LiftingConfig
from ros2_occpose.errors import ConfigError, ShapeError
from ros2_occpose.geometry import Camera
from ros2_occpose.inference import Session, load_session, open_model
from ros2_occpose.lifting import lift_clip, load_lifter
from ros2_occpose.lifting.lifter import StreamingLifter
from ros2_occpose.lifting.load import open_stepper
from ros2_occpose.skeleton import H36M17
from ros2_occpose.types import Frame, Poses, Tracks, TrackState

ACROSS = [Walker([(0, 4, -1.5), (5, 4, 1.5)]), Walker([(0, 6, 2), (5, 5, -1)], height=1.65)]
LIMIT_M = 0.15     # mean error of a walker seen all the time


@pytest.fixture(scope='module')
def session() -> Session:
    return open_model('gated_causal', threads=1)


@pytest.fixture
def lifter(session: Session) -> StreamingLifter:
    return StreamingLifter(LiftingConfig(), open_stepper(session))


def tracks_of(moment: Moment, noise_px: float = 0.0, seed: int = 0) -> Tracks:
    """Tracks of the people who are there; what is hidden has garbage for a place."""
    here = np.flatnonzero(moment.present)
    rng = np.random.default_rng([seed, moment.frame.stamp_ns])
    pixels = moment.keypoints_px[here] + rng.normal(0, noise_px, (len(here), 17, 2))
    visible = moment.visible[here]
    pixels = np.where(visible[..., None], pixels, 7.0)
    n = len(here)
    return Tracks(ids=moment.ids[here], states=np.full(n, TrackState.TRACKED),
                  boxes_px=np.nan_to_num(moment.boxes_px[here]), keypoints_px=pixels,
                  visibility=visible * 0.9, confidence=np.ones(n), unseen_s=np.zeros(n))


def errors(lifter: StreamingLifter, scene: Scene,
           change: Callable[[Tracks, int], Tracks] = lambda tracks, _: tracks,
           ) -> Iterator[tuple[int, np.ndarray, Poses]]:
    """Frame, error of every joint (N, 17) [m] and the answer."""
    for t, moment in enumerate(scene):
        poses = lifter.update(change(tracks_of(moment), t), moment.frame)
        truth = moment.joints_camera[np.flatnonzero(moment.present)]
        truth = truth - truth[:, :1]
        yield t, np.linalg.norm(poses.joints_root - truth[:len(poses)], axis=-1), poses


@pytest.mark.parametrize('camera_path', [None, turning(30.0), handheld(1)],
                         ids=['static', 'turning', 'handheld'])
@pytest.mark.parametrize('known', [True, False], ids=['known', 'unknown'])
def test_walkers_are_lifted_from_any_camera(lifter: StreamingLifter, camera_path: object,
                                            known: bool) -> None:
    scene = make_scene(ACROSS, camera_path=camera_path, camera_known=known, seconds=3.0,
                       noise=PERFECT)
    error = np.concatenate([e for t, e, _ in errors(lifter, scene) if t > 15])
    assert error[:, 0].max() == 0
    assert error.mean() < LIMIT_M


def test_left_is_left(lifter: StreamingLifter) -> None:
    """Somebody who walks up to the camera has the left hand on its right."""
    scene = make_scene([Walker([(0, 6, 0), (3, 3, 0)])], noise=PERFECT)
    *_, (_, _, poses) = errors(lifter, scene)
    left, right = H36M17.indices('left_shoulder', 'right_shoulder')
    assert poses.joints_root[0, left, 0] > poses.joints_root[0, right, 0] + 0.15
    nose, thorax = H36M17.indices('nose', 'thorax')
    assert poses.joints_root[0, nose, 2] < poses.joints_root[0, thorax, 2]      # faces us
    assert poses.joints_root[0, nose, 1] < -0.3                             # upright: y is down


def test_resolution_and_focal_length_do_not_matter(session: Session) -> None:
    scene = make_scene(ACROSS, seconds=1.5, noise=PERFECT)
    answers = []
    for scale in (1.0, 2.5):
        lifter = StreamingLifter(LiftingConfig(), open_stepper(session))
        k = scene.camera.k * np.array([[scale], [scale], [1.0]])
        camera = Camera(int(640 * scale), int(480 * scale), k)
        image = np.zeros((camera.height, camera.width, 3), np.uint8)
        for moment in scene:
            tracks = tracks_of(moment)
            frame = replace(moment.frame, camera=camera, image=image)
            poses = lifter.update(replace(tracks, keypoints_px=tracks.keypoints_px * scale), frame)
        answers.append(poses)
    np.testing.assert_allclose(answers[0].joints_root, answers[1].joints_root, atol=1e-4)
    np.testing.assert_allclose(answers[0].rays, answers[1].rays, atol=1e-9)


def test_hidden_people_become_less_certain_and_stay_finite(lifter: StreamingLifter) -> None:
    scene = make_scene(ACROSS[:1], noise=PERFECT)

    def hide(tracks: Tracks, t: int) -> Tracks:
        return tracks.with_visibility(tracks.visibility * (t < 60))

    std = {t: poses.std[0, 1:].mean() for t, _, poses in errors(lifter, scene, hide)}
    assert std[70] > 1.2 * std[59]
    assert std[90] > 1.3 * std[59]
    assert np.isfinite(list(std.values())).all()


def test_behind_a_pillar_the_pose_is_bridged(lifter: StreamingLifter) -> None:
    scene = make_scene([Walker([(0, 5, -2), (4, 5, 2)])], occluders=[pillar(3, 0)], noise=PERFECT)
    hidden = ~scene.visible[:, 0].any(-1)
    assert hidden.sum() > 5
    error = np.array([e.mean() for _, e, _ in errors(lifter, scene)])
    assert error[hidden].mean() < 1.5 * LIMIT_M


def test_low_visibility_counts_as_hidden(session: Session) -> None:
    scene = make_scene(ACROSS[:1], seconds=1.0, noise=PERFECT)
    config = LiftingConfig(min_visibility=0.5)

    def run(visibility: float, moved_px: float) -> np.ndarray:
        lifter = StreamingLifter(config, open_stepper(session))

        def change(tracks: Tracks, t: int) -> Tracks:
            pixels, seen = tracks.keypoints_px.copy(), tracks.visibility.copy()
            pixels[:, 9] += moved_px
            seen[:, 9] = visibility
            return replace(tracks, keypoints_px=pixels, visibility=seen)

        *_, (_, _, poses) = errors(lifter, scene, change)
        return poses.joints_root

    np.testing.assert_array_equal(run(0.49, 0.0), run(0.49, 50.0))
    assert np.abs(run(0.51, 0.0) - run(0.51, 50.0)).max() > 0.01


def test_who_leaves_is_forgotten_and_others_go_on(lifter: StreamingLifter,
                                                  session: Session) -> None:
    scene = make_scene(ACROSS, seconds=3.0, noise=PERFECT)
    alone = StreamingLifter(LiftingConfig(), open_stepper(session))

    def only(tracks: Tracks, rows: list[int]) -> Tracks:
        fields = ('ids', 'states', 'boxes_px', 'keypoints_px', 'visibility', 'confidence',
                  'unseen_s')
        return Tracks(**{name: getattr(tracks, name)[rows] for name in fields})

    for t, moment in enumerate(scene):
        tracks = tracks_of(moment)
        rows = [0, 1] if t < 20 else [1] if t < 40 else [1, 0]      # 1 leaves, comes back later
        together = lifter.update(only(tracks, rows), moment.frame)
        expected = alone.update(only(tracks, [1]), moment.frame)
        np.testing.assert_allclose(together.joints_root[rows.index(1)], expected.joints_root[0],
                                   atol=1e-4)
        if t == 40:
            fresh = StreamingLifter(LiftingConfig(), open_stepper(session))
            again = fresh.update(only(tracks, [0]), moment.frame)
            np.testing.assert_allclose(together.joints_root[1], again.joints_root[0], atol=1e-4)


def test_reset_forgets_everybody(lifter: StreamingLifter) -> None:
    scene = make_scene(ACROSS, seconds=1.0, noise=PERFECT)
    first = [p.joints_root for _, _, p in errors(lifter, scene)]
    lifter.reset()
    again = [p.joints_root for _, _, p in errors(lifter, scene)]
    np.testing.assert_array_equal(first[-1], again[-1])


@pytest.mark.parametrize('fps', [10.0, 15.0, 25.0, 60.0, 7.0])
def test_any_frame_rate_will_do(lifter: StreamingLifter, fps: float) -> None:
    scene = make_scene(ACROSS, fps=fps, seconds=2.5, noise=PERFECT)
    error = np.concatenate([e for t, e, _ in errors(lifter, scene) if t > 0.5 * fps])
    assert error.mean() < 1.2 * LIMIT_M


def test_at_twice_the_rate_every_second_answer_is_the_same(session: Session) -> None:
    slow, fast = (StreamingLifter(LiftingConfig(), open_stepper(session)) for _ in range(2))
    scene = make_scene(ACROSS, fps=60.0, seconds=1.0, noise=PERFECT)
    for t, moment in enumerate(scene):
        answer = fast.update(tracks_of(moment), moment.frame)
        if t % 2 == 0:
            expected = slow.update(tracks_of(moment), moment.frame)
            np.testing.assert_allclose(answer.joints_root, expected.joints_root, atol=1e-5)


def test_a_long_pause_costs_no_more_than_a_few_steps(lifter: StreamingLifter) -> None:
    scene = make_scene(ACROSS, seconds=1.0, noise=PERFECT)
    for _ in errors(lifter, scene):
        pass
    last = scene.moment(len(scene) - 1)
    later = replace(last.frame, stamp_ns=last.frame.stamp_ns + 3600 * 10 ** 9)
    start = time.perf_counter()
    poses = lifter.update(tracks_of(last), later)
    assert time.perf_counter() - start < 1.0
    assert np.isfinite(poses.joints_root).all()


def test_garbage_in_is_survived(lifter: StreamingLifter, rng: np.random.Generator) -> None:
    scene = make_scene(ACROSS, seconds=1.0, noise=PERFECT)
    for t, moment in enumerate(scene):
        tracks = tracks_of(moment)
        pixels, seen = tracks.keypoints_px.copy(), tracks.visibility.copy()
        if t % 3 == 1:
            pixels[rng.random(pixels.shape[:2]) < 0.3] = rng.choice([np.nan, np.inf, 1e9, -1e9])
            seen[rng.random(seen.shape) < 0.2] = np.nan
        poses = lifter.update(replace(tracks, keypoints_px=pixels, visibility=seen), moment.frame)
        for array in (poses.joints_root, poses.std, poses.rays, poses.visibility):
            assert np.isfinite(array).all()
        assert np.abs(poses.joints_root).max() < 3
        assert (poses.std > 0).all()


def test_nobody_is_an_answer(lifter: StreamingLifter) -> None:
    moment = make_scene(ACROSS, seconds=0.1).moment(0)
    none = Tracks(ids=np.zeros(0, int), states=np.zeros(0, int), boxes_px=np.zeros((0, 4)),
                  keypoints_px=np.zeros((0, 17, 2)), visibility=np.zeros((0, 17)),
                  confidence=np.zeros(0), unseen_s=np.zeros(0))
    assert len(lifter.update(none, moment.frame)) == 0
    assert len(lifter.update(tracks_of(moment), moment.frame)) == 2


def test_a_clip_is_lifted_as_live(lifter: StreamingLifter, session: Session) -> None:
    scene = make_scene(ACROSS[:1], camera_path=turning(20.0), seconds=2.0, noise=PERFECT)
    live = [p for _, _, p in errors(lifter, scene)]
    visible = scene.visible[:, 0]
    joints, std, *_ = lift_clip(session, scene.keypoints_px[:, 0], visible * 0.9, scene.camera,
                                30.0, world_from_camera=scene.world_from_camera)
    assert joints.shape == (len(scene), 17, 3)
    np.testing.assert_allclose(joints, np.concatenate([p.joints_root for p in live]), atol=1e-5)
    np.testing.assert_allclose(std, np.concatenate([p.std for p in live]), atol=1e-5)


def test_a_clip_of_the_wrong_shape_is_refused(session: Session) -> None:
    camera = Camera.from_hfov(640, 480, 70)
    with pytest.raises(ShapeError, match=r'scores must have shape \(5, 17\), got \(5, 16\)'):
        lift_clip(session, np.zeros((5, 17, 2)), np.zeros((5, 16)), camera, 30.0)
    with pytest.raises(ConfigError, match='Expected a frame rate above 0, got 0'):
        lift_clip(session, np.zeros((5, 17, 2)), np.zeros((5, 17)), camera, 0.0)


def test_an_empty_clip_gives_an_empty_answer(session: Session) -> None:
    joints, std, *_ = lift_clip(session, np.zeros((0, 17, 2)), np.zeros((0, 17)),
                            Camera.from_hfov(640, 480, 70), 30.0)
    assert joints.shape == (0, 17, 3)
    assert std.shape == (0, 17)


def test_the_pipeline_gets_its_lifter() -> None:
    lifter = load_lifter(LiftingConfig(), lambda name: open_model(name, threads=1))
    assert lifter.backend == 'onnxruntime cpu'


def test_a_frame_of_twelve_people_is_quick(lifter: StreamingLifter) -> None:
    """The budget is 4 ms on two free cores; this only catches a change for the worse."""
    rng = np.random.default_rng(0)
    frame = Frame(stamp_ns=0, camera=Camera.from_hfov(640, 480, 70),
                  image=np.zeros((480, 640, 3), np.uint8))
    tracks = Tracks(ids=np.arange(1, 13), states=np.ones(12, int), boxes_px=np.zeros((12, 4)),
                    keypoints_px=rng.uniform(0, 480, (12, 17, 2)), visibility=np.ones((12, 17)),
                    confidence=np.ones(12), unseen_s=np.zeros(12))
    spent = []
    for t in range(60):
        start = time.perf_counter()
        lifter.update(tracks, replace(frame, stamp_ns=round(t * 1e9 / 30)))
        spent.append(time.perf_counter() - start)
    assert np.min(spent) < 0.012


def test_bodies_stand_in_the_camera_as_their_joints_do(tmp_path: Path) -> None:
    """What a network says of bodies in the view, with whatever weights, comes in camera axes."""
    pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')
    from causal_networks import chomp

    from ros2_occpose.training.export import export

    export(chomp(), tmp_path / 'chomp.onnx')
    lifter = StreamingLifter(LiftingConfig(),
                             open_stepper(load_session(tmp_path / 'chomp.onnx', threads=1)))
    body = load_body('cylinder')
    scene = make_scene(ACROSS, camera_path=turning(30.0), seconds=0.5, noise=PERFECT)
    for _, _, poses in errors(lifter, scene):
        assert poses.bodies is not None
        assert poses.bodies.model == 'cylinder'
        people = body(poses.bodies.betas, poses.bodies.rotations, np.zeros(3))
        around = people.h36m17 - people.h36m17[:, :1]
        np.testing.assert_allclose(poses.joints_root, around, atol=1e-4)
    assert len(poses) == 2
