"""Choosing what runs a network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from ..errors import ModelError
from .cuda import find_device
from .registry import ModelEntry, checked_file, find_entry
from .session import Session, Shape

logger = logging.getLogger(__name__)

DEVICES = ('auto', 'cpu', 'cuda', 'tensorrt')
_ORDER = ('tensorrt', 'cuda')  # before the CPU, which always works
_OLDEST_TENSORRT = (10, 3)


class UnavailableError(Exception):
    """A runtime cannot be had on this machine; the text says why and what to do."""


def open_model(
    name: str, *, device: str = 'auto', threads: int = 2, half: bool = False
) -> Session:
    """The network of an entry in models.yaml.

    Args:
        name: Name of the entry.
        device: auto (the fastest that is there), cpu, cuda or tensorrt.
        threads: Threads on the CPU.
        half: Compute in float16 where TensorRT runs it.

    Raises:
        ModelError: The name is unknown, or the file is missing, damaged or not as declared.
    """
    entry = find_entry(name)
    session = load_session(checked_file(entry), device=device, threads=threads, half=half)
    _check_inputs(entry, session)
    return session


def load_session(
    path: Path, *, device: str = 'auto', threads: int = 2, half: bool = False
) -> Session:
    """The network in an ONNX file; for a device that cannot be had, the next best, with a warning.

    Args:
        path: The ONNX file.
        device: auto (the fastest that is there), cpu, cuda or tensorrt.
        threads: Threads on the CPU.
        half: Compute in float16 where TensorRT runs it.

    Raises:
        ModelError: The file is missing or damaged, or the device is unknown.
    """
    if device not in DEVICES:
        raise ModelError(f'Unknown device {device!r}; expected one of {", ".join(DEVICES)}.')
    if not path.exists():
        raise ModelError(f'The model file {path} does not exist.')
    start = {'auto': 0, 'cpu': len(_ORDER)}.get(device)
    wanted = _ORDER[_ORDER.index(device) if start is None else start :]
    reasons = []
    for runtime in wanted:
        try:
            session = _OPENERS[runtime](path, half)
        except UnavailableError as reason:
            reasons.append(f'{runtime} cannot be had: {reason}')
            continue
        _report(path, device, session, reasons)
        return session
    from .onnx_session import OnnxSession

    session = OnnxSession(path, threads=threads)
    _report(path, device, session, reasons)
    return session


def _report(path: Path, device: str, session: Session, reasons: list[str]) -> None:
    """Say loudly that something else runs than asked for, or that a GPU is left idle."""
    if reasons and device != 'auto':
        logger.warning(
            '%s: device %s was asked for, %s is used; %s',
            path.name,
            device,
            session.backend,
            ' '.join(reasons),
        )
    elif reasons and session.backend.endswith('cpu') and find_device() is not None:
        logger.warning(
            '%s: there is a GPU, but %s is used; %s', path.name, session.backend, ' '.join(reasons)
        )


def shortfall(device: str, backends: Mapping[str, str]) -> str:
    """What runs on something slower than was asked for, or than is there; '': nothing.

    Args:
        device: What was asked for.
        backends: Stage -> what runs its network.
    """
    idle_gpu = device == 'auto' and find_device() is not None
    slow = [
        f'{stage} runs on {backend}'
        for stage, backend in backends.items()
        if (device in _ORDER and any(device not in part for part in backend.split(' and ')))
        or (idle_gpu and 'cpu' in backend)
    ]
    if not slow:
        return ''
    wanted = 'There is a GPU' if idle_gpu else f'device {device} was asked for'
    return f'{wanted}, but {" and ".join(slow)}; the log says why, from when models were loaded.'


def build_engine(path: Path, *, half: bool = False) -> Path:
    """Make the TensorRT engine of an ONNX file be there, and say where.

    Raises:
        ModelError: TensorRT or the GPU is missing, or TensorRT cannot build it.
    """
    try:
        _require_tensorrt()
        from .tensorrt_session import build_engine
    except (ImportError, UnavailableError) as error:
        raise ModelError(f'No TensorRT engine can be built here: {error}') from error
    return build_engine(path, half=half)


def _open_tensorrt(path: Path, half: bool) -> Session:
    try:
        _require_tensorrt()
        from .tensorrt_session import TensorrtSession

        return TensorrtSession(path, half=half)
    except (ImportError, ModelError) as error:
        raise UnavailableError(str(error)) from error


def _require_tensorrt() -> None:
    if find_spec('tensorrt') is None:
        raise UnavailableError(
            'the Python package tensorrt is not installed (pip install tensorrt; '
            'on a Jetson it comes with JetPack, for one version of Python: docs/devices.md).'
        )
    _require_gpu()
    import tensorrt

    if tuple(int(n) for n in tensorrt.__version__.split('.')[:2]) < _OLDEST_TENSORRT:
        raise UnavailableError(
            f'TensorRT {tensorrt.__version__} is too old; 10.3 to 11 work (JetPack 6 has 10.3).'
        )


def _open_cuda(path: Path, half: bool) -> Session:
    import onnxruntime

    if 'CUDAExecutionProvider' not in onnxruntime.get_available_providers():
        raise UnavailableError(
            'this ONNX Runtime has no CUDA (pip uninstall onnxruntime; '
            'pip install onnxruntime-gpu).'
        )
    _require_gpu()
    from .onnx_session import OnnxSession

    try:
        return OnnxSession(path, cuda=True)
    except ModelError as error:
        raise UnavailableError(str(error)) from error


_OPENERS: dict[str, Callable[[Path, bool], Session]] = {
    'tensorrt': _open_tensorrt,
    'cuda': _open_cuda,
}


def _require_gpu() -> None:
    if find_device() is None:
        raise UnavailableError(
            'CUDA finds no NVIDIA GPU (is its driver installed, as nvidia-smi would say, and the '
            'GPU visible in CUDA_VISIBLE_DEVICES and to the container?).'
        )


def _check_inputs(entry: ModelEntry, session: Session) -> None:
    """Raise `ModelError` unless the file takes what is declared; its open lengths fit any."""

    def fits(declared: Shape, takes: Shape) -> bool:
        return len(declared) == len(takes) and all(
            isinstance(n, str) or n == d for d, n in zip(declared, takes, strict=True)
        )

    declared, takes = dict(entry.inputs), dict(session.inputs)
    if declared and (
        declared.keys() != takes.keys() or not all(fits(declared[n], takes[n]) for n in takes)
    ):
        raise ModelError(
            f'{entry.file} takes {takes}, but models.yaml declares '
            f'{declared} for {entry.name}; one of the two is of another version.'
        )
