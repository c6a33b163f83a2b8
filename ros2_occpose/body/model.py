"""Bodies in the format of SMPL: shape and turns of 24 joints to vertices and joints, in NumPy.

A body is a template with arms out, directions of shape, a regressor of the joints, weights of the
skin and, where there are any, corrections by posture (Loper et al. 2015). `network.py` has the
same in torch; `load.py` knows which bodies there are.
"""
from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..errors import DataError, ModelError, ShapeError, in_one_line
from ..safe_pickle import arrays_in, load_pickle
from ..skeleton import COCO17, SMPL24
from ..types import Floats, Ints, require_shape
from .kinematics import BODY, body_points, forward, h36m_of, lsp_of

_JOINTS = len(SMPL24.joints)
_TURNS = 9 * (_JOINTS - 1)         # numbers of posture on which corrections depend
_KEYS = {'v_template': 'template', 'shapedirs': 'shapes', 'posedirs': 'corrections',
         'J_regressor': 'regressor', 'weights': 'weights', 'f': 'faces'}
_READ = {*_KEYS, 'kintree_table', 'points', 'meaning', 'name'}


@dataclass(frozen=True, kw_only=True, eq=False)
class Bodies:
    """Some people: everything (B, ...) or, for one, without the first axis."""

    vertices: Floats       # (B, V, 3) [m]
    joints: Floats         # (B, 24, 3) [m] smpl24
    body: Floats           # (B, 18, 3) [m] BODY

    @property
    def coco17(self) -> Floats:
        """(B, 17, 3) [m]."""
        return self.body[..., :len(COCO17.joints), :]

    @property
    def h36m17(self) -> Floats:
        """(B, 17, 3) [m]."""
        return h36m_of(self.body)

    @property
    def lsp14(self) -> Floats:
        """(B, 14, 3) [m]."""
        return lsp_of(self.body)


