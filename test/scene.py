"""Synthetic scenes with exact truth: people, paths, camera and occluders are all known.

The world is metric with z up; people face the way they walk. Everything follows from the arguments
and one seed, and the motion does not depend on the frame rate.
Shapes: T frames, P people, J joints, N detections.

    people = [Walker([(0, 5, -2), (4, 5, 2)])]
    scene = make_scene(people, camera_path=turning(), occluders=[pillar(4, 0)])
    for moment in scene:
        tracks = tracker.update(moment.detections, moment.frame)
        error = ... moment.joints_world ...
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation
from walker import Walker, walk

from ros2_occpose.geometry import Camera, invert
from ros2_occpose.skeleton import COCO17
from ros2_occpose.types import CameraPoseSource, Detections, Floats, Frame, Image, Ints

CameraPath = Callable[[Floats], Floats]     # times (T,) [s] -> world_from_camera (T, 4, 4)
VGA = Camera.from_hfov(640, 480, 70.0)


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How the imagined detector errs."""

    keypoint: float = 0.01      # std of seen keypoints, in person heights; 6 times that if hidden
    box: float = 0.02           # std of box edges, in person heights
    miss: float = 0.02          # probability that a person is not found
    false_rate: float = 0.0     # false people per frame (Poisson), anywhere in the image
    duplicate: float = 0.0      # probability that a person is found twice
    min_visible: int = 4        # joints that must be seen for a person to be found


DETECTOR = Noise()
PERFECT = Noise(keypoint=0.0, box=0.0, miss=0.0)


# --- cameras ----------------------------------------------------------------------------------

def look(position: Floats, yaw: Floats, pitch: Floats, roll: Floats) -> Floats:
    """world_from_camera (T, 4, 4) of a camera at `position` (T, 3).

    Yaw 0 looks along x, yaw > 0 to the left of it, pitch > 0 down [rad].
    """
    optical = np.array([[0., 0., 1.], [-1., 0., 0.], [0., -1., 0.]])   # right, down, forward
    body = Rotation.from_euler('ZYX', np.stack([yaw, pitch, roll], 1)).as_matrix()
    poses = np.zeros((len(position), 4, 4))
    poses[:, :3, :3] = body @ optical
    poses[:, :3, 3] = position
    poses[:, 3, 3] = 1
    return poses


def static(height: float = 1.2, yaw_deg: float = 0.0, pitch_deg: float = 5.0) -> CameraPath:
    """A camera that stands at the origin of the ground."""
    return _moving(height, pitch_deg, lambda t: (
        0 * t, 0 * t, np.full_like(t, np.radians(yaw_deg))))


def turning(peak_deg_s: float = 60.0, sweep_deg: float = 20.0, height: float = 1.2,
            pitch_deg: float = 5.0) -> CameraPath:
    """Looks left and right by `sweep_deg`, at most `peak_deg_s` fast."""
    return _moving(height, pitch_deg, lambda t: (
        0 * t, 0 * t, np.radians(sweep_deg) * np.sin(peak_deg_s / sweep_deg * t)))


def driving(velocity: tuple[float, float] = (0.0, 0.8), start: tuple[float, float] = (0.0, -1.5),
            height: float = 0.8, pitch_deg: float = 0.0, yaw_deg: float = 0.0) -> CameraPath:
    """A robot that drives straight on, by default sideways past what it looks at."""
    return _moving(height, pitch_deg, lambda t: (
        start[0] + velocity[0] * t, start[1] + velocity[1] * t,
        np.full_like(t, np.radians(yaw_deg))))


def passing(metres: float = 1.0, sweep_deg: float = 14.0, seconds: float = 6.0,
            height: float = 1.0, pitch_deg: float = 3.0) -> CameraPath:
    """A robot that drives `metres` across what it looks at, and looks left and right meanwhile."""
    return _moving(height, pitch_deg, lambda t: (
        0.75 * metres * (t / seconds - 0.4), 0.65 * metres * (t / seconds - 0.4),
        np.radians(sweep_deg) * np.sin(1.6 * t)))


