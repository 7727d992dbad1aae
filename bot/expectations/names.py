"""Checks of names in user input, before any wait."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from bot.errors import ConfigError

__all__ = ["named"]

Kind = TypeVar("Kind", bound=StrEnum)


def named(kind: type[Kind], name: str, what: str) -> Kind:
    """The member of an enumeration with this name; raises ConfigError for an unknown name."""
    try:
        return kind(name)
    except ValueError:
        raise ConfigError(f"{what} {name!r} is unknown; expected one of {', '.join(kind)}") from None
