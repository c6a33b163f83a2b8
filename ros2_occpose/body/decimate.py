"""Fewer triangles for a mesh: vertices are merged into neighbours where it shows least.

Each merge moves one vertex onto a neighbour that stays (half-edge collapse), so that whatever is
known of the vertices that stay (shapes, weights) stays true. The cost is the quadric error of
Garland and Heckbert (1997).
"""
from __future__ import annotations

import heapq

import numpy as np

from ..errors import ShapeError
from ..types import Floats, Ints

_FLIP = 0.2                     # least cosine between a face before and after a merge


def decimated(vertices: Floats, faces: Ints, count: int) -> tuple[Ints, Ints]:
    """Which vertices stay, in order (N <= count,), and the faces between them (F, 3).

    Args:
        vertices: (V, 3).
        faces: (F, 3) triangles of a surface without edges of three faces.
        count: How many vertices may stay.

    Raises:
        ShapeError: Nothing more can be merged before `count` is reached.
    """
    mesh = _Mesh(vertices, faces)
    heap = [(mesh.cost(a, b), a, b) for a in range(len(vertices)) for b in mesh.around(a)]
    heapq.heapify(heap)
    left = int((mesh.degree > 0).sum())
    while left > count:
        if not heap:
            raise ShapeError(f'Expected to reach {count} vertices, stopped at {left}.')
        cost, gone, kept = heapq.heappop(heap)
        if not mesh.joined(gone, kept) or cost < mesh.cost(gone, kept) - 1e-15:
            continue                                   # of before other merges
        if mesh.may_merge(gone, kept):
            for a in mesh.merge(gone, kept):
                for one, other in ((a, kept), (kept, a)):
                    heapq.heappush(heap, (mesh.cost(one, other), one, other))
            left -= 1
    rows = np.array(sorted({tuple(face) for face in mesh.faces if face is not None}), np.int64)
    stay, renamed = np.unique(rows, return_inverse=True)
    return stay, renamed.reshape(-1, 3).astype(np.int32)


class _Mesh:
    """A mesh that is being made coarser."""

    def __init__(self, vertices: Floats, faces: Ints) -> None:
        self.at = np.asarray(vertices, float)
        self.faces: list[tuple[int, int, int] | None] = [
            (int(a), int(b), int(c)) for a, b, c in faces]
        self.of: list[set[int]] = [set() for _ in vertices]
        for number, face in enumerate(faces):
            for vertex in face:
                self.of[vertex].add(number)
        self.places = np.concatenate([self.at, np.ones((len(self.at), 1))], 1)
        self.quadrics = self._quadrics(faces)
        self.areas = np.trace(self.quadrics[:, :3, :3], axis1=1, axis2=2).tolist()

    @property
    def degree(self) -> Ints:
        """How many faces each vertex has, (V,)."""
        return np.array([len(faces) for faces in self.of])

    def _quadrics(self, faces: Ints) -> Floats:
        """Squared distances to the planes around, (V, 4, 4), borders held by planes of their own.

        A share of the distance itself keeps flat parts from becoming needles.
        """
        a, b, c = (self.at[faces[:, corner]] for corner in range(3))
        normal = np.cross(b - a, c - a)
        area = np.linalg.norm(normal, axis=1)
        normal /= np.maximum(area, 1e-15)[:, None]
        plane = np.concatenate([normal, -(normal * a).sum(1, keepdims=True)], 1)
        each = np.einsum('f,fi,fj->fij', area, plane, plane)
        out = np.zeros((len(self.at), 4, 4))
        for corner in range(3):
            np.add.at(out, faces[:, corner], each)
        edges: dict[tuple[int, int], list[int]] = {}
        for number, face in enumerate(faces.tolist()):
            for one, other in zip(face, (face[1], face[2], face[0])):
                edges.setdefault((min(one, other), max(one, other)), []).append(number)
        for (one, other), around in edges.items():
            if len(around) == 1:
                along = self.at[other] - self.at[one]
                wall = np.cross(along, normal[around[0]])
                wall /= max(float(np.linalg.norm(wall)), 1e-15)
                held = np.append(wall, -wall @ self.at[one])
                out[[one, other]] += 10 * float(along @ along) * np.outer(held, held)
        return out

    def around(self, vertex: int) -> set[int]:
        """The neighbours of a vertex."""
        return {other for face in self.of[vertex] for other in self.faces[face] or ()} - {vertex}

    def joined(self, one: int, other: int) -> bool:
        """Whether an edge lies between them."""
        return bool(self.of[one] & self.of[other])

    def cost(self, gone: int, kept: int) -> float:
        """How much it shows when one is merged into the other."""
        at = self.places[kept]
        away = at - self.places[gone]
        error = at @ ((self.quadrics[gone] + self.quadrics[kept]) @ at)
        return float(error + 1e-4 * (away @ away) * self.areas[gone])

    def may_merge(self, gone: int, kept: int) -> bool:
        """Whether the surface stays one and no face turns over."""
        shared = self.of[gone] & self.of[kept]
        if len(self.around(gone) & self.around(kept)) != len(shared):
            return False
        for number in self.of[gone] - shared:
            face = self.faces[number] or (0, 0, 0)
            before, after = (self._normal([kept if vertex == gone and moved else vertex
                                           for vertex in face]) for moved in (False, True))
            lengths = np.linalg.norm(before) * np.linalg.norm(after)
            if before @ after < _FLIP * lengths or lengths < 1e-20:
                return False
        return True

    def _normal(self, face: list[int]) -> Floats:
        a, b, c = self.at[face]
        u, v = b - a, c - a
        return np.array([u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2],
                         u[0] * v[1] - u[1] * v[0]])

    def merge(self, gone: int, kept: int) -> set[int]:
        """Merge one vertex into another; the neighbours that the other has then."""
        for number in self.of[gone] & self.of[kept]:
            for vertex in self.faces[number] or ():
                self.of[vertex].discard(number)
            self.faces[number] = None
        for number in self.of[gone]:
            a, b, c = (kept if vertex == gone else vertex for vertex in self.faces[number] or ())
            self.faces[number] = (a, b, c)
            self.of[kept].add(number)
        self.of[gone] = set()
        self.quadrics[kept] += self.quadrics[gone]
        self.areas[kept] += self.areas[gone]
        return self.around(kept)
