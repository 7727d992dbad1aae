"""SRTP replay list of a receiver (RFC 3711 section 3.3.2).

An index must be ahead of the window, or inside it and not received before.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["WINDOW", "ReplayWindow", "Standing"]

WINDOW = 128
"""Window size in packets; RFC 3711 demands at least 64, libsrtp has 128."""


class Standing(Enum):
    """How an RFC 3711 receiver treats a packet that authenticates with the right index."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    """Its index was received before: the receiver discards the packet."""
    LATE = "late"
    """Its index is behind the replay window: the receiver cannot detect a replay, and discards the packet."""
    ASTRAY = "astray"
    """The sender's rollover counter differs from the receiver's estimate: authentication fails there."""


_ACCEPTED = Standing.ACCEPTED  # looked up once; access to a member of an enumeration is slow


class ReplayWindow:
    """The highest index of a stream, and the received indices within the window before it."""

    def __init__(self, first: int, size: int | None = None) -> None:
        """Start with the index of the first authentic packet."""
        self.highest = first
        self._size = size or WINDOW
        self._all = (1 << self._size) - 1
        self._seen = 1  # bit n: the index n below the highest has come

    def standing(self, index: int) -> Standing:
        """How the receiver treats a packet with that index."""
        behind = self.highest - index
        if behind < 0:
            return _ACCEPTED
        if behind >= self._size:
            return Standing.LATE
        return Standing.REPLAYED if self._seen >> behind & 1 else Standing.ACCEPTED

    def take(self, index: int) -> Standing:
        """Return the standing of the index, and mark it as received."""
        ahead = index - self.highest
        if ahead > 0:
            self._seen = (self._seen << min(ahead, self._size) | 1) & self._all
            self.highest = index
            return _ACCEPTED
        standing = self.standing(index)
        if standing is _ACCEPTED:
            self._seen |= 1 << -ahead
        return standing
