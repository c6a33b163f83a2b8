"""Message packages that have no wheels, built once from test/ros/interfaces for this process.

A package that is installed is used as it is. Else ours of the same name and fields is built into
a folder of the temporary directory named after what went into it, so that the next run finds it.
"""
from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / 'interfaces'
PACKAGES = ('hri_msgs', 'people_msgs', 'vision_msgs')
LONGEST_S = 240


class CannotBuildError(Exception):
    """Why the packages are not there."""


def borrow(packages: tuple[str, ...] = PACKAGES) -> None:
    """Make the packages importable; raises `CannotBuildError` with the reason if that fails."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        load(built(missing), missing)


def built(packages: list[str]) -> Path:
    """The folder that the packages are installed in."""
    colcon = shutil.which('colcon')
    if colcon is None:
        raise CannotBuildError('colcon is not installed')
    key = hashlib.sha256(f'{sys.executable} {os.environ.get("AMENT_PREFIX_PATH")}'.encode())
    for path in sorted(path for name in packages for path in (SOURCES / name).rglob('*')):
        key.update(path.name.encode() + (path.read_bytes() if path.is_file() else b''))
    folder = Path(tempfile.gettempdir()) / f'occpose_interfaces_{key.hexdigest()[:16]}'
    folder.mkdir(exist_ok=True)
    with (folder / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / 'done').exists():
            run_colcon(colcon, folder, packages)
            (folder / 'done').touch()
    return folder / 'install'


def run_colcon(colcon: str, folder: Path, packages: list[str]) -> None:
    install = folder / 'install'
    command = [
        colcon, '--log-base', str(folder / 'log'), 'build', '--merge-install',
        '--base-paths', *(str(SOURCES / name) for name in packages),
        '--build-base', str(folder / 'build'), '--install-base', str(install),
        '--cmake-args', f'-DCMAKE_INSTALL_RPATH={install / "lib"}', '-DBUILD_TESTING=OFF']
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                              timeout=LONGEST_S)
    except subprocess.TimeoutExpired as error:
        raise CannotBuildError(f'colcon took more than {LONGEST_S} s') from error
    if done.returncode:
        said = '; '.join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise CannotBuildError(f'colcon failed: {said}')


def load(install: Path, packages: list[str]) -> None:
    """Let this process find Python modules, message libraries and what these link to."""
    [folder] = {path.parents[2] for name in packages
                for path in install.rglob(f'{name}/msg/__init__.py')}
    sys.path.append(str(folder))
    for variable, place in (('AMENT_PREFIX_PATH', install), ('LD_LIBRARY_PATH', install / 'lib')):
        before = os.environ.get(variable)
        os.environ[variable] = f'{place}:{before}' if before else str(place)
    waiting = sorted((install / 'lib').glob('*.so'))
    while waiting:                     # the dynamic linker read LD_LIBRARY_PATH long ago
        loaded = [path for path in waiting if is_loaded(path)]
        if not loaded:
            raise CannotBuildError(f'cannot load {", ".join(path.name for path in waiting)}')
        waiting = [path for path in waiting if path not in loaded]
    importlib.invalidate_caches()


def is_loaded(path: Path) -> bool:
    """Whether a library could be loaded now, after all that it links to."""
    try:
        ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True
