"""The state of ICE (RFC 8445), read from the library's text dump of a call, its only source."""

from __future__ import annotations

import re

from bot.model import CandidatePair

__all__ = ["is_negotiating", "selected_pairs"]

LINE = re.compile(r"^ *#(\d+) \w+", re.MULTILINE)
NEGOTIATING = re.compile(r"ICE role: \w+, state: (?!Negotiation (?:Success|Failed))")
ROLE = re.compile(r"ICE role: (\w+), state: Negotiation Success")
PAIR = re.compile(r"\[0\]: L:(\S+) \((\w+)\) --> R:(\S+) \((\w+)\)")
TYPES = {"h": "host", "s": "srflx", "p": "prflx", "r": "relay"}


def is_negotiating(description: str) -> bool:
    """Whether ICE is running for an m= line; the library does not report its end."""
    return NEGOTIATING.search(description) is not None


def selected_pairs(description: str) -> dict[int, CandidatePair]:
    """The pair of each m= line's RTP, by the line's index; lines for which ICE has not ended are left out."""
    starts = [*LINE.finditer(description)]
    ends = [*(one.start() for one in starts[1:]), len(description)]
    found = {}
    for start, end in zip(starts, ends, strict=True):
        part = description[start.end() : end]
        role, pair = ROLE.search(part), PAIR.search(part)
        if role and pair:
            local, local_type, remote, remote_type = pair.groups()
            found[int(start[1])] = CandidatePair(
                role=role[1].lower(),
                local=local,
                local_type=TYPES.get(local_type, local_type),
                remote=remote,
                remote_type=TYPES.get(remote_type, remote_type),
            )
    return found
