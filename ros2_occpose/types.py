"""The nouns between the stages, and the glossary of shapes.

Letters: N people, T frames, J joints, B batch, C channels, V vertices, F faces.
Suffixes: `_px` pixels of the image as received, `_camera` metres in the optical frame (x right,
y down, z forward), `_world` metres in the world frame (z up), `_root` metres relative to the root
joint in camera axes, `_s` seconds, `_ns` nanoseconds. `a_from_b` maps coordinates of b to
coordinates of a. Every array keeps its full length: what was not seen has visibility 0 and a
large std, never a hole.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .config import DetectionConfig, LiftingConfig, TrackingConfig, TrajectoryConfig
from .errors import InputError, ShapeError
from .geometry import Camera
from .skeleton import COCO17, H36M17, SMPL24, Skeleton

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]
Image = NDArray[np.uint8]


class TrackState(IntEnum):
    """Life of a person's id; the values of Human.msg."""

    TENTATIVE = 0   # seen too few times to be believed
    TRACKED = 1     # seen now
    OCCLUDED = 2    # believed to be there, not seen now
    LOST = 3        # said once, in the frame that ends the id


class JointState(IntEnum):
    """How a joint's position is known; the values of Joint.msg."""

    OBSERVED = 0      # the detector saw it in this frame
    OCCLUDED = 1      # inferred: hidden inside the image
    OUT_OF_VIEW = 2   # inferred: outside the image
    PREDICTED = 3     # inferred: nothing of this person was seen in this frame


class CameraPoseSource(IntEnum):
    """Where the camera pose of a frame came from; the values of HumanArray.msg."""

    NONE = 0
    STATIC = 1
    TF = 2
    ODOMETRY = 3
    POSE = 4


