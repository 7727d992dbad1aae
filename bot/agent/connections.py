"""TCP and TLS connections of SIP: where they lead, and which of them give way to others.

A connection is known by the address of the library's transport. A whole message makes it useful; a
connection that this endpoint made itself is under no limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from bot.rates import host_of

__all__ = ["Connection", "Connections"]

ROOM_S = 1.0
"""Age without a message at which a connection gives way to another connection, in seconds."""
ROOM_IDLE_S = 30.0
"""The same for one on which nothing more comes."""


@dataclass(eq=False)
class Connection:
    """A TCP or TLS connection."""

    transport: int
    """The address of the library's transport."""
    peer: str
    """``host:port``; empty if unknown."""
    since: float
    heard_at: float
    """When bytes came last, a keep-alive included."""
    ours: bool = False
    """Whether this side made it."""
    used: bool = False
    """Whether a message has come."""
    kept_until: float = 0.0
    """Time until which a registration or a subscription needs the connection."""
    is_open: bool = True

    @property
    def source(self) -> str:
        """The address of the peer (``sources``)."""
        return host_of(self.peer)


class Connections:
    """The open connections, in the order of their creation."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[int, Connection] = {}
        self._ours: dict[int, str] = {}
        """Transports that are being connected, with ``host:port`` of the peer."""
        self.current: Connection | None = None
        """By which the message at hand has come."""

    def __contains__(self, transport: int) -> bool:
        return transport in self._open

    def of(self, transport: int) -> Connection | None:
        """The connection of a transport."""
        return self._open.get(transport)

    def to(self, peer: str) -> Connection | None:
        """The open connection with ``host:port``."""
        found = (one for one in self._open.values() if one.peer == peer and one.is_open)
        return next(found, None)

    def is_made_by_us(self, transport: int, peer: str = "") -> None:
        """Called before this side connects."""
        if transport not in self._open:
            self._ours[transport] = peer

    def is_connecting(self, peer: str) -> bool:
        """Whether what is sent to ``host:port`` waits for its connection."""
        return peer in self._ours.values() and self.to(peer) is None

    def opened(self, transport: int, peer: str = "") -> Connection:
        """A connection was made."""
        now = self._clock()
        one = self._open[transport] = Connection(transport, peer, now, now, transport in self._ours)
        self._ours.pop(transport, None)
        return one

    def ended(self, transport: int) -> None:
        """Nothing more goes by a connection, whose transport the library may still hold."""
        if one := self._open.get(transport):
            one.is_open = False

    def closed(self, transport: int) -> None:
        """A connection is gone; no error when it was not known."""
        self._ours.pop(transport, None)
        one = self._open.pop(transport, None)
        if one is not None:
            one.is_open = False

    def heard(self, transport: int) -> None:
        """Bytes have come by it."""
        if one := self._open.get(transport):
            one.heard_at = self._clock()

    def used(self, transport: int) -> None:
        """A message has come by it."""
        self.heard(transport)
        one = self.current = self._open.get(transport)
        if one is not None:
            one.used = True

    def keep(self, seconds: float) -> None:
        """Keep the connection of the current message for this many seconds."""
        if self.current is not None:
            self.current.kept_until = max(self.current.kept_until, self._clock() + seconds)

    def of_source(self, source: str) -> int:
        """How many a source has made."""
        return sum(connection.source == source and not connection.ours for connection in self._open.values())

    def unused(self, seconds: float = ROOM_S, source: str | None = None) -> list[Connection]:
        """The connections without a message for this many seconds, the oldest first."""
        latest = self._clock() - seconds
        return [
            connection
            for connection in self._open.values()
            if connection.since <= latest
            and not (connection.used or connection.ours)
            and source in {None, connection.source}
        ]

    def idle(
        self, busy: Collection[Connection], seconds: float = ROOM_IDLE_S, source: str | None = None
    ) -> list[Connection]:
        """The idle connections, the longest idle first; ``busy`` connections belong to calls."""
        now = self._clock()
        found = (
            connection
            for connection in self._open.values()
            if connection.used
            and not connection.ours
            and connection not in busy
            and source in {None, connection.source}
        )
        return sorted(
            (one for one in found if max(one.heard_at + seconds, one.kept_until) <= now),
            key=lambda one: one.heard_at,
        )
