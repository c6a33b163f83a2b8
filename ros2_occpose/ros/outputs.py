"""What the node publishes of one frame."""
from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from ros2_occpose.msg import HumanArray, HumanMeshArray, PipelineStats, SkeletonModel

from ..body.meshes import Meshes
from ..config import NodeConfig, PublishConfig
from ..recording.humans import Humans, humans_of
from ..recording.markers import markers_of
from ..recording.messages import human_array, marker_array, skeleton_model
from ..recording.overlay import draw_people
from ..recording.trails import Trails
from ..types import CameraPoseSource, Frame, People
from .bodies import BodyOutputs
from .conversions import NS_PER_S, header, human_transforms, image_message, make
from .health import StageTimes, listeners_fact
from .qos import overridable

DEPTH, TF_DEPTH = 10, 100


def latched() -> QoSProfile:
    """Late subscribers get the last message."""
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE,
                      durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Outputs:
    """Publishers of the node; results are in the world frame while the camera pose is known.

    Args:
        node: Which publishes.
        config: Of the node.
        tell: Where to say what it uses.
        complain: Where to say that there is no body.
    """

    def __init__(self, node: Node, config: NodeConfig, tell: Callable[[str], None],
                 complain: Callable[[str], None]) -> None:
        self._node, self._world_frame = node, config.world_frame
        self._publishers: list[Publisher] = []
        self._humans = self._publisher(HumanArray, 'humans')
        self._markers = self._publisher(MarkerArray, 'markers')
        self._overlay = self._publisher(Image, 'overlay')
        self._stats = self._publisher(PipelineStats, 'stats')
        self._tf = self._tf_publisher(tell)
        self._skeleton = node.create_publisher(SkeletonModel, 'skeleton_model', latched())
        self._publishers.append(self._skeleton)
        self._skeleton.publish(skeleton_model(make))
        self._bodies = BodyOutputs(node, config.body, self._publisher(HumanMeshArray, 'meshes'),
                                   latched(), tell, complain)
        self._publishers.append(self._bodies.model)
        self._trails, self._times = Trails(), StageTimes()
        self._screen = threading.Lock()          # what is shown, and what is known of it
        self._shown_in = ''                      # frame of the last markers

    def _publisher(self, message_type: type, topic: str, depth: int = DEPTH) -> Publisher:
        publisher = self._node.create_publisher(
            message_type, topic, QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE),
            # Subscribers report incompatible QoS; here each such event slows the executor down.
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False),
            qos_overriding_options=overridable())
        self._publishers.append(publisher)
        return publisher

    def _tf_publisher(self, tell: Callable[[str], None]) -> Publisher | None:
        try:
            from tf2_msgs.msg import TFMessage
        except ImportError:
            tell('tf2_msgs is not installed: no frames human_<id> on /tf.')
            return None
        return self._publisher(TFMessage, '/tf', TF_DEPTH)

    def humans(self, people: People, camera_frame: str, min_visibility: float) -> Humans:
        """Publish everybody; the answer as published, with its latency.

        Args:
            people: Everybody in this frame.
            camera_frame: Optical frame of the camera.
            min_visibility: Least visibility for a keypoint to be called seen.
        """
        known = people.camera_pose != CameraPoseSource.NONE
        humans = humans_of(people, frame_id=self._world_frame if known else camera_frame,
                           camera_frame=camera_frame, min_visibility=min_visibility)
        message = human_array(make, humans)
        message.latency = self._since(people.stamp_ns)
        self._humans.publish(message)
        return replace(humans, latency_s=message.latency)

    def _since(self, stamp_ns: int) -> float:
        """Seconds since a stamp; NaN before a simulated clock starts, or without a stamp."""
        now_ns = self._node.get_clock().now().nanoseconds
        return (now_ns - stamp_ns) / NS_PER_S if now_ns and stamp_ns else float('nan')

    def facts(self) -> dict[str, int]:
        """What diagnostics say of them."""
        return {listeners_fact(self._humans.topic_name): self._humans.get_subscription_count()}

    def frames(self, humans: Humans, config: PublishConfig) -> None:
        """Publish the frame of each person, if wanted."""
        if config.tf and self._tf is not None:
            transforms = human_transforms(humans, config.tf_prefix, joints=config.tf_joints)
            if transforms:
                self._tf.publish(make('tf2_msgs/TFMessage', transforms=transforms))

    def pictures(self, humans: Humans, people: People, frame: Frame,
                 config: PublishConfig) -> None:
        """Publish meshes, markers and the overlay, each only if wanted.

        Args:
            humans: What was published of this frame.
            people: What that was made of.
            frame: The image.
            config: What to publish.
        """
        meshes = self._bodies.of(people, config, shown=self._shows_meshes(config))
        if meshes is not None:
            self._bodies.publish(meshes, humans.frame_id, config)
        with self._screen:
            self._show(humans, meshes, config)
        if config.overlay and self._overlay.get_subscription_count():
            image = draw_people(frame.image, humans, frame.camera, frame.world_from_camera,
                                meshes=meshes if config.overlay_meshes else None)
            self._overlay.publish(image_message(image, humans.stamp_ns, humans.camera_frame))

    def _shows_meshes(self, config: PublishConfig) -> bool:
        """Whether a picture with bodies is wanted, and somebody looks at it."""
        lookers = 0
        if config.markers and config.shapes.meshes:
            lookers += self._markers.get_subscription_count()
        if config.overlay and config.overlay_meshes:
            lookers += self._overlay.get_subscription_count()
        return lookers > 0

    def _show(self, humans: Humans, meshes: Meshes | None, config: PublishConfig) -> None:
        if not config.markers:
            self._wipe()
            return
        self._shown_in = humans.frame_id
        if not config.trail_s:
            self._trails.clear()
        trails = self._trails.update(humans, config.trail_s) if config.trail_s else []
        if self._markers.get_subscription_count():
            self._markers.publish(marker_array(
                make, [*markers_of(humans, config.shapes, meshes), *trails], humans.stamp_ns,
                humans.frame_id, config.shapes.lifetime_s))

    def stats(self, humans: Humans, received: int, dropped: int, backends: Mapping[str, str],
              stage_ms: Mapping[str, float]) -> None:
        """Publish what the pipeline did with one image."""
        self._times.add(stage_ms)
        p50_ms, p95_ms = self._times.percentiles(list(stage_ms))
        self._stats.publish(PipelineStats(
            header=header(humans.stamp_ns, humans.camera_frame), people=len(humans),
            received_frames=received, dropped_frames=dropped,
            backend=', '.join(f'{stage}: {name}' for stage, name in backends.items()),
            stages=list(stage_ms), stage_ms=list(stage_ms.values()),
            stage_p50_ms=p50_ms, stage_p95_ms=p95_ms))

    def clear(self) -> None:
        """Take everything off the screen, once: nobody is known any more."""
        self._bodies.reset()
        with self._screen:
            self._wipe()

    def _wipe(self) -> None:
        self._trails.clear()
        if self._shown_in:
            now_ns = self._node.get_clock().now().nanoseconds
            self._markers.publish(marker_array(make, [], now_ns, self._shown_in))
            self._shown_in = ''

    def close(self) -> None:
        """Stop publishing."""
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
