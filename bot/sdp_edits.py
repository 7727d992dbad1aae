"""Changes to a session description before it is sent, as regular expressions; they know no SDP."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .errors import ConfigError
from .sip import redact

__all__ = ["SdpEdit", "checked_edits", "edited"]

SdpEdit = tuple[str, str]
"""A regular expression (with re.MULTILINE) and its replacement; every match is replaced."""


def checked_edits(edits: Sequence[SdpEdit]) -> list[SdpEdit]:
    """The edits as they were given; raises ConfigError for one whose expression or replacement is none."""
    for pattern, replacement in edits:
        try:
            re.compile(pattern, re.MULTILINE).sub(replacement, "")
        except (re.error, IndexError) as error:
            what = redact(f"{pattern!r} with the replacement {replacement!r}")
            expected = "expected a regular expression and a replacement as of re.sub"
            raise ConfigError(f"edit_sdp: {what}: {error}; {expected}") from None
    return list(edits)


def edited(description: str, edits: Sequence[SdpEdit]) -> str:
    """The description (lines end in CR LF) after all edits, in order.

    Raises ValueError when one matches nothing: what was meant to be sent would not be.
    """
    for pattern, replacement in edits:
        description, count = re.subn(pattern, replacement, description, flags=re.MULTILINE)
        if not count:
            raise ValueError(redact(f"edit_sdp: {pattern!r} matches nothing in it"))
    return description
