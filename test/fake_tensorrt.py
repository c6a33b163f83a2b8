"""Stand-ins for TensorRT and CUDA, so that the logic around them is tested without a GPU.

ONNX Runtime computes; the fakes check that profile, shapes and addresses are set before a run, and
that shapes are those of the profile. They say nothing about the real TensorRT.
"""
from __future__ import annotations

import enum
import pickle
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime as ort

DataType = enum.Enum('DataType', ['FLOAT', 'HALF', 'BOOL', 'INT32', 'INT64', 'UINT8'])
MEMORY: dict[int, np.ndarray] = {}      # address -> array on the "GPU"
BUILT: list[bool] = []                  # one entry a built engine


class ILogger:
    Severity = enum.Enum('Severity', ['INTERNAL_ERROR', 'ERROR', 'WARNING', 'INFO', 'VERBOSE'])


class NetworkDefinitionCreationFlag(enum.IntEnum):
    EXPLICIT_BATCH = 0
    STRONGLY_TYPED = 1


class Builder:
    def __init__(self, log: ILogger) -> None:
        assert isinstance(log, ILogger)

    def create_network(self, flags: int) -> dict[str, bytes]:
        assert flags == 2
        return {}

    def create_builder_config(self) -> Config:
        return Config()

    def create_optimization_profile(self) -> Profile:
        return Profile()

    def build_serialized_network(self, network: dict[str, bytes], config: Config) -> bytes | None:
        BUILT.append(True)
        return pickle.dumps((network['model'], [profile.shapes for profile in config.profiles]))


class Config:
    def __init__(self) -> None:
        self.profiles: list[Profile] = []

    def add_optimization_profile(self, profile: Profile) -> None:
        self.profiles.append(profile)


class Profile:
    def __init__(self) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}

    def set_shape(self, name: str, low: tuple, best: tuple, high: tuple) -> None:
        assert low == best == high
        self.shapes[name] = low


class OnnxParser:
    num_errors = 1

    def __init__(self, network: dict[str, bytes], log: ILogger) -> None:
        self._network = network

    def parse(self, model: bytes) -> bool:
        self._network['model'] = model
        return b'Unparsable' not in model

    def get_error(self, index: int) -> str:
        return f'error number {index}'


class Runtime:
    def __init__(self, log: ILogger) -> None:
        assert isinstance(log, ILogger)

    def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
        return None if plan.startswith(b'foreign') else Engine(*pickle.loads(plan))


class Engine:
    def __init__(self, model: bytes, profiles: list[dict[str, tuple[int, ...]]]) -> None:
        self.session, self.profiles = ort.InferenceSession(model), profiles
        self.tensors = [*self.session.get_inputs(), *self.session.get_outputs()]
        self.num_io_tensors = len(self.tensors)

    def get_tensor_name(self, index: int) -> str:
        return self.tensors[index].name

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType.FLOAT

    def get_tensor_shape(self, name: str) -> list[int]:
        shape = next(t.shape for t in self.tensors if t.name == name)
        return [n if isinstance(n, int) else -1 for n in shape]

    def create_execution_context(self) -> Context:
        return Context(self)


class Context:
    def __init__(self, engine: Engine) -> None:
        self._engine, self._addresses = engine, {}
        self._shapes: dict[str, tuple[int, ...]] | None = None

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        self._profile = self._engine.profiles[index]
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert shape == self._profile[name]
        return True

    def get_tensor_shape(self, name: str) -> list[int]:
        [batch] = {length for name, shape in self._profile.items() for length, open_length in
                   zip(shape, self._engine.get_tensor_shape(name)) if open_length == -1} or {1}
        return [batch if n == -1 else n for n in self._engine.get_tensor_shape(name)]

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        assert stream == Stream.handle
        feed = {name: MEMORY[self._addresses[name]] for name in self._profile}
        names = [output.name for output in self._engine.session.get_outputs()]
        for name, array in zip(names, self._engine.session.run(names, feed), strict=True):
            MEMORY[self._addresses[name]][...] = array
        return True


class Memory:
    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.host, self.address = np.zeros(shape, dtype), len(MEMORY) + 1
        MEMORY[self.address] = np.zeros(shape, dtype)


class Stream:
    handle = 7

    def activate(self) -> None: ...

    def wait(self) -> None: ...

    def upload(self, memory: Memory) -> None:
        MEMORY[memory.address][...] = memory.host

    def download(self, memory: Memory) -> None:
        memory.host[...] = MEMORY[memory.address]

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        work()
        return work


def module(version: str = '10.3.0') -> ModuleType:
    """What `import tensorrt` gives."""
    fake = ModuleType('tensorrt')
    fake.__spec__ = ModuleSpec('tensorrt', None)
    fake.__version__ = version
    for part in (DataType, ILogger, NetworkDefinitionCreationFlag, Builder, OnnxParser, Runtime):
        setattr(fake, part.__name__, part)
    return fake
