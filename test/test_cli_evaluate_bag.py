"""`occpose evaluate bag` and `occpose run BAG`: bags from end to end, lazily, twice, in loops.

People are found by an imagined detector, which knows each image by a number painted into it.
"""
from __future__ import annotations

import json
import logging
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin
from scene import Scene, crossing, driving
from test_recording_sources import BagMaker, pose_message
from truth import humans_of_moment

from ros2_occpose import cli, pipeline
from ros2_occpose.config import PipelineConfig
from ros2_occpose.errors import ModelError
from ros2_occpose.pipeline import Pipeline
from ros2_occpose.recording.messages import camera_info, header, human_array
from ros2_occpose.recording.poses_jsonl import PosesJsonl
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.recording.typestore import make
from ros2_occpose.types import Detections, Image, TrackState

pytest.importorskip('motmetrics', reason='needs motmetrics: ros2_occpose[evaluate]')

SECOND = 1_000_000_000
BITS, CELL_PX = 12, 16
SCENE = crossing(gap=1.0, camera_path=driving(velocity=(0.1, 0.3)), fps=15)


def painted(number: int) -> Image:
    """A black image that tells its number by a row of squares."""
    image = np.zeros((SCENE.camera.height, SCENE.camera.width, 3), np.uint8)
    for bit in range(BITS):
        image[:CELL_PX, bit * CELL_PX:(bit + 1) * CELL_PX] = 255 * (number >> bit & 1)
    return image


def number_in(image: Image) -> int:
    cells = image[CELL_PX // 2, CELL_PX // 2:BITS * CELL_PX:CELL_PX, 0]
    return int(sum(1 << bit for bit, value in enumerate(cells) if value > 127))


class Imagined:
    """Finds those whom the scene says are seen."""

    backend = 'imagined'

    def __call__(self, image: Image) -> Detections:
        return SCENE.detections[number_in(image)]

    def reset(self) -> None:
        """Nothing to forget."""


@pytest.fixture(autouse=True)
def _imagined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, 'load_detector', lambda *_: Imagined())
    try:
        Pipeline(PipelineConfig(threads=1))
    except ModelError as error:
        pytest.skip(f'needs the default lifter: {error}')


