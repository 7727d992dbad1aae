"""The display name of an address (RFC 3261 25.1): any text in quotes, and the text back from them."""

from __future__ import annotations

import re

__all__ = ["name_addr", "quoted", "unquoted"]

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_TOKENS = re.compile(r"[A-Za-z0-9!%*_+`'~. -]*")


def quoted(name: str) -> str:
    """``name`` as a quoted string."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquoted(text: str) -> str | None:
    """The name that stands before a URI, in quotes or not; None when its quotes do not match."""
    if not text.startswith('"'):
        return text
    found = _QUOTED.fullmatch(text)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else None


def name_addr(text: str) -> str:
    """An address whose display name is in quotes if it needs them."""
    name, bracket, rest = text.rpartition("<")
    name = name.strip()
    if not bracket or name.startswith('"') or _TOKENS.fullmatch(name):
        return text
    return f"{quoted(name)} <{rest}"