@dataclass(frozen=True, kw_only=True, eq=False)
class BodyModel:
    """A body in the format of SMPL; axes: x to the left, y up, z forward.

    Raises:
        ShapeError: Arrays that do not fit together.
    """

    name: str
    template: Floats           # (V, 3) [m]
    shapes: Floats             # (V, 3, S) [m] a unit of each shape parameter
    corrections: Floats        # (V, 3, P) of the 23 turns less the identity; P is 207 or 0
    regressor: Floats          # (24, V)
    weights: Floats            # (V, 24)
    faces: Ints                # (F, 3)
    points: Floats             # (18, V) of BODY; all 0: `kinematics.body_points` gives them
    meaning: tuple[str, ...]   # of the shape parameters, (S,)

    def __post_init__(self) -> None:
        count, shapes = len(self.template), len(self.meaning)
        require_shape('template', self.template, count, 3)
        require_shape('shapes', self.shapes, count, 3, shapes)
        require_shape('corrections', self.corrections, count, 3, None)
        require_shape('regressor', self.regressor, _JOINTS, count)
        require_shape('weights', self.weights, count, _JOINTS)
        require_shape('faces', self.faces, None, 3)
        require_shape('points', self.points, len(BODY), count)
        if self.corrections.shape[2] not in (0, _TURNS):
            raise ShapeError(f'Expected corrections for {_TURNS} numbers of posture, or none, got '
                             f'{self.corrections.shape[2]}.')
        if self.faces.size and not 0 <= self.faces.min() <= self.faces.max() < count:
            raise ShapeError(f'Expected faces of {count} vertices, got vertices '
                             f'{self.faces.min()} to {self.faces.max()}.')

    def __call__(self, betas: Floats, rotations: Floats, root: Floats) -> Bodies:
        """People of some shapes in some postures.

        Args:
            betas: Shape parameters, (..., S); fewer than S: the others are 0.
            rotations: Of each joint in its parent's axes, (..., 24, 3, 3).
            root: Position of the pelvis, (..., 3) [m].

        Raises:
            ShapeError: Turns of another number of joints, more shape parameters than there are, or
                arrays of different numbers of people.
        """
        turns = np.asarray(rotations, np.float32)
        many = turns.shape[:-3]
        require_shape('rotations', turns, *many, _JOINTS, 3, 3)
        known = np.shape(betas)[-1]
        if known > len(self.meaning):
            raise ShapeError(f'Expected at most {len(self.meaning)} shape parameters of '
                             f'{self.name}, got {known}.')
        turns = turns.reshape(-1, _JOINTS, 3, 3)
        shape = np.zeros((len(turns), len(self.meaning)), np.float32)
        shape[:, :known] = _of_each('betas', betas, many, known)
        centre = _of_each('root', root, many, 3)
        people = [self._one(*each) for each in zip(self._at_rest(shape, turns), turns, centre)]
        sizes = {'vertices': len(self.template), 'joints': _JOINTS, 'body': len(BODY)}
        return Bodies(**{name: np.reshape([getattr(each, name) for each in people],
                                          (*many, size, 3)) for name, size in sizes.items()})

    def rest(self, betas: Floats) -> tuple[Floats, Floats]:
        """Vertices (V, 3) and joints (24, 3) [m] of a shape (S,), arms out."""
        vertices = self.template + self.shapes[..., :len(betas)] @ betas
        return vertices, self.regressor @ vertices

    def rest_joints(self, betas: Floats) -> Floats:
        """Joints (..., 24, 3) [m] of shapes (..., S), arms out, without the skin."""
        mean, changes = self._joints
        return np.asarray(mean + np.einsum('jis,...s->...ji', changes, betas))

    # Coordinates come first below, so that all arithmetic runs along the vertices.

    def _at_rest(self, betas: Floats, rotations: Floats) -> Iterator[tuple[Floats, Floats]]:
        """Of each person: the skin with its corrections (3, V), and joints (24, 3), arms out."""
        template, shapes, corrections = self._columns
        change = (rotations[:, 1:] - np.eye(3, dtype=np.float32)).reshape(-1, _TURNS)
        corrected = (corrections @ change.T).T if self.corrections.shape[2] else None
        for row, joints in enumerate(self.rest_joints(betas)):
            vertices = template + shapes @ betas[row]
            if corrected is not None:
                vertices += corrected[row]
            yield vertices.reshape(3, -1), joints

    def _one(self, rest: tuple[Floats, Floats], rotations: Floats, root: Floats) -> Bodies:
        (x, y, z), at = rest
        offsets = at - at[[0, *SMPL24.parents[1:]]]
        joints, turns = forward(rotations, root, offsets)
        shifts = joints - (turns @ at[..., None])[..., 0]
        carriers = np.concatenate([turns.reshape(_JOINTS, 9), shifts], 1).astype(np.float32)
        moves = carriers.T @ self._carried                                     # (12, V)
        skin = np.empty((len(self.template), 3), np.float32)
        for axis in range(3):
            a, b, c = moves[3 * axis: 3 * axis + 3]
            skin[:, axis] = a * x + b * y + c * z + moves[9 + axis]
        body = self.points @ skin if self.points.any() else body_points(joints, turns)
        return Bodies(vertices=skin, joints=joints, body=body)

    @cached_property
    def _columns(self) -> tuple[Floats, Floats, Floats]:
        """Template (3V,), shapes (3V, S) and corrections (3V, P), all x first, then all y, z."""
        template, shapes, corrections = (
            np.ascontiguousarray(np.moveaxis(array, 1, 0), np.float32)
            for array in (self.template, self.shapes, self.corrections))
        return (template.ravel(), shapes.reshape(template.size, -1),
                corrections.reshape(template.size, -1))

    @cached_property
    def _joints(self) -> tuple[Floats, Floats]:
        """Rest joints of the mean shape (24, 3), and what a unit of each changes (24, 3, S)."""
        return (self.regressor @ self.template,
                np.einsum('jv,vis->jis', self.regressor, self.shapes, optimize=True))

    @cached_property
    def _carried(self) -> Floats:
        return np.ascontiguousarray(self.weights.T, np.float32)                # (24, V)

    def to_bytes(self) -> bytes:
        """The content of a file in the format of SMPL: what `smplx.SMPL` takes, and more."""
        arrays = {key: getattr(self, name) for key, name in _KEYS.items()}
        if not self.corrections.shape[2]:                # smplx wants some
            arrays['posedirs'] = np.zeros((*self.template.shape, _TURNS), np.float32)
        parents = np.array(SMPL24.parents)
        arrays |= {'kintree_table': np.stack([parents, np.arange(_JOINTS)]),
                   'points': self.points, 'meaning': np.array(self.meaning),
                   'name': np.array(self.name)}
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        return file.getvalue()


