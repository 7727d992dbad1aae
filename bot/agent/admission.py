"""How many sockets the calls of this process hold, so that no rate of calls exhausts the library.

The library's ``select()`` takes 64 handles, a call opens two (RTP and RTCP), and a closed one
stays taken for half a second; one more than it has aborts the process. This module only counts;
it knows neither calls nor the library.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

__all__ = ["Admission"]

CALLS_AT_ONCE = 28
"""64 handles, two a call, less a margin of eight."""
LINGER_S = 0.6
"""The library's 0.5 s and the grain of its clock."""


class Admission:
    """Counts the calls that hold sockets: the open ones and those that closed a moment ago."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open = 0
        self._lingering: deque[float] = deque()

    def room_in(self) -> float:
        """Seconds until one more call may open its sockets; 0 when it may now."""
        now = self._clock()
        while self._lingering and self._lingering[0] <= now:
            self._lingering.popleft()
        if self._open + len(self._lingering) < CALLS_AT_ONCE:
            return 0.0
        return self._lingering[0] - now if self._lingering else LINGER_S

    def attempted(self) -> None:
        """An INVITE was let in; whatever becomes of it, it may take sockets for a while."""
        self._lingering.append(self._clock() + LINGER_S)

    def opened(self, *, attempted: bool) -> None:
        """A call exists; ``attempted`` when it came of the INVITE that was let in last."""
        self._open += 1
        if attempted and self._lingering:
            self._lingering.pop()

    def closed(self) -> None:
        """A call ended; its sockets linger."""
        self._open -= 1
        self._lingering.append(self._clock() + LINGER_S)
