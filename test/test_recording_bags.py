"""Bags as robots leave them: poses in the transform tree, a start in the middle, cut short."""
from __future__ import annotations

import logging
import shutil
import sqlite3
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import CompressionMode, StoragePlugin, Writer
from scene import handheld
from scipy.spatial.transform import Rotation
from test_recording_sources import (
    CAMERA,
    COUNT,
    FPS,
    SECOND,
    BagMaker,
    message_of,
    number_of,
    pose_message,
)

from ros2_occpose.errors import InputError
from ros2_occpose.geometry import invert, quat_wxyz_from_matrix, se3
from ros2_occpose.recording.bag import BagSource, open_bag
from ros2_occpose.recording.bag_order import Shot
from ros2_occpose.recording.mcap import McapWriter
from ros2_occpose.recording.messages import camera_info, header
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.recording.transform_tree import TransformTree
from ros2_occpose.recording.typestore import make, serialise, typestore
from ros2_occpose.types import CameraPoseSource, Floats

MOUNT = se3(Rotation.from_euler('xyz', [0.1, -0.3, 0.2]).as_matrix(), np.array([0.2, 0.1, 0.6]))
SHIFT = se3(Rotation.from_euler('z', 0.4).as_matrix(), np.array([3.0, -1.0, 0.0]))


def transforms(edges: list[tuple[int, str, str, Floats]]) -> object:
    """A TFMessage of (stamp, parent, child, pose)."""
    found = []
    for stamp_ns, parent, child, pose in edges:
        w, x, y, z = quat_wxyz_from_matrix(pose[:3, :3]).tolist()
        px, py, pz = pose[:3, 3].tolist()
        found.append(make(
            'geometry_msgs/TransformStamped', header=header(make, stamp_ns, parent),
            child_frame_id=child, transform=make(
                'geometry_msgs/Transform',
                translation=make('geometry_msgs/Vector3', x=px, y=py, z=pz),
                rotation=make('geometry_msgs/Quaternion', x=x, y=y, z=z, w=w))))
    return make('tf2_msgs/TFMessage', transforms=found)