def handheld(seed: int = 0, height: float = 1.5, pitch_deg: float = 5.0, metres: float = 0.04,
             degrees: float = 2.5) -> CameraPath:
    """A camera in a hand: every degree of freedom wobbles with three sines of 0.3 to 2 Hz."""
    rng = np.random.default_rng(seed)
    hertz, phase = rng.uniform(0.3, 2.0, (6, 3)), rng.uniform(0, 2 * np.pi, (6, 3))

    def path(t: Floats) -> Floats:
        waves = np.sin(2 * np.pi * hertz * t[:, None, None] + phase)     # (T, 6, 3)
        wobble = waves.sum(-1) / np.sqrt(1.5)                            # (T, 6), std 1
        angles = np.radians(degrees) * wobble[:, 3:]
        return look(np.array([0, 0, height]) + metres * wobble[:, :3],
                    angles[:, 0], np.radians(pitch_deg) + angles[:, 1], angles[:, 2])

    return path


def _moving(height: float, pitch_deg: float,
            path: Callable[[Floats], tuple[Floats, Floats, Floats]]) -> CameraPath:
    def poses(t: Floats) -> Floats:
        x, y, yaw = path(t)
        position = np.stack([x, y, 0 * t + height], 1)
        return look(position, yaw, np.full_like(t, np.radians(pitch_deg)), 0 * t)

    return poses


