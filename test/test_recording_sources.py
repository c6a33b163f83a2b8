"""Videos, image folders and bags give frames with the right stamps, cameras and poses."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from scene import handheld, look

from ros2_occpose.errors import CameraError, InputError
from ros2_occpose.geometry import Camera, quat_wxyz_from_matrix
from ros2_occpose.recording.camera_file import load_camera, save_camera
from ros2_occpose.recording.messages import camera_info, header
from ros2_occpose.recording.source import SourceOptions, level_pose, open_source
from ros2_occpose.recording.typestore import make, serialise, typestore
from ros2_occpose.types import CameraPoseSource, Floats, Image

W, H, FPS, COUNT = 64, 48, 12.5, 10
CAMERA = Camera(W, H, np.array([[60.0, 0, 31], [0, 61, 25], [0, 0, 1]]), 'plumb_bob',
                np.array([-0.1, 0.02, 0.001, 0.0, 0.0]))
SECOND = 1_000_000_000


def picture(number: int) -> Image:
    """A plain image that tells its number by its brightness."""
    return np.full((H, W, 3), 20 * number + 10, np.uint8)


def number_of(image: Image) -> int:
    return round((float(image.mean()) - 10) / 20)


def write_video(path: Path, count: int = COUNT) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), FPS, (W, H))
    for number in range(count):
        writer.write(picture(number))
    writer.release()
    return path


def message_of(kind: str, number: int, stamp_ns: int, encoding: str = 'bgr8') -> object:
    head = header(make, stamp_ns, 'optical')
    if kind == 'raw':
        return make('sensor_msgs/Image', header=head, width=W, height=H, encoding=encoding,
                    step=3 * W, data=picture(number).reshape(-1))
    data = cv2.imencode('.png', picture(number))[1]
    return make('sensor_msgs/CompressedImage', header=head, format='png', data=data)


def pose_message(kind: str, stamp_ns: int, pose: Floats) -> object:
    w, x, y, z = quat_wxyz_from_matrix(pose[:3, :3]).tolist()
    px, py, pz = pose[:3, 3].tolist()
    plain = make('geometry_msgs/Pose', position=make('geometry_msgs/Point', x=px, y=py, z=pz),
                 orientation=make('geometry_msgs/Quaternion', x=x, y=y, z=z, w=w))
    head = header(make, stamp_ns, 'odom')
    if kind == 'pose':
        return make('geometry_msgs/PoseStamped', header=head, pose=plain)
    return make('nav_msgs/Odometry', header=head, child_frame_id='optical',
                pose=make('geometry_msgs/PoseWithCovariance', pose=plain))


class BagMaker:
    """Writes messages in the order of their stamps."""

    def __init__(self, path: Path, storage: StoragePlugin = StoragePlugin.SQLITE3) -> None:
        self.path, self._storage = path, storage
        self._rows: list[tuple[int, str, object]] = []

    def add(self, topic: str, stamp_ns: int, message: object) -> None:
        self._rows.append((stamp_ns, topic, message))

    def images(self, kind: str = 'raw', topic: str = '/cam/image', encoding: str = 'bgr8') -> None:
        for number in range(COUNT):
            stamp_ns = SECOND + round(number / FPS * SECOND)
            self.add(topic, stamp_ns, message_of(kind, number, stamp_ns, encoding))

    def write(self) -> Path:
        with Writer(self.path, version=9, storage_plugin=self._storage) as writer:
            connections = {}
            for stamp_ns, topic, message in sorted(self._rows, key=lambda row: row[0]):
                if topic not in connections:
                    connections[topic] = writer.add_connection(
                        topic, message.__msgtype__, typestore=typestore())
                writer.write(connections[topic], stamp_ns, serialise(message))
        return self.path


# --- videos and images ------------------------------------------------------------------------

def test_a_video_has_stamps_from_its_frame_rate(tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / 'v.avi'), SourceOptions(hfov_deg=90.0))
    frames = list(source)
    assert len(frames) == source.length == COUNT
    assert source.fps == FPS
    assert [f.stamp_ns for f in frames] == [round(i / FPS * 1e9) for i in range(COUNT)]
    assert [number_of(f.image) for f in frames] == list(range(COUNT))
    assert frames[0].camera.k[0, 0] == pytest.approx(W / 2)
    assert frames[0].world_from_camera is None
    assert source.notes == []
    assert [number_of(f.image) for f in source] == list(range(COUNT))       # once more


def test_an_uncalibrated_video_says_what_is_assumed(tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / 'v.avi'), SourceOptions())
    note, = source.notes
    assert '60 degrees' in note
    assert '--camera FILE' in note
    assert source.frame_id == source.camera_frame == 'camera'


def test_only_the_beginning(tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / 'v.avi'), SourceOptions(seconds=0.4))
    assert len(list(source)) == source.length == 5


def test_a_part_from_the_middle(tmp_path: Path) -> None:
    options = SourceOptions(start_s=0.24, seconds=0.4, hfov_deg=60.0)
    source = open_source(write_video(tmp_path / 'v.avi'), options)
    frames = list(source)
    assert [number_of(f.image) for f in frames] == [3, 4, 5, 6, 7]
    assert [f.stamp_ns for f in frames] == [round(i / FPS * 1e9) for i in range(3, 8)]
    assert source.length == 5


def test_a_static_camera_makes_a_world_with_z_up(tmp_path: Path) -> None:
    options = SourceOptions(camera_height_m=2.5, camera_pitch_deg=20.0)
    source = open_source(write_video(tmp_path / 'v.avi'), options)
    frame = next(iter(source))
    assert (source.frame_id, frame.camera_pose) == ('world', CameraPoseSource.STATIC)
    want = look(np.array([[0, 0, 2.5]]), np.zeros(1), np.radians([20.0]), np.zeros(1))[0]
    np.testing.assert_allclose(frame.world_from_camera, want, atol=1e-12)
    np.testing.assert_allclose(level_pose(1.0, 0.0)[:3, 2], [1, 0, 0], atol=1e-12)


def test_images_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (0, 1, 2, 10, 11):
        cv2.imwrite(str(tmp_path / f'frame{number}.png'), picture(number))
    (tmp_path / 'notes.txt').write_text('not an image')
    source = open_source(tmp_path, SourceOptions(fps=10.0))
    frames = list(source)
    assert [number_of(f.image) for f in frames] == [0, 1, 2, 10, 11]
    assert [f.stamp_ns for f in frames] == [i * SECOND // 10 for i in range(5)]
    assert any('30 images a second' in note for note in
               open_source(tmp_path, SourceOptions()).notes)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / '0.png'), picture(0))
    cv2.imwrite(str(tmp_path / '1.png'), picture(1)[:20])
    with pytest.raises(InputError, match=r'images of 64x48 throughout .* got 64x20 at number 1'):
        list(open_source(tmp_path, SourceOptions()))


def damaged_video(folder: Path) -> Path:
    path = write_video(folder / 'v.avi')
    path.write_bytes(path.read_bytes()[:200])
    return path


def nonsense(folder: Path) -> Path:
    (folder / 'v.mp4').write_bytes(b'no video at all' * 100)
    return folder / 'v.mp4'


def damaged_image(folder: Path) -> Path:
    (folder / '0.png').write_bytes(b'\x89PNG and no more')
    return folder


def damaged_bag(folder: Path) -> Path:
    (folder / 'x.mcap').write_bytes(b'\x89MCAP0\r\n' + bytes(50))
    return folder / 'x.mcap'


@pytest.mark.parametrize(('make_input', 'message'), [
    (lambda f: f / 'nothing.mp4', 'nothing.mp4, which does not exist'),
    (lambda f: f, 'got neither'),
    (nonsense, 'Expected a video that OpenCV can read, got .*v.mp4'),
    (damaged_video, 'without a single readable frame'),
    (damaged_image, 'Expected an image that OpenCV can read, got .*0.png'),
    (damaged_bag, 'Cannot read the bag .*x.mcap'),
])
def test_unreadable_input_is_refused(make_input: Callable[[Path], Path], message: str,
                                     tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        open_source(make_input(tmp_path), SourceOptions())


def test_a_video_cut_short_gives_what_is_there(tmp_path: Path,
                                               caplog: pytest.LogCaptureFixture) -> None:
    path = write_video(tmp_path / 'v.avi')
    path.write_bytes(path.read_bytes()[:-1800])
    frames = list(open_source(path, SourceOptions(hfov_deg=60.0)))
    assert 0 < len(frames) < COUNT
    assert f'ended after {len(frames)} of' in caplog.text


# --- calibrations -----------------------------------------------------------------------------

def test_calibration_files_come_back(tmp_path: Path) -> None:
    save_camera(tmp_path / 'camera.yaml', CAMERA)
    camera = load_camera(tmp_path / 'camera.yaml')
    np.testing.assert_allclose(camera.k, CAMERA.k)
    np.testing.assert_allclose(camera.d, CAMERA.d)
    frame = next(iter(open_source(write_video(tmp_path / 'v.avi'),
                                  SourceOptions(camera_file=tmp_path / 'camera.yaml'))))
    np.testing.assert_allclose(frame.camera.k, CAMERA.k)


def test_a_calibration_as_camera_calibration_writes_it(tmp_path: Path) -> None:
    path = tmp_path / 'ost.yaml'
    path.write_text("""image_width: 640
