"""A dressed person with a skin, ready to be moved: smpl24 rotations to vertices, NumPy alone.

Axes are the person's own: x to the left, y up, z forward, pelvis at the origin. The posture in
which a skin was modelled (arms half down) need not be that in which all turns are the identity
(arms out): `rest_turns` leads from one to the other, so that shoulders deform as they were made
to. A character is baked once (`synth.characters`, or `cylinder_character`) and kept in a file.
"""
from __future__ import annotations

import io
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, ShapeError
from ..skeleton import SMPL24
from ..types import Floats, Image, Ints, require_shape
from .kinematics import BODY, forward

_JOINTS = len(SMPL24.joints)
_SOLES = SMPL24.indices('left_ankle', 'right_ankle', 'left_foot', 'right_foot')
_SOLE_M = 0.03                       # what lies so near the lowest vertex belongs to the soles
_VERSION = 1


class Part(IntEnum):
    """What a vertex belongs to."""

    SKIN = 0
    HAIR = 1
    EYES = 2
    TOP = 3
    BOTTOM = 4
    SHOES = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Posed:
    """A person at one moment, in the world."""

    vertices: Floats        # (V, 3) [m]
    normals: Floats         # (V, 3) unit
    joints: Floats          # (24, 3) [m] smpl24
    body: Floats            # (18, 3) [m] BODY: where a detector of coco17 marks, and the top


