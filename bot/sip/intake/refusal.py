"""The reason why a received message is not passed on, with the status code of the response."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BAD_REQUEST", "NOT_ACCEPTABLE_HERE", "SILENCE", "UNSUPPORTED_MEDIA_TYPE", "Mended", "Refusal"]

SILENCE = 0
BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE, NOT_ACCEPTABLE_HERE = 400, 415, 488


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """A message that is not handed to the library.

    ``code`` is the status code of the response to a request, or SILENCE; a response is always dropped
    (RFC 3261 18.3). ``warning`` is a warn-code and its text for a Warning header field (20.43).
    """

    rule: str
    code: int
    why: str
    warning: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Further header fields of the response."""


@dataclass(frozen=True, slots=True)
class Mended:
    """A legal message with changes, because the library crashes on the original."""

    rule: str
    data: bytes
