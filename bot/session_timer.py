"""Session timers (RFC 4028): which intervals can be asked for, and what was agreed on in the messages.

It knows neither calls nor the library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .settings import SettingError
from .sip import Message

__all__ = ["LEAST_S", "NegotiatedTimer", "check_intervals", "negotiated"]

LEAST_S = 90
"""RFC 4028 5: no interval is shorter, in seconds; the library refuses it too."""
LONGEST_S = 2**31 - 1
_SESSION_EXPIRES = re.compile(r"([0-9]+)(?:\s*;.*?\brefresher\s*=\s*(uac|uas))?", re.IGNORECASE)
_OK = range(200, 300)


@dataclass(frozen=True)
class NegotiatedTimer:
    """What the last 2xx response to an INVITE or an UPDATE says."""

    expires_s: int
    refresher: str | None
    """``uac`` or ``uas``: who sent that INVITE or UPDATE, or who answered it."""

    def __str__(self) -> str:
        """As Session-Expires has it."""
        return f"{self.expires_s}" + (f";refresher={self.refresher}" if self.refresher else "")


def check_intervals(session_expires_s: int, min_se_s: int) -> None:
    """Raise SettingError for intervals that nobody may ask for."""
    if not LEAST_S <= min_se_s <= LONGEST_S:
        raise SettingError("min_se_s", f"expected {LEAST_S} seconds or more (RFC 4028 5), got {min_se_s}")
    if not min_se_s <= session_expires_s <= LONGEST_S:
        raise SettingError(
            "session_expires_s", f"expected min_se_s ({min_se_s} seconds) or more, got {session_expires_s}"
        )


def negotiated(messages: Iterable[Message]) -> NegotiatedTimer | None:
    """The session timer in force after these messages; None when there is none."""
    timer = None
    for message in messages:
        if message.status in _OK and message.cseq_method in {"INVITE", "UPDATE"}:
            found = _SESSION_EXPIRES.match(message.header("Session-Expires") or "")
            timer = NegotiatedTimer(int(found[1]), found[2].lower() if found[2] else None) if found else None
    return timer
