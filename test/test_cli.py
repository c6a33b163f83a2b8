"""The command line: quick help, one-line errors, complete files however a run ends."""
from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import Reader
from scene import VGA, Scene, crowd, static
from truth import people_of

from ros2_occpose import cli
from ros2_occpose.config import PipelineConfig
from ros2_occpose.errors import InputError, ModelError
from ros2_occpose.recording.poses_jsonl import read_jsonl
from ros2_occpose.types import Frame, People

ROOT = Path(__file__).resolve().parent.parent
FPS, SECONDS = 10, 3.0
FRAMES = int(FPS * SECONDS)
CAMERA = ['--hfov', '70', '--camera-height', '1.2', '--camera-pitch', '8']


@pytest.fixture(scope='module')
def scene() -> Scene:
    return crowd(3, seconds=SECONDS, fps=FPS, camera_path=static(height=1.2, pitch_deg=8.0))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / 'walk.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), FPS, VGA.size)
    for number in range(FRAMES):
        writer.write(np.full((480, 640, 3), 60 + number, np.uint8))
    writer.release()
    return path


class PerfectPipeline:
    """Knows the truth of a scene; does something at one frame of it."""

    backends = {'detection': 'truth'}                  # noqa: RUF012, as the real one has it
    scene: Scene
    at_frame: int | None = None

    def __init__(self, config: PipelineConfig) -> None:
        self.config = config
        self.stage_ms = {'detection': 1.0, 'tracking': 2.0}

    def happen(self) -> None:
        raise NotImplementedError

    def __call__(self, frame: Frame) -> People:
        number = round(frame.stamp_ns * FPS / 1e9)
        if number == self.at_frame:
            self.happen()
        moment = self.scene.moment(number)
        np.testing.assert_allclose(frame.world_from_camera, moment.world_from_camera, atol=1e-9)
        people = people_of(moment)
        object.__setattr__(people, 'stamp_ns', frame.stamp_ns)
        return people


@pytest.fixture
def pipeline(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[PerfectPipeline]]:
    """Replaces the pipeline by the truth."""
    perfect = type('Perfect', (PerfectPipeline,), {'scene': scene})
    monkeypatch.setattr('ros2_occpose.pipeline.Pipeline', perfect)
    before = signal.getsignal(signal.SIGTERM)
    yield perfect
    signal.signal(signal.SIGTERM, before)


def files_hold(folder: Path, frames: int, *, complete: bool) -> None:
    """Check that every file of a run can be read and holds so many frames."""
    assert len(list(read_jsonl(folder / 'poses.jsonl'))) == frames
    with Reader(folder / 'poses.mcap') as reader:
        counts = {c.topic: c.msgcount for c in reader.connections}
    each = ('/occpose/humans', '/occpose/overlay/compressed', '/camera/camera_info', '/tf')
    assert [counts[topic] for topic in each] == [frames] * 4
    capture = cv2.VideoCapture(str(folder / 'overlay.mp4'))
    read = 0
    while capture.read()[0]:
        read += 1
    assert read == frames
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(FPS)
    assert cv2.imread(str(folder / 'scene.png')).shape == (990, 1760, 3)
    summary = json.loads((folder / 'summary.json').read_text())
    assert summary['frames_answered'] == frames
    assert summary['complete'] is complete


# --- help and errors --------------------------------------------------------------------------

def start_s(*arguments: str) -> float:
    """The least processor time of some starts of Python; the machine may be busy."""
    times = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def test_help_is_quick_and_names_every_command() -> None:
    bare, helped = start_s('-c', 'pass'), start_s('-m', 'ros2_occpose.cli', '--help')
    print(f'occpose --help: {helped:.3f} s, of which Python {bare:.3f} s')
    assert helped < 0.3
    text = subprocess.run([sys.executable, '-m', 'ros2_occpose.cli', '--help'], check=True,
                          capture_output=True, text=True, cwd=ROOT).stdout
    assert all(name in text for name in cli.COMMANDS)


def test_help_loads_nothing_heavy() -> None:
    check = ('import sys; from ros2_occpose import cli; cli._parser(); '
             "print({'numpy', 'cv2', 'yaml', 'rosbags', 'onnxruntime'} & set(sys.modules))")
    done = subprocess.run([sys.executable, '-c', check], check=True, capture_output=True,
                          text=True, cwd=ROOT)
    assert done.stdout.strip() == 'set()'


