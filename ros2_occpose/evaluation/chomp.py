"""What the parts of CHOMP are worth: Table 4 and figure 7 of its paper.

Huang et al., "Occluded Human Body Capture with Self-Supervised Spatial-Temporal Motion Prior",
2022. Bodies are judged by their joints, their vertices and how smoothly they move.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from tqdm import tqdm

from ..body.kinematics import h36m_of, lsp_of
from ..body.model import BodyModel
from ..errors import ModelError
from ..geometry import rotation_since_last
from ..inference import Session
from ..lifting.lifter import in_camera
from ..lifting.metadata import NetworkMeta
from ..lifting.sequence import Fill, Normalised, normalise_sequences
from ..lifting.stepper import Lifted
from ..skeleton import COCO17, LSP14, SMPL24
from ..training.chomp_rows import ROWS
from ..training.mocap.motion import FPS, Motion
from ..training.views.pasted import paste_share
from ..training.views.scenes import Scenes
from ..training.views.sequences import FORGET_S
from ..types import Bools, Floats
from . import metrics
from .network_cost import Cost
from .protocols import given_in
from .subjects import Subjects, by_person, frames_unseen, hidden_joints, subjects_of
from .systems import batches
from .true_bodies import PosedPeople, true_people, vertex_errors_mm

PROTOCOLS = ('object', 'random50')
LEVELS = (0, 10, 20, 30, 40, 50)       # percent of the joints that things hide, figure 7
# Rows of the paper's Table 4; the eighth is the seventh, fed true 2D joints.
TITLES = (*ROWS, '+ true 2D')
CURVE = (0, 3, 5)                      # rows of figure 7
_EVERY = 5                             # frames between those whose vertices are judged
_NEAREST_M = 0.3
_SAME_MM = 2.0                         # joints of the network off those of the body, by rounding
_PASTED = 5                            # beside the seed: where things hide joints
_J = len(COCO17.joints)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network, and the row of the table that it is."""

    row: int               # from 0
    seed: int
    session: Session
    cost: Cost

    @property
    def body(self) -> str:
        """Whose shape parameters it answers with."""
        return NetworkMeta.of(self.session).body


# Rows and frames of the people of a test set who are there at the same time.
Place: TypeAlias = tuple[list[int], slice]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What all networks are judged on in one protocol."""

    subjects: Subjects     # with the rays that are given
    seen: Bools            # (N, T, 17) coco17 that are given
    hidden: Bools          # (N, T, 17) h36m17 joints of which a part is hidden in the protocol
    counts: Bools          # (N, T)
    _inputs: dict[Fill, list[tuple[Place, Normalised]]] = field(default_factory=dict, init=False,
                                                                repr=False)

    def inputs(self, fill: Fill) -> list[tuple[Place, Normalised]]:
        """What networks are fed, each sequence from the first valid frame to the last."""
        if fill not in self._inputs:
            made = self._inputs[fill] = []
            for span, rows in batches(self.subjects.valid, together=False):
                at = (rows, span)
                turn = rotation_since_last(self.subjects.world_from_camera[at][..., :3, :3])
                made.append((at, normalise_sequences(self.subjects.rays[at], self.seen[at], turn,
                                                     fill=fill)))
        return self._inputs[fill]

    @property
    def share_hidden(self) -> float:
        """Of the coco17 joints in frames that count."""
        return float(1 - self.seen[self.counts].mean())


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Means of one network in one protocol; of hidden joints alone where it says so."""

    mpjpe_mm: float
    pa_mpjpe_mm: float
    pve_mm: float
    accel_mm: float                # per frame^2 at 30 Hz
    hidden_mpjpe_mm: float
    hidden_pa_mpjpe_mm: float
    hidden_accel_mm: float
    lsp_mpjpe_mm: float            # of lsp14, for comparison with the paper
    lsp_pa_mpjpe_mm: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one run found out."""

    errors: dict[tuple[int, int], dict[str, Errors]]   # row and seed -> protocol
    curves: dict[tuple[int, int], dict[int, tuple[float, float]]]
    # row and seed -> percent hidden -> MPJPE of all joints, of hidden ones
    costs: dict[int, Cost]                             # by row
    shares: dict[str, float]                           # protocol -> share of joints hidden
    floor: Errors                                      # of the true bodies, in `object`


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The people, their true bodies, and what hides them."""

    scenes: Scenes
    body: BodyModel
    truth: PosedPeople
    seed: int

    def case(self, protocol: str) -> Case:
        """A protocol of `protocols`."""
        given = given_in(protocol, self.scenes, self.seed)
        seen = by_person(given.seen)
        return Case(subjects=subjects_of(self.scenes), seen=seen, hidden=hidden_joints(seen),
                    counts=by_person(given.counts))

    def covered(self, percent: int) -> Case:
        """Things pasted over each person that hide a share of the joints, all the time.

        The detector also loses joints, and the image ends at its borders.
        """
        valid, detected, outside = (by_person(array) for array in (
            self.scenes.valid, self.scenes.detected, self.scenes.out_of_view))
        rng = np.random.default_rng([self.seed, _PASTED, percent])
        depth = np.maximum(self._joints()[..., 2].mean(-1), 0.5)
        hidden = paste_share(rng, self._true_rays(), 1 / depth, valid,
                             np.full(len(valid), percent / 100))
        seen = detected & ~outside & ~hidden & valid[..., None]
        counts = valid & (frames_unseen(seen.any(-1), axis=1) <= FORGET_S * FPS)
        return Case(subjects=subjects_of(self.scenes), seen=seen, hidden=hidden_joints(seen),
                    counts=counts)

    def with_true_2d(self, case: Case) -> Case:
        """The same people and frames, all joints given where they are."""
        seen = by_person(self.scenes.valid)[..., None] & (self._joints()[..., 2] > _NEAREST_M)
        return replace(case, seen=seen, subjects=replace(case.subjects, rays=self._true_rays()))

    def _joints(self) -> Floats:
        return np.asarray(by_person(self.scenes.body_camera)[..., :_J, :], float)

    def _true_rays(self) -> Floats:
        joints = self._joints()
        return np.asarray(joints[..., :2] / np.maximum(joints[..., 2:], 0.2))

    def lsp14(self) -> Floats:
        """True joints, (N, T, 14, 3) [m]."""
        return lsp_of(by_person(self.scenes.body_camera).astype(float))


