"""What bodies in the format of SMPL are made of: stretched bones, and joints out of the skin."""
from __future__ import annotations

import numpy as np

from ..skeleton import SMPL24
from ..types import Floats

_SIDES = ('left', 'right')
_PRIOR = 1e-6                   # of even weights, against the exact place
# Stretches: bones (joint at the start, joint at the end) that become longer by a share.
STRETCHES: dict[str, tuple[tuple[str, str], ...]] = {
    'legs': tuple((f'{side}_{a}', f'{side}_{b}') for side in _SIDES
                  for a, b in (('hip', 'knee'), ('knee', 'ankle'))),
    'arms': tuple((f'{side}_{a}', f'{side}_{b}') for side in _SIDES
                  for a, b in (('shoulder', 'elbow'), ('elbow', 'wrist'))),
    'shoulders': tuple((f'{side}_collar', f'{side}_shoulder') for side in _SIDES),
    'trunk': (('spine1', 'spine2'), ('spine2', 'spine3'), ('spine3', 'neck')),
    'feet': tuple((f'{side}_ankle', f'{side}_foot') for side in _SIDES),
    'neck': (('neck', 'head'),),
}


def stretched(vertices: Floats, joints: Floats, weights: Floats, name: str, share: float
              ) -> tuple[Floats, Floats]:
    """How vertices (V, 3) and joints (24, 3) [m] move when bones become longer by a share.

    Args:
        vertices: Arms out, (V, 3) [m].
        joints: (24, 3) [m].
        weights: Of the joints on the vertices, (V, 24).
        name: One of `STRETCHES`.
        share: Of the length.
    """
    longer = {SMPL24.index(start): SMPL24.index(end) for start, end in STRETCHES[name]}
    moved = np.zeros_like(joints)
    for parent, child in SMPL24.bones:
        moved[child] = moved[parent]
        if parent in longer:
            along = joints[longer[parent]] - joints[parent]
            along = along / np.linalg.norm(along)
            moved[child] = moved[parent] + share * (along @ (joints[child] - joints[parent])
                                                    ) * along
    out = weights @ moved
    for start, end in longer.items():
        bone = joints[end] - joints[start]
        length = float(np.linalg.norm(bone))
        at = np.clip((vertices - joints[start]) @ bone / length, 0, length)
        out += (share * at * weights[:, start])[:, None] * bone / length
    return out, moved


def regressor_of(places: Floats, vertices: Floats, near: int = 400) -> Floats:
    """Places as linear combinations of vertices near them, (P, V), in each of some shapes.

    Weights sum to 1 and are as even among the nearest vertices as can be.

    Args:
        places: Of P joints in the mean shape and its changes, (P, 3, 1 + S).
        vertices: The same of the vertices, (V, 3, 1 + S).
        near: How many vertices a place depends on.
    """
    out = np.zeros((len(places), len(vertices)))
    for row, place in enumerate(places):
        away = np.linalg.norm(vertices[..., 0] - place[:, 0], axis=1)
        nearest = np.argsort(away, kind='stable')[:near]
        even = np.exp(-0.5 * (away[nearest] / max(away[nearest].mean(), 1e-6)) ** 2)
        even /= even.sum()
        wanted = np.append(place.ravel(), 1.0)
        matrix = np.concatenate([vertices[nearest].reshape(near, -1).T, np.ones((1, near))])
        left = matrix @ matrix.T + _PRIOR * np.eye(len(matrix))
        out[row, nearest] = even + matrix.T @ np.linalg.solve(left, wanted - matrix @ even)
    return out