@dataclass(frozen=True, kw_only=True, eq=False)
class Character:
    """One person, and the skin in the posture in which it was modelled.

    Raises:
        ShapeError: Arrays that do not fit together.
    """

    name: str
    offsets: Floats         # (24, 3) [m] of each joint from its parent; the root's is 0
    rest_turns: Floats      # (24, 3, 3) from the modelled posture to the one with arms out
    rest_vertices: Floats   # (V, 3) [m] float32
    rest_normals: Floats    # (V, 3) unit, float32
    bones: Ints             # (V, 4) joints of smpl24 that carry a vertex
    bone_weights: Floats    # (V, 4) how much; rows sum to 1
    faces: Ints             # (F, 3) int32, counter-clockwise seen from outside
    uv: Floats              # (V, 2) of the texture, v up; vertices of seams are doubled
    texture: Image          # (h, w, 3) RGB
    body_points: Floats     # (18, 24, 4) of [turn | position] of each joint to BODY
    part: NDArray[np.uint8]  # (V,) Part

    def __post_init__(self) -> None:
        count = len(self.rest_vertices)
        require_shape('offsets', self.offsets, _JOINTS, 3)
        require_shape('rest_turns', self.rest_turns, _JOINTS, 3, 3)
        for name in ('rest_vertices', 'rest_normals'):
            require_shape(name, getattr(self, name), count, 3)
        for name in ('bones', 'bone_weights'):
            require_shape(name, getattr(self, name), count, 4)
        require_shape('faces', self.faces, None, 3)
        require_shape('uv', self.uv, count, 2)
        require_shape('texture', self.texture, None, None, 3)
        require_shape('body_points', self.body_points, len(BODY), _JOINTS, 4)
        require_shape('part', self.part, count)
        if self.faces.size and not 0 <= self.faces.min() <= self.faces.max() < count:
            raise ShapeError(f'Expected faces of {count} vertices, got vertex {self.faces.max()}.')

    @cached_property
    def rest_joints(self) -> Floats:
        """Joints in the modelled posture, (24, 3) [m] from the pelvis."""
        return modelled_joints(self.offsets, self.rest_turns)

    @cached_property
    def pelvis_height(self) -> float:
        """Of the pelvis above the floor on which the person stands upright [m]."""
        return -float(self.lowest(_UPRIGHT, np.zeros(3)))

    def skeleton(self, rotations: Floats, root: Floats) -> tuple[Floats, Floats]:
        """Joints (..., 24, 3) and BODY points (..., 18, 3) [m] in the world, without the skin.

        Args:
            rotations: Of each joint in its parent's axes, (..., 24, 3, 3); root's in the world.
            root: Pelvis in the world, (..., 3) [m].
        """
        joints, turns = forward(rotations, root, self.offsets)
        return joints, _points(self.body_points, joints, turns)

    def lowest(self, rotations: Floats, root: Floats) -> Floats:
        """Height of the lowest point of the shoes, (...) [m]; arguments as of `skeleton`."""
        joints, turns = forward(rotations, root, self.offsets)
        return np.asarray(_points(self._soles, joints, turns)[..., 2].min(-1))

    def pose(self, rotations: Floats, root: Floats) -> Posed:
        """The person in a posture.

        Args:
            rotations: Of each joint in its parent's axes, (24, 3, 3); the root's in the world.
            root: Pelvis in the world, (3,) [m].
        """
        joints, turns = forward(rotations.astype(np.float64), root, self.offsets)
        moves = turns @ self.rest_turns                                    # (24, 3, 3)
        shifts = joints - (moves @ self.rest_joints[..., None])[..., 0]
        # Coordinates first, so that all arithmetic runs along the vertices.
        carriers = np.concatenate([moves.reshape(_JOINTS, 9), shifts], 1).astype(np.float32)
        columns = carriers.T @ self._carried
        at, up = self._columns
        vertices, normals = np.empty((2, len(self.part), 3), np.float32)
        turned = np.empty((3, len(self.part)), np.float32)
        for axis in range(3):
            a, b, c = columns[3 * axis: 3 * axis + 3]
            vertices[:, axis] = a * at[0] + b * at[1] + c * at[2] + columns[9 + axis]
            turned[axis] = a * up[0] + b * up[1] + c * up[2]
        turned /= np.sqrt(np.maximum((turned * turned).sum(0), 1e-12))
        normals[:] = turned.T
        return Posed(vertices=vertices, normals=normals, joints=joints,
                     body=_points(self.body_points, joints, turns))

    @cached_property
    def weights(self) -> Floats:
        """How much each joint carries each vertex, (V, 24) float32."""
        out = np.zeros((len(self.part), _JOINTS), np.float32)
        np.add.at(out, (np.arange(len(out))[:, None], self.bones), self.bone_weights)
        return out

    @cached_property
    def _carried(self) -> Floats:
        return np.ascontiguousarray(self.weights.T)                        # (24, V)

    @cached_property
    def _columns(self) -> tuple[Floats, Floats]:
        at, up = (np.ascontiguousarray(values.T, np.float32)               # each (3, V)
                  for values in (self.rest_vertices, self.rest_normals))
        return at, up

    @cached_property
    def _soles(self) -> Floats:
        height = np.where(self.weights[:, _SOLES].sum(1) > 0.9, self.rest_vertices[:, 1], np.inf)
        low = np.flatnonzero(height < height.min() + _SOLE_M)
        rows = np.zeros((len(low), len(height)), np.float32)
        rows[np.arange(len(low)), low] = 1
        return regressor(rows[::max(len(low) // 64, 1)], self.rest_vertices, self.weights,
                         self.offsets, self.rest_turns)

    def save(self, path: Path) -> None:
        """Write the character; the same one gives the same bytes.

        Raises:
            ModelError: The folder cannot be written to.
        """
        try:
            path.write_bytes(self.to_bytes())
        except OSError as error:
            raise ModelError(f'Cannot write {path}: {error.strerror}; choose another folder.'
                             ) from error

    def to_bytes(self) -> bytes:
        """The content of the file that `save` writes."""
        packed = {'version': np.array(_VERSION), 'name': np.array(self.name)}
        for array in fields(self)[1:]:
            values = getattr(self, array.name)
            packed[array.name] = values.astype(_STORED.get(array.name, values.dtype))
        file = io.BytesIO()
        np.savez_compressed(file, **packed)  # type: ignore[arg-type]
        return file.getvalue()


def load_character(path: Path) -> Character:
    """A character that was saved.

    Raises:
        ModelError: The file is missing, damaged or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        version = int(arrays.pop('version'))
        if version != _VERSION:
            raise ModelError(f'{path} is a character of version {version}, expected {_VERSION}; '
                             'delete it, it will be made again.')
        name = str(arrays.pop('name'))
        arrays['faces'] = arrays['faces'].astype(np.int32)
        return Character(name=name, **arrays)
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile,
            ShapeError) as error:
        raise ModelError(f'{path} is no character ({error}); delete it, it will be made again.'
                         ) from error


def modelled_joints(offsets: Floats, rest_turns: Floats) -> Floats:
    """Joints (24, 3) [m] from the pelvis in the posture that `rest_turns` (24, 3, 3) undo."""
    joints = np.zeros((_JOINTS, 3))
    for joint, parent in enumerate(SMPL24.parents[1:], start=1):
        joints[joint] = joints[parent] + rest_turns[parent].T @ offsets[joint]
    return joints


def regressor(rows: Floats, rest_vertices: Floats, weights: Floats, offsets: Floats,
              rest_turns: Floats) -> Floats:
    """Linear combinations of vertices (P, V) as ones of the joints' moves, (P, 24, 4).

    Skinning is linear in the moves, so that the sum over v of row_v v(pose) needs no skin: it is
    the sum over joints of turn @ (sum over v of row_v w_vj (v - joint)) + share * position.
    """
    shares = rows @ weights                                                # (P, 24)
    carried = np.einsum('pv,vj,vi->pji', rows, weights, rest_vertices, optimize=True)
    carried = carried - shares[..., None] * modelled_joints(offsets, rest_turns)
    carried = (rest_turns @ carried[..., None])[..., 0]
    return np.concatenate([carried, shares[..., None]], -1).astype(np.float32)


def _points(matrix: Floats, joints: Floats, turns: Floats) -> Floats:
    """Points (..., P, 3) of moves: turns (..., 24, 3, 3) and positions (..., 24, 3)."""
    moves = np.concatenate([turns, joints[..., None]], -1)                 # (..., 24, 3, 4)
    flat = np.swapaxes(moves, -3, -2).reshape(*moves.shape[:-3], 3, -1)    # (..., 3, 96)
    return np.asarray(np.swapaxes(flat @ matrix.reshape(len(matrix), -1).T, -1, -2))


_UPRIGHT = np.tile(np.eye(3), (_JOINTS, 1, 1))
_UPRIGHT[0] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]          # of a person whose y is the world's z
_STORED = {'bones': np.uint8, 'faces': np.int32, 'uv': np.float32}
