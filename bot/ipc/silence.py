"""A watchdog timer that counts only time in which the listener itself was running.

A machine may be suspended, a container paused, or both processes stopped. Then the agent is silent without
a fault. So the listener compares its own progress with that of the agent. It looks at least every
``TICK_S`` seconds. If it looks much later than planned, it was not running: it was stopped, starved of a
processor, or blocked by a callback. The agent's time then starts anew. The clock is CLOCK_MONOTONIC, which
stops while Linux is suspended.
"""

from __future__ import annotations

import time

__all__ = ["AGAIN_S", "Silence"]

TICK_S = 0.2
"""Maximum time between two looks, in seconds."""
LATE_S = 0.25
"""Delay of a look, in seconds, from which the listener counts as stopped."""
AGAIN_S = 1.0
"""The agent's time after such a stop, in seconds; processes do not all resume at the same moment."""


class Silence:
    """A budget of seconds; only time in which the listener ran reduces it."""

    def __init__(self, left_s: float) -> None:
        self._left_s = left_s
        self._looked_at = time.monotonic()
        self._meant_s = 0.0

    def heard(self, next_s: float) -> None:
        """The agent sent something; it may now be silent for the given time."""
        self._left_s = next_s
        self._looked_at = time.monotonic()

    def wait_s(self) -> float:
        """Seconds that the listener may wait until the next look; call it before each wait."""
        self._meant_s = min(TICK_S, max(0.0, self._left_s))
        return self._meant_s

    def is_over(self) -> bool:
        """Whether the agent has been silent for too long; call it after each wait."""
        now = time.monotonic()
        passed_s, self._looked_at = now - self._looked_at, now
        if passed_s > self._meant_s + LATE_S:
            self._left_s = max(self._left_s, AGAIN_S)
        else:
            self._left_s -= passed_s
        return self._left_s <= 0
