"""Where the files of the package lie: in the source tree, a ROS share folder or a pip prefix."""
from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

from .errors import ModelError

NAME = __package__ or 'ros2_occpose'


def _roots() -> list[Path]:
    source = Path(__file__).resolve().parent.parent
    prefixes = [p for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    return [source, *(Path(p) / 'share' / NAME for p in (*prefixes, sys.prefix))]


def resource(*parts: str) -> Path:
    """Path of a file or folder such as `resource('models', 'models.yaml')`.

    Raises:
        ModelError: It is in none of the places where it could be.
    """
    for root in _roots():
        path = root.joinpath(*parts)
        if path.exists():
            return path
    tried = ', '.join(str(root) for root in _roots())
    raise ModelError(
        f'{"/".join(parts)} is not installed (looked in {tried}); install the package again.')


def cache_folder() -> Path:
    """Where models are kept once fetched: $OCCPOSE_CACHE, else $XDG_CACHE_HOME/occpose."""
    chosen = os.environ.get('OCCPOSE_CACHE')
    base = os.environ.get('XDG_CACHE_HOME') or str(Path.home() / '.cache')
    return Path(chosen) if chosen else Path(base) / 'occpose'


def package_version() -> str:
    """The version in package.xml, the only place where it stands."""
    try:
        return ElementTree.parse(resource('package.xml')).getroot().findtext('version', 'unknown')
    except ModelError:                        # installed with pip: the same, copied into metadata
        return metadata.version(NAME)
