"""Codec selection of one call: removes and reorders the payload types of its endpoint (RFC 3264 5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.config import WITHOUT

__all__ = ["only_codecs"]

AUDIO_LINE = re.compile(r"^(m=audio \S+ \S+)((?: \d+)+)(?=\r\n)", re.MULTILINE)
ATTRIBUTE = re.compile(r"^a=(?:rtpmap|fmtp):(\d+) .*\r\n", re.MULTILINE)
RTPMAP = re.compile(r"^a=rtpmap:(\d+) ([^/\r\n]+)/(\d+)", re.MULTILINE)
BESIDE = {"telephone-event", "cn"}
"""Formats that accompany any codec (RFC 4733, RFC 3389)."""
CLOCK_OF_G722 = "16000"
"""Its rtpmap has the clock rate 8000 (RFC 3551 4.5.2)."""


def only_codecs(description: str, codecs: Sequence[str]) -> str:
    """The description with only these codecs on its audio line, in this order; for instance ``speex/16000``.

    ``-speex`` means all codecs but speex, in their own order. Raises ValueError for an unavailable codec,
    and when no codec is left.
    """
    named = [payload for codec in codecs for payload in payloads(description, codec.removeprefix(WITHOUT))]
    beside = [payload for payload, name, _ in RTPMAP.findall(description) if name.lower() in BESIDE]
    line = AUDIO_LINE.search(description)
    there = line[2].split() if line else []
    without = any(codec.startswith(WITHOUT) for codec in codecs)
    wanted = [one for one in there if one not in {*named, *beside}] if without else named
    if not wanted:
        raise ValueError(f"{', '.join(codecs)} leaves no codec of this endpoint")
    dropped = set(line[2].split() if line else ()) - {*wanted, *beside}
    description = ATTRIBUTE.sub(lambda one: "" if one[1] in dropped else one[0], description)
    return AUDIO_LINE.sub(lambda one: " ".join([one[1], *wanted, *beside]), description)


def payloads(description: str, codec: str) -> list[str]:
    """The payload types of a codec; without a clock rate, of all its clock rates."""
    wanted, _, rate = codec.lower().partition("/")
    there = [(payload, name.lower(), clock) for payload, name, clock in RTPMAP.findall(description)]
    found = [payload for payload, name, clock in there if name == wanted and clocked(name, clock, rate)]
    if not found:
        names = ", ".join(name.upper() for _, name, _ in there if name not in BESIDE)
        raise ValueError(f"{codec} is not among the codecs of this endpoint: {names}")
    return found


def clocked(name: str, clock: str, rate: str) -> bool:
    """Whether the name selects a codec with this clock rate."""
    return rate in {"", CLOCK_OF_G722 if name == "g722" else clock}
