"""The smpl24 tree in motion: joint rotations to joint positions to the points a detector sees."""
from __future__ import annotations

import numpy as np

from ..skeleton import COCO17, H36M17, LSP14, SMPL24, Skeleton, conversion
from ..types import Floats

BODY = (*COCO17.joints, 'head')  # the 18 points that everything else derives from; head = its top

_SIDES = (('left', 1.0), ('right', -1.0))
# Offsets of a grown-up of 1.75 m from the parent joint, at rest [m]: to the left, up, forward.
_TYPICAL = {
    'pelvis': (0.0, 0.0, 0.0),
    'spine1': (0.0, 0.11, -0.03),
    'spine2': (0.0, 0.12, 0.005),
    'spine3': (0.0, 0.05, 0.0),
    'neck': (0.0, 0.16, -0.03),
    'head': (0.0, 0.085, 0.04),
    **{f'{side}_{name}': (sign * left, up, forward) for side, sign in _SIDES
       for name, left, up, forward in (
           ('hip', 0.087, -0.09, -0.01), ('knee', 0.0, -0.43, 0.0), ('ankle', 0.0, -0.43, -0.02),
           ('foot', 0.015, -0.06, 0.125), ('collar', 0.07, 0.1, -0.02),
           ('shoulder', 0.096, 0.035, -0.015), ('elbow', 0.3, 0.0, -0.01),
           ('wrist', 0.26, 0.0, 0.0), ('hand', 0.085, -0.005, 0.0))},
}
TYPICAL_OFFSETS = np.array([_TYPICAL[joint] for joint in SMPL24.joints])        # (24, 3) [m]

# What a detector of coco17 marks, beside a joint of smpl24, in the axes of another [m]: to the
# left, up, forward. Marks are not the centres of joints. In shares of the stature, hips are 0.10
# apart (Winter, "Biomechanics and motor control of human movement", fig. 4.1) but marked 0.12
# apart and 0.02 lower, with the pelvis: thighs grow when they are lifted. Knees are marked 0.012
# lower and ankles 0.014 higher, shoulders 0.21 apart instead of 0.19. Found on two people
# triangulated from four views, and on the regression of coco17 from the skin of a mean body
# (Anny): shoulder to hip is 0.66 of hip to ankle for both, 0.59 between the joints.
_POINTS: dict[str, tuple[str, str, tuple[float, float, float]]] = {
    'nose': ('head', 'head', (0.0, 0.08, 0.105)),
    **{f'{side}_{name}': ('head', 'head', (sign * left, up, forward)) for side, sign in _SIDES
       for name, left, up, forward in (('eye', 0.032, 0.115, 0.08), ('ear', 0.075, 0.095, 0.0))},
    **{f'{side}_{joint}': (f'{side}_{joint}', carrier.replace('*', side), (sign * left, up, 0.0))
       for side, sign in _SIDES
       for joint, carrier, left, up in (
           ('shoulder', '*_collar', 0.017, 0.008), ('elbow', '*_elbow', 0.0, 0.0),
           ('wrist', '*_wrist', 0.0, 0.0), ('hip', 'pelvis', 0.017, -0.03),
           ('knee', '*_knee', 0.0, -0.02), ('ankle', '*_knee', 0.0, 0.024))},
    'head': ('head', 'head', (0.0, 0.215, 0.005)),
}
_JOINTS = SMPL24.indices(*(_POINTS[point][0] for point in BODY))
_CARRIERS = SMPL24.indices(*(_POINTS[point][1] for point in BODY))
_OFFSETS = np.array([_POINTS[point][2] for point in BODY])                         # (18, 3)


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
    out = joints[..., _JOINTS, :]
    carried = turns[..., _CARRIERS, :, :] @ _OFFSETS.astype(joints.dtype)[..., None]
    return np.asarray(out + carried[..., 0])


def marks() -> Floats:
    """The points of `body_points` as a matrix for `character.Character`, (18, 24, 4)."""
    out = np.zeros((len(BODY), len(SMPL24.joints), 4), np.float32)
    rows = np.arange(len(BODY))
    out[rows, _CARRIERS, :3] = _OFFSETS
    out[rows, _JOINTS, 3] = 1
    return out


def _of_body(target: Skeleton) -> Floats:
    """Weights (J, 18) that make a joint set of BODY; its head is the top of the head."""
    weights = np.zeros((len(target.joints), len(BODY)))
    weights[:, :len(COCO17.joints)] = conversion(COCO17, target)
    weights[target.index('head'), BODY.index('head')] = 1.0
    return weights


_H36M_OF_BODY, _LSP_OF_BODY = _of_body(H36M17), _of_body(LSP14)


def h36m_of(body: Floats) -> Floats:
    """h36m17 joints of the 18 body points, (..., 18, 3) -> (..., 17, 3)."""
    return np.asarray(_H36M_OF_BODY.astype(body.dtype) @ body)


def h36m_at_rest(joints: Floats) -> Floats:
    """h36m17 joints (..., 17, 3) of smpl24 joints with arms out (..., 24, 3), by their marks."""
    turns = np.broadcast_to(np.eye(3), (*joints.shape, 3))
    return h36m_of(body_points(joints, turns))


def lsp_of(body: Floats) -> Floats:
    """lsp14 joints of the 18 body points, (..., 18, 3) -> (..., 14, 3)."""
    return np.asarray(_LSP_OF_BODY.astype(body.dtype) @ body)
