"""A camera without the DDS profile: large images get lost on the way, every fourth is tiny.

A loss is noticed by the gap before what arrives next, so something has to arrive.
"""
import time
from contextlib import suppress

import numpy as np
import rclpy
from rclpy.impl.implementation_singleton import rclpy_implementation
from sensor_msgs.msg import Image

from ros2_occpose.ros.conversions import image_message

rclpy.init()
images = rclpy.create_node('camera').create_publisher(Image, 'image', 10)
large, tiny = (np.zeros((height, width, 3), np.uint8) for height, width in ((960, 1280), (48, 64)))
number = 0
while rclpy.ok():
    number += 1
    image = large if number % 4 else tiny
    with suppress(rclpy_implementation.RCLError):        # told to stop just now
        images.publish(image_message(image, 33_000_000 * number, 'camera'))
    time.sleep(0.033)