def _of_each(name: str, values: Floats, many: tuple[int, ...], width: int) -> Floats:
    """Values (N, width) of N people, given for each of them, (*many, width), or for all."""
    try:
        return np.broadcast_to(values, (*many, width)).reshape(math.prod(many), width)
    except ValueError as error:
        raise ShapeError(f'Expected {name} of shape {(*many, width)}, as there are turns, got '
                         f'{np.shape(values)}.') from error


def read_model(path: Path) -> BodyModel:
    """A body in an .npz file in the format of SMPL, SMPL-H or SMPL-X.

    Raises:
        ModelError: The file is missing or damaged, or holds another kind of body.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            # Files of SMPL-X have dictionaries of Python too, which nobody needs to unpickle.
            arrays = {name: file[name] for name in _READ & set(file.files)}
        return model_of(arrays, path.stem)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile, ShapeError) as error:
        why = f'{error} is missing' if isinstance(error, KeyError) else in_one_line(error)
        raise ModelError(f'{path} is no body in the format of SMPL ({why}); '
                         'give an .npz file with v_template, shapedirs, J_regressor, weights, '
                         'kintree_table and f.') from error


def read_pickle(path: Path) -> BodyModel:
    """A body in a .pkl file, of which nothing is run: only arrays are taken out of it.

    Raises:
        ModelError: The file is damaged, asks for code, or holds another kind of body.
    """
    try:
        return model_of(arrays_in(load_pickle(path)), path.stem)
    except (DataError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
            ShapeError) as error:
        raise ModelError(f'{path} is no body in the format of SMPL ({error}).') from error


def model_of(arrays: dict[str, Floats], name: str) -> BodyModel:
    """The body of arrays named as in files of SMPL.

    Raises:
        KeyError: An array is missing.
        ValueError: Numbers that are not finite.
        ShapeError: Arrays that do not fit together, or another tree.
    """
    arrays = _with_24_joints(arrays)
    for key in sorted(_KEYS.keys() & arrays.keys()):
        if not np.isfinite(arrays[key]).all():
            raise ValueError(f'expected finite numbers in {key}')
    template = arrays['v_template'].astype(np.float32)
    shapes = arrays['shapedirs'][..., :10].astype(np.float32)
    corrections = arrays.get('posedirs', np.zeros(0))
    if not corrections.any():
        corrections = np.zeros((len(template), 3, 0))
    meaning = arrays.get('meaning', np.array([f'shape_{n}' for n in range(shapes.shape[2])]))
    return BodyModel(
        name=str(arrays.get('name', name)), template=template, shapes=shapes,
        corrections=corrections.astype(np.float32),
        regressor=arrays['J_regressor'].astype(np.float32),
        weights=arrays['weights'].astype(np.float32), faces=arrays['f'].astype(np.int32),
        points=arrays.get('points', np.zeros((len(BODY), len(template)))).astype(np.float32),
        meaning=tuple(str(word) for word in meaning))


def _with_24_joints(arrays: dict[str, Floats]) -> dict[str, Floats]:
    """The same body with fingers that follow the hands, and jaw and eyes that follow the head.

    SMPL-H has 52 joints and SMPL-X 55; the first 22 are those of SMPL. A hand begins at the first
    joint of the middle finger.
    """
    parents = arrays['kintree_table'][0].astype(np.int64)
    count, body = len(parents), _JOINTS - 2
    if count not in (24, 52, 55) or parents[1:body].tolist() != list(SMPL24.parents[1:body]):
        raise ShapeError(f'expected the tree of SMPL, SMPL-H or SMPL-X, got one of {count} joints')
    if count == _JOINTS:
        return arrays
    left = count - 30                                       # the first finger of the left hand
    weights, corrections = arrays['weights'], arrays.get('posedirs')
    folded = np.concatenate([weights[:, :body], weights[:, left:left + 15].sum(1, keepdims=True),
                             weights[:, left + 15:].sum(1, keepdims=True)], 1)
    folded[:, SMPL24.index('head')] += weights[:, body:left].sum(1)
    out = dict(arrays, weights=folded, J_regressor=arrays['J_regressor'][
        [*range(body), left + 3, left + 18]])
    if corrections is not None:
        kept = corrections[..., :9 * (body - 1)]
        out['posedirs'] = np.concatenate([kept, np.zeros((*kept.shape[:2], 18))], 2)
    return out

