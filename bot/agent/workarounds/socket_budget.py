"""The socket budget of this process: limits calls and connections to what the library's I/O queues can hold.

The library has one I/O queue for media and one for SIP. Each has a compiled number of handles (64 by
default with ``select()``), and a closed handle stays occupied for half a second. One handle too many aborts
the process. This module only counts; it handles no calls and does not use the library.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

__all__ = ["SocketBudget", "calls_at_once", "connections_at_once", "connections_held"]

MARGIN = 8
LINGER_S = 0.6
"""The library's 0.5 s plus the resolution of its clock."""


def calls_at_once(handles: int) -> int:
    """Maximum number of calls of an I/O queue: two sockets per call (RTP and RTCP), less a margin."""
    return (handles - MARGIN) // 2


def connections_at_once(handles: int) -> int:
    """Maximum number of connections of an I/O queue, less the listening sockets and a margin."""
    return handles * 3 // 4


def connections_held(handles: int) -> int:
    """Maximum number of open connections; as many more may be closing at the same time."""
    return connections_at_once(handles) // 2


class SocketBudget:
    """Counts the owners of sockets (calls or connections): open ones, and those that closed recently."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._open = 0
        self._lingering: deque[float] = deque()

    def room_in(self, reserved: int = 0) -> float:
        """Seconds until one more owner may open its sockets and leave the reserve free; 0 for now."""
        now = self._clock()
        while self._lingering and self._lingering[0] <= now:
            self._lingering.popleft()
        if self._open + len(self._lingering) < self._limit - reserved:
            return 0.0
        return self._lingering[0] - now if self._lingering else LINGER_S

    def attempted(self) -> None:
        """An INVITE was admitted; it may use sockets for a while, whatever its outcome."""
        self._lingering.append(self._clock() + LINGER_S)

    @property
    def open(self) -> int:
        """Number of open owners."""
        return self._open

    def opened(self, *, attempted: bool = False) -> None:
        """An owner was created; ``attempted`` if the last admitted INVITE created it."""
        self._open += 1
        if attempted and self._lingering:
            self._lingering.pop()

    def closed(self) -> None:
        """An owner ended; its sockets stay occupied for a while."""
        self._open -= 1
        self._lingering.append(self._clock() + LINGER_S)