def robot_bag(path: Path, storage: StoragePlugin = StoragePlugin.SQLITE3) -> tuple[Path, object]:
    """From odom to base at 50 Hz, base to optical latched at the start, map to odom at 2 Hz."""
    bag, way = BagMaker(path, storage), handheld(seed=4, metres=0.5)
    bag.images()
    bag.add('/tf_static', SECOND // 2, transforms([(0, 'base', 'optical', MOUNT)]))
    for tick in range(-5, 100):
        stamp_ns = SECOND + tick * SECOND // 50
        body = way(np.array([stamp_ns / 1e9]))[0] @ invert(MOUNT)
        bag.add('/tf', stamp_ns + SECOND // 100, transforms([(stamp_ns, 'odom', 'base', body)]))
        bag.add('/odom', stamp_ns, pose_message('odometry', stamp_ns, body))
    for tick in range(-1, 5):
        stamp_ns = SECOND + tick * SECOND // 2
        bag.add('/tf', stamp_ns, transforms([(stamp_ns, 'map', 'odom', SHIFT)]))
    return bag.write(), way


# --- the pose of the camera ---------------------------------------------------------------------

def test_the_transform_tree_places_the_camera(tmp_path: Path) -> None:
    path, way = robot_bag(tmp_path / 'bag')
    odom = list(open_source(path, SourceOptions(pose_topic='/tf', hfov_deg=60.0)))
    source = open_source(path, SourceOptions(pose_topic='/tf', hfov_deg=60.0, world_frame='map'))
    in_map = list(source)
    assert source.frame_id == 'map'
    assert len(odom) == len(in_map) == COUNT
    for frame, same in zip(odom, in_map, strict=True):
        assert frame.camera_pose is CameraPoseSource.TF
        truth = way(np.array([frame.stamp_ns / 1e9]))[0]
        np.testing.assert_allclose(frame.world_from_camera, truth, atol=0.01)
        np.testing.assert_allclose(same.world_from_camera, SHIFT @ frame.world_from_camera,
                                   atol=1e-12)


def test_odometry_of_the_body_and_a_mount_say_the_same_as_the_tree(tmp_path: Path) -> None:
    path, _ = robot_bag(tmp_path / 'bag')
    turn = Rotation.from_matrix(MOUNT[:3, :3]).as_quat()
    mount = (*MOUNT[:3, 3].tolist(), *turn.tolist())
    tree = list(open_source(path, SourceOptions(pose_topic='/tf', hfov_deg=60.0)))
    topic = list(open_source(path, SourceOptions(pose_topic='/odom', camera_mount=mount,
                                                 hfov_deg=60.0)))
    for one, other in zip(tree, topic, strict=True):
        np.testing.assert_allclose(one.world_from_camera, other.world_from_camera, atol=1e-9)


def test_frames_that_nothing_connects_lose_their_images_loudly(
        tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, _ = robot_bag(tmp_path / 'bag')
    options = SourceOptions(pose_topic='/tf', world_frame='moon', hfov_deg=60.0)
    assert not list(open_source(path, options))
    assert f'{COUNT} images of bag had no camera pose on /tf' in caplog.text
    tree = TransformTree()
    tree.add('odom', 'base', 0, np.eye(4))
    with pytest.raises(InputError, match=r"from 'base' to 'moon', got none .* but of base, odom"):
        tree.at('moon', 'base', 0)


def test_a_tree_looks_both_ways_and_survives_a_circle() -> None:
    tree = TransformTree()
    tree.add('root', 'left', 0, SHIFT)
    tree.add_static('root', 'right', MOUNT)
    np.testing.assert_allclose(tree.at('right', 'left', 0), invert(MOUNT) @ SHIFT, atol=1e-12)
    np.testing.assert_allclose(tree.at('left', 'left', 5), np.eye(4), atol=1e-12)
    assert tree.reaches('right', 'left', 0)
    assert not tree.reaches('right', 'left', 1)
    assert not tree.reaches('right', 'nowhere', 0)
    tree.add('left', 'root', 0, SHIFT)
    assert not tree.reaches('nowhere', 'left', 0)


# --- the order of messages ----------------------------------------------------------------------

def test_an_image_has_the_camera_info_of_its_stamp_also_if_it_comes_later(tmp_path: Path) -> None:
    """A camera that zooms: the focal length tells the number of the image."""
    bag = BagMaker(tmp_path / 'bag')
    for number in range(COUNT):
        stamp_ns = SECOND + number * SECOND // 10
        bag.add('/cam/image', stamp_ns, message_of('raw', number, stamp_ns))
        info = camera_info(make, CAMERA, stamp_ns, 'optical')
        info.k = CAMERA.k.ravel().copy()
        info.k[0] = info.k[4] = 50 + number
        bag.add('/cam/camera_info', stamp_ns + SECOND // 50, info)
    frames = list(open_source(bag.write(), SourceOptions()))
    assert [frame.camera.k[0, 0] for frame in frames] == [50 + i for i in range(COUNT)]


def test_the_same_camera_is_the_same_object(tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'bag')
    bag.images()
    for number in range(COUNT):
        stamp_ns = SECOND + round(number / FPS * SECOND)
        bag.add('/cam/camera_info', stamp_ns, camera_info(make, CAMERA, stamp_ns, 'optical'))
    assert len({id(frame.camera) for frame in open_source(bag.write(), SourceOptions())}) == 1


def test_rectified_images_use_p(tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'bag')
    bag.images()
    info = camera_info(make, CAMERA, SECOND, 'optical')
    info.p[0] = 55.0                    # its own array, unlike k
    bag.add('/cam/camera_info', SECOND, info)
    frame = next(iter(open_source(bag.write(), SourceOptions(rectified=True))))
    assert frame.camera.k[0, 0] == 55
    assert not frame.camera.d.any()


def test_a_start_in_the_middle_knows_poses_and_camera_from_before(tmp_path: Path) -> None:
    path, _ = robot_bag(tmp_path / 'bag')
    whole = list(open_source(path, SourceOptions(pose_topic='/tf', hfov_deg=60.0)))
    options = SourceOptions(pose_topic='/tf', hfov_deg=60.0, start_s=0.8, seconds=0.4)
    part = list(open_source(path, options))
    # The bag begins with /tf_static, half a second before the first image.
    wanted = [f for f in whole if 0.8 <= f.stamp_ns / SECOND - 0.5 < 1.2]
    assert [f.stamp_ns for f in part] == [f.stamp_ns for f in wanted]
    for one, other in zip(part, wanted, strict=True):
        np.testing.assert_array_equal(one.world_from_camera, other.world_from_camera)


def test_everything_is_handed_on_once(tmp_path: Path) -> None:
    """What the player sends: all transforms, static ones first, and every image."""
    path, _ = robot_bag(tmp_path / 'bag')
    source = open_source(path, SourceOptions(hfov_deg=60.0))
    assert isinstance(source, BagSource)
    assert set(source.topics.others) == {'/tf', '/tf_static'}
    items = list(source.shots(*source.topics.others))
    topics = ['shot' if isinstance(item, Shot) else item.topic for item in items]
    assert topics[0] == '/tf_static'
    assert (topics.count('shot'), topics.count('/tf'), topics.count('/tf_static')) == (
        COUNT, 111, 1)


def test_an_image_that_cannot_be_decoded_is_left_out(tmp_path: Path,
                                                     caplog: pytest.LogCaptureFixture) -> None:
    bag = BagMaker(tmp_path / 'bag')
    bag.images('compressed')
    for stamp_ns, _, message in bag._rows[3:5]:
        message.data = np.frombuffer(b'no picture', np.uint8)
        assert stamp_ns
    frames = list(open_source(bag.write(), SourceOptions(hfov_deg=60.0)))
    assert [number_of(f.image) for f in frames] == [0, 1, 2, 5, 6, 7, 8, 9]
    assert '2 images of bag could not be decoded' in caplog.text


# --- bags that are cut short --------------------------------------------------------------------

def long_bag(folder: Path, storage: StoragePlugin, compression: str = '') -> Path:
    """A few hundred images of 9 KB with camera_info."""
    with Writer(folder, version=9, storage_plugin=storage) as writer:
        if compression:
            writer.set_compression(CompressionMode.STORAGE, compression)   # of chunks
        connections = {
            topic: writer.add_connection(topic, kind, typestore=typestore())
            for topic, kind in (('/cam/image', 'sensor_msgs/msg/Image'),
                                ('/cam/camera_info', 'sensor_msgs/msg/CameraInfo'))}
        for number in range(300):
            stamp_ns = SECOND + number * SECOND // 30
            image = message_of('raw', number % 10, stamp_ns)
            writer.write(connections['/cam/image'], stamp_ns, serialise(image))
            info = camera_info(make, CAMERA, stamp_ns, 'optical')
            writer.write(connections['/cam/camera_info'], stamp_ns, serialise(info))
    return folder


def storage_file(folder: Path) -> Path:
    file, = (p for p in folder.iterdir() if p.suffix != '.yaml')
    return file


@pytest.mark.parametrize('storage', StoragePlugin)
@pytest.mark.parametrize('share', [0.9, 0.5, 0.2])
@pytest.mark.parametrize('metadata', [True, False])
def test_a_bag_cut_short_is_read_as_far_as_it_goes(
        storage: StoragePlugin, share: float, metadata: bool, tmp_path: Path) -> None:
    path = long_bag(tmp_path / 'bag', storage)
    whole = [frame.stamp_ns for frame in open_source(path, SourceOptions())]
    file = storage_file(path)
    data = file.read_bytes()
    file.write_bytes(data[:int(len(data) * share)])
    if not metadata:
        (path / 'metadata.yaml').unlink()
    source = open_source(path, SourceOptions())
    note, = source.notes
    assert f'{file.name} ' in note
    assert 'What comes before is read.' in note
    stamps = [frame.stamp_ns for frame in source]
    assert stamps == whole[:len(stamps)]
    assert share - 0.03 < len(stamps) / len(whole) <= share
    assert 0 <= source.length - len(stamps) <= 1        # the last row may have lost its image
    alone = open_source(shutil.move(file, tmp_path / file.name), SourceOptions())
    assert [frame.stamp_ns for frame in alone] == stamps


@pytest.mark.parametrize('storage', StoragePlugin)
def test_a_recorder_that_was_killed_leaves_no_metadata(storage: StoragePlugin,
                                                       tmp_path: Path) -> None:
    path = long_bag(tmp_path / 'bag', storage)
    (path / 'metadata.yaml').unlink()
    source = open_source(path, SourceOptions(start_s=5.0, seconds=2.0))
    assert 'metadata.yaml is missing' in source.notes[0]
    assert len(list(source)) == 60


@pytest.mark.parametrize('storage', StoragePlugin)
def test_of_several_files_only_the_last_is_damaged(storage: StoragePlugin,
                                                   tmp_path: Path) -> None:
    """Bags may be split: the files before the crash are whole."""
    folder = tmp_path / 'bag'
    folder.mkdir()
    for part in range(11):
        file = storage_file(long_bag(tmp_path / f'part{part}', storage))
        shutil.move(file, folder / f'bag_{part}{file.suffix}')
    last = folder / f'bag_10{file.suffix}'
    last.write_bytes(last.read_bytes()[:last.stat().st_size // 2])
    source = open_source(folder, SourceOptions())
    assert 'bag_10' in source.notes[0]
    assert 10.3 < len(list(source)) / 300 < 10.55


def test_rows_in_the_journal_are_read(tmp_path: Path) -> None:
    """SQLite in the mode that survives power failures: what is new lies in a file beside it."""
    path = long_bag(tmp_path / 'bag', StoragePlugin.SQLITE3)
    file = storage_file(path)
    base = sqlite3.connect(file)
    base.execute('PRAGMA journal_mode = WAL')
    base.execute('PRAGMA wal_autocheckpoint = 0')
    topic, = base.execute("SELECT id FROM topics WHERE name = '/cam/image'").fetchone()
    stamp_ns = 20 * SECOND
    base.execute('INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)',
                 (topic, stamp_ns, serialise(message_of('raw', 4, stamp_ns))))
    base.commit()
    crashed = tmp_path / 'crashed'
    shutil.copytree(path, crashed)          # the writer still has it open: nothing is merged
    base.close()
    assert (crashed / f'{file.name}-wal').stat().st_size
    frames = list(open_source(crashed, SourceOptions()))
    assert len(frames) == 301
    assert frames[-1].stamp_ns == stamp_ns


@pytest.mark.parametrize('storage', StoragePlugin)
def test_nothing_left_is_said(storage: StoragePlugin, tmp_path: Path) -> None:
    path = long_bag(tmp_path / 'bag', storage)
    file = storage_file(path)
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(InputError, match=r'Cannot read the bag .*bag: it is damaged before its'):
        open_source(path, SourceOptions())


@pytest.mark.parametrize('compression', ['lz4', 'zstd'])
def test_packed_chunks_of_a_cut_file_are_read(compression: str, tmp_path: Path) -> None:
    path = tmp_path / 'x.mcap'
    whole = packed(compression, 40)
    path.write_bytes(whole[:-60])
    frames = list(open_source(path, SourceOptions(hfov_deg=60.0)))
    numbers = [number_of(f.image) for f in frames]
    assert numbers[:30] == [i % 10 for i in range(30)]
    assert numbers[30:] == sorted(numbers[30:])          # of the chunk that is cut, what is there


def packed(compression: str, count: int) -> bytes:
    """An MCAP file with chunks of ten packed images, without indexes, in reverse order inside."""
    import struct

    from rosbags.rosbag2 import storage_mcap

    from ros2_occpose.recording.mcap import _map, _record, _string
    if compression == 'lz4':
        from lz4.frame import compress
    else:
        compress = storage_mcap.zstd.compress
    text, _ = typestore().generate_msgdef('sensor_msgs/msg/Image', ros_version=2)
    topics = _record(3, struct.pack('<H', 1) + _string('sensor_msgs/msg/Image')
                     + _string('ros2msg') + _string(text))
    topics += _record(4, struct.pack('<HH', 1, 1) + _string('/image') + _string('cdr') + _map({}))
    data = b'\x89MCAP0\r\n' + _record(1, _string('ros2') + _string('test'))
    for first in range(0, count, 10):
        inside = topics if not first else b''
        stamps = [SECOND + number * SECOND // 10 for number in range(first, first + 10)]
        for number, stamp_ns in reversed(list(enumerate(stamps, first))):
            image = serialise(message_of('raw', number % 10, stamp_ns))
            inside += _record(5, struct.pack('<HIQQ', 1, number, stamp_ns, stamp_ns) + image)
        small = compress(inside)
        data += _record(6, struct.pack('<QQQI', stamps[0], stamps[-1], len(inside), 0)
                        + _string(compression) + struct.pack('<Q', len(small)) + small)
    return data


def test_our_own_file_is_readable_wherever_its_writer_was_killed(tmp_path: Path) -> None:
    """Also in the middle of a write, which leaves the beginning of the new and the old end."""
    text, _ = typestore().generate_msgdef('std_msgs/msg/String', ros_version=2)
    states: list[bytes] = []
    with McapWriter(tmp_path / 'x.mcap') as writer:
        channel = writer.add_channel('/words', 'std_msgs/msg/String', text)
        for number in range(40):
            word = make('std_msgs/String', data=f'{number:04d}' * 20)
            writer.write(channel, number * SECOND // 10, serialise(word))
            if (tmp_path / 'x.mcap').stat().st_size != len(states[-1] if states else b''):
                states.append((tmp_path / 'x.mcap').read_bytes())
    states.append((tmp_path / 'x.mcap').read_bytes())
    assert len(states) >= 4
    for old, new in pairwise(states):
        least, most = (len(words(tmp_path, state)) for state in (old, new))
        assert least < most
        for at in range(0, len(new), 397):
            kept = words(tmp_path, new[:at] + old[at:])
            assert kept == [f'{number:04d}' * 20 for number in range(len(kept))]
            assert least <= len(kept) <= most
            if at > len(old):
                cut = words(tmp_path, new[:at])
                assert least <= len(cut) <= most


def words(folder: Path, data: bytes) -> list[str]:
    path = folder / 'killed.mcap'
    path.write_bytes(data)
    try:
        with open_bag(path) as reader:
            return [reader.deserialize(raw, c.msgtype).data for c, _, raw in reader.messages()]
    except InputError:              # nothing in it yet
        return []


def test_a_note_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = long_bag(tmp_path / 'bag', StoragePlugin.MCAP)
    (path / 'metadata.yaml').unlink()
    with caplog.at_level(logging.WARNING):
        source = open_source(path, SourceOptions())
        assert len(list(source)) == 300
    assert len(source.notes) == 1
    assert not caplog.messages
