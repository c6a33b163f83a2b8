"""Shape and posture with which a body stands in for somebody on the same tree.

Trees agree in their joints and not in where these lie: the human's trunk goes straight up from
the pelvis, that of motion capture a little back. So a movement is worn by a body with its trunk
turned by a constant angle, which brings the shoulders above the hips to where they were.
"""
from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..skeleton import SMPL24
from ..types import Floats
from .kinematics import BODY, TYPICAL_OFFSETS, body_points, forward
from .model import BodyModel

_SPREAD_M = 0.03       # how far joints are off at rest that shape does not explain, and ...
_SPREAD = 1.5          # ... how far shape parameters are from 0, unless bones tell
_FARTHEST = 2.5        # of what is drawn [standard deviations]
_TOES = SMPL24.indices('left_foot', 'right_foot')
_HIPS, _SHOULDERS = ([BODY.index(f'{side}_{joint}') for side in ('left', 'right')]
                     for joint in ('hip', 'shoulder'))
_PARENTS = [0, *SMPL24.parents[1:]]
TRUNK = SMPL24.indices('pelvis', 'spine1', 'spine2', 'spine3')
ON_TRUNK = SMPL24.indices('left_hip', 'right_hip', 'neck', 'left_collar', 'right_collar')


def rest_offsets(body: BodyModel, betas: Floats) -> Floats:
    """Joints from their parents, arms out, of shapes (..., S): (..., 24, 3) [m]; the root's 0."""
    mean, change = _bones(body)
    return np.asarray(mean + np.einsum('jis,...s->...ji', change[..., :betas.shape[-1]], betas))


def fit_betas(body: BodyModel, offsets: Floats) -> Floats:
    """Shape parameters (..., S) with which a body comes closest to bones (..., 24, 3) [m].

    Least squares over what a detector marks (`kinematics.body_points`) and the toes of somebody
    who stands with arms out, around the middle of the hips, with a ridge: of what bones do not
    tell, as weight, shapes stay near their mean.

    Args:
        body: Whose shapes.
        offsets: Of each joint from its parent in the parent's axes, arms out; the root's is not
            used.
    """
    matrix, square, rest = _normal_equations(body)
    off = (_marked(np.asarray(offsets, float)) - rest) / _SPREAD_M             # (..., 20, 3)
    wanted = off.reshape(*offsets.shape[:-2], -1) @ matrix
    return np.asarray(np.linalg.solve(square, wanted[..., None])[..., 0])


def draw_betas(rng: Generator, body: BodyModel, offsets: Floats) -> Floats:
    """Shapes (..., S) of people who may have the bones (..., 24, 3) [m].

    Around `fit_betas`, the farther the less bones tell: the weight is anybody's.
    """
    _, square, _ = _normal_equations(body)
    best = fit_betas(body, offsets)
    chance = np.clip(rng.standard_normal(best.shape), -_FARTHEST, _FARTHEST)
    return np.asarray(best + chance @ np.linalg.inv(np.linalg.cholesky(square)))


def _normal_equations(body: BodyModel) -> tuple[Floats, Floats, Floats]:
    """How marks (60,) depend on shape (60, S) [spreads], precision (S, S), marks (20, 3) [m]."""
    mean, change = _bones(body)
    lean = trunk_lean(body)
    rest = _marked(mean, lean)
    moves = np.stack([_marked(mean + one, lean) - rest for one in np.moveaxis(change, 2, 0)], -1)
    matrix = moves.reshape(-1, moves.shape[2]) / _SPREAD_M
    return matrix, matrix.T @ matrix + np.eye(matrix.shape[1]) / _SPREAD ** 2, rest


def trunk_lean(body: BodyModel) -> float:
    """Turn of the trunk about x [rad] that brings the shoulders where motion capture has them."""
    def lean(offsets: Floats) -> float:
        _, y, z = _marked(offsets)[_SHOULDERS].mean(0)
        return float(np.arctan2(z, y))

    return lean(TYPICAL_OFFSETS) - lean(_bones(body)[0])


def worn(rotations: Floats, lean: float) -> Floats:
    """A movement (..., 24, 3, 3) with pelvis and spine turned by `trunk_lean`, all else as it was.

    Legs, neck and shoulders keep their turns in the world.
    """
    turn = np.eye(3, dtype=rotations.dtype)
    turn[1:, 1:] = [[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]]
    out = np.array(rotations)
    out[..., TRUNK, :, :] = out[..., TRUNK, :, :] @ turn
    after = [*TRUNK[1:], *ON_TRUNK]
    out[..., after, :, :] = turn.T @ out[..., after, :, :]
    return out


def _bones(body: BodyModel) -> tuple[Floats, Floats]:
    """Bones of the mean shape (24, 3) [m], and how they change by a unit of each, (24, 3, S)."""
    joints = body.regressor @ body.template
    moves = np.einsum('jv,vis->jis', body.regressor, body.shapes)
    return joints - joints[_PARENTS], moves - moves[_PARENTS]


def _marked(offsets: Floats, lean: float = 0.0) -> Floats:
    """Marks and toes with arms out around the middle of the hips, (..., 24, 3) to (..., 20, 3)."""
    still = worn(np.tile(np.eye(3), (*offsets.shape[:-1], 1, 1)), lean)
    joints, turns = forward(still, np.zeros((*offsets.shape[:-2], 3)), offsets)
    points = np.concatenate([body_points(joints, turns), joints[..., _TOES, :]], -2)
    return np.asarray(points - points[..., _HIPS, :].mean(-2, keepdims=True))
