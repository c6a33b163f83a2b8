"""Networks on TensorRT 10.3 to 11.

Each batch size has an optimisation profile and memory at fixed addresses, so that copies and
kernels of a call are recorded once into a CUDA graph and then cost one launch. Importing this
needs TensorRT; a session needs a GPU and looks for it first, since TensorRT without one ends the
process.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import tensorrt as trt

from ..errors import ModelError
from .cuda import Device, Memory, Stream, find_device
from .engines import (
    Engine,
    at_batch,
    batches_of,
    cached_engine,
    engine_path,
    part_of,
    split,
)
from .session import Array, Shape, checked_inputs

TrtObject = Any  # the package has no types
logger = logging.getLogger(__name__)
SIGN_S = 20.0  # between signs of life while an engine is being built

_DTYPES = {
    trt.DataType.FLOAT: np.float32,
    trt.DataType.HALF: np.float16,
    trt.DataType.BOOL: np.bool_,
    trt.DataType.INT32: np.int32,
    trt.DataType.INT64: np.int64,
    trt.DataType.UINT8: np.uint8,
}


class TensorrtSession:
    """An ONNX file on an NVIDIA GPU; its engine is built at the first use, which takes minutes."""

    def __init__(self, path: Path, *, half: bool = False) -> None:
        """Build or load its engine.

        Args:
            path: The ONNX file.
            half: Compute in float16; inputs and outputs stay as they are.

        Raises:
            ModelError: There is no GPU, or TensorRT cannot build or load the engine.
        """
        self._name = path.name
        device = _device()
        plan_path = engine_path(path, tensorrt=trt.__version__, device=device, half=half)
        engine = cached_engine(plan_path, lambda: _build(path, device, half))
        self.inputs: Mapping[str, Shape] = engine.inputs
        self.metadata: Mapping[str, str] = engine.metadata
        self.backend = f'tensorrt {".".join(trt.__version__.split(".")[:2])}'
        self._stream = Stream()
        self._log = _log()
        self._runtime = trt.Runtime(self._log)
        self._engine = self._runtime.deserialize_cuda_engine(engine.plan)
        if self._engine is None:
            plan_path.unlink(missing_ok=True)
            raise ModelError(
                f'TensorRT cannot load {plan_path} (its log says why); the file was removed: '
                'start again to build it anew.'
            )
        self._dtypes = {
            name: np.dtype(_DTYPES[self._engine.get_tensor_dtype(name)]) for name in self.inputs
        }
        self._batches = batches_of(self.inputs)
        self._axes = _axes_of(self._engine)
        self._runs: dict[int, _Run] = {}
        for profile, batch in enumerate(self._batches):
            shapes = {name: at_batch(shape, batch) for name, shape in self.inputs.items()}
            self._runs[batch] = _Run(self._engine, profile, shapes, self._axes, self._stream)

    def __call__(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Run the network.

        Raises:
            ShapeError: An input is missing, unknown, or of another shape.
            ModelError: The GPU fails.
        """
        feed = checked_inputs(self._name, self.inputs, self._dtypes, arrays)
        self._stream.activate()
        axes = self._axes
        count = next((a.shape[axis] for name, a in feed.items()
                      if (axis := axes[name]) is not None), 1)
        parts = []
        for first, number, batch in split(count, self._batches):
            rows = {
                name: part_of(array, axes[name], first, number) for name, array in feed.items()
            }
            parts.append(self._runs[batch](rows, number))
        if len(parts) == 1:
            return parts[0]
        return {
            name: array if (axis := axes[name]) is None else np.concatenate(
                [part[name] for part in parts], axis)
            for name, array in parts[0].items()
        }


