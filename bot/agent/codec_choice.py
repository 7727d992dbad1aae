"""The codecs of one call among its endpoint's: payload types left out and put in order (RFC 3264 5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["only_codecs"]

AUDIO_LINE = re.compile(r"^(m=audio \S+ \S+)((?: \d+)+)(?=\r\n)", re.MULTILINE)
ATTRIBUTE = re.compile(r"^a=(?:rtpmap|fmtp):(\d+) .*\r\n", re.MULTILINE)
RTPMAP = re.compile(r"^a=rtpmap:(\d+) ([^/\r\n]+)/(\d+)", re.MULTILINE)
BESIDE = {"telephone-event", "cn"}
"""What goes with any codec (RFC 4733, RFC 3389)."""
CLOCK_OF_G722 = "16000"
"""Its rtpmap says 8000 (RFC 3551 4.5.2)."""


def only_codecs(description: str, codecs: Sequence[str]) -> str:
    """The description with these codecs alone on its audio line, in this order; ``speex/16000`` is one.

    Raises ValueError for a codec that is not there.
    """
    wanted = [payload for codec in codecs for payload in payloads(description, codec)]
    beside = [payload for payload, name, _ in RTPMAP.findall(description) if name.lower() in BESIDE]
    line = AUDIO_LINE.search(description)
    dropped = set(line[2].split() if line else ()) - {*wanted, *beside}
    description = ATTRIBUTE.sub(lambda one: "" if one[1] in dropped else one[0], description)
    return AUDIO_LINE.sub(lambda one: " ".join([one[1], *wanted, *beside]), description)


def payloads(description: str, codec: str) -> list[str]:
    """The payload types of a codec; without a rate, of each of its rates."""
    wanted, _, rate = codec.lower().partition("/")
    there = [(payload, name.lower(), clock) for payload, name, clock in RTPMAP.findall(description)]
    found = [payload for payload, name, clock in there if name == wanted and clocked(name, clock, rate)]
    if not found:
        names = ", ".join(name.upper() for _, name, _ in there if name not in BESIDE)
        raise ValueError(f"{codec} is not among the codecs of this endpoint: {names}")
    return found


def clocked(name: str, clock: str, rate: str) -> bool:
    """Whether a codec of this clock rate is meant."""
    return rate in {"", CLOCK_OF_G722 if name == "g722" else clock}
