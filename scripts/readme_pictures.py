"""Draw the pictures of README.md: a made-up scene, through the real pipeline, with known truth.

    PYTHONPATH=test python3 scripts/readme_pictures.py docs/images

The people, their detections and the room are synthetic (test/scene.py); tracking, lifting and
trajectory are the real ones. Grey bodies are where the people truly are.
"""
from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from scene import Moment, Scene, driving, make_scene, pillar
from walker import Walker

from ros2_occpose.geometry import Camera, invert, transform
from ros2_occpose.pipeline import Pipeline
from ros2_occpose.recording.humans import humans_of
from ros2_occpose.recording.overlay import draw_large
from ros2_occpose.recording.scene import SceneLog
from ros2_occpose.skeleton import H36M17
from ros2_occpose.types import Floats, Image

PICTURED_S = 1.9
PILLARS = [pillar(4.2, 0.25, 0.45, 2.7), pillar(5.6, -2.9, 0.5, 2.7)]
BODY_M = 0.16               # width of a limb
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0],
                    [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])
SIDES = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]


def office() -> Scene:
    """Four people and two pillars in front of a robot that drives by."""
    people = [Walker([(0, 5.0, 2.6), (4.5, 5.4, -2.2)], height=1.78),
              Walker([(0, 6.6, -1.2), (4.5, 3.4, -1.3)], height=1.68, phase=1.0),
              Walker([(0, 4.2, 1.7), (4.5, 7.2, 2.9)], height=1.86, phase=2.0),
              Walker([(0, 8.2, -3.0), (4.5, 7.6, 1.6)], height=1.62, phase=3.0)]
    path = driving(velocity=(0.12, 0.15), start=(0.0, -0.4), height=1.1, pitch_deg=4.0)
    return make_scene(people, camera_path=path, occluders=PILLARS, fps=30,
                      camera=Camera.from_hfov(960, 640, 75.0), seed=4)


def picture(moment: Moment) -> Image:
    """The room as the camera sees it, far things first."""
    camera, pose = moment.frame.camera, moment.world_from_camera
    image = _floor(camera, pose)
    things = [(np.linalg.norm(box.mean(0)[:2] - pose[:2, 3]), box) for box in PILLARS]
    things += [(np.linalg.norm(joints[0, :2] - pose[:2, 3]), joints)
               for joints in moment.joints_world]
    for _, thing in sorted(things, key=lambda item: -item[0]):
        (_draw_pillar if len(thing) == 2 else _draw_body)(image, thing, camera, pose)
    return image


def _floor(camera: Camera, pose: Floats) -> Image:
    v, u = np.mgrid[0:camera.height, 0:camera.width].astype(float)
    rays = np.concatenate([camera.rays(np.stack([u, v], -1)), np.ones((*u.shape, 1))], -1)
    rays = rays @ pose[:3, :3].T
    reach = -pose[2, 3] / np.where(rays[..., 2] < -1e-3, rays[..., 2], np.nan)
    points = pose[:3, 3] + reach[..., None] * rays
    squares = np.floor(points[..., 0]) + np.floor(points[..., 1])
    wall = 168 - 22 * v / camera.height
    ground = np.where(squares % 2, 112, 126) + 26 * np.clip(reach / 25, 0, 1)
    grey = np.where(np.isfinite(reach) & (reach < 40), ground, wall)
    return (grey[..., None] * (1.03, 1.0, 0.97)).clip(0, 255).astype(np.uint8)


def _draw_pillar(image: Image, box: Floats, camera: Camera, pose: Floats) -> None:
    corners = box[0] + CORNERS * (box[1] - box[0])
    pixels = camera.project(transform(invert(pose), corners))
    eye = np.linalg.norm(corners[:, :2] - pose[:2, 3], axis=1)
    for side in sorted(SIDES, key=lambda s: -eye[list(s)].mean())[-2:]:
        shade = 92 if SIDES.index(side) % 2 else 74
        cv2.fillConvexPoly(image, np.round(pixels[list(side)]).astype(np.int32),
                           (shade, shade, shade), cv2.LINE_AA)


def _draw_body(image: Image, joints: Floats, camera: Camera, pose: Floats) -> None:
    local = transform(invert(pose), joints)
    pixels = camera.project(local)
    for a, b in H36M17.bones:
        width = max(2, round(BODY_M * camera.focal_px / local[[a, b], 2].mean()))
        ends = [tuple(np.round(16 * pixels[joint]).astype(int).tolist()) for joint in (a, b)]
        cv2.line(image, *ends, (205, 205, 205), width, cv2.LINE_AA, 4)


def main() -> None:
    """Run the pipeline over the scene and draw one moment and the whole."""
    folder, scene, pipeline, log = Path(sys.argv[1]), office(), Pipeline(), SceneLog()
    for t, moment in enumerate(scene):
        people = pipeline(replace(moment.frame, detections=moment.detections))
        humans = humans_of(people, frame_id='odom', camera_frame='camera')
        log.add(humans, scene.camera, moment.world_from_camera)
        if t == round(PICTURED_S * 30):
            image = draw_large(picture(moment), humans, scene.camera, moment.world_from_camera)
            cv2.imwrite(str(folder / 'overlay.png'),
                        cv2.resize(image, (1200, 800), interpolation=cv2.INTER_AREA))
    log.save(folder / 'scene.png')


if __name__ == '__main__':
    main()
