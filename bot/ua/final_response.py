"""The expected final response to a request: 2xx, unless the caller expects another code."""

from __future__ import annotations

from typing import Literal

from bot.errors import RequestRefused
from bot.sip import is_success

__all__ = ["ANY", "ExpectedCode", "checked_response", "is_expected"]

ANY: Literal["any"] = "any"
ExpectedCode = int | Literal["any"] | None
"""A status code; ``any`` final response; or None: any success (2xx)."""


def is_expected(code: int, expected: ExpectedCode) -> bool:
    """Whether a final response of this code is the one that was expected."""
    if expected is None:
        return is_success(code)
    return expected in {ANY, code}


def expected_text(expected: ExpectedCode) -> str:
    """The expectation in words."""
    return "2xx" if expected is None else "any final response" if expected == ANY else str(expected)


def checked_response(what: str, code: int, expected: ExpectedCode, reason: str = "") -> int:
    """Return the code; raises RequestRefused when it is not the expected one.

    ``what`` names the request and begins the message, ``reason`` is the reason phrase.
    """
    if not is_expected(code, expected):
        words = f"{code} {reason}".rstrip()
        raise RequestRefused(f"{what} was answered with {words}, expected {expected_text(expected)}", code)
    return code
