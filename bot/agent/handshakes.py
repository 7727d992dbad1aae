"""Completes the reason of a failed TLS handshake (RFC 5246 7.2) or relay on its way out; it knows no calls.

The library says neither what is wrong with a certificate where it says that a call has failed, nor that
what a peer refused was the library's own limit, nor what a connection was closed for.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bot.events import (
    CallStateChanged,
    MessageAnswered,
    RegistrationChanged,
    RequestEnded,
    SipSent,
    TransportChanged,
    Wired,
)

__all__ = ["Handshakes"]

VERSION_REFUSED = "alert protocol version"
CERTIFICATE_REFUSED = "PJSIP_TLS_ECERTVERIF"
RELAY_REFUSED = "Media init error: Unauthorized"
CREDENTIALS = "the TURN server refused the user or the password of nat.turn"
CLOSED = {"End of file (PJ_EEOF)", "EVP lib", "Connection reset by peer", "Unknown error 503"}
"""What the library says when a peer closed the connection at the handshake or right after it."""
DEMANDED = (
    "the peer closed the TLS connection before it answered; it may demand a certificate (tls.cert, tls.key) "
    "or not trust the one that it was shown"
)
LIMIT = (
    "the peer refused TLS 1.2, the newest that the library's build speaks: the OpenSSL in it has no TLS 1.3"
)


class Handshakes:
    """Passes events on; those that tell of a failed handshake leave with what the library knows of it."""

    def __init__(self, emit: Callable[[Wired], None]) -> None:
        self._emit = emit
        self._problems: list[str] = []
        self._by_tls = False

    def __call__(self, event: Wired) -> None:
        """Emit the event."""
        match event:
            case TransportChanged():  # comes before the failures that it leads to
                self._problems = event.problems or self._problems
            case SipSent():
                self._by_tls = event.transport == "tls"
            case CallStateChanged() | RegistrationChanged() | MessageAnswered() | RequestEnded():
                event = msgspec.structs.replace(event, reason=self._explained(event.reason))
            case _:
                pass
        self._emit(event)

    def _explained(self, reason: str) -> str:
        if reason.endswith(VERSION_REFUSED):
            return f"{reason}: {LIMIT}"
        if reason == RELAY_REFUSED:
            return f"{reason}: {CREDENTIALS}"
        if CERTIFICATE_REFUSED in reason and self._problems:
            return f"{reason}: {'; '.join(self._problems)}"
        if self._by_tls and reason in CLOSED:
            return f"{reason}: {DEMANDED}"
        return reason
