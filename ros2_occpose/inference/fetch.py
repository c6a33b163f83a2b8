"""Getting models out of Python packages, converted and checked, into the cache."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from ..errors import ModelError
from .files import locked, write_atomically
from .registry import Fetch, ModelEntry, cached_path, find_file, is_intact

logger = logging.getLogger(__name__)

# The wheel is only unpacked, never installed: any Python on any machine takes the same one.
_PIP_FLAGS = (
    '--no-deps --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 '
    '--platform manylinux_2_28_x86_64 --disable-pip-version-check'
)


def fetch(entries: list[ModelEntry], wheel: Path | None = None) -> list[Path]:
    """Make the files of these entries be there; those that are there and intact stay.

    Args:
        entries: Entries with `fetch`.
        wheel: A wheel of the package that was downloaded before, for machines without a network.

    Returns:
        Where the files are, in order.

    Raises:
        ModelError: The package cannot be had, or its content is not what models.yaml declares.
    """
    paths = []
    with tempfile.TemporaryDirectory(prefix='occpose-') as folder:
        wheels: dict[tuple[str, str], Path] = {}
        for entry in entries:
            if entry.fetch is None or entry.file is None:
                raise ModelError(f'{entry.name} cannot be fetched; {entry.cure}')
            path = cached_path(entry)
            with locked(path):
                found = find_file(entry)
                if found is None or not is_intact(entry, found, thorough=True):
                    key = (entry.fetch.package, entry.fetch.version)
                    if key not in wheels:
                        wheels[key] = wheel or download(entry.fetch, Path(folder))
                    write_atomically(path, convert_member(entry, entry.fetch, wheels[key]))
                    found = path
                paths.append(found)
    return paths


def download(source: Fetch, folder: Path, command: str = 'occpose models fetch') -> Path:
    """The wheel of a package, by pip; `command` takes a wheel where there is no network.

    Raises:
        ModelError: pip is missing or could not get it.
    """
    requirement = f'{source.package}=={source.version}'
    arguments = ['-m', 'pip', 'download', *_PIP_FLAGS.split(), '--dest', str(folder), requirement]
    logger.info('Getting the Python package %s (only unpacked, not installed) ...', requirement)
    result = subprocess.run(
        [sys.executable, *arguments], stdout=2, stderr=subprocess.PIPE, text=True, check=False
    )
    wheels = sorted(folder.glob(f'{source.package}-{source.version}-*.whl'))
    if result.returncode == 0 and wheels:
        return wheels[0]
    lines = result.stderr.strip().splitlines() or ['no reason given']
    reason = next((line for line in reversed(lines) if line.startswith('ERROR')), lines[-1])
    raise ModelError(
        f'pip could not get {requirement}: {reason}. Check the network and that '
        f'`{sys.executable} -m pip` works; or elsewhere run '
        f'`pip download {_PIP_FLAGS} {requirement}`, '
        f'bring the file here and run: {command} --wheel FILE'
    )


def convert_member(entry: ModelEntry, source: Fetch, wheel: Path) -> bytes:
    """The ONNX file made from the TFLite file in a wheel.

    Raises:
        ModelError: The wheel is damaged or not the declared one, or became another file.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(source.member)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(
            f'{wheel} is no wheel of {source.package} {source.version}: {error}'
        ) from error
    got = hashlib.sha256(data).hexdigest()
    if got != source.sha256:
        raise ModelError(
            f'{source.member} in {wheel.name} is not the declared file: expected sha256 '
            f'{source.sha256}, got {got}; nothing was written.'
        )
    try:
        from .tflite_file import read_graph
        from .tflite_to_onnx import convert
    except ImportError as error:
        raise ModelError(
            f'Converting {source.member} needs more Python packages ({error}); install them '
            'with: pip install onnx tflite'
        ) from error
    onnx = convert(
        read_graph(data),
        inputs=source.inputs,
        outputs=source.outputs,
        metadata={
            'source': f'{source.package} {source.version} {source.member}',
            'licence': entry.licence,
        },
    )
    got = hashlib.sha256(onnx).hexdigest()
    if got != entry.sha256:
        raise ModelError(
            f'The conversion of {source.member} gave other bytes than declared: expected sha256 '
            f'{entry.sha256}, got {got}; nothing was written. Update this package and onnx.'
        )
    return onnx
