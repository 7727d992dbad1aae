"""YAML of a scenario, with text of strangers in it: every text is quoted, bounded and without variables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bot.harmless import harmless

__all__ = ["Raw", "comment", "flow", "text"]

LONGEST = 500
"""Largest number of characters of a text."""
LONGEST_COMMENT = 300


class Raw(str):
    """Text of our own: a name, a number or a reference to a variable, written as it is."""


def text(value: str) -> str:
    """A text in double quotes (YAML 1.2 section 7.3.1); ``${`` in it is no variable."""
    return json.dumps(harmless(value, LONGEST).replace("${", "$${"), ensure_ascii=False)


def comment(value: str) -> str:
    """A comment on one line."""
    return f"# {harmless(value, LONGEST_COMMENT)}"


def flow(value: object) -> str:
    """A value on one line."""
    match value:
        case Raw():
            return value
        case str():
            return text(value)
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return f"{value:.3f}".rstrip("0").rstrip(".") or "0"
        case Mapping():
            return "{" + ", ".join(f"{key(name)}: {flow(one)}" for name, one in value.items()) + "}"
        case Sequence():
            return "[" + ", ".join(map(flow, value)) + "]"
        case _:
            raise TypeError(f"no YAML for {type(value).__name__}")


def key(name: object) -> str:
    """A key: quoted unless it is a name."""
    given = str(name)
    return given if given.replace("_", "").isalnum() and given.isascii() else text(given)
