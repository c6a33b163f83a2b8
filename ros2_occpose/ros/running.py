"""Starting and stopping a node so that the process ends with exit code 0."""
from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.node import Node

from ..errors import ModelError, OccposeError
from ..resources import NAME, resource

WATCH_S, LEAVE_S = 0.1, 1.0     # while nodes are made: between looks, until patience ends
PROFILES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')   # Jazzy, Kilted


@runtime_checkable
class Closable(Protocol):
    """A node that has to stop threads or close files."""

    def close(self) -> None:
        """Stop; the context is still valid."""


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
        0, or 2 where a node cannot be made; the reason is printed.
    """
    use_dds_profile()
    rclpy.init(args=arguments)
    nodes: list[Node] = []
    executor, ready = SingleThreadedExecutor(), threading.Event()
    watch = threading.Thread(target=_leave_while_loading, args=(ready,), daemon=True)
    watch.start()
    try:
        for node in make():
            nodes.append(node)
            executor.add_node(node)
        ready.set()
        executor.spin()
    except OccposeError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except rclpy_implementation.RCLError:
        if rclpy.ok():
            raise              # else it was told to stop in the middle of a callback
    finally:
        ready.set()
        # In this order: otherwise rclpy ends the process with "terminate called".
        executor.shutdown()
        for node in nodes:
            if isinstance(node, Closable):
                node.close()
        rclpy.try_shutdown()
        for node in nodes:
            node.destroy_node()
        watch.join()
    if threading.active_count() > 1:
        # A thread inside a long call of a network cannot be stopped, nor may Python end under it.
        _leave()
    return 0


def _leave_while_loading(ready: threading.Event) -> None:
    """End the process if it is told to stop while a library loads a network and hears nothing."""
    while not ready.wait(WATCH_S):
        if not rclpy.ok():
            if not ready.wait(LEAVE_S):
                _leave()
            return


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


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
