"""Fallback and standard part, on the same input, where the part is installed."""
import threading
from array import array
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tf_double
from geometry_msgs.msg import Transform, TransformStamped
from parts import part, without
from pictures import DEEP, EXACT, GREY, LOSSY, H, W, deepened, rows
from rclpy.time import Time
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import Image

from ros2_occpose.camera_path import CameraPath
from ros2_occpose.errors import InputError
from ros2_occpose.geometry import Floats, se3
from ros2_occpose.images import decode_image
from ros2_occpose.ros import pairing
from ros2_occpose.ros.conversions import header, pose_message, se3_from
from ros2_occpose.ros.decoding import load_decoder

# --- cv_bridge --------------------------------------------------------------------------------

SHALLOW = {**EXACT, **LOSSY, 'mono8': GREY, '8UC1': GREY}
SIXTEEN = {**DEEP, 'mono16': GREY, '16UC1': GREY}
UNKNOWN = {'uyvy', 'yuyv', 'nv12', 'nv21'}      # to cv_bridge, as are the colours of 8UC3 and such


def image_of(encoding: str, pixels: np.ndarray, padding: int = 0) -> Image:
    step, data = rows(pixels, padding)
    return Image(height=H, width=W, encoding=encoding, step=step, data=array('B', data),
                 is_bigendian=pixels.dtype.byteorder == '>')


def pictures() -> list[Any]:
    found = [pytest.param(e, p, id=e) for e, p in SHALLOW.items()]
    for order in ('little', 'big'):
        found += [pytest.param(e, deepened(p, order == 'big'), id=f'{e}-{order}')
                  for e, p in SIXTEEN.items()]
    return found


@pytest.fixture
def cv_bridge() -> Any:
    """An instance of the real one."""
    module = part('cv_bridge')
    name, _ = load_decoder()
    if name != 'cv_bridge':
        without(f'needs a cv_bridge that works: {name}')
    return module.CvBridge()


@pytest.mark.parametrize(('encoding', 'pixels'), pictures())
def test_images_have_the_pixels_of_cv_bridge(cv_bridge: Any, encoding: str,
                                             pixels: np.ndarray) -> None:
    message = image_of(encoding, pixels)
    ours = decode_image(encoding, W, H, message.step, message.data,
                        bigendian=bool(message.is_bigendian))
    assert ours.shape == (H, W, 3)
    if 'C' in encoding or encoding in UNKNOWN or message.is_bigendian:
        return                       # cv_bridge may refuse it: only what is decoded counts, below
    theirs = cv_bridge.imgmsg_to_cv2(message, 'bgr8')
    # Of 16 bits we keep the upper 8, cv_bridge scales by 255 / 65535 and rounds.
    np.testing.assert_allclose(ours.astype(int), theirs, atol=1 if encoding in SIXTEEN else 0)


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize(('encoding', 'pixels'), pictures())
def test_with_cv_bridge_every_image_is_decoded(cv_bridge: Any, encoding: str, pixels: np.ndarray,
                                               padding: int) -> None:
    """It refuses some encodings, dies of others, and shears rows with padding without a word."""
    message = image_of(encoding, pixels, padding)
    ours = decode_image(encoding, W, H, message.step, message.data,
                        bigendian=bool(message.is_bigendian))
    decoded = load_decoder()[1](message)
    np.testing.assert_allclose(decoded.astype(int), ours, atol=1 if encoding in SIXTEEN else 0)


# --- message_filters --------------------------------------------------------------------------

class Source:
    """What a synchronizer listens to, without a node."""

    def __init__(self) -> None:
        self.callbacks: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    def registerCallback(self, callback: Callable[..., None],  # noqa: N802, their name
                         *arguments: Any) -> int:
        self.callbacks.append((callback, arguments))
        return len(self.callbacks)

    def send(self, message: Any) -> None:
        for callback, arguments in self.callbacks:
            callback(message, *arguments)


def paired(synchronizer: type, sources: int, queue: int,
           arrivals: Sequence[tuple[int, int, int]]) -> list[tuple[int, ...]]:
    """(source, stamp, number) in the order of arrival -> numbers of the sets."""
    filters, sets = [Source() for _ in range(sources)], []
    pairs = synchronizer(filters, queue)
    pairs.registerCallback(lambda *messages: sets.append(tuple(m.number for m in messages)))
    for source, stamp, number in arrivals:
        filters[source].send(SimpleNamespace(header=header(stamp, ''), number=number))
    assert len(pairs.queues) == sources                      # the node looks into them
    assert all(isinstance(stamp, int) for waiting in pairs.queues for stamp in waiting)
    return sets


@pytest.mark.parametrize('sources', [2, 3])
@pytest.mark.parametrize('queue', [1, 3, 15])
def test_pairs_are_those_of_message_filters(rng: np.random.Generator, sources: int,
                                            queue: int) -> None:
    real, sets = part('message_filters').TimeSynchronizer, 0
    for _ in range(50):
        events = [(t + rng.exponential(2.0), source, t) for t in range(60)
                  for source in range(sources) if rng.random() < 0.9]      # late, swapped, lost
        again = rng.integers(0, 60)                                        # time goes back
        events += [(e + 100.0, source, t) for e, source, t in events if t >= again]
        arrivals = [(source, t * 33_000_000, number)
                    for number, (_, source, t) in enumerate(sorted(events))]
        expected = paired(real, sources, queue, arrivals)
        assert paired(pairing.TimeSynchronizer, sources, queue, arrivals) == expected
        sets += len(expected)
    assert sets > 50


