"""The smpl24 tree in motion: joint rotations to joint positions to the points a detector sees."""
from __future__ import annotations

import numpy as np

from ..skeleton import COCO17, SMPL24
from ..types import Floats

BODY = (*COCO17.joints, 'head')  # the 18 points that everything else derives from; head = its top

# Points in the axes of an smpl24 joint at rest [m]: to the left, up, forward of it.
_POINTS: dict[str, tuple[str, tuple[float, float, float]]] = {
    'nose': ('head', (0.0, 0.08, 0.105)),
    **{f'{side}_{name}': ('head', (sign * left, up, forward))
       for side, sign in (('left', 1.0), ('right', -1.0))
       for name, left, up, forward in (('eye', 0.032, 0.115, 0.08), ('ear', 0.075, 0.095, 0.0))},
    **{f'{side}_{limb}': (f'{side}_{limb}', (0.0, 0.0, 0.0))
       for side in ('left', 'right')
       for limb in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')},
    'head': ('head', (0.0, 0.215, 0.005)),
}
_CARRIERS = SMPL24.indices(*(_POINTS[point][0] for point in BODY))
_OFFSETS = np.array([_POINTS[point][1] for point in BODY])                         # (18, 3)


def forward(rotations: Floats, root: Floats, offsets: Floats) -> tuple[Floats, Floats]:
    """Joint positions (..., 24, 3) [m] and rotations (..., 24, 3, 3) in the world.

    Args:
        rotations: Of each joint in its parent's axes, (..., 24, 3, 3); the root's in the world.
        root: Position of the pelvis, (..., 3) [m].
        offsets: Of each joint from its parent in the parent's axes, (..., 24, 3) [m], of a shape
            that broadcasts against the joints; the root's is not used.
    """
    joints, turns = [root], [rotations[..., 0, :, :]]
    for joint, parent in enumerate(SMPL24.parents[1:], start=1):
        turn = turns[parent]
        joints.append(joints[parent] + (turn @ offsets[..., joint, :, None])[..., 0])
        turns.append(turn @ rotations[..., joint, :, :])
    return np.stack(joints, -2), np.stack(turns, -3)


def body_points(joints: Floats, turns: Floats) -> Floats:
    """Where a 2D detector sees the joints and the face, and the top of the head, (..., 18, 3).

    Args:
        joints: smpl24 positions, (..., 24, 3) [m].
        turns: smpl24 rotations in the world, (..., 24, 3, 3).
    """
    out = joints[..., _CARRIERS, :]
    carried = turns[..., _CARRIERS, :, :] @ _OFFSETS.astype(joints.dtype)[..., None]
    return np.asarray(out + carried[..., 0])