class _Run:
    """The engine at one batch size: its memory, and its recorded work."""

    def __init__(
        self,
        engine: TrtObject,
        profile: int,
        shapes: Mapping[str, tuple[int, ...]],
        axes: Mapping[str, int | None],
        stream: Stream,
    ) -> None:
        self._stream = stream
        self._context = engine.create_execution_context()
        self._context.set_optimization_profile_async(profile, stream.handle)
        stream.wait()
        for name, shape in shapes.items():
            self._context.set_input_shape(name, shape)
        _require_known_lengths(engine, self._context)
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        self._memory = {
            name: Memory(
                tuple(self._context.get_tensor_shape(name)), _DTYPES[engine.get_tensor_dtype(name)]
            )
            for name in names
        }
        for name, memory in self._memory.items():
            self._context.set_tensor_address(name, memory.address)
        self._inputs = list(shapes)
        self._outputs = [name for name in names if name not in shapes]
        self._axes = axes
        self._enqueue()  # the first run may allocate, which cannot be recorded
        stream.wait()
        try:
            self._launch = stream.record(self._enqueue)
        except ModelError as error:
            logger.info('No CUDA graph for this network (%s): it runs kernel by kernel.', error)
            self._launch = self._enqueue

    def _enqueue(self) -> None:
        for name in self._inputs:
            self._stream.upload(self._memory[name])
        if not self._context.execute_async_v3(self._stream.handle):
            raise ModelError('TensorRT could not run the network; its log says why.')
        for name in self._outputs:
            self._stream.download(self._memory[name])

    def __call__(self, feed: Mapping[str, Array], number: int) -> dict[str, Array]:
        """Run the first `number` rows; the rest of the batch holds what was there before."""
        for name, array in feed.items():
            part_of(self._memory[name].host, self._axes[name], 0, number)[...] = array
        self._launch()
        self._stream.wait()
        return {
            name: part_of(self._memory[name].host, self._axes[name], 0, number).copy()
            for name in self._outputs
        }


def _axes_of(engine: TrtObject) -> dict[str, int | None]:
    """Which axis of each input and output is of people.

    What has none (None) is the same for everybody: it is neither split nor filled up.
    """
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    shapes = {name: tuple(engine.get_tensor_shape(name)) for name in names}
    return {name: shape.index(-1) if -1 in shape else None for name, shape in shapes.items()}


def _require_known_lengths(engine: TrtObject, context: TrtObject) -> None:
    """Raise `ModelError` where the length of an output depends on what is in the image."""
    for name in (engine.get_tensor_name(i) for i in range(engine.num_io_tensors)):
        if any(length < 0 for length in context.get_tensor_shape(name)):
            raise ModelError(
                f'the length of its output {name} depends on what is in the image; expected '
                'fixed lengths: take a file without suppression of boxes inside '
                '(docs/detectors.md).'
            )


def build_engine(path: Path, *, half: bool = False) -> Path:
    """Make the engine of an ONNX file be there, and say where.

    Raises:
        ModelError: There is no GPU, or TensorRT cannot build the engine.
    """
    device = _device()
    target = engine_path(path, tensorrt=trt.__version__, device=device, half=half)
    cached_engine(target, lambda: _build(path, device, half))
    return target


def _device() -> Device:
    device = find_device()
    if device is None:
        raise ModelError(
            'TensorRT needs an NVIDIA GPU, and CUDA finds none here; is the driver installed '
            '(nvidia-smi), and the GPU visible (CUDA_VISIBLE_DEVICES, container options)?'
        )
    return device


def _log() -> TrtObject:
    class Log(trt.ILogger):  # type: ignore[misc]
        """What TensorRT has to say, in our log."""

        def log(self, severity: TrtObject, text: str) -> None:
            levels = {
                trt.ILogger.Severity.INTERNAL_ERROR: logging.ERROR,
                trt.ILogger.Severity.ERROR: logging.ERROR,
                trt.ILogger.Severity.WARNING: logging.WARNING,
            }
            logger.log(levels.get(severity, logging.DEBUG), 'TensorRT: %s', text)

    return Log()


@contextmanager
def _signs_of_life(name: str) -> Iterator[None]:
    """Say every few seconds that an engine is still being built; TensorRT says nothing."""
    done, start = threading.Event(), monotonic()

    def tell() -> None:
        while not done.wait(SIGN_S):
            logger.warning('Still building the engine of %s: %.0f s.', name, monotonic() - start)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _build(path: Path, device: Device, half: bool) -> Engine:
    from .onnx_session import OnnxSession

    onnx = OnnxSession(path, threads=1)
    batches = batches_of(onnx.inputs)
    model = path.read_bytes()
    if half:
        from .half import to_half

        model = to_half(model)
    logger.warning(
        'Building the TensorRT engine of %s for %s; this happens once and can take minutes.',
        path.name,
        device.name,
    )
    log = _log()
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(model):
        errors = '; '.join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise ModelError(f'TensorRT {trt.__version__} cannot read {path}: {errors}')
    config = builder.create_builder_config()
    for batch in batches:
        profile = builder.create_optimization_profile()
        for name, shape in onnx.inputs.items():
            profile.set_shape(name, *[at_batch(shape, batch)] * 3)
        config.add_optimization_profile(profile)
    with _signs_of_life(path.name):
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ModelError(
            f'TensorRT {trt.__version__} cannot build an engine of {path}; its log says why.'
        )
    return Engine(onnx.inputs, onnx.metadata, bytes(plan))
