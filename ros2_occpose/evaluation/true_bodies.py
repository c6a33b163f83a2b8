"""The bodies of the people of a test set: which posture of which clip is shown in each frame.

Scenes keep points and names of clips. Where in its clip somebody is, and how the camera is turned
to it, follows from the points: they are the clip's own, moved as a whole.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..body.fit import fit_betas, rest_offsets, trunk_lean, worn
from ..body.kinematics import BODY, body_points, forward
from ..body.model import BodyModel
from ..errors import DataError
from ..geometry import align_similarity
from ..skeleton import SMPL24
from ..training.mocap.motion import Motion
from ..training.views.scenes import Scenes
from ..types import Bools, Floats
from .subjects import by_person

_PROBES = 5              # frames by which a place in a clip is found
_FAR_APART = ('left_ankle', 'right_ankle', 'left_wrist', 'right_wrist', 'head', 'left_knee',
              'right_knee', 'left_elbow')
_SAME_M = 1e-3
_HIPS = [BODY.index('left_hip'), BODY.index('right_hip')]


@dataclass(frozen=True, kw_only=True)
class PosedPeople:
    """N people in T frames as a body model has them."""

    betas: Floats         # (N, T, S) shape parameters
    rotations: Floats     # (N, T, 24, 3, 3) in the parent's axes, the root's in camera axes

    def points(self, body: BodyModel) -> Floats:
        """BODY around the pelvis, in camera axes, (N, T, 18, 3) [m]."""
        root = np.zeros((*self.betas.shape[:2], 3))
        return body_points(*forward(self.rotations, root, rest_offsets(body, self.betas)))


def true_people(scenes: Scenes, motions: Sequence[Motion], body: BodyModel) -> PosedPeople:
    """Everybody in some scenes, one row a person; anything where nobody is.

    Shapes are those that come closest to the bones of a person (`body.fit`).

    Args:
        scenes: Of recorded clips.
        motions: Among them all these clips.
        body: In whose terms.

    Raises:
        DataError: A clip is missing, or is another one.
    """
    known = {motion.name: motion for motion in motions}
    points, valid = by_person(scenes.body_camera), by_person(scenes.valid)
    names = [name for row in scenes.names for name in row]
    people, frames = valid.shape
    betas = np.zeros((people, frames, len(body.meaning)))
    rotations = np.tile(np.eye(3), (people, frames, len(SMPL24.joints), 1, 1))
    lean = trunk_lean(body)
    for n in np.flatnonzero(valid.any(1)):
        motion = known.get(names[n])
        if motion is None:
            raise DataError(f'Expected the clip {names[n]!r} of the test set among the motions, '
                            'got none; give the folder that the test set was made of.')
        there = valid[n]
        clip, turn = _place_in_clip(motion, points[n, there].astype(float))
        local = worn(motion.rotations[clip].astype(float), lean)
        local[:, 0] = turn @ local[:, 0]
        rotations[n, there] = local
        betas[n, there] = fit_betas(body, motion.offsets)
    return PosedPeople(betas=betas, rotations=rotations)


def _place_in_clip(motion: Motion, points: Floats) -> tuple[slice, Floats]:
    """Frames of a clip that show these points (T, 18, 3), and the turns to their axes (T, 3, 3).

    Raises:
        DataError: None do.
    """
    frames = len(points)
    last = len(motion) - frames
    shown, clip = _distances(points), _distances(motion.body)
    off = np.full(max(last + 1, 0), 0.0)
    for probe in np.linspace(0, frames - 1, _PROBES).round().astype(int):
        off = np.maximum(off, np.abs(clip[probe:probe + len(off)] - shown[probe]).max(1))
    start = int(off.argmin()) if len(off) else 0
    if not len(off) or off[start] > _SAME_M:
        raise DataError(f'Expected the {frames} frames of the test set in the clip {motion.name}, '
                        f'got a clip of {len(motion)} frames without them; delete the cached test '
                        'set, or give the folder that it was made of.')
    place = slice(start, start + frames)
    _, turn, _ = align_similarity(motion.body[place].astype(float), points)
    return place, turn


def _distances(points: Floats) -> Floats:
    """Between points of the body that move, (T, P): the same however the body stands."""
    some = points[:, [BODY.index(name) for name in _FAR_APART]]
    apart = np.linalg.norm(some[:, :, None] - some[:, None], axis=-1)
    return np.asarray(apart[:, *np.triu_indices(len(_FAR_APART), 1)])


def vertex_errors_mm(body: BodyModel, people: PosedPeople, truth: PosedPeople,
                     chosen: Bools) -> Floats:
    """Mean distance of the vertices, the middles of the hips on each other, (F,) [mm]: PVE.

    Args:
        body: Of both.
        people: What was found.
        truth: What is right.
        chosen: Frames to judge, (N, T).
    """
    both = [(whose, whose.points(body)[..., _HIPS, :].mean(-2)) for whose in (people, truth)]
    errors = []
    for at in zip(*np.nonzero(chosen)):
        first, second = (
            body(whose.betas[at], whose.rotations[at], -hips[at]).vertices for whose, hips in both)
        errors.append(np.linalg.norm(first - second, axis=-1).mean())
    return 1e3 * np.array(errors)
