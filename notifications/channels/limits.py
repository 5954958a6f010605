"""A wall-clock limit for what has only limits of single reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_EVERY = 0.1


class WallClockLimit:
    """Breaks off a dialogue that takes too long, from a thread of its own.

    One thread for as many dialogues as follow one another: to start one for each mail costs as
    much as the mail.
    """

    def __init__(self, break_off: Callable[[], None], *, name: str) -> None:
        self._break_off = break_off
        self._name = name
        self._until: float | None = None
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None

    @contextmanager
    def of(self, seconds: float) -> Iterator[threading.Event]:
        """Break off whatever the block does when it takes longer; the event tells that it did."""
        self._is_over.clear()
        self._until = time.monotonic() + seconds
        self._start()
        try:
            yield self._is_over
        finally:
            with self._lock:
                self._until = None

    def close(self) -> None:
        self._closed.set()
        if self._watcher is not None:
            self._watcher.join()

    def _start(self) -> None:
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name=self._name, daemon=True)
            self._watcher.start()

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_EVERY):
            with self._lock:
                if self._until is not None and time.monotonic() >= self._until:
                    self._is_over.set()
                    # While it connects there is nothing to break yet: again at the next look.
                    self._break_off()
