"""What is hidden: the same scenes, cameras and errors of the detector in every protocol."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ConfigError
from ..training.occlusion import blackouts, random_masks
from ..training.scenes import Scenes
from ..types import Bools

KERNEL = 21              # K of eq. 11
_RANDOM = 'random'       # followed by the percentage
PAPERS = ('clean', 'random25', 'random50', 'blackout')     # nothing is lost but what they hide
WORLD = ('self', 'object')         # what people and things hide; losses and borders of the image
PROTOCOLS = (*PAPERS, *WORLD)


def chosen_protocols(names: Sequence[str]) -> tuple[str, ...]:
    """The protocols of these names in our order; of no name all.

    Raises:
        ConfigError: One is unknown.
    """
    for name in names:
        if name not in PROTOCOLS:
            raise ConfigError(f'Unknown protocol {name!r}; expected one of '
                              f'{", ".join(PROTOCOLS)} for --protocol.')
    return tuple(name for name in PROTOCOLS if not names or name in names)


def seen_in(protocol: str, scenes: Scenes, seed: int) -> Bools:
    """Joints that a lifter is given, coco17, (S, P, T, 17).

    The protocols of the papers hide what they say and nothing else. `self` (the person and others
    of the scene hide joints) and `object` (static things do) also have the detector's losses and
    the borders of the image.

    Args:
        protocol: One of `PROTOCOLS`, or `random` and any percentage.
        scenes: S scenes of P people.
        seed: Of the random masks.
    """
    if protocol in WORLD:
        hidden = (scenes.hidden_by_object if protocol == 'object' else
                  scenes.hidden_by_self | scenes.hidden_by_person)
        return scenes.detected & ~hidden & ~scenes.out_of_view & scenes.valid[..., None]
    shape = scenes.detected.shape
    there = np.broadcast_to(scenes.valid[..., None], shape)
    if protocol == 'blackout':
        return there & ~blackouts(shape[2])[:, None]
    percent = int(protocol.removeprefix(_RANDOM)) if protocol.startswith(_RANDOM) else 0
    return there & ~_random(shape, percent, seed)


def _random(shape: tuple[int, ...], percent: int, seed: int) -> Bools:
    """Masks of eq. 10-11 that hide a share of the joints of each person, (S, P, T, 17)."""
    if percent == 0:
        return np.zeros(shape, bool)
    rng = np.random.default_rng([seed, KERNEL, percent])
    scenes, people, frames, joints = shape
    masks = [random_masks(rng, frames, joints, percent / 100, KERNEL)
             for _ in range(scenes * people)]
    return np.stack(masks).reshape(shape)