def record(path: Path, scene: Scene = SCENE, *, rounds: int = 1,
           storage: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """A bag of images, camera_info, poses of the camera and truth; the stamps begin anew."""
    bag, length_ns = BagMaker(path, storage), int(np.ptp(scene.stamps_ns)) + SECOND
    for t, moment in enumerate(scene):
        stamp_ns = moment.frame.stamp_ns
        data = cv2.imencode('.png', painted(t))[1]
        messages = {
            '/cam/image/compressed': make('sensor_msgs/CompressedImage', format='png', data=data,
                                          header=header(make, stamp_ns, 'camera')),
            '/cam/camera_info': camera_info(make, scene.camera, stamp_ns, 'camera'),
            '/pose': pose_message('pose', stamp_ns, moment.world_from_camera),
            '/truth': human_array(make, humans_of_moment(moment))}
        messages['/pose'].header.frame_id = 'map'
        for round_ in range(rounds):
            for topic, message in messages.items():
                bag.add(topic, stamp_ns + round_ * length_ns, message)
    return bag.write()


def evaluate(bag: Path, output: Path, *options: str, reference: str = 'truth') -> int:
    return cli.main(['evaluate', 'bag', str(bag), '--reference', reference, '--output',
                     str(output), '--threads', '1', *options])


def results(folder: Path) -> dict:
    return json.loads((folder / 'results.json').read_text())


POSES = ('--pose-topic', '/pose')


def test_a_bag_against_its_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = record(tmp_path / 'bag')
    assert evaluate(bag, tmp_path / 'out', *POSES) == 0
    made = results(tmp_path / 'out')
    assert {'w_mpjpe_mm', 'wa_mpjpe_mm', 'pa_mpjpe_mm', 'root_error_m', 'rte_percent', 'idf1',
            'mota', 'id_switches', 'accel_mm', 'recall', 'latency_ms', 'hidden', 'command',
            'commit', 'alignment', 'people'} <= made.keys()
    assert set(made['hidden']) == {name for name in made if name in made['hidden']}
    assert (made['alignment']['frame'], made['alignment']['time_shift_s']) == ('none', 0.0)
    assert made['alignment']['time_searched_s'] == 0
    assert made['frames']['compared'] == len(SCENE)
    assert made['frames']['fps'] == pytest.approx(15, abs=0.01)
    assert made['recall'] > 0.75
    assert made['id_switches'] == 0
    assert 0 < made['wa_mpjpe_mm'] < made['w_mpjpe_mm']
    assert 0.02 < made['root_error_m'] < 1.0
    assert made['latency_ms'] > 0
    assert len(made['people']) == 2
    assert made['hidden']['joints'] > 0
    assert str(tmp_path) not in json.dumps(made)
    table = (tmp_path / 'out' / 'results.md').read_text()
    assert table in capsys.readouterr().out
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {
        'results.json', 'results.md', 'trajectories.png', 'errors.png', 'since_seen.png'}


def test_an_earlier_run_gives_the_same_figures_as_the_replay(tmp_path: Path) -> None:
    bag = record(tmp_path / 'bag')
    assert cli.main(['run', str(bag), '--output', str(tmp_path / 'run'), '--no-video',
                     '--threads', '1', *POSES]) == 0
    assert evaluate(bag, tmp_path / 'replayed', *POSES) == 0
    with PosesJsonl(tmp_path / 'truth.jsonl') as file:
        for moment in SCENE:
            file.write(humans_of_moment(moment))
    assert evaluate(tmp_path / 'run' / 'poses.jsonl', tmp_path / 'written', '--max-shift', '0',
                    reference=str(tmp_path / 'truth.jsonl')) == 0
    replayed, written = results(tmp_path / 'replayed'), results(tmp_path / 'written')
    assert written['latency_ms'] is None
    for name in ('w_mpjpe_mm', 'pa_mpjpe_mm', 'root_error_m', 'rte_percent', 'idf1', 'recall'):
        assert written[name] == pytest.approx(replayed[name], rel=1e-3), name
        assert written['hidden'][name] == pytest.approx(replayed['hidden'][name], rel=1e-3), name


def test_a_bag_run_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    bag = record(tmp_path / 'bag')
    for name in ('first', 'again'):
        assert cli.main(['run', str(bag), '--output', str(tmp_path / name), '--no-video',
                         '--threads', '1', *POSES]) == 0
    for name in ('poses.jsonl', 'poses.mcap', 'scene.png'):
        first, again = ((tmp_path / run / name).read_bytes() for run in ('first', 'again'))
        assert first == again, name
    people = [len(json.loads(line)['humans'])
              for line in (tmp_path / 'first' / 'poses.jsonl').read_text().splitlines()]
    assert len(people) == len(SCENE)
    assert max(people) == 2


def test_a_bag_that_loops_is_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    once, bag = record(tmp_path / 'once'), record(tmp_path / 'bag', rounds=3)
    with caplog.at_level(logging.WARNING):
        assert evaluate(bag, tmp_path / 'out', *POSES) == 0
    assert sum('Time went back' in line for line in caplog.messages) == 2
    assert evaluate(once, tmp_path / 'one', *POSES) == 0
    looped, one = results(tmp_path / 'out'), results(tmp_path / 'one')
    # an image before a jump may miss the pose behind it
    assert len(SCENE) * 3 - 3 <= looped['frames']['compared'] <= len(SCENE) * 3
    assert looped['id_switches'] == one['id_switches'] == 0
    assert looped['recall'] == pytest.approx(one['recall'], abs=0.02)
    assert looped['root_error_m'] == pytest.approx(one['root_error_m'], rel=0.05)


def test_pauses_and_seeks_are_survived() -> None:
    """Stamps that jump on by a minute, back by half of it, and on again."""
    live = Pipeline(PipelineConfig(threads=1))
    half, seen = len(SCENE) // 2, set()
    for jump_s in (0, 60, 30, 0, 90):
        ids, believed = set(), 0
        for t in range(half):
            moment = SCENE.moment(t)
            stamp_ns = moment.frame.stamp_ns + jump_s * SECOND
            people = live(replace(moment.frame, image=painted(t), stamp_ns=stamp_ns))
            assert np.isfinite(people.joints).all()
            assert np.isfinite(people.velocity).all()
            here = people.tracks.states == TrackState.TRACKED
            ids |= set(people.tracks.ids[here].tolist())
            believed += int(here.sum())
            off = people.root[here, None] - moment.joints_world[None, :, 0]
            assert (np.linalg.norm(off, axis=-1).min(-1) < 1.5).all()
        assert believed > half                      # two people, most of the time
        assert len(ids) == 2
        assert not ids & seen                       # after a minute or a jump back: new ones
        seen |= ids


# --- memory -------------------------------------------------------------------------------------

@pytest.mark.parametrize('storage', StoragePlugin)
@pytest.mark.parametrize('poses', [False, True])
def test_a_bag_is_read_lazily(poses: bool, storage: StoragePlugin, tmp_path: Path) -> None:
    """Images of 37 MB altogether: never more than a few of them are held."""
    size, count = (160, 160), 480
    bag, image = BagMaker(tmp_path / 'bag', storage), np.zeros(3 * size[0] * size[1], np.uint8)
    for number in range(count):
        stamp_ns = SECOND + number * SECOND // 30
        bag.add('/cam/image', stamp_ns, make(
            'sensor_msgs/Image', header=header(make, stamp_ns, 'camera'), width=size[0],
            height=size[1], encoding='bgr8', step=3 * size[0], data=image))
        bag.add('/pose', stamp_ns, pose_message('pose', stamp_ns, np.eye(4)))
    path = bag.write()
    options = SourceOptions(hfov_deg=60.0, pose_topic='/pose' if poses else None)
    total_mb = count * image.nbytes / 1e6
    tracemalloc.start()
    try:
        frames = sum(1 for _ in open_source(path, options))
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    print(f'{storage.name}: {peak_mb:.1f} MB held at most, of {total_mb:.1f} MB')
    assert frames == count
    assert total_mb > 36
    assert peak_mb < 8


# --- mistakes -----------------------------------------------------------------------------------

@pytest.mark.parametrize(('reference', 'options', 'message'), [
    ('nothing.trc', (), 'nothing.trc, which does not exist'),
    ('truth', ('--gate', '0'), 'Expected a positive number for --gate, got 0.'),
    ('truth', ('--max-shift', '-1'), 'Expected 0 or more seconds for --max-shift, got -1.'),
    ('truth', ('--reference-topic', '/up'), 'Expected one topic /up'),
    ('truth', ('--seconds', '-1'), 'Expected a positive number for --seconds'),
])
def test_mistakes_are_one_line_and_exit_code_2(
        reference: str, options: tuple[str, ...], message: str, tmp_path: Path,
        capsys: pytest.CaptureFixture[str], small_bag: Path) -> None:
    assert evaluate(small_bag, tmp_path / 'out', *options, reference=reference) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.fixture(scope='module')
def small_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bag = BagMaker(tmp_path_factory.mktemp('small') / 'bag')
    bag.images()
    bag.add('/truth', SECOND, human_array(make, humans_of_moment(SCENE.moment(0))))
    return bag.write()


def test_a_recording_of_another_day_is_refused(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], small_bag: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    nobody: Callable[[Image], Detections] = lambda _: Detections.none()     # noqa: E731
    monkeypatch.setattr(Imagined, '__call__', staticmethod(nobody))
    later = tmp_path / 'later.jsonl'
    later.write_text(json.dumps({
        'stamp_ns': 10 ** 18, 'frame_id': 'map', 'camera_pose': 'NONE', 'humans': [{
            'id': 1, 'state': 'TRACKED', 'joints': [[0, 0, 1]] * 17,
            'joint_state': ['OBSERVED'] * 17}]}) + '\n')
    assert evaluate(small_bag, tmp_path / 'out', '--max-shift', '0', reference=str(later)) == 2
    assert 'is it of another recording?' in capsys.readouterr().err
