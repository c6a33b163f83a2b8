"""The open benchmark: all systems on the same people, cameras and errors of the detector."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from tqdm import tqdm

from ..skeleton import H36M17
from ..training.views.scenes import Scenes
from ..types import Bools, Floats
from .protocols import WORLD, Given, given_in
from .scoring import Score, pa_mpjpe_mm, score
from .subjects import Subjects, by_person, in_world, subjects_of
from .systems import System
from .tracking import IdScore, score_ids

CURVE = (0, 10, 20, 30, 40, 50, 60, 70)      # percent of the joints that random masks hide


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Where people went and where a system thinks they did, for pictures."""

    protocol: str
    truth: Floats                        # (S, P, T, 3) hip in the world [m]
    said: dict[str, Floats]              # name of the system -> alike
    camera: Floats                       # (S, T, 3) [m]
    seen: Bools                          # (S, P, T) something of the person was seen
    counts: Bools                        # (S, P, T) frames that are judged


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one run found out; keys are names of systems, then of protocols."""

    scores: dict[str, dict[str, Score]]
    ids: dict[str, dict[str, IdScore]]           # of live systems, in `self` and `object`
    curve: dict[str, dict[int, tuple[float, float]]]  # percent hidden -> PA-MPJPE, hidden joints'
    paths: Paths                                 # of the last protocol


def judge(systems: Sequence[System], scenes: Scenes, protocols: Sequence[str],
        seed: int) -> Outcome:
    """Judge every system in every protocol.

    Args:
        systems: With different names.
        scenes: The test set.
        protocols: Names of `protocols.PROTOCOLS`, at least one.
        seed: Of the random masks.
    """
    subjects = subjects_of(scenes)
    names = [system.name for system in systems]
    outcome = Outcome(scores={name: {} for name in names}, ids={name: {} for name in names},
                      curve={name: {} for name in names},
                      paths=_true_paths(scenes, subjects, protocols[-1], seed))
    rounds = len(systems) * (len(protocols) + len(CURVE))
    with tqdm(total=rounds, unit='round', disable=None) as progress:
        for protocol in protocols:
            given = given_in(protocol, scenes, seed)
            for system, lifted in _lifted(systems, subjects, by_person(given.seen)):
                progress.set_description(f'{protocol}: {system.name}')
                _judge(system, lifted, scenes, subjects, protocol, given, outcome)
                progress.update()
        for percent in CURVE:
            given = given_in(f'random{percent}', scenes, seed)
            seen, counts = by_person(given.seen), by_person(given.counts)
            for system, (joints, _) in _lifted(systems, subjects, seen):
                progress.set_description(f'{percent} % hidden: {system.name}')
                outcome.curve[system.name][percent] = pa_mpjpe_mm(joints, subjects, seen, counts)
                progress.update()
    return outcome


def _lifted(systems: Sequence[System], subjects: Subjects,
            seen: Bools) -> Iterator[tuple[System, tuple[Floats, Floats]]]:
    """Each system with the joints and std of its lifter; one that several share runs once."""
    known: dict[int, tuple[Floats, Floats]] = {}
    for system in systems:
        lifter = id(system.session)
        if lifter not in known:
            known[lifter] = system.lift(subjects, seen)
        yield system, known[lifter]


def require_libraries(systems: Sequence[System], protocols: Sequence[str]) -> None:
    """Fail now rather than after minutes.

    Raises:
        ModuleNotFoundError: motmetrics is needed and not installed.
    """
    if set(protocols) & set(WORLD) and any(system.is_live for system in systems):
        import_module('motmetrics')


def _judge(system: System, lifted: tuple[Floats, Floats], scenes: Scenes, subjects: Subjects,
           protocol: str, given: Given, outcome: Outcome) -> None:
    """Add what one system does in one protocol to the outcome."""
    seen, counts = by_person(given.seen), by_person(given.counts)
    answer = system.locate(*lifted, subjects, seen)
    outcome.scores[system.name][protocol] = score(answer, subjects, seen, counts)
    if protocol == outcome.paths.protocol:
        world = in_world(answer.root_camera, subjects)
        outcome.paths.said[system.name] = world.reshape(outcome.paths.truth.shape)
    if protocol in WORLD and system.is_live:
        outcome.ids[system.name][protocol] = score_ids(system.session, scenes, given.seen)


def _true_paths(scenes: Scenes, subjects: Subjects, protocol: str, seed: int) -> Paths:
    given = given_in(protocol, scenes, seed)
    truth = in_world(subjects.joints_camera[:, :, H36M17.index('hip')], subjects)
    return Paths(protocol=protocol, truth=truth.reshape(*given.counts.shape, 3), said={},
                 camera=scenes.cameras.position, seen=np.any(given.seen, axis=-1),
                 counts=given.counts)
