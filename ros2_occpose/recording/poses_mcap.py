"""`poses.mcap`: what the live node publishes, for `ros2 bag`, RViz, Foxglove and PlotJuggler."""
from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from ..body.meshes import Meshes
from ..geometry import Camera, quat_wxyz_from_matrix
from ..types import Floats, Image
from .humans import Humans
from .markers import markers_of
from .mcap import McapWriter
from .messages import (
    Message,
    camera_info,
    header,
    human_array,
    marker_array,
    mesh_array,
    mesh_model,
    skeleton_model,
)
from .typestore import full_name, make, serialise, typestore

JPEG_QUALITY = 80

# topic -> (type, latched); as the live node is launched
TOPICS = {
    '/occpose/humans': ('ros2_occpose/HumanArray', False),
    '/occpose/meshes': ('ros2_occpose/HumanMeshArray', False),
    '/occpose/mesh_model': ('ros2_occpose/MeshModel', True),
    '/occpose/markers': ('visualization_msgs/MarkerArray', False),
    '/occpose/skeleton_model': ('ros2_occpose/SkeletonModel', True),
    '/occpose/overlay/compressed': ('sensor_msgs/CompressedImage', False),
    '/camera/camera_info': ('sensor_msgs/CameraInfo', False),
    '/tf': ('tf2_msgs/TFMessage', False),
}


class PosesMcap:
    """Writes frame after frame; the file is readable at any time (see `mcap`)."""

    def __init__(self, path: Path) -> None:
        self._writer = McapWriter(path)
        self._channels: dict[str, int] = {}
        self._described = False

    def write(self, humans: Humans, camera: Camera | None = None,
              world_from_camera: Floats | None = None, overlay: Image | None = None,
              meshes: Meshes | None = None) -> None:
        """One frame; what is not given is not written. Of meshes, all but the vertices is."""
        stamp_ns = humans.stamp_ns
        if not self._described:
            self._put('/occpose/skeleton_model', stamp_ns, skeleton_model(make))
            self._described = True
        self._put('/occpose/humans', stamp_ns, human_array(make, humans))
        self._put('/occpose/markers', stamp_ns,
                  marker_array(make, markers_of(humans), stamp_ns, humans.frame_id))
        if meshes is not None:
            if '/occpose/mesh_model' not in self._channels:
                self._put('/occpose/mesh_model', stamp_ns, mesh_model(make, meshes.body))
            self._put('/occpose/meshes', stamp_ns,
                      mesh_array(make, meshes, humans.frame_id, vertices=False))
        if camera is not None:
            self._put('/camera/camera_info', stamp_ns,
                      camera_info(make, camera, stamp_ns, humans.camera_frame))
        if world_from_camera is not None:
            self._put('/tf', stamp_ns, _transform(humans, world_from_camera))
        if overlay is not None:
            self._put('/occpose/overlay/compressed', stamp_ns, _jpeg(humans, overlay))

    def _put(self, topic: str, stamp_ns: int, message: Message) -> None:
        if topic not in self._channels:
            message_type, latched = TOPICS[topic]
            schema = full_name(message_type)
            definition, _ = typestore().generate_msgdef(schema, ros_version=2)
            self._channels[topic] = self._writer.add_channel(
                topic, schema, definition, latched=latched)
        self._writer.write(self._channels[topic], stamp_ns, serialise(message))

    def close(self) -> None:
        """Complete the file."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def _transform(humans: Humans, world_from_camera: Floats) -> Message:
    x, y, z = world_from_camera[:3, 3].tolist()
    w, i, j, k = quat_wxyz_from_matrix(world_from_camera[:3, :3]).tolist()
    transform = make(
        'geometry_msgs/Transform', translation=make('geometry_msgs/Vector3', x=x, y=y, z=z),
        rotation=make('geometry_msgs/Quaternion', x=i, y=j, z=k, w=w))
    stamped = make('geometry_msgs/TransformStamped', transform=transform,
                   header=header(make, humans.stamp_ns, humans.frame_id),
                   child_frame_id=humans.camera_frame)
    return make('tf2_msgs/TFMessage', transforms=[stamped])


def _jpeg(humans: Humans, image: Image) -> Message:
    _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return make('sensor_msgs/CompressedImage', format='jpeg', data=np.asarray(data, np.uint8),
                header=header(make, humans.stamp_ns, humans.camera_frame))
