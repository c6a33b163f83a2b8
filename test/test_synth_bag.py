"""A rendered recording: the same bytes again, readable everywhere, true to itself."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.body.cylinder_mesh import cylinder_character
from ros2_occpose.cli import main
from ros2_occpose.errors import ConfigError, InputError
from ros2_occpose.geometry import transform
from ros2_occpose.synth.scene import Scene, SceneOptions, Shot, draw_scene, film, sensor_of
from ros2_occpose.synth.suite import SUITE, TUNING, chosen
from ros2_occpose.synth.truth import Sight
from ros2_occpose.types import CameraPoseSource, JointState

rosbags = pytest.importorskip('rosbags', reason='needs rosbags: ros2_occpose[bag]')
pytest.importorskip('moderngl', reason='needs moderngl: ros2_occpose[synth]')

OPTIONS = SceneOptions(people=2, seconds=4.0, seed=3, camera='robot', occluders=2, fps=5.0,
                       size=(160, 120), lens='plumb_bob', roles=('walk', 'stand'))


@pytest.fixture(scope='module')
def scene(shared_data: Path) -> Scene:
    return draw_scene(OPTIONS, shared_data / 'mocap',
                      [cylinder_character(seed) for seed in range(2)])


@pytest.fixture(scope='module')
def shots(scene: Scene) -> list[Shot]:
    try:
        return list(film(scene))
    except ConfigError as error:
        pytest.skip(f'needs OpenGL: {error}')


@pytest.fixture(scope='module')
def bag(scene: Scene, shots: list[Shot], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ros2_occpose.synth.bag import write_bag

    path = tmp_path_factory.mktemp('synth') / 'bag'
    write_bag(path, scene, shots, about={'command': 'test'})
    return path


def test_people_are_seen_and_hidden(shots: list[Shot]) -> None:
    sight = np.stack([shot.truth.sight for shot in shots])
    assert (sight == Sight.SEEN).mean() > 0.2
    assert {Sight.SEEN, Sight.BEHIND_ONESELF} <= set(sight.ravel().tolist())
    for shot in shots:
        inside = shot.truth.sight != Sight.OUT_OF_VIEW
        assert np.isfinite(shot.truth.pixels[inside]).all()
        seen = (shot.truth.sight == Sight.SEEN).sum(-1) > 9
        assert (shot.truth.seen_px[seen] > 20).all()


def test_a_seen_joint_is_where_the_person_is_drawn(shots: list[Shot]) -> None:
    inside = []
    for shot in shots:
        low, high = shot.truth.boxes_px[:, None, :2] - 3, shot.truth.boxes_px[:, None, 2:] + 3
        seen = shot.truth.sight == Sight.SEEN
        inside += ((shot.truth.pixels >= low) & (shot.truth.pixels <= high)).all(-1)[seen].tolist()
    assert len(inside) > 100
    assert np.mean(inside) > 0.97


def test_any_reader_of_bags_reads_it(bag: Path, scene: Scene) -> None:
    from rosbags.highlevel import AnyReader

    with AnyReader([bag]) as reader:                # no types of ours: the schemas are inside
        counts = {c.topic: c.msgcount for c in reader.connections}
        assert counts == dict.fromkeys((
            '/camera/image', '/camera/camera_info', '/camera/pose', '/odom', '/tf', '/truth'),
            20) | {'/tf_static': 1}
        wanted = {c.topic: c for c in reader.connections}
        messages = {topic: [reader.deserialize(data, c.msgtype)
                            for c, _, data in reader.messages([wanted[topic]])]
                    for topic in counts}
        [static] = wanted['/tf_static'].ext.offered_qos_profiles
        assert static.durability.name == 'TRANSIENT_LOCAL'
    mounted = _matrix(messages['/tf_static'][0].transforms[0].transform)
    for odometry, moved, pose in zip(messages['/odom'], messages['/tf'], messages['/camera/pose']):
        base = _matrix(odometry.pose.pose)
        np.testing.assert_allclose(base, _matrix(moved.transforms[0].transform), atol=1e-12)
        np.testing.assert_allclose(base @ mounted, _matrix(pose.pose), atol=1e-9)
    speeds = [np.hypot(m.twist.twist.linear.x, m.twist.twist.linear.y) for m in messages['/odom']]
    gone = np.linalg.norm(np.diff(scene.way.world_from_base[:, :3, 3], axis=0), axis=-1).sum()
    assert np.mean(speeds) * 3.8 == pytest.approx(gone, rel=0.2)


def _matrix(pose: object) -> np.ndarray:
    from ros2_occpose.geometry import matrix_from_quat_wxyz, se3

    at = getattr(pose, 'position', None) or pose.translation         # type: ignore[attr-defined]
    q = getattr(pose, 'orientation', None) or pose.rotation          # type: ignore[attr-defined]
    return se3(matrix_from_quat_wxyz(np.array([q.w, q.x, q.y, q.z])), np.array([at.x, at.y, at.z]))


def test_the_pipeline_gets_pictures_camera_and_pose(bag: Path, scene: Scene,
                                                    shots: list[Shot]) -> None:
    from ros2_occpose.recording.source import SourceOptions, open_source

    source = open_source(bag, SourceOptions(pose_topic='/camera/pose'))
    frames = list(source)
    assert (source.frame_id, source.camera_frame) == ('odom', 'camera_optical_frame')
    assert len(frames) == len(scene) == 20
    for frame, shot, stamp in zip(frames, shots, scene.stamps_ns):
        assert frame.stamp_ns == stamp
        np.testing.assert_array_equal(frame.image, shot.image)
        assert frame.camera.distortion_model == 'plumb_bob'
        np.testing.assert_allclose(frame.camera.d, scene.camera.d)
        assert frame.camera_pose == CameraPoseSource.POSE
        assert frame.world_from_camera is not None
        np.testing.assert_allclose(frame.world_from_camera, shot.truth.world_from_camera,
                                   atol=1e-9)


def test_the_truth_in_the_bag_is_the_truth(bag: Path, scene: Scene, shots: list[Shot]) -> None:
    from ros2_occpose.evaluation.bag.references import read_reference, read_truth

    truth = read_truth(bag)
    beside = read_reference([bag / 'truth.npz'])
    np.testing.assert_allclose(beside.joints, truth.joints, atol=1e-9)
    np.testing.assert_array_equal(beside.states, truth.states)
    assert beside.frame_id == 'odom'
    assert truth.people == ('1', '2')
    assert truth.frame_id == 'odom'
    with np.load(bag / 'truth.npz') as more:
        assert more['sight_names'].tolist() == [s.name for s in Sight]
        np.testing.assert_array_equal(more['sight'], np.stack([s.truth.sight for s in shots]))
        np.testing.assert_allclose(more['body'][:, :, 0], np.stack(
            [s.truth.body[:, 0] for s in shots]), atol=1e-5)
        np.testing.assert_array_equal(more['stamps_ns'], scene.stamps_ns)
    hips = np.stack([s.truth.body[:, 11:13].mean(1) for s in shots])             # (T, P, 3)
    np.testing.assert_allclose(truth.joints[:, :, 0], hips, atol=1e-9)
    assert truth.states is not None
    both = np.stack([(s.truth.sight[:, 11:13] == Sight.SEEN).all(-1) for s in shots])
    np.testing.assert_array_equal(truth.states[:, :, 0] == JointState.OBSERVED, both)
    ahead = transform(np.linalg.inv(shots[0].truth.world_from_camera), shots[0].truth.body)
    np.testing.assert_allclose(scene.camera.project(ahead), shots[0].truth.pixels)


def test_the_same_seed_gives_the_same_bytes(bag: Path, scene: Scene, shared_data: Path,
                                            tmp_path: Path) -> None:
    from ros2_occpose.synth.bag import write_bag

    again = draw_scene(OPTIONS, shared_data / 'mocap',
                       [cylinder_character(seed) for seed in range(2)])
    write_bag(tmp_path / 'bag', again, film(again), about={'command': 'test'})
    names = sorted(path.name for path in bag.iterdir())
    assert names == ['bag.mcap', 'metadata.yaml', 'scene.json', 'truth.npz']
    for name in names:
        assert (bag / name).read_bytes() == (tmp_path / 'bag' / name).read_bytes(), name


def test_compressed_images_in_sqlite3(scene: Scene, shots: list[Shot], tmp_path: Path) -> None:
    from ros2_occpose.recording.source import SourceOptions, open_source
    from ros2_occpose.synth.bag import write_bag

    write_bag(tmp_path / 'bag', scene, shots[:3], storage='sqlite3', compressed=True)
    assert (tmp_path / 'bag' / 'bag.db3').exists()
    frames = list(open_source(tmp_path / 'bag', SourceOptions(pose_topic='/camera/pose')))
    assert len(frames) == 3
    off = frames[0].image.astype(int) - shots[0].image
    assert 0 < np.abs(off).mean() < 6


def test_what_breaks_leaves_no_half_bag(scene: Scene, shots: list[Shot], tmp_path: Path) -> None:
    from ros2_occpose.synth.bag import write_bag

    def breaking() -> Iterator[Shot]:
        yield shots[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_bag(tmp_path / 'bag', scene, breaking())
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'bag').mkdir()
    with pytest.raises(InputError, match='delete it'):
        write_bag(tmp_path / 'bag', scene, shots)


def test_noise_and_blur_can_be_had_or_not() -> None:
    drawn = sensor_of(OPTIONS)
    clean = sensor_of(replace(OPTIONS, noise=0.0, blur=0.0, jpeg_quality=0))
    assert (clean.full_well_e, clean.mosaic, clean.shutter, clean.jpeg_quality) == (0, False, 0, 0)
    noisier = sensor_of(replace(OPTIONS, noise=2.0))
    assert noisier.full_well_e == pytest.approx(drawn.full_well_e / 4)
    assert (noisier.read_noise_e / noisier.full_well_e
            == pytest.approx(2 * drawn.read_noise_e / drawn.full_well_e))


@pytest.mark.parametrize(('words', 'hint'), [
    (['--size', '640'], '640x480'), (['--people', '20'], '1 to 8 people'),
    (['--camera', 'robot', '--role', 'walk'], 'a role for each'),
    (['--compressed', '--jpeg-quality', '0'], '--jpeg-quality'),
    (['--blur', '-1'], 'factors of noise and blur'), (['--mocap', 'nowhere'], 'nowhere')])
def test_bad_options_say_what_to_do(words: list[str], hint: str, tmp_path: Path,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['synth', '--output', str(tmp_path / 'bag'), *words]) == 2
    error = capsys.readouterr().err
    assert hint in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / 'bag').exists()


def test_the_suite_is_what_it_is_said_to_be() -> None:
    cameras = [scene.options.camera for scene in SUITE]
    lenses = [scene.options.lens for scene in SUITE]
    assert len(SUITE) == len({scene.options.seed for scene in SUITE}) == 8
    assert (cameras.count('static'), cameras.count('handheld')) == (2, 2)
    assert lenses.count('fisheye') == 1
    assert {scene.options.people for scene in SUITE} == {1, 2, 3, 4, 5}
    assert {scene.occlusion for scene in SUITE} == {'light', 'medium', 'heavy'}
    assert all(scene.options.splits == ('test',) for scene in SUITE)
    assert all('test' not in scene.options.splits for scene in TUNING)
    assert not {s.options.seed for s in SUITE} & {s.options.seed for s in TUNING}
    assert [scene.name for scene in chosen('robot_one,static_two')] == ['robot_one', 'static_two']
    with pytest.raises(ConfigError, match='robot_one'):
        chosen('nowhere')
