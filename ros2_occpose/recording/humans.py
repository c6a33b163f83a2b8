"""A HumanArray message as arrays: what is published, written and drawn."""
from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np

from ..body.meshes import Meshes
from ..config import LiftingConfig
from ..skeleton import COCO17, H36M17, conversion
from ..types import (
    Bools,
    CameraPoseSource,
    Floats,
    Ints,
    JointState,
    People,
    TrackState,
    require_shape,
)

Json: TypeAlias = Any

UPPER = np.triu_indices(3)   # xx xy xz yy yz zz of a covariance, the order of Joint.msg


@dataclass(frozen=True, kw_only=True)
class Humans:
    """Everybody in one image, in ascending order of id; unknown numbers are NaN.

    Raises:
        ShapeError: The arrays do not fit each other.
    """

    stamp_ns: int
    frame_id: str                   # frame of all positions
    camera_frame: str
    camera_pose: CameraPoseSource
    latency_s: float                # image stamp to publishing
    ids: Ints                       # (N,)
    states: Ints                    # (N,) TrackState
    confidence: Floats              # (N,)
    root: Floats                    # (N, 3) [m]
    root_quat_wxyz: Floats          # (N, 4)
    root_covariance: Floats         # (N, 3, 3) [m^2]
    velocity: Floats                # (N, 3) [m/s]
    velocity_covariance: Floats     # (N, 3, 3)
    joints: Floats                  # (N, 17, 3) [m], h36m17
    joint_covariance: Floats        # (N, 17, 6) [m^2] xx xy xz yy yz zz
    joint_confidence: Floats        # (N, 17)
    joint_states: Ints              # (N, 17) JointState
    keypoints_px: Floats            # (N, 17, 2) coco17, NaN for people not detected in this image
    keypoint_scores: Floats         # (N, 17), NaN likewise
    keypoint_visible: Bools         # (N, 17)
    boxes_px: Floats                # (N, 4) x0 y0 x1 y1, NaN for people not detected in this image

    def __post_init__(self) -> None:
        n, j, k = len(self.ids), len(H36M17.joints), len(COCO17.joints)
        shapes = {
            'ids': (n,), 'states': (n,), 'confidence': (n,), 'root': (n, 3),
            'root_quat_wxyz': (n, 4), 'root_covariance': (n, 3, 3), 'velocity': (n, 3),
            'velocity_covariance': (n, 3, 3), 'joints': (n, j, 3),
            'joint_covariance': (n, j, 6), 'joint_confidence': (n, j), 'joint_states': (n, j),
            'keypoints_px': (n, k, 2), 'keypoint_scores': (n, k), 'keypoint_visible': (n, k),
            'boxes_px': (n, 4)}
        for name, shape in shapes.items():
            require_shape(name, getattr(self, name), *shape)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def joint_std(self) -> Floats:
        """[m] of an isotropic Gaussian as wide as the covariance, (N, 17)."""
        variance = self.joint_covariance[..., [0, 3, 5]].mean(-1)
        return np.asarray(np.sqrt(np.maximum(variance, 0)))

    def select(self, rows: Ints) -> Humans:
        """Some of the people, in the order of `rows`."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self)
                  if isinstance(getattr(self, f.name), np.ndarray)}
        return replace(self, **arrays)


def humans_of(people: People, *, frame_id: str, camera_frame: str,
              latency_s: float = float('nan'),
              min_visibility: float = LiftingConfig.min_visibility) -> Humans:
    """What the pipeline says about one frame, in the precision of the message.

    Args:
        people: The answer of the pipeline.
        frame_id: Name of the frame of the positions; the camera's while its pose is unknown.
        camera_frame: Name of the camera's optical frame.
        latency_s: Time from the image stamp to publishing.
        min_visibility: Least visibility for a keypoint to be called seen.
    """
    tracks = people.tracks
    order = np.argsort(tracks.ids)
    detected = tracks.unseen_s <= 0                                 # (N,)
    unknown = np.where(detected, 0.0, np.nan)
    everybody = Humans(
        stamp_ns=people.stamp_ns, frame_id=frame_id, camera_frame=camera_frame,
        camera_pose=people.camera_pose, latency_s=latency_s,
        ids=tracks.ids, states=tracks.states, confidence=_single(tracks.confidence),
        root=people.root, root_quat_wxyz=people.root_quat_wxyz,
        root_covariance=people.root_covariance,
        velocity=people.velocity, velocity_covariance=people.velocity_covariance,
        joints=people.joints, joint_covariance=_single(people.joint_covariance[..., *UPPER]),
        joint_confidence=_single(people.poses.visibility), joint_states=people.joint_states,
        keypoints_px=_single(tracks.keypoints_px + unknown[:, None, None]),
        keypoint_scores=_single(tracks.visibility + unknown[:, None]),
        keypoint_visible=(tracks.visibility >= min_visibility) & detected[:, None],
        boxes_px=tracks.boxes_px + unknown[:, None])
    return everybody.select(order)


def _single(values: Floats) -> Floats:
    """Rounded as float32: a file of `occpose run` and one of the live node say the same."""
    return values.astype(np.float32).astype(float)


def inferred(humans: Humans) -> Bools:
    """Which joints are to be drawn as hidden, (N, 17).

    A joint that no detector keypoint can give, such as the top of the head, is as hidden as its
    parent: otherwise every drawing would show a hidden head.
    """
    hidden: Bools = np.invert(np.isin(humans.joint_states, JointState.OBSERVED))
    given: Bools = np.asarray(conversion(COCO17, H36M17).any(axis=1))
    for joint, parent in enumerate(H36M17.parents):
        if not given[joint]:
            hidden[:, joint] = hidden[:, parent]
    return hidden


def record(humans: Humans, meshes: Meshes | None = None) -> dict[str, Json]:
    """One line of `poses.jsonl`: names instead of numbers for states, None for unknown numbers.

    Args:
        humans: Everybody.
        meshes: Bodies of the same people, which are added.
    """
    people = [{
        'id': int(humans.ids[i]),
        'state': TrackState(humans.states[i]).name,
        'confidence': _plain(humans.confidence[i], 3),
        'root': _plain(humans.root[i], 4),
        'velocity': _plain(humans.velocity[i], 4),
        'joints': _plain(humans.joints[i], 4),
        'joint_std': _plain(humans.joint_std[i], 4),
        'joint_state': [JointState(s).name for s in humans.joint_states[i]],
        'keypoints': _plain(np.concatenate(
            [humans.keypoints_px[i], humans.keypoint_scores[i, :, None]], -1), 2),
    } for i in range(len(humans))]
    line = {'stamp_ns': humans.stamp_ns, 'frame_id': humans.frame_id,
            'camera_pose': humans.camera_pose.name, 'humans': people}
    if meshes is not None:
        line['body_model'] = meshes.body.name
        for i, person in enumerate(people):
            person |= {'betas': _plain(meshes.betas[i], 3), 'pelvis': _plain(meshes.pelvis[i], 4),
                       'rotations': _plain(meshes.quats_wxyz[i], 4)}
    return line


def _plain(values: Floats | float, digits: int) -> Json:
    """Numbers as JSON can say them: rounded, NaN and infinity as None."""
    return _none(np.asarray(values, float).round(digits).tolist())


def _none(values: Json) -> Json:
    if isinstance(values, list):
        return [_none(value) for value in values]
    return values if np.isfinite(values) else None