def backdrop(camera: Camera, world_from_camera: Floats) -> Image:
    """The image of a patterned wall all around and very far away, (H, W, 3)."""
    x, y = np.meshgrid(np.linspace(0, camera.width, 160), np.linspace(0, camera.height, 120))
    rays = camera.rays(np.stack([x, y], -1))                                     # (120, 160, 2)
    way = np.concatenate([rays, np.ones((120, 160, 1))], -1) @ world_from_camera[:3, :3].T
    turns = np.arctan2(way[..., 1], way[..., 0]) / (2 * np.pi)
    rise = np.arctan2(way[..., 2], np.hypot(way[..., 0], way[..., 1])) / (2 * np.pi)
    grey = cv2.remap(_wall(), np.float32(turns * 1024 % 1024), np.float32(256 + rise * 1024),
                     cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return cv2.cvtColor(cv2.resize(grey, camera.size), cv2.COLOR_GRAY2BGR)


@cache
def _wall() -> np.ndarray:
    wall = gaussian_filter(np.random.default_rng(0).random((512, 1024)), 1.5, mode='wrap')
    return np.uint8(255 * (wall - wall.min()) / np.ptp(wall))


# --- occluders --------------------------------------------------------------------------------

def pillar(x: float, y: float, width: float = 0.6, height: float = 3.0) -> Floats:
    """A square pillar on the ground, as (2, 3): low and high corner."""
    return np.array([[x - width / 2, y - width / 2, 0.0], [x + width / 2, y + width / 2, height]])


def box(low: Sequence[float], high: Sequence[float]) -> Floats:
    """A box along the world axes, as (2, 3), e.g. a table that hides legs."""
    return np.array([low, high], float)


def hidden_by(origin: Floats, points: Floats, boxes: Floats) -> np.ndarray:
    """Whether boxes (..., 2, 3) cut the lines from `origin` (..., 3) to `points` (..., 3)."""
    direction = points - origin
    direction = np.where(np.abs(direction) < 1e-9, 1e-9, direction)
    near, far = ((boxes[..., i, :] - origin) / direction for i in (0, 1))
    enter = np.minimum(near, far).max(-1)
    leave = np.maximum(near, far).min(-1)
    return (enter < leave) & (leave > 0) & (enter < 0.999)


# --- the scene --------------------------------------------------------------------------------

@dataclass(frozen=True, kw_only=True)
class Moment:
    """One frame, what a detector says about it, and the truth."""

    frame: Frame
    detections: Detections
    person: Ints              # (N,) row of the truth that each detection shows, -1: nobody
    ids: Ints                 # (P,) 1..P
    present: np.ndarray       # (P,) is in the world
    visible: np.ndarray       # (P, 17) coco17 joints that are in the image and not hidden
    visible_h36m: np.ndarray  # (P, 17)
    boxes_px: Floats          # (P, 4) around all coco17 joints, hidden or not; NaN if absent
    keypoints_px: Floats      # (P, 17, 2) coco17, hidden or not; NaN if absent, behind
    joints_world: Floats      # (P, 17, 3) h36m17 [m]
    coco_world: Floats        # (P, 17, 3) coco17 [m]
    world_from_camera: Floats   # (4, 4) the truth, also where the frame does not know it

    @property
    def joints_camera(self) -> Floats:
        """h36m17 in the camera, (P, 17, 3) [m]."""
        return _in_camera(self.world_from_camera[None], self.joints_world[None])[0]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The truth of all frames; iterate to get moments."""

    camera: Camera
    stamps_ns: Ints               # (T,)
    world_from_camera: Floats     # (T, 4, 4)
    joints_world: Floats          # (T, P, 17, 3) h36m17
    coco_world: Floats            # (T, P, 17, 3)
    keypoints_px: Floats          # (T, P, 17, 2) coco17
    visible: np.ndarray           # (T, P, 17) coco17
    visible_h36m: np.ndarray      # (T, P, 17)
    detections: Sequence[Detections]
    person: Sequence[Ints]        # per frame (N,)
    camera_pose: CameraPoseSource = CameraPoseSource.ODOMETRY
    textured: bool = False        # images show a far backdrop instead of nothing

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def __iter__(self) -> Iterator[Moment]:
        return (self.moment(t) for t in range(len(self)))

    @property
    def boxes_px(self) -> Floats:
        """Boxes around all joints, hidden or not, (T, P, 4)."""
        return np.concatenate([self.keypoints_px.min(2), self.keypoints_px.max(2)], -1)

    @property
    def seen(self) -> np.ndarray:
        """Who shows enough joints to be found, (T, P)."""
        return self.visible.sum(-1) >= Noise.min_visible

    def image(self, t: int) -> Image:
        """What the camera sees if nobody is there, (H, W, 3)."""
        if self.textured:
            return backdrop(self.camera, self.world_from_camera[t])
        return np.zeros((self.camera.height, self.camera.width, 3), np.uint8)

    def moment(self, t: int) -> Moment:
        """Frame `t` with its truth."""
        known = self.camera_pose is not CameraPoseSource.NONE
        frame = Frame(stamp_ns=int(self.stamps_ns[t]), camera=self.camera,
                      camera_pose=self.camera_pose,
                      image=self.image(t),
                      world_from_camera=self.world_from_camera[t] if known else None)
        return Moment(
            frame=frame, detections=self.detections[t], person=self.person[t],
            ids=np.arange(1, self.visible.shape[1] + 1),
            present=np.isfinite(self.joints_world[t, :, 0, 0]),
            visible=self.visible[t], visible_h36m=self.visible_h36m[t], boxes_px=self.boxes_px[t],
            keypoints_px=self.keypoints_px[t], joints_world=self.joints_world[t],
            coco_world=self.coco_world[t], world_from_camera=self.world_from_camera[t])


def make_scene(people: Sequence[Walker], *, camera_path: CameraPath | None = None,
               camera: Camera = VGA, camera_known: bool = True, occluders: Sequence[Floats] = (),
               seconds: float | None = None, fps: float = 30.0, dropped: float = 0.0,
               noise: Noise = DETECTOR, textured: bool = False, seed: int = 0) -> Scene:
    """People walking past a camera.

    Args:
        camera_known: Whether frames carry `world_from_camera`.
        seconds: Length; the last waypoint of all people if not given.
        dropped: Share of frames that never arrive.
        textured: Whether images show a far backdrop, by which the camera's turning can be seen.
    """
    rng = np.random.default_rng(seed)
    seconds = max(w.waypoints[-1][0] for w in people) if seconds is None else seconds
    times = np.arange(round(seconds * fps)) / fps
    times = times[rng.random(len(times)) >= dropped]
    poses = (camera_path or static())(times)
    h36m, coco = (np.stack(joints, 1) for joints in zip(*(walk(w, times) for w in people)))
    bodies = _bodies(people, coco)
    pixels = camera.project(_in_camera(poses, coco))
    visible, visible_h36m = (
        _visible(camera, poses, joints, np.asarray(occluders, float).reshape(-1, 2, 3), bodies)
        for joints in (coco, h36m))
    found = [_detect(camera, *frame, noise, rng) for frame in zip(pixels, visible)]
    source = CameraPoseSource.STATIC if camera_path is None else CameraPoseSource.ODOMETRY
    return Scene(camera=camera, stamps_ns=1_000_000_000 + np.round(times * 1e9).astype(np.int64),
                 world_from_camera=poses, joints_world=h36m, coco_world=coco, keypoints_px=pixels,
                 visible=visible, visible_h36m=visible_h36m, detections=[d for d, _ in found],
                 person=[p for _, p in found], textured=textured,
                 camera_pose=source if camera_known else CameraPoseSource.NONE)


def _in_camera(world_from_camera: Floats, joints_world: Floats) -> Floats:
    """(T, 4, 4), (T, P, J, 3) -> (T, P, J, 3)."""
    camera = invert(world_from_camera)
    turned = np.einsum('tij,tpkj->tpki', camera[:, :3, :3], joints_world)
    return turned + camera[:, None, None, :3, 3]


def _bodies(people: Sequence[Walker], coco: Floats) -> Floats:
    """The upright box that a person fills, as an occluder of others, (T, P, 2, 3)."""
    hips = coco[:, :, COCO17.indices('left_hip', 'right_hip')].mean(2)        # (T, P, 3)
    tall = np.array([w.height for w in people])
    half = np.stack([0.1 * tall, 0.1 * tall, 0.45 * tall], -1)               # (P, 3)
    return np.stack([hips - half, hips + half], 2)


def _visible(camera: Camera, poses: Floats, joints: Floats, occluders: Floats,
             bodies: Floats) -> np.ndarray:
    """Joints in the image, hidden neither by occluders nor by other people, (T, P, J)."""
    eye, people = poses[:, None, None, None, :3, 3], joints.shape[1]
    visible = camera.contains(camera.project(_in_camera(poses, joints)))
    visible &= ~hidden_by(eye, joints[:, :, :, None], occluders).any(3)
    by_others = hidden_by(eye, joints[:, :, :, None], bodies[:, None, None])   # (T, P, J, P)
    others = ~np.eye(people, dtype=bool)[:, None]
    return visible & ~(by_others & others).any(3)


def _detect(camera: Camera, pixels: Floats, visible: np.ndarray, noise: Noise,
            rng: np.random.Generator) -> tuple[Detections, Ints]:
    """What a detector finds of (P, 17, 2) people, best first, and whom each detection shows."""
    found = (visible.sum(1) >= noise.min_visible) & (rng.random(len(pixels)) >= noise.miss)
    who = np.flatnonzero(found)
    who = np.concatenate([who, who[rng.random(len(who)) < noise.duplicate]])
    points, seen = pixels[who], visible[who]                                  # (N, 17, 2), (N, 17)
    extra = rng.poisson(noise.false_rate)
    ghost = _ghosts(camera, extra, rng)
    points = np.concatenate([points, ghost])
    seen = np.concatenate([seen, np.ones((extra, 17), bool)])
    who = np.concatenate([who, np.full(extra, -1)])
    points = np.where(np.isfinite(points), points, np.nanmean(points, 1, keepdims=True))
    tall = np.maximum(np.ptp(points[..., 1], axis=1), 1.0)[:, None, None]     # (N, 1, 1) px
    blur = np.where(seen, 1.0, 6.0)[..., None] * noise.keypoint * tall
    points = points + blur * rng.standard_normal(points.shape)
    only_seen = np.where(seen[..., None], points, np.nan)
    boxes = np.concatenate([np.nanmin(only_seen, 1), np.nanmax(only_seen, 1)], 1)
    boxes = boxes + np.array([-0.04, -0.04, 0.04, 0.04]) * tall[:, 0]
    boxes = boxes + noise.box * tall[:, 0] * rng.standard_normal(boxes.shape)
    scores = np.where(seen, rng.uniform(0.7, 1.0, seen.shape), rng.uniform(0.0, 0.2, seen.shape))
    score = np.where(who < 0, rng.uniform(0.5, 0.8, len(who)), 0.4 + 0.55 * seen.mean(1))
    best = np.argsort(-score, kind='stable')
    return Detections(boxes_px=boxes[best], keypoints_px=points[best], scores=scores[best],
                      score=score[best]), who[best]


def _ghosts(camera: Camera, count: int, rng: np.random.Generator) -> Floats:
    """Keypoints of people who are not there, (count, 17, 2) px."""
    _, coco = walk(Walker([(0, 0, 0), (1, 0, 0)]), np.zeros(1))
    shape = coco[0, :, 1:] * (1, -1) / 1.75                                   # (17, 2), height 1
    size = rng.uniform(0.1, 0.6, (count, 1, 1)) * camera.height
    centre = rng.uniform((0, 0), camera.size, (count, 1, 2))
    return centre + size * (shape - shape.mean(0))


# --- scenes that several tests use ------------------------------------------------------------

def behind_pillar(hidden_s: float = 1.0, **options: Any) -> Scene:
    """One person walks to the right at 5 m, wholly hidden by a wall for about `hidden_s`."""
    speed, depth, before = 1.3, 5.0, 3.0
    width = (speed * hidden_s + 0.55) * before / depth    # its shadow: the way walked plus a step
    people = [Walker([(0, depth, 2.6), (4, depth, 2.6 - 4 * speed)])]
    wall = box((before, -width / 2, 0), (before + 0.1, width / 2, 3))
    return make_scene(people, occluders=[wall], **options)


def crossing(gap: float = 0.8, **options: Any) -> Scene:
    """Two people walk past each other, `gap` metres apart in depth; the nearer hides the other."""
    people = [Walker([(0, 4.5, 2), (3.5, 4.5, -2)], height=1.82),
              Walker([(0, 4.5 + gap, -2), (3.5, 4.5 + gap, 2)], height=1.66, phase=1.0)]
    return make_scene(people, **options)


def crowd(people: int = 6, seconds: float = 10.0, seed: int = 0, pillars: int = 2,
          **options: Any) -> Scene:
    """People walk at random at 3 to 9 m, stand at times, leave the view and come back."""
    rng = np.random.default_rng(seed)
    walkers = []
    for _ in range(people):
        times = np.cumsum(np.r_[0, rng.uniform(2, 5, int(seconds / 2))])
        spots = np.stack([rng.uniform(3, 9, len(times)), rng.uniform(-3.5, 3.5, len(times))], 1)
        speed = np.linalg.norm(np.diff(spots, axis=0), axis=1) / np.diff(times)
        slow = np.minimum(1.0, 1.6 / np.maximum(speed, 1e-9))
        standing = rng.random(len(slow)) < 0.25
        ways = np.diff(spots, axis=0) * np.where(standing, 0.0, slow)[:, None]
        spots = spots[0] + np.concatenate([np.zeros((1, 2)), np.cumsum(ways, 0)])
        walkers.append(Walker([(t, *spot) for t, spot in zip(times, spots)],
                              height=rng.uniform(1.55, 1.95), phase=rng.uniform(0, 6)))
    blocks = [pillar(rng.uniform(2.5, 5), rng.uniform(-2, 2), 0.5) for _ in range(pillars)]
    return make_scene(walkers, occluders=blocks, seconds=seconds, seed=seed, **options)
