"""What arrives: images, each with its CameraInfo and, if wanted, the people found by others."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, TypeAlias

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from ros2_occpose.msg import Person2DArray

from ..camera_info import info_size
from ..config import NodeConfig
from ..geometry import Floats
from . import filters
from .conversions import stamp_of
from .health import Faults
from .missed import Missed
from .qos import misfits, overridable

AnyImage: TypeAlias = Image | CompressedImage
PATIENCE = 2            # images without a CameraInfo of their stamp before the latest one will do
INFO_QUEUE = 3          # images that wait for their CameraInfo
ENOUGH, LEAST_SHARE = 10, 0.5      # CameraInfos in a check, images for each that must come
PEOPLE_QUEUE = 15       # images that wait for the people found in them
USE_PROFILE = ('let the publisher use config/fastdds.xml (FASTRTPS_DEFAULT_PROFILES_FILE); see '
               'docs/troubleshooting.md.')


@dataclass(frozen=True)
class Question:
    """One image and what came with it; or, without images, people and what came with them."""

    image: AnyImage | None
    info: CameraInfo | None = None               # of exactly the image's stamp
    people: Person2DArray | None = None          # of exactly the image's stamp
    world_from_camera: Floats | None = None      # (4, 4) at the image's stamp

    @property
    def stamp_ns(self) -> int:
        """When the image was taken."""
        return stamp_of(self._message)

    @property
    def frame_id(self) -> str:
        """Optical frame of the camera."""
        return str(self._message.header.frame_id)

    @property
    def _message(self) -> AnyImage | Person2DArray | None:
        return self.people if self.image is None else self.image


class Inputs:
    """Subscriptions of the node; hands over each image once it is complete.

    An image is complete with the CameraInfo of its stamp. Sources that send CameraInfo rarely or
    with other stamps are recognised after a few images: then the latest of the right size is
    taken. With `people_2d`, only images that somebody found people in are handed over. Without
    images, `people_2d` takes their place.
    """

    def __init__(self, node: Node, config: NodeConfig, deliver: Callable[[Question], None],
                 faults: Faults) -> None:
        self.received = self._infos_received = 0
        self.dropped = 0                         # images that were overtaken before complete
        self._missed = Missed(node)
        self._checked = (0, 0)                   # images, CameraInfos at the last check
        self.last_image_s = monotonic()          # when the last image came
        self._node, self._deliver, self._faults = node, deliver, faults
        self._alone = config.without_images
        self._with_people = config.use_people_2d and not self._alone
        self.what = 'people_2d' if self._alone else 'images'
        self.newest_info: CameraInfo | None = None
        self._numbers: dict[int, int] = {}       # id() of the last images -> their numbers
        self._last_number = 0                    # of the image delivered last
        self._newest: AnyImage | None = None
        self._delivered: AnyImage | None = None
        self._unpaired = 0
        self._infos: dict[tuple[int, int], CameraInfo] = {}     # (width, height) -> the latest
        self._image = self._subscribe_images(config.image_transport == 'compressed')
        self._missed.watch(self._image.sub)
        self._info = self._subscribe(CameraInfo, 'camera_info', depth=5)
        self._subscriptions = [self._image, self._info]
        self._image.registerCallback(self._on_image)
        self._info.registerCallback(self._on_info)
        partner = self._info
        if self._with_people:
            partner = self._subscribe(Person2DArray, 'people_2d', depth=5)
            self._subscriptions.append(partner)
        queue = PEOPLE_QUEUE if self._with_people else INFO_QUEUE
        self._pairs = filters.TimeSynchronizer([self._image, partner], queue)
        self._pairs.registerCallback(self._on_pair)

    @property
    def missed(self) -> int:
        """How many images were sent but never came."""
        return int(self._missed)

    @property
    def image_topic(self) -> str:
        """The full name of the image topic."""
        return str(self._image.sub.topic_name)

    @property
    def info_topic(self) -> str:
        """The full name of the CameraInfo topic."""
        return str(self._info.sub.topic_name)

    @property
    def info_sizes(self) -> list[tuple[int, int]]:
        """Sizes of the images of which a CameraInfo is known."""
        return list(self._infos)

    def info_for(self, size: tuple[int, int]) -> CameraInfo | None:
        """The latest CameraInfo for images of (width, height)."""
        return self._infos.get(size)

    def loses_images(self) -> bool:
        """Whether, since the last call, far fewer images came than CameraInfo messages."""
        (images, infos), now = self._checked, (self.received, self._infos_received)
        self._checked = now
        return now[1] - infos >= ENOUGH and now[0] - images < LEAST_SHARE * (now[1] - infos)

    def silence(self, seconds: float) -> str:
        """What to say when no image came for so long: what was expected, got, and what to do."""
        text = f'Expected {self.what} on {self.image_topic}, got none for {seconds:.1f} s; '
        publishers = self._node.count_publishers(self.image_topic)
        if not publishers:
            missing = 'detector, or remap `people_2d`' if self._alone else (
                'camera, or remap `image`')
            return f'{text}nobody publishes there: start the {missing}.'
        reasons = misfits(self._node, self._image.sub)
        if reasons:
            return f'{text}{"; ".join(reasons)}.'
        if self.received:
            return (f'{text}some came before: the publisher has stopped, or has died (DDS takes '
                    '20 s to notice that); see whether it still runs.')
        return (f'{text}publishers there: {publishers}, so {self.what} get lost on the way: '
                f'{USE_PROFILE}')

    def close(self) -> None:
        """Unsubscribe."""
        for subscriber in self._subscriptions:
            self._node.destroy_subscription(subscriber.sub)

    def _subscribe_images(self, compressed: bool) -> filters.Subscriber:
        if self._alone:
            return self._subscribe(Person2DArray, 'people_2d', depth=5, count_lost=True)
        if compressed:
            topic = self._node.resolve_topic_name('image') + '/compressed'
            return self._subscribe(CompressedImage, topic, depth=1, count_lost=True)
        return self._subscribe(Image, 'image', depth=1, count_lost=True)

    def _subscribe(self, message_type: type, topic: str, depth: int, *,
                   count_lost: bool = False) -> filters.Subscriber:
        lost = self._missed.on_lost if count_lost else None
        return filters.Subscriber(
            self._node, message_type, topic,
            qos_profile=QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT),
            event_callbacks=SubscriptionEventCallbacks(message_lost=lost),
            qos_overriding_options=overridable())

    def _on_info(self, info: CameraInfo) -> None:
        self._infos_received += 1
        self._infos[info_size(info)] = self.newest_info = info

    def _on_image(self, image: AnyImage) -> None:
        self.received += 1
        self._numbers.pop(id(image), None)       # of an image that is gone
        self._numbers[id(image)] = self.received
        if len(self._numbers) > PEOPLE_QUEUE + 1:
            del self._numbers[next(iter(self._numbers))]
        self.last_image_s = monotonic()
        if self._newest is not None and stamp_of(image) < stamp_of(self._newest):
            self._forget_after(stamp_of(image))
        self._newest = image
        self._unpaired += 1
        if self._with_people:
            if self._unpaired > PEOPLE_QUEUE:
                self._faults('people_2d', (
                    f'Expected people_2d with the stamps of the images, got none for the last '
                    f'{self._unpaired} images; copy the header of the image in your detector, or '
                    'set use_people_2d to false.'))
        elif self._unpaired > PATIENCE:
            self._hand_over(image, Question(image))

    def _forget_after(self, stamp_ns: int) -> None:
        """Time went back: what waits with later stamps would push out what comes."""
        for queue in self._pairs.queues:
            for later in [stamp for stamp in queue if stamp > stamp_ns]:
                del queue[later]

    def _on_pair(self, image: AnyImage, partner: CameraInfo | Person2DArray) -> None:
        if self._with_people:
            self._unpaired = 0
            self._hand_over(image, Question(image, people=partner))
        elif image is self._newest:              # else a newer one has been handed over
            self._unpaired = 0
            self._hand_over(image, Question(image, info=partner))

    def _hand_over(self, image: Any, question: Question) -> None:
        if image is self._delivered:
            return
        self._delivered = image
        self._count(image)
        if self._alone:
            question = replace(question, image=None, people=image)
        self._deliver(question)

    def _count(self, image: AnyImage) -> None:
        number = self._numbers.get(id(image), self._last_number + 1)
        self.dropped += max(number - self._last_number - 1, 0)
        self._last_number = max(number, self._last_number)
