"""Starting and stopping a node so that the process ends with exit code 0."""
from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol, runtime_checkable

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.node import Node

from ..errors import ModelError, OccposeError
from ..resources import NAME, resource
from .deadline import ending_within

WATCH_S, LEAVE_S = 0.1, 0.5     # between looks whether to stop; until patience ends
CLOSE_S = 0.3                   # for files and threads then
DESTROY_S = 0.8                 # for DDS; with those above below two seconds
SWITCH_S = 0.0005               # the longest that one thread of Python keeps the others waiting
PROFILES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')   # Jazzy, Kilted


@runtime_checkable
class Closable(Protocol):
    """A node that has to stop threads or close files."""

    def close(self) -> None:
        """Stop; the context is still valid."""


@runtime_checkable
class Fallible(Protocol):
    """A node that ends the process by itself, maybe because it could not go on."""

    failed: bool


def run_node(make: Callable[[], Node], arguments: Sequence[str] | None = None) -> int:
    """Spin one node; see `run_nodes`."""

    def only() -> Iterator[Node]:
        yield make()

    return run_nodes(only, arguments)


def run_nodes(make: Callable[[], Iterator[Node]], arguments: Sequence[str] | None = None) -> int:
    """Spin nodes until SIGINT, SIGTERM or until one shuts the context down itself.

    Args:
        make: Yields the nodes; what takes long, such as loading networks, comes after the yield.
        arguments: Of the command line; those of the process if not given.

    Returns:
        0, 1 where a node has failed, or 2 where one cannot be made; the reason is printed.
    """
    use_dds_profile()
    sys.setswitchinterval(SWITCH_S)
    _init(arguments)
    nodes: list[Node] = []
    unmade: list[Exception] = []
    executor, leaving = SingleThreadedExecutor(), _Leaving()
    watch = threading.Thread(target=_leave_in_time, args=(leaving, nodes), daemon=True)
    watch.start()
    code = 1
    try:
        for node in make():
            nodes.append(node)
            executor.add_node(node)
        executor.spin()
        code = 0
    except OccposeError as error:
        print(f'error: {error}', file=sys.stderr)
        unmade.append(error)
        code = 2
    except (KeyboardInterrupt, ExternalShutdownException):
        code = 0
    except Exception:
        if rclpy.ok():
            raise              # else it was told to stop in the middle of a callback
        code = 0
    finally:
        leaving.begin()
        _hear_no_more()
        # In this order: otherwise rclpy ends the process with "terminate called".
        executor.shutdown()
        _close(nodes)
        code = code or int(any(isinstance(node, Fallible) and node.failed for node in nodes))
        _destroy(nodes, code, unmade)
        watch.join()
    if threading.active_count() > 1:
        # A thread inside a long call of a network cannot be stopped, nor may Python end under it.
        _leave(code)
    return code


class _Leaving:
    """Only one thread leaves: the main one, or the one that has waited for it in vain."""

    def __init__(self) -> None:
        self._first, self._begun = threading.Lock(), threading.Event()

    def begin(self) -> None:
        """For the main thread; does not return if the other one has begun: it ends the process."""
        self._first.acquire()
        self._begun.set()

    def begun_within(self, seconds: float) -> bool:
        """Whether the main thread has begun; waits for that."""
        return self._begun.wait(seconds)

    def take_over(self) -> bool:
        """For the other thread; False if the main one has begun after all."""
        return self._first.acquire(blocking=False)


def _init(arguments: Sequence[str] | None) -> None:
    """Start rclpy so that SIGINT ends the spinning, and nothing in the middle of its work.

    Python's own handler would raise KeyboardInterrupt wherever it finds the main thread, also
    where rclpy makes messages, which turns it into another error. SIGTERM is heard by rclpy alone.
    """
    told = threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, lambda number, frame: told.set())
    rclpy.init(args=arguments)
    if told.is_set():          # before rclpy could hear it
        rclpy.try_shutdown()


def _hear_no_more() -> None:
    """Somebody who presses Ctrl-C twice must not interrupt the leaving."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def _close(nodes: Sequence[Node], longest_s: float | None = None) -> None:
    """Close all at the same time: each may have to wait for what it has in hand."""
    closing = [threading.Thread(target=node.close, daemon=True) for node in nodes
               if isinstance(node, Closable)]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join(longest_s)


def _leave_in_time(leaving: _Leaving, nodes: Sequence[Node]) -> None:
    """End the process if it is told to stop while its main thread hears nothing.

    It may be loading a network, in a service too, or the machine is busy. The nodes are closed, or
    a recording would lack its end, and destroyed, or Fast DDS would leave shared memory behind.
    """
    while not leaving.begun_within(WATCH_S):
        if not rclpy.ok():
            if not leaving.begun_within(LEAVE_S) and leaving.take_over():
                _close(nodes, CLOSE_S)
                _destroy(nodes, 0)
                _leave(0)
            return


def _destroy(nodes: Sequence[Node], code: int, unmade: list[Exception] | None = None) -> None:
    """Say goodbye to the other nodes; where DDS hangs over it, the process ends with this code.

    Args:
        nodes: To be destroyed.
        code: Exit code.
        unmade: Why a node could not be made; these hold what there is of it, and are dropped.
    """
    _flush()
    with ending_within(DESTROY_S, code):
        rclpy.try_shutdown()
        for node in nodes:
            node.destroy_node()
        if unmade:
            unmade.clear()
            gc.collect()


def _leave(code: int) -> None:
    _flush()
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):          # nobody reads it any more
            stream.flush()


def use_dds_profile() -> None:
    """Make Fast DDS carry images; a profile that is set already is left alone."""
    try:
        profile = str(resource('config', 'fastdds.xml'))
    except ModelError:
        return
    for variable in PROFILES:
        os.environ.setdefault(variable, profile)


class RosLogHandler(logging.Handler):
    """Passes what the library logs on to the node's logger."""

    def __init__(self, logger: RcutilsLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record at its level."""
        text = self.format(record)
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)


def forward_library_log(logger: RcutilsLogger) -> RosLogHandler:
    """Start passing on; returns the handler for `stop_forwarding`."""
    library, handler = logging.getLogger(NAME), RosLogHandler(logger)
    library.addHandler(handler)
    library.setLevel(logging.INFO)
    library.propagate = False
    return handler


def stop_forwarding(handler: RosLogHandler) -> None:
    """Stop passing on; with the last handler the library logs as it did before."""
    library = logging.getLogger(NAME)
    library.removeHandler(handler)
    if not any(isinstance(other, RosLogHandler) for other in library.handlers):
        library.setLevel(logging.NOTSET)
        library.propagate = True
