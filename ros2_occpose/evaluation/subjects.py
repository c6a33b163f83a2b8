"""Whom the benchmark judges: people before cameras, with the truth, one row a person."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..skeleton import COCO17, H36M17, conversion
from ..training.mocap.motion import h36m_of
from ..training.views.scenes import Scenes
from ..types import Bools, Floats, Ints

# of which coco17 joints each h36m17 joint is made, (17, 17): 1 or 0
_PARTS = (conversion(COCO17, H36M17) > 0).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """N people in T frames at 30 Hz."""

    rays: Floats                 # (N, T, 17, 2) coco17 as detected, in the undistorted image
    joints_camera: Floats        # (N, T, 17, 3) [m] true h36m17
    world_from_camera: Floats    # (N, T, 4, 4)
    valid: Bools                 # (N, T) the person is there

    def __len__(self) -> int:
        return len(self.rays)


def subjects_of(scenes: Scenes) -> Subjects:
    """Everybody in some scenes, one after the other."""
    people = scenes.valid.shape[1]
    rotation, position = scenes.cameras.rotation, scenes.cameras.position      # (S, T, 3, 3)
    pose = np.zeros((*position.shape[:2], 4, 4))
    pose[..., :3, :3], pose[..., :3, 3], pose[..., 3, 3] = rotation, position, 1.0
    return Subjects(
        rays=by_person(scenes.rays).astype(float),
        joints_camera=h36m_of(by_person(scenes.body_camera).astype(float)),
        world_from_camera=np.repeat(pose, people, 0), valid=by_person(scenes.valid))


def by_person(array: Any) -> Any:
    """(S, P, T, ...) as (N, T, ...)."""
    return array.reshape(-1, *array.shape[2:])


def in_world(points_camera: Floats, subjects: Subjects) -> Floats:
    """Points of the camera (N, T, 3) in the world [m]."""
    pose = subjects.world_from_camera
    turned = np.einsum('ntij,ntj->nti', pose[..., :3, :3], points_camera)
    return np.asarray(turned + pose[..., :3, 3])


def hidden_joints(seen: Bools) -> Bools:
    """h36m17 joints of which a part is hidden, (..., 17) of coco17 -> (..., 17).

    The top of the head is made of no coco17 joint: it is neither visible nor hidden.
    """
    return np.asarray((~seen).astype(np.float32) @ _PARTS.T > 0)


def visible_joints(seen: Bools) -> Bools:
    """h36m17 joints of which every part is seen, (..., 17) of coco17 -> (..., 17)."""
    return ~hidden_joints(seen) & _PARTS.any(1)


def frames_unseen(seen: Bools, axis: int) -> Ints:
    """Frames since something was last seen, 0: now; very many before the first time.

    Args:
        seen: Of any shape.
        axis: Of time.
    """
    shape = [1] * seen.ndim
    shape[axis] = -1
    t = np.arange(seen.shape[axis]).reshape(shape)
    return np.asarray(t - np.maximum.accumulate(np.where(seen, t, -10 ** 6), axis=axis))
