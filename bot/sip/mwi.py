"""Parser for message waiting indications, ``application/simple-message-summary`` (RFC 3842 section 5)."""

from __future__ import annotations

import re

import msgspec

__all__ = ["MwiSummary"]

_COUNTS = re.compile(r"(\d+)\s*/\s*(\d+)(?:\s*\(\s*(\d+)\s*/\s*(\d+)\s*\))?")


class MwiSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The voice message counts of a summary; None for a count that the summary does not state."""

    waiting: bool
    new: int | None = None
    old: int | None = None
    urgent_new: int | None = None
    urgent_old: int | None = None

    @classmethod
    def parse(cls, body: str) -> MwiSummary:
        """Parse ``body``; unstated counts are unknown, and without Messages-Waiting no messages wait."""
        lines = (line.partition(":") for line in body.splitlines())
        fields = {name.strip().casefold(): value.strip() for name, colon, value in lines if colon}
        counts = _COUNTS.match(fields.get("voice-message", ""))
        new, old, urgent_new, urgent_old = (
            (None if count is None else int(count) for count in counts.groups()) if counts else [None] * 4
        )
        return cls(
            waiting=fields.get("messages-waiting", "").casefold() == "yes",
            new=new,
            old=old,
            urgent_new=urgent_new,
            urgent_old=urgent_old,
        )
