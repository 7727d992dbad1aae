"""Outcomes of cells, and patterns of outcomes.

``SRTP AES_CM_128_HMAC_SHA1_80``, ``plain``, ``refused 488``, ``broken: one-way: ...``.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

__all__ = [
    "BROKEN",
    "BYE",
    "NOT_TRIED",
    "PLAIN",
    "PORT_0",
    "broken",
    "is_refusal",
    "matches",
    "refused",
    "short",
    "srtp",
    "suite_of",
]

PLAIN = "plain"
BROKEN = "broken"
NOT_TRIED = "not tried"
"""Outcome of a cell after the peer became silent."""
PORT_0 = "port 0"
"""Answered call with a rejected m= line (RFC 3264 section 6)."""
BYE = "BYE"
"""Call that the peer ended because of the SDP answer."""
_SRTP, _REFUSED = "SRTP ", "refused "


def srtp(suite: str) -> str:
    """Outcome: encrypted with the suite."""
    return _SRTP + suite


def refused(how: int | str) -> str:
    """Outcome: refused with the status code, by PORT_0 or by BYE."""
    return f"{_REFUSED}{how}"


def broken(why: str) -> str:
    """Outcome: neither a call nor a refusal."""
    return f"{BROKEN}: {why}"


def suite_of(outcome: str) -> str | None:
    """The crypto suite of an encrypted call."""
    return outcome.removeprefix(_SRTP) if outcome.startswith(_SRTP) else None


def is_refusal(outcome: str) -> bool:
    """Whether the peer refused."""
    return outcome.startswith(_REFUSED)


def short(outcome: str) -> str:
    """The outcome without its reason, which may contain changing numbers."""
    return BROKEN if outcome.startswith(f"{BROKEN}:") else outcome


def matches(outcome: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns matches; ``*`` matches any text."""
    return any(fnmatchcase(outcome, pattern) or short(outcome) == pattern for pattern in patterns)