def require_shape(name: str, array: NDArray[Any], *expected: int | None) -> None:
    """Raise `ShapeError` unless `array.shape` matches; None matches any length."""
    fits = len(expected) == array.ndim and all(
        e is None or e == n for e, n in zip(expected, array.shape, strict=True))
    if not fits:
        wanted = ', '.join('*' if e is None else str(e) for e in expected)
        raise ShapeError(f'{name} must have shape ({wanted}), got {array.shape}.')


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One image and what is known about the camera that took it.

    Raises:
        InputError: The image is empty, not 8-bit BGR, or not of the camera's size.
        ShapeError: `world_from_camera` is not (4, 4).
    """

    stamp_ns: int
    image: Image                                # (H, W, 3) BGR
    camera: Camera
    world_from_camera: Floats | None = None     # (4, 4); None: results stay in the camera frame
    camera_pose: CameraPoseSource = CameraPoseSource.NONE
    detections: Detections | None = None        # found by somebody else: the detector is skipped

    def __post_init__(self) -> None:
        image = self.image
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise InputError(
                f'Expected a non-empty (H, W, 3) uint8 BGR image, got {image.shape} '
                f'{image.dtype}; check the image source.')
        if self.camera.size != (image.shape[1], image.shape[0]):
            raise InputError(
                f'Expected an image of {self.camera.width}x{self.camera.height} as the camera '
                f'model says, got {image.shape[1]}x{image.shape[0]}; publish the CameraInfo of '
                'this image size.')
        if self.world_from_camera is not None:
            require_shape('world_from_camera', self.world_from_camera, 4, 4)


@dataclass(frozen=True, kw_only=True)
class Detections:
    """People found in one image, best score first."""

    boxes_px: Floats        # (N, 4) x0 y0 x1 y1
    keypoints_px: Floats    # (N, J, 2) finite where scores > 0
    scores: Floats          # (N, J) probability that the joint was seen, not guessed
    score: Floats           # (N,) probability that this is a person
    skeleton: Skeleton = COCO17

    def __post_init__(self) -> None:
        n, j = len(self.boxes_px), len(self.skeleton.joints)
        require_shape('boxes_px', self.boxes_px, n, 4)
        require_shape('keypoints_px', self.keypoints_px, n, j, 2)
        require_shape('scores', self.scores, n, j)
        require_shape('score', self.score, n)

    def __len__(self) -> int:
        return len(self.score)

    @staticmethod
    def none(skeleton: Skeleton = COCO17) -> Detections:
        """Nobody."""
        j = len(skeleton.joints)
        return Detections(boxes_px=np.zeros((0, 4)), keypoints_px=np.zeros((0, j, 2)),
                          scores=np.zeros((0, j)), score=np.zeros(0), skeleton=skeleton)


@dataclass(frozen=True, kw_only=True)
class Tracks:
    """People followed over time, as they stand in this frame; always coco17."""

    ids: Ints               # (N,) from 1 up, never given to anybody else
    states: Ints            # (N,) TrackState
    boxes_px: Floats        # (N, 4) x0 y0 x1 y1, measured or predicted
    keypoints_px: Floats    # (N, 17, 2) measured where visibility > 0, else predicted; finite
    visibility: Floats      # (N, 17) what the detector saw in this frame, 0 where it saw nothing
    confidence: Floats      # (N,) 0..1 that this person exists; decays while unseen
    unseen_s: Floats        # (N,) time since the last matched detection

    def __post_init__(self) -> None:
        n, j = len(self.ids), len(COCO17.joints)
        require_shape('ids', self.ids, n)
        require_shape('states', self.states, n)
        require_shape('boxes_px', self.boxes_px, n, 4)
        require_shape('keypoints_px', self.keypoints_px, n, j, 2)
        require_shape('visibility', self.visibility, n, j)
        require_shape('confidence', self.confidence, n)
        require_shape('unseen_s', self.unseen_s, n)

    def __len__(self) -> int:
        return len(self.ids)

    def with_visibility(self, visibility: Floats) -> Tracks:
        """The same tracks with another opinion on what was seen, (N, 17)."""
        return replace(self, visibility=visibility)


@dataclass(frozen=True, kw_only=True)
class PoseBodies:
    """Shapes and postures of bodies in the format of SMPL; always smpl24."""

    model: str              # name of the body that the betas are of
    betas: Floats           # (N, S) shape parameters
    rotations: Floats       # (N, 24, 3, 3) of each joint in its parent's axes, of the root in
                            # those of the camera (`Poses`) or of the world (`People`)

    def __post_init__(self) -> None:
        n = len(self.betas)
        require_shape('betas', self.betas, n, None)
        require_shape('rotations', self.rotations, n, len(SMPL24.joints), 3, 3)

    def __len__(self) -> int:
        return len(self.betas)


@dataclass(frozen=True, kw_only=True)
class Poses:
    """3D skeletons around their own root, in camera axes; always h36m17."""

    tracks: Tracks
    joints_root: Floats     # (N, 17, 3) [m], filled in for hidden joints too; the root row is 0
    std: Floats             # (N, 17) [m] of each joint relative to the root, isotropic Gaussian
    rays: Floats            # (N, 17, 2) x/z, y/z of the joint in the undistorted image; finite
    visibility: Floats      # (N, 17) how well `rays` was seen; 0: not seen, or never given
    bodies: PoseBodies | None = None     # of the same people, from lifters that know bodies

    def __post_init__(self) -> None:
        n, j = len(self.tracks), len(H36M17.joints)
        if self.bodies is not None:
            require_shape('betas of bodies', self.bodies.betas, n, None)
        require_shape('joints_root', self.joints_root, n, j, 3)
        require_shape('std', self.std, n, j)
        require_shape('rays', self.rays, n, j, 2)
        require_shape('visibility', self.visibility, n, j)

    def __len__(self) -> int:
        return len(self.tracks)


@dataclass(frozen=True, kw_only=True)
class People:
    """Where everybody is, in the world frame (without a camera pose: in the camera frame)."""

    stamp_ns: int
    camera_pose: CameraPoseSource
    poses: Poses
    root: Floats            # (N, 3) [m]
    root_covariance: Floats        # (N, 3, 3) [m^2]
    root_quat_wxyz: Floats  # (N, 4) x out of the chest, y to the person's left, z to the head
    velocity: Floats        # (N, 3) [m/s]
    velocity_covariance: Floats    # (N, 3, 3)
    joints: Floats          # (N, 17, 3) [m], h36m17
    joint_covariance: Floats       # (N, 17, 3, 3) [m^2], root uncertainty included
    joint_states: Ints      # (N, 17) JointState
    camera_axes: Floats | None = None     # (3, 3) in the world; None: those of the results

    def __post_init__(self) -> None:
        n, j = len(self.poses), len(H36M17.joints)
        if self.camera_axes is not None:
            require_shape('camera_axes', self.camera_axes, 3, 3)
        require_shape('root', self.root, n, 3)
        require_shape('root_covariance', self.root_covariance, n, 3, 3)
        require_shape('root_quat_wxyz', self.root_quat_wxyz, n, 4)
        require_shape('velocity', self.velocity, n, 3)
        require_shape('velocity_covariance', self.velocity_covariance, n, 3, 3)
        require_shape('joints', self.joints, n, j, 3)
        require_shape('joint_covariance', self.joint_covariance, n, j, 3, 3)
        require_shape('joint_states', self.joint_states, n, j)

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def tracks(self) -> Tracks:
        """The tracks these people come from."""
        return self.poses.tracks

    @property
    def bodies(self) -> PoseBodies | None:
        """The bodies, where the lifter knows them, with their roots turned into the world."""
        bodies = self.poses.bodies
        if bodies is None or self.camera_axes is None:
            return bodies
        rotations = np.array(bodies.rotations)
        rotations[:, 0] = self.camera_axes @ rotations[:, 0]
        return replace(bodies, rotations=rotations)


class Detector(Protocol):
    """Finds people in one image."""

    @property
    def backend(self) -> str:
        """Which runtime runs it, on what."""
        ...

    def adjust(self, config: DetectionConfig) -> None:
        """Take over the live fields of a configuration."""
        ...

    def __call__(self, image: Image) -> Detections:
        """Everybody found, best first."""
        ...

    def reset(self) -> None:
        """Forget earlier images."""
        ...


class Tracker(Protocol):
    """Gives people an id and keeps it."""

    def adjust(self, config: TrackingConfig) -> None:
        """Take over the live fields of a configuration."""
        ...

    def update(self, detections: Detections, frame: Frame) -> Tracks:
        """Everybody followed, seen in this frame or not."""
        ...

    def reset(self) -> None:
        """Forget everybody; ids go on counting."""
        ...


class Lifter(Protocol):
    """Turns 2D tracks into 3D skeletons; causal: later frames never change an earlier answer."""

    @property
    def backend(self) -> str:
        """Which runtime runs it, on what."""
        ...

    def adjust(self, config: LiftingConfig) -> None:
        """Take over the live fields of a configuration."""
        ...

    def update(self, tracks: Tracks, frame: Frame) -> Poses:
        """The skeletons of all tracks, in their order."""
        ...

    def reset(self) -> None:
        """Forget everybody."""
        ...


class Trajectory(Protocol):
    """Places skeletons in the world."""

    def adjust(self, config: TrajectoryConfig) -> None:
        """Take over the live fields of a configuration."""
        ...

    def update(self, poses: Poses, frame: Frame) -> People:
        """Everybody in the world frame, in the order of the poses."""
        ...

    def reset(self) -> None:
        """Forget everybody."""
        ...