def make_bench(scenes: Scenes, motions: Sequence[Motion], body: BodyModel, seed: int) -> Bench:
    """The test set with true bodies.

    Raises:
        DataError: The scenes are not of these motions.
    """
    return Bench(scenes=scenes, body=body, truth=true_people(scenes, motions, body), seed=seed)


def lift(session: Session, case: Case, body: BodyModel) -> PosedPeople:
    """What a network makes of everybody.

    Args:
        session: Of a network that looks both ways.
        case: Whom it sees, and how.
        body: Whose shape parameters it answers with.

    Raises:
        ModelError: It gives no bodies, or those of another one, or goes frame by frame.
    """
    meta = NetworkMeta.of(session)
    if meta.causal or not meta.body:
        raise ModelError('Expected a network of CHOMP that looks both ways, got one that '
                         f'{"is causal" if meta.causal else "gives no bodies"}; train the rows '
                         'with scripts/train_chomp.py.')
    shape = case.counts.shape
    joints = np.zeros((*shape, _J, 3))
    betas = np.zeros((*shape, len(body.meaning)))
    rotations = np.tile(np.eye(3), (*shape, len(SMPL24.joints), 1, 1))
    for at, inputs in case.inputs(meta.fill):
        lifted = Lifted.of(session({'features': inputs.features}))
        lifted = in_camera(lifted, inputs.camera_from_view)
        said = np.asarray(lifted.betas).shape[-1]
        if said != betas.shape[-1]:
            raise ModelError(f'Expected the {betas.shape[-1]} shape parameters of the body '
                             f'{body.name}, got {said}; train the network with this body.')
        joints[at], betas[at], rotations[at] = lifted.joints, lifted.betas, lifted.rotations
    people = PosedPeople(betas=betas, rotations=rotations)
    ours = h36m_of(people.points(body)[case.subjects.valid])
    off = metrics.root_aligned_mm(ours, joints[case.subjects.valid]).max(initial=0)
    if off > _SAME_MM:
        raise ModelError(f'Expected a network of the body {body.name} here, got one whose joints '
                         f'are up to {off:.0f} mm off it; train it again, or fetch the body that '
                         'it was trained with.')
    return people


