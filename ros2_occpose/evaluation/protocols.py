"""What is hidden: the same scenes, cameras and errors of the detector in every protocol."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError
from ..skeleton import COCO17
from ..training.mocap.motion import FPS
from ..training.views.occlusion import KERNEL, blackouts, random_masks
from ..training.views.scenes import Scenes
from ..training.views.sequences import FORGET_S
from ..types import Bools
from .subjects import frames_unseen

PAPERS = ('clean', 'random25', 'random50', 'blackout')     # nothing is lost but what they hide
WORLD = ('self', 'object')         # what people and things hide; losses, borders of the image
PROTOCOLS = (*PAPERS, *WORLD)

_RANDOM = 'random'       # followed by the percentage
_NEAREST_M = 0.3         # nothing is seen nearer to the camera
_IN_PICTURE = 0.5        # share of the joints inside the image, below which a person has left it


@dataclass(frozen=True)
class Given:
    """What lifters are given of everybody in some scenes, and where they are judged."""

    seen: Bools          # (S, P, T, 17) coco17
    counts: Bools        # (S, P, T)


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


def given_in(protocol: str, scenes: Scenes, seed: int) -> Given:
    """What is seen, and what counts.

    The protocols of the papers hide what they say and nothing else: while half of a person is in
    the image, all joints are given, also those beyond its border; at other times nothing is, and
    nothing is judged. In `self` (people hide themselves and each other) and `object` (furniture
    does) the detector also loses joints, and the image ends at its borders.

    Nobody is judged before the first sight, or later than 2.5 s after the last one.

    Args:
        protocol: One of `PROTOCOLS`, or `random` and any percentage.
        scenes: S scenes of P people.
        seed: Of the random masks.
    """
    if protocol in WORLD:
        hidden = (scenes.hidden_by_object if protocol == 'object' else
                  scenes.hidden_by_self | scenes.hidden_by_person)
        judged = scenes.valid
        seen = scenes.detected & ~hidden & ~scenes.out_of_view & judged[..., None]
    else:
        judged = scenes.valid & ((~scenes.out_of_view).mean(-1) >= _IN_PICTURE)
        in_front = scenes.body_camera[..., :scenes.detected.shape[-1], 2] > _NEAREST_M
        seen = in_front & judged[..., None] & ~_hidden(protocol, judged.shape, seed)
    return Given(seen, judged & (frames_unseen(np.any(seen, axis=-1), axis=2) <= FORGET_S * FPS))


def _hidden(protocol: str, shape: tuple[int, ...], seed: int) -> Bools:
    """Joints that a protocol of the papers hides, (S, P, T, 17) or of a shape that broadcasts."""
    scenes, people, frames = shape
    if protocol == 'blackout':
        return blackouts(frames)[:, None]
    percent = int(protocol.removeprefix(_RANDOM)) if protocol.startswith(_RANDOM) else 0
    joints = len(COCO17.joints)
    if percent == 0:
        return np.zeros((frames, joints), bool)
    rng = np.random.default_rng([seed, KERNEL, percent])
    masks = [random_masks(rng, frames, joints, percent / 100, KERNEL)
             for _ in range(scenes * people)]
    return np.stack(masks).reshape(scenes, people, frames, joints)
