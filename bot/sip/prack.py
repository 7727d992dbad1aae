"""Reliable provisional responses (RFC 3262): finds those without an acknowledging PRACK in the messages.

It handles no calls and does not use the library.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from bot.sip.message import Message
from bot.sip.status import StatusCode

__all__ = ["acknowledged", "reliable_responses", "unacknowledged"]

EXTENSION = "100rel"


def reliable_responses(messages: Iterable[Message]) -> list[tuple[int, int]]:
    """RSeq and CSeq number of each provisional response that demands a PRACK, without retransmissions."""
    found = [
        (number_of(message, "RSeq"), message.cseq[0])
        for message in messages
        if message.is_early
        and message.cseq
        and message.cseq_method == "INVITE"
        and EXTENSION in tags(message, "Require")
    ]
    return list(dict.fromkeys(found))


def acknowledged(messages: Iterable[Message]) -> list[tuple[int, int]]:
    """RSeq and CSeq number of each PRACK that was answered with 200."""
    seen = list(messages)
    answered = {
        one.cseq[0] for one in seen if one.cseq and one.cseq_method == "PRACK" and one.status == StatusCode.OK
    }
    found = []
    for message in seen:
        words = (message.header("RAck") or "").split()
        if (
            message.method == "PRACK"
            and message.cseq
            and message.cseq[0] in answered
            and words[2:] == ["INVITE"]
            and all(word.isdigit() for word in words[:2])
        ):
            found.append((int(words[0]), int(words[1])))
    return list(dict.fromkeys(found))


def unacknowledged(messages: Iterable[Message]) -> list[str]:
    """The faults of the exchange, in words; empty when every reliable response has its PRACK."""
    seen = list(messages)
    demanded, given = reliable_responses(seen), acknowledged(seen)
    faults = [f"no PRACK for RSeq {one[0]} of INVITE {one[1]}" for one in demanded if one not in given]
    faults += [f"a PRACK for RSeq {one[0]}, which was not sent" for one in given if one not in demanded]
    for (rseq, cseq), (after, of) in pairwise(demanded):
        if of == cseq and after != rseq + 1:
            faults.append(f"RSeq {after} follows {rseq}; RFC 3262 3 has it rise by one")
    return faults


def tags(message: Message, name: str) -> set[str]:
    """The option tags of all header fields of that name."""
    return {tag.strip().lower() for value in message.headers(name) for tag in value.split(",")}


def number_of(message: Message, name: str) -> int:
    """The number in a header field; 0 without a number."""
    value = message.header(name) or ""
    return int(value) if value.isdigit() else 0
