"""Everybody in one image as a body: shape, posture, place, and the skin when it is asked for."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..geometry import quat_wxyz_from_matrix
from ..skeleton import SMPL24
from ..types import Floats, Ints, People, PoseBodies, TrackState, require_shape
from .model import BodyModel
from .posture import Posture
from .segments import SegmentFit, hip_from_pelvis, segments

_MEMORY = 300.0         # frames of a person in full view that the mean of the shape goes back


@dataclass(frozen=True, kw_only=True, eq=False)
class Meshes:
    """Everybody in one image, in ascending order of id, in the frame of the results.

    Raises:
        ShapeError: The arrays do not fit each other.
    """

    body: BodyModel
    stamp_ns: int
    ids: Ints               # (N,)
    states: Ints            # (N,) TrackState
    betas: Floats           # (N, S)
    rotations: Floats       # (N, 24, 3, 3) of each joint in its parent's axes
    pelvis: Floats          # (N, 3) [m] the root joint of the body, which is not the hip of h36m17

    def __post_init__(self) -> None:
        n = len(self.ids)
        require_shape('states', self.states, n)
        require_shape('betas', self.betas, n, None)
        require_shape('rotations', self.rotations, n, len(SMPL24.joints), 3, 3)
        require_shape('pelvis', self.pelvis, n, 3)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def vertices(self) -> Floats:
        """(N, V, 3) [m] float32; made when first asked for."""
        if not len(self):
            return np.zeros((0, len(self.body.template), 3), np.float32)
        return self.body(self.betas, self.rotations, self.pelvis).vertices

    @cached_property
    def quats_wxyz(self) -> Floats:
        """The rotations as unit quaternions, (N, 24, 4)."""
        return quat_wxyz_from_matrix(self.rotations)


class MeshMaker:
    """Gives everybody a body; a shape is the mean of what was seen, so that nobody breathes."""

    def __init__(self, body: BodyModel) -> None:
        self.body = body
        self._fit = SegmentFit(body)
        self._means: dict[int, tuple[float, Floats]] = {}     # id -> frames, mean of the numbers

    def reset(self) -> None:
        """Forget everybody."""
        self._means.clear()

    def __call__(self, people: People) -> Meshes:
        """The bodies of one frame, hips on hips."""
        bodies = people.bodies
        betas = self._betas(people, bodies)
        rest = self.body.rest_joints(betas)                                # (N, 24, 3)
        rotations = Posture(rest)(people.joints) if bodies is None else bodies.rotations
        hips = (rotations[:, 0] @ hip_from_pelvis(rest)[..., None])[..., 0]
        order = np.argsort(people.tracks.ids)
        return Meshes(
            body=self.body, stamp_ns=people.stamp_ns, ids=people.tracks.ids[order],
            states=people.tracks.states[order], betas=betas[order], rotations=rotations[order],
            pelvis=(people.root - hips)[order])

    def _betas(self, people: People, bodies: PoseBodies | None) -> Floats:
        """(N, S): the lifter's where they are of this body, else what fits the bones."""
        if bodies is not None and bodies.model == self.body.name:
            return self._averaged(people, bodies.betas)
        return self._fit(self._averaged(people, segments(people.joints)))

    def _averaged(self, people: People, values: Floats) -> Floats:
        """Numbers of each person (N, K), averaged over the frames in which much was seen."""
        tracks, means = people.tracks, dict[int, tuple[float, Floats]]()
        seen = (people.poses.visibility > 0).mean(1) * (tracks.states == TrackState.TRACKED)
        out = np.empty_like(values)
        fresh = (0.0, np.zeros(0))
        for row, person in enumerate(tracks.ids.tolist()):
            frames, mean = self._means.get(person, fresh)
            if mean.shape != values[row].shape:        # somebody new, or numbers of another kind
                frames, mean = 0.0, values[row]
            frames = min(frames + seen[row], _MEMORY)
            mean = mean + (values[row] - mean) * (seen[row] / frames if frames else 0.0)
            out[row], means[person] = mean, (frames, mean)
        self._means = means
        return out
