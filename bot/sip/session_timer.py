"""Session timers (RFC 4028): valid intervals, and the interval that the messages negotiated.

It handles no calls and does not use the library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.sip.message import Message

__all__ = ["NegotiatedTimer", "negotiated"]

_SESSION_EXPIRES = re.compile(r"([0-9]+)(?:\s*;.*?\brefresher\s*=\s*(uac|uas))?", re.IGNORECASE)


@dataclass(frozen=True)
class NegotiatedTimer:
    """The session timer in the last 2xx response to an INVITE or an UPDATE."""

    expires_s: int
    refresher: str | None
    """``uac`` or ``uas``: the sender or the receiver of that INVITE or UPDATE."""

    def __str__(self) -> str:
        """The value in the form of Session-Expires."""
        return f"{self.expires_s}" + (f";refresher={self.refresher}" if self.refresher else "")


def negotiated(messages: Iterable[Message]) -> NegotiatedTimer | None:
    """The session timer that these messages negotiated; None without one."""
    timer = None
    for message in messages:
        if message.is_success and message.cseq_method in {"INVITE", "UPDATE"}:
            found = _SESSION_EXPIRES.match(message.header("Session-Expires") or "")
            timer = NegotiatedTimer(int(found[1]), found[2].lower() if found[2] else None) if found else None
    return timer
