"""Inputs match whatever drivers and bags offer, and may be given another QoS."""
import pytest
from bench import CAMERA_FRAME, Bench, ScriptedPipeline
from nav_msgs.msg import Odometry
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from scene import crowd
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from ros2_occpose.msg import HumanArray, Person2DArray
from ros2_occpose.recording.messages import camera_info
from ros2_occpose.ros.conversions import make

SCENE = crowd(1, seconds=4.0, fps=5)


def test_a_camera_info_that_was_sent_once_and_latched() -> None:
    pipeline = ScriptedPipeline(SCENE)
    bench = Bench(lambda config: pipeline,
                  **{'qos_overrides./camera_info.subscription.durability': 'transient_local'})
    bench.listen(HumanArray, 'humans')
    latched = bench.peer.create_publisher(CameraInfo, 'camera_info', QoSProfile(
        depth=1, reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL))
    camera = SCENE.moment(0).frame.camera
    latched.publish(camera_info(make, camera, 0, CAMERA_FRAME))      # nobody listens yet
    with bench:
        bench.wait(bench.images.get_subscription_count, 'discovery of the images')
        bench.wait(latched.get_subscription_count, 'discovery of CameraInfo')
        bench.pause(0.2)
        for i in range(1, 6):
            bench.send_image(SCENE.moment(i).frame.stamp_ns)
            bench.pause(0.05)
        bench.answer_to(SCENE.moment(5).frame.stamp_ns)
        assert pipeline.frames[-1].camera.size == camera.size


# What publishes in practice: drivers with qos_profile_sensor_data, republishers, rosbag2 with the
# profiles that it recorded, latched ones too.
INPUTS = {'image': Image, 'camera_info': CameraInfo, 'people_2d': Person2DArray,
          'odometry': Odometry}


@pytest.mark.parametrize('durability', [DurabilityPolicy.VOLATILE,
                                        DurabilityPolicy.TRANSIENT_LOCAL])
@pytest.mark.parametrize('reliability', [ReliabilityPolicy.BEST_EFFORT,
                                         ReliabilityPolicy.RELIABLE])
def test_every_input_matches_every_offer(reliability: ReliabilityPolicy,
                                         durability: DurabilityPolicy) -> None:
    defaults = {f'qos_overrides./{topic}.subscription.reliability': 'best_effort'
                for topic in INPUTS}
    bench = Bench(lambda config: ScriptedPipeline(SCENE), camera_pose='odometry',
                  use_people_2d=True, **defaults)
    with bench:
        offer = QoSProfile(depth=5, reliability=reliability, durability=durability)
        publishers = [bench.peer.create_publisher(kind, topic, offer)
                      for topic, kind in INPUTS.items()]
        for publisher in publishers:
            bench.wait(publisher.get_subscription_count, f'a match of {publisher.topic_name}')


def test_compressed_images_match_too() -> None:
    bench = Bench(lambda config: ScriptedPipeline(SCENE), image_transport='compressed')
    with bench:
        publisher = bench.peer.create_publisher(CompressedImage, 'image/compressed',
                                                qos_profile_sensor_data)
        bench.wait(publisher.get_subscription_count, 'a match')


def test_each_policy_of_an_input_can_be_overridden() -> None:
    prefix = 'qos_overrides./image.subscription'
    bench = Bench(lambda config: ScriptedPipeline(SCENE), **{
        f'{prefix}.reliability': 'reliable', f'{prefix}.depth': 7,
        f'{prefix}.durability': 'transient_local'})
    with bench:
        subscription = next(s for s in bench.node.subscriptions if s.topic_name == '/image')
        profile = subscription.qos_profile
        assert (profile.reliability, profile.depth, profile.durability) == (
            ReliabilityPolicy.RELIABLE, 7, DurabilityPolicy.TRANSIENT_LOCAL)
        volatile = bench.peer.create_publisher(Image, 'image', 5)
        bench.pause(1.0)
        assert not volatile.get_subscription_count()        # as was asked for
