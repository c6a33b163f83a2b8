"""Files of a run: readable with ROS tools, complete after every flush, strict JSON."""
from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from scene import Scene, crowd, static
from truth import humans_of_moment

from ros2_occpose.errors import InputError
from ros2_occpose.images import decode_compressed
from ros2_occpose.recording import mcap
from ros2_occpose.recording.mcap import McapWriter
from ros2_occpose.recording.messages import humans_from
from ros2_occpose.recording.poses_jsonl import PosesJsonl, read_jsonl
from ros2_occpose.recording.poses_mcap import TOPICS, PosesMcap

SECONDS, FPS = 4.0, 10
STRING = 'string data\n'


@pytest.fixture(scope='module')
def scene() -> Scene:
    return crowd(3, seconds=SECONDS, camera_path=static(), fps=FPS)


def contents(path: Path) -> Iterator[tuple[str, int, object]]:
    """(topic, stamp, message), with the types that the file itself describes."""
    with AnyReader([path]) as reader:
        for connection, stamp_ns, data in reader.messages():
            yield connection.topic, stamp_ns, reader.deserialize(data, connection.msgtype)


def write_scene(scene: Scene, path: Path) -> None:
    with PosesMcap(path) as out:
        for moment in scene:
            frame = moment.frame
            out.write(humans_of_moment(moment), frame.camera, frame.world_from_camera, frame.image)


def test_a_bag_reader_finds_everything(scene: Scene, tmp_path: Path) -> None:
    write_scene(scene, tmp_path / 'poses.mcap')
    messages = list(contents(tmp_path / 'poses.mcap'))
    frames = int(SECONDS * FPS)
    counts = {topic: sum(t == topic for t, _, _ in messages) for topic in TOPICS}
    assert counts.pop('/occpose/skeleton_model') == 1
    assert counts.pop('/occpose/meshes') == counts.pop('/occpose/mesh_model') == 0
    assert set(counts.values()) == {frames}
    for topic, stamp_ns, message in messages:
        if topic == '/occpose/humans':
            moment = scene.moment(round((stamp_ns - scene.stamps_ns[0]) / 1e9 * FPS))
            wanted, got = humans_of_moment(moment), humans_from(message)
            np.testing.assert_allclose(got.joints, wanted.joints)
        elif topic == '/tf':
            transform = message.transforms[0]
            assert (transform.header.frame_id, transform.child_frame_id) == ('map', 'camera')
            assert transform.transform.translation.z == pytest.approx(1.2)
        elif topic == '/occpose/overlay/compressed':
            assert decode_compressed(message.data).shape == (480, 640, 3)


def test_topics_say_how_they_were_published(scene: Scene, tmp_path: Path) -> None:
    write_scene(scene, tmp_path / 'poses.mcap')
    with Reader(tmp_path / 'poses.mcap') as reader:
        offered = {c.topic: c.ext.offered_qos_profiles[0] for c in reader.connections}
        assert reader.duration == pytest.approx((SECONDS - 1 / FPS) * 1e9, rel=1e-6)
    assert offered['/occpose/skeleton_model'].durability.name == 'TRANSIENT_LOCAL'
    assert offered['/occpose/humans'].durability.name == 'VOLATILE'
    assert {qos.reliability.name for qos in offered.values()} == {'RELIABLE'}


def test_the_file_is_complete_after_every_flush(tmp_path: Path) -> None:
    path = tmp_path / 'x.mcap'
    writer = McapWriter(path)
    assert list(contents(path)) == []
    channel = writer.add_channel('/a', 'std_msgs/msg/String', STRING)
    for second in range(5):
        writer.write(channel, second * mcap.FLUSH_NS, b'\0\1\0\0\2\0\0\0a\0')
        stamps = [stamp_ns for _, stamp_ns, _ in contents(path)]
        assert stamps == [s * mcap.FLUSH_NS for s in range(second + second % 2)]
    writer.close()
    writer.close()
    assert [m.data for _, _, m in contents(path)] == ['a'] * 5


def test_messages_before_zero_time_and_topics_without_messages(tmp_path: Path) -> None:
    with McapWriter(tmp_path / 'x.mcap') as writer:
        writer.add_channel('/empty', 'std_msgs/msg/String', STRING)
        writer.flush()
        channel = writer.add_channel('/a', 'std_msgs/msg/String', STRING, latched=True)
        writer.write(channel, 0, b'\0\1\0\0\2\0\0\0a\0')
    with Reader(tmp_path / 'x.mcap') as reader:
        assert {c.topic: c.msgcount for c in reader.connections} == {'/empty': 0, '/a': 1}


KILLED = """
import sys
from pathlib import Path
from scene import crowd, static
from truth import humans_of_moment
from ros2_occpose.recording.poses_jsonl import PosesJsonl
from ros2_occpose.recording.poses_mcap import PosesMcap
out = Path(sys.argv[1])
jsonl, bag = PosesJsonl(out / 'poses.jsonl'), PosesMcap(out / 'poses.mcap')
for moment in crowd(2, seconds=4.0, camera_path=static(), fps=10):
    humans = humans_of_moment(moment)
    jsonl.write(humans)
    bag.write(humans)
    print(humans.stamp_ns, flush=True)
sys.stdin.read()
"""


def test_a_killed_run_leaves_its_files(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, '-c', KILLED, str(tmp_path)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent,
        env={'PYTHONPATH': ':'.join(p for p in sys.path if p), 'OMP_NUM_THREADS': '1'})
    written = [int(process.stdout.readline()) for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [line['stamp_ns'] for line in read_jsonl(tmp_path / 'poses.jsonl')] == written
    in_bag = [stamp_ns for topic, stamp_ns, _ in contents(tmp_path / 'poses.mcap')
              if topic == '/occpose/humans']
    lost_ns = written[-1] - in_bag[-1]
    assert in_bag == written[:len(in_bag)]
    assert lost_ns <= mcap.FLUSH_NS


def test_a_line_cut_short_is_left_out(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / 'poses.jsonl'
    with PosesJsonl(path) as out:
        for t in range(3):
            out.write(humans_of_moment(scene.moment(t)))
    path.write_text(path.read_text()[:-20])
    assert len(list(read_jsonl(path))) == 2
    path.write_text('{"a": 1}\nnonsense\n{"a": 2}\n')
    with pytest.raises(InputError, match=r'line 2 .*nonsense'):
        list(read_jsonl(path))


def test_files_that_cannot_be_written_say_so(tmp_path: Path) -> None:
    for kind in (PosesMcap, PosesJsonl):
        with pytest.raises(InputError, match=r'Cannot write .*No such file'):
            kind(tmp_path / 'missing' / 'file')
    with pytest.raises(InputError, match=r'Cannot read .*No such file'):
        list(read_jsonl(tmp_path / 'missing.jsonl'))
