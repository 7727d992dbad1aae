"""Header fields as a user gives them: one value or several per name, or an ordered list (RFC 3261 7.3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bot.errors import ConfigError
from bot.sip.message import parse_header

__all__ = ["HeaderFields", "checked_content_type", "header_list"]

HeaderFields = Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]]
"""``{"X-One": "1", "Diversion": ["<sip:a@x>", "<sip:b@x>"]}``, or name-value pairs in sending order."""


_CONTENT_TYPE = re.compile(r"[\w!%*+`'~.-]+/[\w!%*+`'~.-]+[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?", re.ASCII)


def header_list(headers: HeaderFields | None) -> list[tuple[str, str]]:
    """Checked header fields, one per line; raises ConfigError for a malformed header field."""
    return [parse_header(f"{name}: {value}") for name, value in _pairs(headers or {})]


def checked_content_type(text: str, body: str) -> str:
    """The Content-Type of a body as it is sent; raises ConfigError if it is missing or malformed."""
    if text and not _CONTENT_TYPE.fullmatch(text):
        raise ConfigError(f"not a content type: {text!r}; expected one such as text/plain;charset=utf-8")
    if body and not text:
        raise ConfigError("a body needs a content_type such as text/plain")
    return text


def _pairs(headers: HeaderFields) -> Iterator[tuple[str, str]]:
    if not isinstance(headers, Mapping):
        for pair in headers:
            if isinstance(pair, str) or len(pair) != 2:
                raise ConfigError(f"headers: expected pairs of a name and a value, got {pair!r}")
            yield pair
        return
    for name, value in headers.items():
        values: Iterable[str] = [value] if isinstance(value, str) else value
        for one in values:
            yield name, one
