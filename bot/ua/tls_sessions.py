"""What the TLS handshakes of an endpoint agreed on, by the address of the peer."""

from __future__ import annotations

from collections import OrderedDict

from bot.ipc import TlsSession, TransportChanged

__all__ = ["TlsSessions"]

MOST = 1000
"""Connections that are remembered; a peer could make any number."""


class TlsSessions:
    """The newest session with each peer; those of closed connections too, as a result is made later."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, TlsSession] = OrderedDict()

    def observe(self, event: TransportChanged) -> None:
        """Note a handshake that has ended."""
        if event.tls is None:
            return
        self._sessions[event.peer] = event.tls
        self._sessions.move_to_end(event.peer)
        if len(self._sessions) > MOST:
            self._sessions.popitem(last=False)

    def of(self, peer: str) -> TlsSession | None:
        """The newest session with the peer at ``host:port``."""
        return self._sessions.get(peer)
