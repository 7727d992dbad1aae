"""Owns what capture files have in common: numbered frames, and what can be wrong; no format of a file."""

from __future__ import annotations

__all__ = ["LONGEST_FRAME", "UNDESCRIBED", "CaptureError", "Damaged", "Frame", "too_long"]

Frame = tuple[int, float, int, bytes]
"""Number from 1 as Wireshark counts, seconds since 1970, link type, bytes; bare, since there are so many."""

LONGEST_FRAME = 262_144
"""The most bytes of a frame that libpcap and Wireshark keep; a longer one means a damaged file."""

UNDESCRIBED = -1
"""The link type of a frame of which the file does not tell any."""


class CaptureError(ValueError):
    """A capture that cannot be read or written; the message names the file, what is wrong and what to do."""


class Damaged(Exception):
    """What follows in a capture file cannot be read; the message says where it broke."""


def too_long(number: int, claimed: int) -> Damaged:
    """The word on a frame that cannot be."""
    claim = f"claims {claimed:,} bytes, and none has more than {LONGEST_FRAME:,}"
    return Damaged(f"frame {number} {claim}: the file is damaged there")
