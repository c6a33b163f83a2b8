"""One network for several pipelines: two cameras in one process need its memory only once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

from .load import open_model
from .session import Array, OpenModel, Session, Shape


class Models:
    """Opens each network once for each device and number of threads."""

    def __init__(self, opener: Callable[..., Session] = open_model) -> None:
        self._open = opener
        self._sessions: dict[tuple[str, str, int], Session] = {}
        self._lock = threading.Lock()

    def on(self, device: str, threads: int) -> OpenModel:
        """What a pipeline takes its networks from."""
        return partial(self._get, device=device, threads=threads)

    def _get(self, name: str, *, device: str, threads: int) -> Session:
        with self._lock:
            key = name, device, threads
            if key not in self._sessions:
                self._sessions[key] = OneAtATime(self._open(name, device=device, threads=threads))
            return self._sessions[key]


class OneAtATime:
    """A network that several threads may call; its buffers serve one of them at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()

    @property
    def backend(self) -> str:
        """What runs it."""
        return self._session.backend

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the file says about itself."""
        return self._session.metadata

    @property
    def inputs(self) -> Mapping[str, Shape]:
        """Name and shape of what goes in."""
        return self._session.inputs

    def __call__(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Run the network.

        Raises:
            ShapeError: An input is missing, unknown, or of another shape.
        """
        with self._lock:
            return self._session(arrays)
