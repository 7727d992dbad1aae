"""Types shared by all capture file formats: numbered frames and their errors."""

from __future__ import annotations

__all__ = [
    "DAMAGED",
    "LONGEST_FRAME",
    "UNDESCRIBED",
    "CaptureError",
    "Damaged",
    "Frame",
    "Unreadable",
    "too_long",
]

Frame = tuple[int, float, int, bytes]
"""Number (from 1, as in Wireshark), seconds since 1970, link type, bytes.

A tuple, because frames are many.
"""

LONGEST_FRAME = 262_144
"""The maximum frame size of libpcap and Wireshark, in bytes; a longer frame means a damaged file."""

UNDESCRIBED = -1
"""The link type of a frame without one in the file."""


DAMAGED = "the file is damaged there, and what follows is not read"


class CaptureError(ValueError):
    """An unusable capture; the message names the file, the fault and the remedy."""


class Damaged(Exception):
    """The rest of a capture file cannot be read; the message names the position of the damage."""


class Unreadable(Exception):
    """A frame that yields no packet; the message is one of a few reasons, so that reasons can be counted."""


def too_long(number: int, claimed: int) -> Damaged:
    """The error for a frame of impossible length."""
    claim = f"claims {claimed:,} bytes, and none has more than {LONGEST_FRAME:,}"
    return Damaged(f"frame {number} {claim}: {DAMAGED}")
