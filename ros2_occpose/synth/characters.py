"""People to render: drawn from a seed, baked once, kept in the cache."""
from __future__ import annotations

import hashlib
import logging
from functools import cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..body import character, human, human_assets, mesh
from ..body.character import Character, load_character, regressor
from ..body.cylinder_mesh import cylinder_character
from ..body.human import point_rows, rigged, shaped, strongest, weights_of
from ..body.human_assets import HumanAssets
from ..body.human_fetch import fetch_human
from ..body.human_fetch import human_assets as fetched_assets
from ..errors import ConfigError
from ..inference.files import locked, write_atomically
from ..resources import cache_folder
from ..types import Floats, Ints
from . import looks, noise, paint, tailor
from .looks import draw_look

logger = logging.getLogger(__name__)

BODIES = ('human', 'cylinder')
_RECIPE = (character, human, human_assets, mesh, looks, noise, paint, tailor)


def characters(count: int, seed: int, folder: Path | None = None,
               body: str = 'human') -> list[Character]:
    """Different people, drawn from a seed; the same seed gives the same ones.

    Args:
        count: How many.
        seed: More people of a seed begin with fewer people of it.
        folder: Where they are kept; default: below the user's cache.
        body: `human`, fetched once, or `cylinder`, made by code alone.

    Raises:
        ConfigError: There is no such body.
        ModelError: The human cannot be fetched, or the cache cannot be written.
    """
    seeds = [int(np.random.default_rng([seed, number]).integers(1 << 31))
             for number in range(count)]
    if body == 'cylinder':
        return [cylinder_character(each) for each in seeds]
    if body != 'human':
        raise ConfigError(f'Unknown body {body!r}; expected one of {", ".join(BODIES)}.')
    folder = folder or cache_folder() / 'characters'
    paths = [folder / f'human-{_recipe()}-{each}.npz' for each in seeds]
    if not all(path.exists() for path in paths):
        with locked(folder / 'bake'):
            _bake(seeds, paths)
    return [load_character(path) for path in paths]


def _bake(seeds: list[int], paths: list[Path]) -> None:
    missing = [(seed, path) for seed, path in zip(seeds, paths) if not path.exists()]
    if not missing:
        return                                                 # somebody else was quicker
    fetch_human()
    logger.info('Making %d people, about a second each; they are kept in %s.', len(missing),
                paths[0].parent)
    for seed, path in tqdm(missing, desc='Making people', unit='person', leave=False):
        write_atomically(path, bake_character(seed).to_bytes())


@cache
def _recipe() -> str:
    """Changes with the code that makes people, so that nobody meets those of older code."""
    digest = hashlib.sha256()
    for module in _RECIPE:
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:8]


def bake_character(seed: int, assets: HumanAssets | None = None) -> Character:
    """Somebody with a human body.

    Args:
        seed: The same seed gives the same person.
        assets: The human; default: the one in the cache, fetched when it is not there.

    Raises:
        ModelError: The human cannot be fetched.
    """
    assets = assets or fetched_assets()
    look = draw_look(seed)
    vertices = shaped(assets, look.phenotype)
    skin = vertices[assets.faces[assets.faces_of('body')], 1]
    body = rigged(assets, vertices * (look.stature_m / np.ptp(skin)))
    weights, bones, strong = _weights(assets)
    surface = tailor.tailored(assets, body, weights, look)
    kept = np.zeros_like(weights)
    np.put_along_axis(kept, bones.astype(np.intp), strong, 1)
    return Character(
        name=f'human/{seed}', offsets=body.offsets, rest_turns=body.rest_turns,
        rest_vertices=surface.vertices.astype(np.float32), rest_normals=surface.normals,
        bones=bones[surface.base], bone_weights=strong[surface.base], faces=surface.faces,
        uv=surface.uv, texture=paint.painted(surface, look), part=tailor.parts_of(surface, look),
        body_points=regressor(point_rows(assets), body.vertices, kept, body.offsets,
                              body.rest_turns))


@cache
def _weights(assets: HumanAssets) -> tuple[Floats, Ints, Floats]:
    weights = weights_of(assets)
    return weights, *strongest(weights)
