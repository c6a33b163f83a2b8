"""One line makes a usable shell, and images arrive in it."""
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

ROOT = Path(__file__).resolve().parents[2]
PUBLISHER = """
import array, time, rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('camera')
qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
publisher = node.create_publisher(Image, 'image', qos)
data = array.array('B', bytes(640 * 480 * 3))
end = time.monotonic() + 20
while publisher.get_subscription_count() == 0 and time.monotonic() < end:
    time.sleep(0.05)
time.sleep(0.5)
for number in range(60):
    image = Image(width=640, height=480, encoding='bgr8', step=1920, data=data)
    image.header.stamp.nanosec = number
    publisher.publish(image)
    time.sleep(1 / 30)
node.destroy_node()
rclpy.shutdown()
"""


def in_new_shell(command):
    """What a command prints in an empty shell that has sourced scripts/env.sh."""
    env = {'HOME': os.environ['HOME'], 'PATH': '/usr/bin:/bin',
           'ROS_DISTRO': os.environ['ROS_DISTRO']}
    script = f'set -eu; source {ROOT}/scripts/env.sh; {command}'
    return subprocess.run([shutil.which('bash'), '-c', script], env=env, cwd='/', check=True,
                          capture_output=True, text=True).stdout


@pytest.fixture
def node():
    """A node of this process, in the domain of the test."""
    rclpy.init()
    node = rclpy.create_node('listener')
    yield node
    node.destroy_node()
    rclpy.shutdown()


def test_an_empty_shell_imports_ros_and_our_messages():
    said = in_new_shell('python3 -c "import rclpy.lifecycle, tf2_msgs.msg, ros2_occpose.msg as m;'
                        ' print(m.HumanArray.POSE)"')
    assert said.split() == ['4']


def test_an_empty_shell_finds_the_profile_under_both_names():
    said = in_new_shell('echo $FASTRTPS_DEFAULT_PROFILES_FILE $FASTDDS_DEFAULT_PROFILES_FILE')
    assert said.split() == [str(ROOT / 'config' / 'fastdds.xml')] * 2


def test_every_node_and_the_command_are_installed():
    nodes = [path.stem for path in (ROOT / 'ros2_occpose' / 'ros').glob('*_node.py')]
    prefix = Path(in_new_shell('python3 -c "from ament_index_python import get_package_prefix;'
                               ' print(get_package_prefix(\'ros2_occpose\'))"').strip())
    for program in [prefix / 'bin' / 'occpose',
                    *(prefix / 'lib' / 'ros2_occpose' / name for name in nodes)]:
        assert os.access(program, os.X_OK), program
        assert program.read_text().startswith('#!/usr/bin/env python3'), 'a venv must be used'
    assert in_new_shell('command -v occpose').strip() == str(prefix / 'bin' / 'occpose')


def test_whole_images_arrive_with_the_profile(node):
    profile = str(ROOT / 'config' / 'fastdds.xml')
    env = {**os.environ, 'FASTRTPS_DEFAULT_PROFILES_FILE': profile,
           'FASTDDS_DEFAULT_PROFILES_FILE': profile}
    received = []
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_subscription(Image, 'image', lambda image: received.append(len(image.data)), qos)
    with subprocess.Popen([sys.executable, '-c', PUBLISHER], env=env) as camera:
        end = time.monotonic() + 40
        while camera.poll() is None and time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.05)
        camera.terminate()
    assert set(received) == {640 * 480 * 3}
    assert len(received) >= 30      # of 60, on a busy machine; without the profile 0 to 11 arrived