def judge(people: PosedPeople, case: Case, bench: Bench) -> Errors:
    """How far bodies are off in one protocol."""
    points, truth, counts = people.points(bench.body), case.subjects.joints_camera, case.counts
    joints = h36m_of(points)
    mpjpe = metrics.root_aligned_mm(joints[counts], truth[counts])
    aligned = metrics.similarity_aligned_mm(joints[counts], truth[counts])
    hidden = case.hidden[counts]
    smooth = counts.copy()                     # three frames in a row, for a second difference
    smooth[:, 1:-1] &= counts[:, :-2] & counts[:, 2:]
    smooth[:, [0, -1]] = False
    accel = metrics.acceleration_mm(joints, truth)[smooth]
    some = counts & (np.arange(counts.shape[1]) % _EVERY == 0)
    lsp, true_lsp = lsp_of(points)[counts], bench.lsp14()[counts]
    return Errors(
        mpjpe_mm=_mean(mpjpe), pa_mpjpe_mm=_mean(aligned), accel_mm=_mean(accel),
        pve_mm=_mean(vertex_errors_mm(bench.body, people, bench.truth, some)),
        hidden_mpjpe_mm=_mean(mpjpe[hidden]), hidden_pa_mpjpe_mm=_mean(aligned[hidden]),
        hidden_accel_mm=_mean(accel[case.hidden[smooth]]),
        lsp_mpjpe_mm=_mean(_around_hips_mm(lsp, true_lsp)),
        lsp_pa_mpjpe_mm=_mean(metrics.similarity_aligned_mm(lsp, true_lsp)))


def mpjpe_mm(session: Session, case: Case, body: BodyModel) -> tuple[float, float]:
    """MPJPE of all joints and of hidden ones."""
    people = lift(session, case, body)
    error = metrics.root_aligned_mm(h36m_of(people.points(body))[case.counts],
                                    case.subjects.joints_camera[case.counts])
    return _mean(error), _mean(error[case.hidden[case.counts]])


def ablate(networks: Sequence[Trained], bench: Bench, *, curve: bool = True) -> Outcome:
    """Judge every network in both protocols, the last row with true 2D joints, and the curve.

    Args:
        networks: Of different rows or seeds, at least one.
        bench: On what.
        curve: Whether to measure the rows of `CURVE` at all of `LEVELS`.
    """
    cases = {protocol: bench.case(protocol) for protocol in PROTOCOLS}
    last = len(TITLES) - 1
    errors: dict[tuple[int, int], dict[str, Errors]] = {}
    curves: dict[tuple[int, int], dict[int, tuple[float, float]]] = {}
    covered = {percent: bench.covered(percent) for percent in LEVELS} if curve else {}
    for trained in tqdm(networks, unit='network', disable=None):
        key = trained.row, trained.seed
        errors[key] = {name: judge(lift(trained.session, case, bench.body), case, bench)
                       for name, case in cases.items()}
        if trained.row == last - 1:
            given = {name: bench.with_true_2d(case) for name, case in cases.items()}
            errors[last, trained.seed] = {
                name: judge(lift(trained.session, case, bench.body), case, bench)
                for name, case in given.items()}
        if trained.row in CURVE:
            curves[key] = {percent: mpjpe_mm(trained.session, case, bench.body)
                           for percent, case in covered.items()}
    costs = {trained.row: trained.cost for trained in networks}
    if last - 1 in costs:
        costs[last] = costs[last - 1]
    return Outcome(errors=errors, curves=curves if curve else {}, costs=costs,
                   shares=_shares(cases, covered),
                   floor=judge(bench.truth, cases['object'], bench))


def _shares(cases: Mapping[str, Case], covered: Mapping[int, Case]) -> dict[str, float]:
    named = dict(cases) | {f'covered{percent}': case for percent, case in covered.items()}
    return {name: case.share_hidden for name, case in named.items()}


def _around_hips_mm(found: Floats, truth: Floats) -> Floats:
    """Distance of lsp14 joints, the middles of the hips on each other, (..., 14) [mm]."""
    hips = LSP14.indices('left_hip', 'right_hip')
    off = found - truth
    return np.asarray(metrics.MM * np.linalg.norm(
        off - off[..., hips, :].mean(-2, keepdims=True), axis=-1))


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float('nan')
