"""The words for what came of a cell, and patterns over them; it knows neither calls nor expectations.

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
"""The peer had fallen silent before."""
PORT_0 = "port 0"
"""The call was answered and its m= line refused (RFC 3264 section 6)."""
BYE = "BYE"
"""The peer did not like our answer, and a call that is answered can only be ended."""
_SRTP, _REFUSED = "SRTP ", "refused "


def srtp(suite: str) -> str:
    """Encrypted with this suite."""
    return _SRTP + suite


def refused(how: int | str) -> str:
    """Refused with this status code, by PORT_0 or by BYE."""
    return f"{_REFUSED}{how}"


def broken(why: str) -> str:
    """Neither a call nor a refusal."""
    return f"{BROKEN}: {why}"


def suite_of(outcome: str) -> str | None:
    """The suite of an encrypted call."""
    return outcome.removeprefix(_SRTP) if outcome.startswith(_SRTP) else None


def is_refusal(outcome: str) -> bool:
    """Whether the peer said no."""
    return outcome.startswith(_REFUSED)


def short(outcome: str) -> str:
    """Without the reason, which may have figures in it that are other ones each time."""
    return BROKEN if outcome.startswith(f"{BROKEN}:") else outcome


def matches(outcome: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns fits; ``*`` stands for anything."""
    return any(fnmatchcase(outcome, one) or short(outcome) == one for one in patterns)
