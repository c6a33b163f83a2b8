"""The rendered scenes that the pipeline is judged by, and others that it is tuned on.

People of the suite move by recordings of the test split only, and look like nobody in the scenes
for tuning.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ConfigError
from .scene import SceneOptions

SECONDS, FPS = 10.0, 15.0


@dataclass(frozen=True)
class SuiteScene:
    """A named scene."""

    name: str
    occlusion: str              # light, medium or heavy: by furniture and by people
    options: SceneOptions


def _scene(name: str, occlusion: str, seed: int, camera: str, roles: str, occluders: int,
           lens: str = 'pinhole') -> SuiteScene:
    people = {'w': 'walk', 's': 'stand', 'd': 'dance'}
    return SuiteScene(name, occlusion, SceneOptions(
        people=len(roles), roles=tuple(people[role] for role in roles), seed=seed, camera=camera,
        occluders=occluders, lens=lens, seconds=SECONDS, fps=FPS, splits=('test',)))


SUITE = (
    _scene('static_two', 'light', 501, 'static', 'ww', 1),
    _scene('static_five', 'heavy', 502, 'static', 'wwsdd', 4),
    _scene('robot_one', 'medium', 503, 'robot', 'w', 4),
    _scene('robot_three', 'light', 504, 'robot', 'wws', 2),
    _scene('robot_four', 'heavy', 505, 'robot', 'wwws', 4),
    _scene('handheld_two', 'medium', 506, 'handheld', 'ws', 3),
    _scene('handheld_three', 'heavy', 507, 'handheld', 'ddw', 4),
    _scene('fisheye_three', 'medium', 508, 'robot', 'wws', 3, 'fisheye'),
)
# The same kinds of scenes with other rooms, people, paths and recordings.
TUNING = tuple(replace(scene, options=replace(
    scene.options, seed=scene.options.seed + 100, splits=('train', 'validation')))
    for scene in SUITE)


def chosen(names: str, scenes: tuple[SuiteScene, ...] = SUITE) -> list[SuiteScene]:
    """Scenes by their names, separated by commas; all when empty.

    Raises:
        ConfigError: A name is unknown.
    """
    known = {scene.name: scene for scene in scenes}
    wanted = [name for name in names.split(',') if name] or list(known)
    for name in wanted:
        if name not in known:
            raise ConfigError(f'Unknown scene {name!r}; expected one of {", ".join(known)}.')
    return [known[name] for name in wanted]


def is_made(bag: Path, command: str) -> bool:
    """Whether a bag is there and was made by just this command."""
    from .bag import ABOUT_FILE

    try:
        return bool(json.loads((bag / ABOUT_FILE).read_text())['command'] == command)
    except (OSError, ValueError, KeyError):
        return False
