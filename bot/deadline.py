"""A point in time, shared by the steps of a wait."""

from __future__ import annotations

import time

__all__ = ["TIMEOUT_S", "Deadline"]

TIMEOUT_S = 5.0
"""Default time for an expectation to hold, in seconds."""


class Deadline:
    """``seconds`` from now on the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then; 0 when it has passed."""
        return max(0.0, self._at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self._at
