"""SDP edits before sending, as regular expressions; they do not parse SDP."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.errors import ConfigError
from bot.pattern import Pattern, SlowPattern
from bot.sip.redaction import redact

__all__ = ["SdpEdit", "checked_edits", "edited"]

SdpEdit = tuple[str, str]
"""A regular expression (with re.MULTILINE) and its replacement; every match is replaced."""


def checked_edits(edits: Sequence[SdpEdit]) -> list[SdpEdit]:
    """The edits unchanged; raises ConfigError for an invalid expression or replacement."""
    for pattern, replacement in edits:
        try:
            re.compile(pattern, re.MULTILINE).sub(replacement, "")
            Pattern(pattern, multiline=True)
        except (re.error, IndexError, ConfigError) as error:
            what = redact(f"{pattern!r} with the replacement {replacement!r}")
            expected = "expected a regular expression and a replacement as of re.sub"
            raise ConfigError(f"edit_sdp: {what}: {error}; {expected}") from None
    return list(edits)


def edited(description: str, edits: Sequence[SdpEdit]) -> str:
    """The description (lines end in CR LF) after all edits, in order.

    Raises ValueError when an edit matches nothing, because the intended SDP would not be sent. A slow
    expression is stopped, and raises ValueError too.
    """
    for pattern, replacement in edits:
        try:
            description, count = Pattern(pattern, multiline=True).replaced_in(description, replacement)
        except SlowPattern as slow:
            raise ValueError(redact(f"edit_sdp: {slow}")) from None
        if not count:
            raise ValueError(redact(f"edit_sdp: {pattern!r} matches nothing in it"))
    return description