@pytest.mark.parametrize('command', cli.COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([command, '--help'])
    assert end.value.code == 0
    assert f'usage: occpose {command}' in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(['--version'])
    assert end.value.code == 0
    version = capsys.readouterr().out.split()[1]
    assert f'<version>{version}</version>' in (ROOT / 'package.xml').read_text()


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ['run', str(tmp_path / 'no.mp4'), '--output', str(tmp_path / 'out')]
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: Expected a video, an image folder or a bag, got ')
    assert error.count('\n') == 1
    with pytest.raises(InputError):
        cli.main(['--debug', *arguments])
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(('options', 'message'), [
    (['--fps', '0'], 'a positive number for --fps, got 0'),
    (['--seconds', '-1'], 'a positive number for --seconds, got -1'),
    (['--hfov', '200'], 'field of view of 1 to 179 degrees, got 200'),
    (['--threads', '0'], 'threads expects a number from 1 to 64, got 0'),
    (['--camera', 'missing.yaml'], 'Cannot read the calibration missing.yaml'),
    (['--config', 'missing.yaml'], 'Cannot read the configuration missing.yaml'),
    (['--output', '/dev/null/x'], 'Cannot make the folder /dev/null/x'),
    (['--body', 'human'], 'Expected --meshes beside --body'),
    (['--meshes', '--body', 'nobody'], 'auto, human, cylinder or the path'),
])
def test_bad_options_are_refused(options: list[str], message: str, video: Path, tmp_path: Path,
                                 pipeline: type, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(['run', str(video), '--output', str(tmp_path / 'out'), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    code = ("import sys; sys.modules['torch'] = None; from ros2_occpose import cli; "
            'sys.exit(cli.main(sys.argv[1:]))')
    done = subprocess.run(
        [sys.executable, '-c', code, 'train', 'gated_causal', '--data', str(tmp_path),
         '--output', str(tmp_path / 'out')], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr == ('error: occpose train needs torch, which is not installed: '
                           "pip install '.[train]' (in the clone)\n")


# --- occpose run ------------------------------------------------------------------------------

def test_run_writes_every_file(video: Path, tmp_path: Path, pipeline: type, scene: Scene,
                               capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / 'deep' / 'out'
    assert cli.main(['run', str(video), '--output', str(out), *CAMERA]) == 0
    files_hold(out, FRAMES, complete=True)
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['frames_in'] == FRAMES
    assert summary['people_per_frame'] == {'mean': 3.0, 'max': 3}
    assert summary['ids'] == 3
    assert summary['stage_ms']['tracking'] == {'p50': 2.0, 'p95': 2.0}
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert 30 < summary['peak_memory_mb'] <= 1.05 * peak_mb
    assert summary['seconds'] == pytest.approx(SECONDS - 1 / FPS)
    last = list(read_jsonl(out / 'poses.jsonl'))[-1]
    np.testing.assert_allclose([h['joints'] for h in last['humans']], scene.joints_world[-1],
                               atol=1e-4)
    assert last['frame_id'] == 'world'
    printed = capsys.readouterr().out
    assert 'people_per_frame' in printed
    assert 'mean 3.0' in printed


def test_the_same_run_gives_the_same_files(video: Path, tmp_path: Path, pipeline: type) -> None:
    for name in ('a', 'b'):
        assert cli.main(['run', str(video), '--output', str(tmp_path / name), *CAMERA]) == 0
    for file in ('poses.jsonl', 'poses.mcap'):
        assert (tmp_path / 'a' / file).read_bytes() == (tmp_path / 'b' / file).read_bytes()


def test_run_without_video(video: Path, tmp_path: Path, pipeline: type) -> None:
    assert cli.main(['run', str(video), '--output', str(tmp_path / 'out'), '--no-video',
                     '--seconds', '1', *CAMERA]) == 0
    assert not (tmp_path / 'out' / 'overlay.mp4').exists()
    assert len(list(read_jsonl(tmp_path / 'out' / 'poses.jsonl'))) == FPS


def test_run_with_bodies(video: Path, tmp_path: Path, pipeline: type,
                         capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / 'out'
    assert cli.main(['run', str(video), '--output', str(out), '--meshes', '--body', 'cylinder',
                     '--seconds', '1', *CAMERA]) == 0
    files_hold(out, FPS, complete=True)
    with Reader(out / 'poses.mcap') as reader:
        counts = {c.topic: c.msgcount for c in reader.connections}
    assert (counts['/occpose/meshes'], counts['/occpose/mesh_model']) == (FPS, 1)
    line = list(read_jsonl(out / 'poses.jsonl'))[-1]
    assert line['body_model'] == 'cylinder'
    assert [len(human['rotations']) for human in line['humans']] == [24] * 3
    assert 'note: Bodies: cylinder, 4590 vertices.' in capsys.readouterr().out


def interrupt() -> None:
    raise KeyboardInterrupt


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(1)
    pytest.fail('not terminated')


def break_down() -> None:
    raise ModelError('it broke')


@pytest.mark.parametrize(('event', 'code'), [(interrupt, 130), (terminate, 143), (break_down, 2)])
def test_a_run_that_ends_early_completes_its_files(
        event: object, code: int, video: Path, tmp_path: Path, pipeline: type) -> None:
    pipeline.at_frame, pipeline.happen = 17, staticmethod(event)
    try:
        ended = cli.main(['run', str(video), '--output', str(tmp_path / 'out'), *CAMERA])
    except SystemExit as end:
        ended = end.code
    assert ended == code
    files_hold(tmp_path / 'out', 17, complete=False)


def test_options_reach_the_pipeline(video: Path, tmp_path: Path, pipeline: type,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[PipelineConfig] = []
    original = pipeline.__init__
    monkeypatch.setattr(pipeline, '__init__',
                        lambda self, config: (seen.append(config), original(self, config))[1])
    parameters = tmp_path / 'pose.yaml'
    parameters.write_text('/**:\n  ros__parameters:\n    camera_pose: odometry\n'
                          '    device: cpu\n    tracking:\n      max_gap_s: 2.5\n'
                          '    detection.max_people: 5\n')
    assert cli.main(['run', str(video), '--output', str(tmp_path / 'out'), '--no-video',
                     '--config', str(parameters), '--detector', 'x', '--lifter', 'y',
                     '--threads', '3', '--device', 'auto', '--seconds', '0.2', *CAMERA]) == 0
    config, = seen
    assert (config.detection.detector, config.lifting.lifter) == ('x', 'y')
    assert (config.threads, config.device) == (3, 'auto')
    assert (config.tracking.max_gap_s, config.detection.max_people) == (2.5, 5)


def test_assumptions_are_said_loudly(video: Path, tmp_path: Path, pipeline: type,
                                     scene: Scene, capsys: pytest.CaptureFixture) -> None:
    pipeline.__call__ = lambda self, frame: people_of(scene.moment(0))
    assert cli.main(['run', str(video), '--output', str(tmp_path / 'out'), '--no-video',
                     '--seconds', '0.1']) == 0
    assert 'note: No calibration given: assuming a horizontal field of view of 60' in (
        capsys.readouterr().out)
    assert json.loads((tmp_path / 'out' / 'summary.json').read_text())['notes']


def test_nothing_to_process_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture,
                                    shared_data: Path) -> None:
    video = shared_data / 'video' / 'pedestrians.avi'
    assert cli.main(['run', str(video), '--output', str(tmp_path / 'out'), '--start', '1000']) == 2
    said = capsys.readouterr().err
    assert f'error: Expected at least one image of {video} to process, got none; see' in said


def test_options_of_bags_are_not_ignored_silently(tmp_path: Path) -> None:
    from ros2_occpose.recording.source import SourceOptions, open_source

    cv2.imwrite(str(tmp_path / '1.png'), np.zeros((48, 64, 3), np.uint8))
    plain = open_source(tmp_path, SourceOptions(hfov_deg=60, fps=10))
    assert not plain.notes
    noted = open_source(tmp_path, SourceOptions(hfov_deg=60, fps=10, pose_topic='/odom'))
    assert any('--pose-topic: only for bags' in note for note in noted.notes)