def test_the_real_subscriber_has_what_the_node_uses() -> None:
    subscriber = part('message_filters').Subscriber
    made = SimpleNamespace(topic_name='/image')
    node = SimpleNamespace(create_subscription=lambda *a, **options: made)
    assert subscriber(node, Image, 'image', qos_profile=1, event_callbacks=None,
                      qos_overriding_options=None).sub is made
    assert pairing.Subscriber(node, Image, 'image', qos_profile=1, event_callbacks=None,
                              qos_overriding_options=None).sub is made


# --- tf2_ros ----------------------------------------------------------------------------------

STEP_NS = 50_000_000


def wander(rng: np.random.Generator, count: int) -> Floats:
    """Poses of a robot that drives and turns, (count, 4, 4)."""
    turns = np.cumsum(rng.normal(0, 0.1, (count, 3)), 0)
    way = np.cumsum(rng.normal(0, 0.05, (count, 3)), 0)
    return np.stack([se3(Rotation.from_rotvec(turn).as_matrix(), at)
                     for turn, at in zip(turns, way)])


def edge(stamp_ns: int, parent: str, child: str, pose: Floats) -> TransformStamped:
    message = pose_message(pose)
    transform = Transform(rotation=message.orientation)
    for axis in 'xyz':
        setattr(transform.translation, axis, getattr(message.position, axis))
    return TransformStamped(header=header(stamp_ns, parent), child_frame_id=child,
                            transform=transform)


def looked_up(tf2: Any, buffer: Any, stamp_ns: int) -> Floats | None:
    """The pose of the camera in `odom`, (4, 4); None where tf2 refuses."""
    try:
        found = buffer.lookup_transform('odom', 'camera', Time(nanoseconds=stamp_ns)).transform
    except tf2.TransformException:
        return None
    return se3_from(found.translation, found.rotation)


def test_poses_between_poses_are_those_of_tf2(rng: np.random.Generator) -> None:
    tf2 = part('tf2_ros')
    buffer, path = tf2.Buffer(), CameraPath()
    poses, stamps = wander(rng, 40), 1_000_000_000 + STEP_NS * np.arange(40)
    for stamp, pose in zip(stamps.tolist(), poses):
        buffer.set_transform(edge(stamp, 'odom', 'camera', pose), 'test')
        path.add(stamp, pose)
    asked = rng.integers(stamps[0] - 2 * STEP_NS, stamps[-1] + 2 * STEP_NS, 300).tolist()
    known = 0
    for stamp in [*asked, *stamps.tolist()]:
        theirs = looked_up(tf2, buffer, stamp)
        if theirs is None:
            with pytest.raises(InputError):
                path.at(stamp)
            continue
        known += 1
        np.testing.assert_allclose(path.at(stamp), theirs, atol=1e-9)
    assert 250 < known < 340


def test_the_double_answers_as_tf2_does(rng: np.random.Generator) -> None:
    """So that what the node does with tf2 is known where there is only the double."""
    real, double = part('tf2_ros'), tf_double
    buffers = [(real, real.Buffer()), (double, double.Buffer())]
    poses, mount = wander(rng, 500), wander(rng, 1)[0]
    known = refused = 0
    for i, pose in enumerate(poses):
        stamp, lost = 20_000_000_000 + i * STEP_NS, rng.random() < 0.1
        for _, buffer in buffers:
            if i == 3:
                buffer.set_transform_static(edge(0, 'base', 'camera', mount), 'test')
            if i == 450:
                buffer.clear()
            if not lost:
                buffer.set_transform(edge(stamp, 'odom', 'base', pose), 'test')
        for asked in rng.integers(stamp - 11_000_000_000, stamp + 2 * STEP_NS, 4).tolist():
            theirs, ours = (looked_up(tf2, buffer, asked) for tf2, buffer in buffers)
            assert (theirs is None) == (ours is None), (i, (asked - stamp) / 1e9)
            if theirs is None:
                refused += 1
            else:
                known += 1
                np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert min(known, refused) > 200


def test_tf2_calls_back_on_the_thread_that_spins() -> None:
    """The queue of images counts on it: it is not locked."""
    tf2, threads = part('tf2_ros'), []

    class Heard(tf2.Buffer):
        def set_transform(self, *arguments: Any) -> None:
            super().set_transform(*arguments)
            threads.append(threading.current_thread())

    buffer = Heard()
    callbacks: dict[str, Callable[[Any], None]] = {}
    node = SimpleNamespace(
        create_subscription=lambda kind, topic, callback, *a, **k: callbacks.update(
            {topic: callback}),
        destroy_subscription=lambda subscription: None)
    tf2.TransformListener(buffer, node)
    message = SimpleNamespace(transforms=[edge(1, 'odom', 'camera', np.eye(4))])
    callbacks['/tf'](message)
    assert threads == [threading.current_thread()]
