"""How many sockets this process holds, so that no rate of calls or connections exhausts the library.

Each ``select()`` of the library, one for media and one for SIP, takes 64 handles, and a closed one
stays taken for half a second; one more than it has aborts the process. This module only counts; it
knows neither calls nor the library.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

__all__ = ["CONNECTIONS_AT_ONCE", "Admission"]

CALLS_AT_ONCE = 28
"""64 handles, two a call (RTP and RTCP), less a margin of eight."""
CONNECTIONS_AT_ONCE = 48
"""64 handles, less those that listen and a margin."""
LINGER_S = 0.6
"""The library's 0.5 s and the grain of its clock."""


class Admission:
    """Counts what holds sockets, calls or connections: the open ones and those that closed a moment ago."""

    def __init__(self, limit: int = CALLS_AT_ONCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._open = 0
        self._lingering: deque[float] = deque()

    def room_in(self) -> float:
        """Seconds until one more may open its sockets; 0 when it may now."""
        now = self._clock()
        while self._lingering and self._lingering[0] <= now:
            self._lingering.popleft()
        if self._open + len(self._lingering) < self._limit:
            return 0.0
        return self._lingering[0] - now if self._lingering else LINGER_S

    def attempted(self) -> None:
        """An INVITE was let in; whatever becomes of it, it may take sockets for a while."""
        self._lingering.append(self._clock() + LINGER_S)

    @property
    def open(self) -> int:
        """How many are open."""
        return self._open

    def opened(self, *, attempted: bool = False) -> None:
        """One exists; ``attempted`` when it came of the INVITE that was let in last."""
        self._open += 1
        if attempted and self._lingering:
            self._lingering.pop()

    def closed(self) -> None:
        """One ended; its sockets linger."""
        self._open -= 1
        self._lingering.append(self._clock() + LINGER_S)
