"""One thread that answers the newest question."""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar('T')


class Worker(Generic[T]):
    """Answers questions on its own thread, always the newest; older ones that wait are dropped.

    Asking never blocks, so the thread that serves DDS stays free.
    """

    def __init__(self, answer: Callable[[T], None], name: str) -> None:
        self.dropped = 0
        self._answer = answer
        self._question: T | None = None
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask(self, question: T) -> None:
        """Put a question in the place of the one that waits, if any."""
        with self._changed:
            if self._question is not None:
                self.dropped += 1
            self._question = question
            self._changed.notify()

    def forget(self) -> None:
        """Drop the question that waits, if any."""
        with self._changed:
            self.dropped += self._question is not None
            self._question = None

    def stop(self, timeout_s: float | None = None) -> None:
        """Finish the question in hand and end the thread; gives up after `timeout_s`."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._question is not None or self._stopping)
                if self._stopping:
                    return
                question, self._question = self._question, None
            if question is not None:
                self._answer(question)