image_height: 480
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: [500.5, 0., 320., 0., 501.5, 240., 0., 0., 1.]
distortion_model: rational_polynomial
distortion_coefficients:
  rows: 1
  cols: 8
  data: [0.1, 0.2, 0., 0., 0.01, 0., 0., 0.]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1., 0., 0., 0., 1., 0., 0., 0., 1.]
""")
    camera = load_camera(path)
    assert (camera.size, camera.distortion_model) == ((640, 480), 'rational_polynomial')
    assert camera.k[1, 1] == 501.5


@pytest.mark.parametrize(('text', 'message'), [
    (None, 'Cannot read the calibration'),
    ('just words', 'got str'),
    ('image_width: 640\nimage_height: 480', "a problem with 'camera_matrix'"),
    ('image_width: 6\nimage_height: 4\ncamera_matrix: {data: [1, 2]}\n', 'reshape'),
    ('a: [1', 'Cannot read the calibration'),
    ('image_width: 6\nimage_height: 4\ncamera_matrix: {data: [0,0,0,0,0,0,0,0,0]}\n',
     'positive focal lengths'),
])
def test_bad_calibrations_are_refused(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / 'c.yaml').write_text(text)
    with pytest.raises(CameraError, match=message):
        load_camera(tmp_path / 'c.yaml')


def test_a_calibration_for_another_size_is_refused(tmp_path: Path) -> None:
    save_camera(tmp_path / 'c.yaml', Camera.from_hfov(640, 480, 60.0))
    with pytest.raises(CameraError, match='calibration for 64x48 images, got 640x480'):
        open_source(write_video(tmp_path / 'v.avi'),
                    SourceOptions(camera_file=tmp_path / 'c.yaml'))


# --- bags -------------------------------------------------------------------------------------

@pytest.mark.parametrize('storage', StoragePlugin)
@pytest.mark.parametrize('kind', ['raw', 'compressed'])
def test_a_bag_gives_images_with_their_camera(kind: str, storage: StoragePlugin,
                                              tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'bag', storage)
    bag.images(kind)
    for second in (1, 2):
        bag.add('/cam/camera_info', second * SECOND, camera_info(make, CAMERA, second, 'optical'))
    source = open_source(bag.write(), SourceOptions())
    frames = list(source)
    assert len(frames) == source.length == COUNT
    assert [number_of(f.image) for f in frames] == list(range(COUNT))
    assert [f.stamp_ns for f in frames] == [SECOND + round(i / FPS * SECOND)
                                            for i in range(COUNT)]
    assert source.frame_id == source.camera_frame == 'optical'
    assert source.notes == []
    for frame in frames:
        np.testing.assert_allclose(frame.camera.d, CAMERA.d)


@pytest.mark.parametrize('kind', ['pose', 'odometry'])
def test_a_moving_camera_is_placed_between_its_poses(kind: str, tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'bag')
    bag.images()
    path = handheld(seed=3, metres=0.3)
    for tick in range(1, 30):       # 20 Hz from 0.97 s on, ends before the last image
        stamp_ns = SECOND + round(tick * 0.05 * SECOND) - SECOND // 33
        if stamp_ns > SECOND + round((COUNT - 1.5) / FPS * SECOND):
            break
        bag.add('/camera_pose', stamp_ns,
                pose_message(kind, stamp_ns, path(np.array([stamp_ns / 1e9]))[0]))
    bag.add('/camera_pose', SECOND // 2 + SECOND // 4, pose_message(
        kind, SECOND // 2 + SECOND // 4, path(np.array([0.75]))[0]))
    source = open_source(bag.write(), SourceOptions(pose_topic='/camera_pose', hfov_deg=60.0))
    frames = list(source)
    assert source.frame_id == 'odom'
    assert len(frames) == COUNT - 1                          # the last image has no pose after it
    wanted = CameraPoseSource.POSE if kind == 'pose' else CameraPoseSource.ODOMETRY
    for frame in frames[1:]:
        assert frame.camera_pose is wanted
        truth = path(np.array([frame.stamp_ns / 1e9]))[0]
        np.testing.assert_allclose(frame.world_from_camera, truth, atol=0.03)


def test_images_without_a_pose_are_counted(tmp_path: Path,
                                           caplog: pytest.LogCaptureFixture) -> None:
    bag = BagMaker(tmp_path / 'bag')
    bag.images()
    for stamp_ns in (9 * SECOND // 10, 11 * SECOND // 10):
        bag.add('/p', stamp_ns, pose_message('pose', stamp_ns, np.eye(4)))
    frames = list(open_source(bag.write(), SourceOptions(pose_topic='/p', hfov_deg=60.0)))
    assert len(frames) == 2
    assert f'{COUNT - 2} images of bag had no camera pose on /p' in caplog.text


def test_several_image_topics_need_a_choice(tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'bag')
    bag.images(topic='/left/image')
    bag.images(topic='/right/image')
    path = bag.write()
    with pytest.raises(InputError, match=r'/left/image, /right/image; choose with --image-topic'):
        open_source(path, SourceOptions())
    with pytest.raises(InputError, match=r'Expected /up among .* got /left/image, /right/image'):
        open_source(path, SourceOptions(image_topic='/up'))
    assert len(list(open_source(path, SourceOptions(image_topic='/right/image')))) == COUNT


def test_a_raw_topic_is_preferred_to_its_compressed_twin(tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'bag')
    bag.images('compressed', '/cam/image/compressed')
    bag.images('raw', '/cam/image')
    assert len(list(open_source(bag.write(), SourceOptions()))) == COUNT


def test_the_beginning_of_a_bag(tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'bag')
    bag.images()
    assert len(list(open_source(bag.write(), SourceOptions(seconds=0.4)))) == 5


def test_bad_images_and_cameras_in_bags_are_refused(tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'a')
    bag.images(encoding='16SC7')
    with pytest.raises(InputError, match=r"/cam/image in .*Unknown image encoding '16SC7'"):
        open_source(bag.write(), SourceOptions())
    bag = BagMaker(tmp_path / 'b')
    bag.images()
    bag.add('/cam/camera_info', SECOND, make('sensor_msgs/CameraInfo', width=W, height=H))
    with pytest.raises(CameraError, match='K is zero'):
        open_source(bag.write(), SourceOptions())
    bag = BagMaker(tmp_path / 'c')
    bag.add('/text', SECOND, make('std_msgs/String', data='x'))
    with pytest.raises(InputError, match='Expected one topic with sensor_msgs/msg/Image'):
        open_source(bag.write(), SourceOptions())


def test_a_bag_without_stamps_uses_the_time_of_recording(tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'bag')
    for number in range(3):
        bag.add('/image', (5 + number) * SECOND, message_of('raw', number, 0))
    frames = list(open_source(bag.write(), SourceOptions(hfov_deg=60.0)))
    assert [f.stamp_ns for f in frames] == [5 * SECOND, 6 * SECOND, 7 * SECOND]
