"""RTP payload formats as a=rtpmap declares them (RFC 8866 section 6.6)."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["EVENT", "Format", "rtpmap"]

EVENT = "telephone-event"
"""The encoding name of telephone-events (RFC 4733), in lower case."""


class Format(NamedTuple):
    """The format of a payload type."""

    codec: str
    clock_rate: int
    channels: int = 1


def rtpmap(text: str) -> Format | None:
    """Parse a format such as ``PCMA/8000`` or ``opus/48000/2``."""
    codec, *numbers = text.strip().split("/")
    if not codec or not numbers or not all(number.isascii() and number.isdecimal() for number in numbers[:2]):
        return None
    rate, channels = int(numbers[0][:9]), int(numbers[1][:3]) if len(numbers) > 1 else 1
    return Format(codec[:32], rate, max(1, channels)) if rate else None
