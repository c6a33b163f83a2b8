"""Inputs may be given another QoS, durability too."""
from bench import CAMERA_FRAME, Bench, ScriptedPipeline
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from scene import crowd
from sensor_msgs.msg import CameraInfo

from ros2_occpose.msg import HumanArray
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
