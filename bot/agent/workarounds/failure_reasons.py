"""Adds the cause to events about failed TLS handshakes (RFC 5246 7.2) and failed relays; it handles no calls.

When the library reports a failed call, it does not report certificate errors, a refusal because of its own
limit, or the reason for a closed connection.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bot.ipc import (
    CallStateChanged,
    MessageAnswered,
    RegistrationChanged,
    RequestEnded,
    SipSent,
    TransportChanged,
    Wired,
)

__all__ = ["FailureReasons"]

VERSION_REFUSED = "alert protocol version"
CERTIFICATE_REFUSED = "PJSIP_TLS_ECERTVERIF"
RELAY_REFUSED = "Media init error: Unauthorized"
CREDENTIALS = "the TURN server refused the user or the password of nat.turn"
CLOSED = {"End of file (PJ_EEOF)", "EVP lib", "Connection reset by peer", "Unknown error 503"}
"""The library's text when a peer closed the connection during or right after the handshake."""
DEMANDED = (
    "the peer closed the TLS connection before it answered; it may demand a certificate (tls.cert, tls.key) "
    "or not trust the one that it was shown"
)
LIMIT = "the peer refused TLS {newest}, the newest that the library's build speaks{older}"
OLDER = ": the OpenSSL in it has no TLS 1.3"
CERTIFICATE_DEMANDED = "alert certificate required"
"""RFC 8446 6.2."""


class FailureReasons:
    """Passes events on; adds the library's error to events about a failed handshake."""

    def __init__(self, emit: Callable[[Wired], None]) -> None:
        self._emit = emit
        self._problems: list[str] = []
        self._by_tls = False
        self.newest = ""
        """The highest version of TLS that the library speaks."""

    def __call__(self, event: Wired) -> None:
        """Emit the event."""
        match event:
            case TransportChanged():  # arrives before the failures that it causes
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
            return (
                f"{reason}: {LIMIT.format(newest=self.newest, older=OLDER if self.newest == '1.2' else '')}"
            )
        if reason == RELAY_REFUSED:
            return f"{reason}: {CREDENTIALS}"
        if CERTIFICATE_REFUSED in reason and self._problems:
            return f"{reason}: {'; '.join(self._problems)}"
        if self._by_tls and (reason in CLOSED or reason.endswith(CERTIFICATE_DEMANDED)):
            return f"{reason}: {DEMANDED}"
        return reason
