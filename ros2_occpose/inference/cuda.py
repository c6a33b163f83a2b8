"""The little of the CUDA driver that is needed to find a GPU and to run an engine on it.

It calls libcuda.so.1, which every NVIDIA driver brings, so nothing has to be installed; names and
numbers are those of cuda.h. Without a GPU `find_device` says so and nothing else here is called.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_ulonglong, c_void_p
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import ModelError

_LIBRARY = 'libcuda.so.1'
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
_STREAM_NON_BLOCKING = 1
_CAPTURE_THREAD_LOCAL = 1
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    'cuInit': (c_uint,),
    'cuDeviceGet': (c_void_p, c_int),
    'cuDeviceGetCount': (c_void_p,),
    'cuDeviceGetName': (c_char_p, c_int, c_int),
    'cuDeviceGetAttribute': (c_void_p, c_int, c_int),
    'cuDevicePrimaryCtxRetain': (c_void_p, c_int),
    'cuCtxSetCurrent': (c_void_p,),
    'cuMemAlloc_v2': (c_void_p, c_size_t),
    'cuMemFree_v2': (c_ulonglong,),
    'cuMemAllocHost_v2': (c_void_p, c_size_t),
    'cuMemFreeHost': (c_void_p,),
    'cuMemcpyHtoDAsync_v2': (c_ulonglong, c_void_p, c_size_t, c_void_p),
    'cuMemcpyDtoHAsync_v2': (c_void_p, c_ulonglong, c_size_t, c_void_p),
    'cuStreamCreate': (c_void_p, c_uint),
    'cuStreamDestroy_v2': (c_void_p,),
    'cuStreamSynchronize': (c_void_p,),
    'cuStreamBeginCapture_v2': (c_void_p, c_int),
    'cuStreamEndCapture': (c_void_p, c_void_p),
    'cuGraphInstantiateWithFlags': (c_void_p, c_void_p, c_ulonglong),
    'cuGraphLaunch': (c_void_p, c_void_p),
    'cuGraphDestroy': (c_void_p,),
    'cuGraphExecDestroy': (c_void_p,),
    'cuGetErrorString': (c_int, c_void_p),
}


@dataclass(frozen=True)
class Device:
    """The GPU in use: the first that CUDA_VISIBLE_DEVICES leaves."""

    name: str
    capability: tuple[int, int]  # e.g. (8, 7) for a Jetson Orin


@cache
def find_device() -> Device | None:
    """The GPU, or None; never raises."""
    try:
        driver = _driver()
        count, handle, major, minor = c_int(), c_int(), c_int(), c_int()
        name = ctypes.create_string_buffer(256)
        _check(driver.cuInit(0))
        _check(driver.cuDeviceGetCount(byref(count)))
        if count.value == 0:
            return None
        _check(driver.cuDeviceGet(byref(handle), 0))
        _check(driver.cuDeviceGetName(name, len(name), handle))
        _check(driver.cuDeviceGetAttribute(byref(major), _CAPABILITY_MAJOR, handle))
        _check(driver.cuDeviceGetAttribute(byref(minor), _CAPABILITY_MINOR, handle))
    except (OSError, AttributeError, ModelError):
        return None  # no driver, one too old, or no GPU
    return Device(name.value.decode(), (major.value, minor.value))


@cache
def _driver() -> Any:
    library = ctypes.CDLL(_LIBRARY)
    for name, arguments in _SIGNATURES.items():
        getattr(library, name).argtypes = arguments
    return library


def _check(status: int) -> None:
    if status != 0:
        text = c_char_p()
        _driver().cuGetErrorString(status, byref(text))
        raise ModelError(f'CUDA error {status}: {(text.value or b"unknown").decode()}.')


class Memory:
    """The same bytes twice: `host` is page-locked, `address` is on the GPU; both stay put."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        """Set aside both, all zero."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        room = max(size, 1)  # CUDA refuses to give nothing
        host, address = c_void_p(), c_ulonglong()
        _check(_driver().cuMemAllocHost_v2(byref(host), room))
        finalize(self, _driver().cuMemFreeHost, host)
        _check(_driver().cuMemAlloc_v2(byref(address), room))
        finalize(self, _driver().cuMemFree_v2, address)
        self.address = address.value
        raw = (ctypes.c_byte * room).from_address(host.value or 0)
        self.host: NDArray[Any] = (
            np.frombuffer(memoryview(raw), np.uint8)[:size].view(dtype).reshape(shape)
        )
        self.host[...] = 0


class Stream:
    """A queue of work on the GPU."""

    def __init__(self) -> None:
        """Open a queue of its own.

        Raises:
            ModelError: CUDA refuses.
        """
        device, self._context, stream = c_int(), c_void_p(), c_void_p()
        _check(_driver().cuInit(0))
        _check(_driver().cuDeviceGet(byref(device), 0))
        _check(_driver().cuDevicePrimaryCtxRetain(byref(self._context), device))
        self.activate()
        _check(_driver().cuStreamCreate(byref(stream), _STREAM_NON_BLOCKING))
        finalize(self, _driver().cuStreamDestroy_v2, stream)
        self.handle: int = stream.value or 0

    def activate(self) -> None:
        """Make the GPU current in the calling thread."""
        _check(_driver().cuCtxSetCurrent(self._context))

    def upload(self, memory: Memory) -> None:
        """Queue the copy from host to GPU."""
        _check(
            _driver().cuMemcpyHtoDAsync_v2(
                memory.address, memory.host.ctypes.data, memory.host.nbytes, self.handle
            )
        )

    def download(self, memory: Memory) -> None:
        """Queue the copy from GPU to host."""
        _check(
            _driver().cuMemcpyDtoHAsync_v2(
                memory.host.ctypes.data, memory.address, memory.host.nbytes, self.handle
            )
        )

    def wait(self) -> None:
        """Return when everything queued is done."""
        _check(_driver().cuStreamSynchronize(self.handle))

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Queue `work` into a graph; what is returned queues all of it again by one launch.

        Raises:
            ModelError: `work` holds something that cannot be recorded.
        """
        graph, executable = c_void_p(), c_void_p()
        _check(_driver().cuStreamBeginCapture_v2(self.handle, _CAPTURE_THREAD_LOCAL))
        try:
            work()
        finally:  # a capture must be ended also when it failed
            status = _driver().cuStreamEndCapture(self.handle, byref(graph))
        _check(status)
        _check(_driver().cuGraphInstantiateWithFlags(byref(executable), graph, 0))
        _check(_driver().cuGraphDestroy(graph))
        return _Graph(executable, self)


class _Graph:
    """A recorded queue of work."""

    def __init__(self, executable: c_void_p, stream: Stream) -> None:
        finalize(self, _driver().cuGraphExecDestroy, executable)
        self._executable, self._stream = executable, stream

    def __call__(self) -> None:
        _check(_driver().cuGraphLaunch(self._executable, self._stream.handle))
