"""Replacement of a crashed agent: at once, and with growing delays if the next agents crash too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["BACK_OFF_S", "HEALTHY_S", "Supervisor"]

BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Delay before each replacement of a series, in seconds; the last delay repeats."""
HEALTHY_S = 30.0
"""The crash of an agent of this age, in seconds, begins a new series."""


class Supervisor:
    """Calls ``replace``, which starts another agent and returns whether it listens, on a thread.

    After a failure ``replace`` is called again, without a limit.
    """

    def __init__(self, replace: Callable[[], bool]) -> None:
        self._replace = replace
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._lost = False
        self._row = 0
        self._alive_since = time.monotonic()

    @property
    def is_closing(self) -> bool:
        """Whether no further agent is started."""
        return self._closing.is_set()

    @property
    def wait_s(self) -> float:
        """Delay of the next replacement in seconds."""
        return BACK_OFF_S[min(self._row, len(BACK_OFF_S) - 1)]

    def died(self) -> float:
        """Replace the crashed agent; returns the delay in seconds at once."""
        with self._lock:
            self._lost = True
            if time.monotonic() - self._alive_since >= HEALTHY_S and self._thread is None:
                self._row = 0
            wait_s = self.wait_s
            if self._thread is None and not self.is_closing:
                self._thread = threading.Thread(
                    target=self._run, args=(wait_s,), name="srtpbot-supervisor", daemon=True
                )
                self._thread.start()
            return wait_s

    def close(self) -> None:
        """Start no further agent."""
        self._closing.set()

    def join(self) -> None:
        """Wait for the end of a running replacement."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self, wait_s: float) -> None:
        while not self._closing.wait(wait_s):
            with self._lock:
                self._row += 1
                self._lost = False
            alive = self._replace()
            with self._lock:
                if alive and not self._lost:
                    self._alive_since = time.monotonic()
                    self._thread = None
                    return
                wait_s = self.wait_s
