"""Header fields that are searched in whole messages, without parsing these.

A search for a line end is much faster than one for the beginning of a line, and no field is the first line.
"""

from __future__ import annotations

import re

__all__ = ["CALL_ID", "CALL_ID_RAW", "TO_RAW"]

CALL_ID = re.compile(r"\n(?:Call-ID|i)[ \t]*:[ \t]*(\S+)", re.IGNORECASE)
CALL_ID_RAW = re.compile(CALL_ID.pattern.encode(), re.IGNORECASE)
TO_RAW = re.compile(rb"\n(?:To|t)[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE)
"""With its folded lines."""
