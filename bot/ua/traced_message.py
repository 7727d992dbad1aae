"""A SIP message of a call, and the compressed form of those of a call that ended long ago.

An endpoint that answers for weeks keeps many calls: a parsed message takes five times the memory of its text,
and the compressed messages of a call a tenth.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from bot.sip import Message

__all__ = ["TracedMessage", "packed", "unpacked"]

OPEN = 4
"""Calls whose messages are held unpacked as well: whoever reads one reads all of it."""
Row = tuple[bool, float, str, str, str, str]


@dataclass(frozen=True)
class TracedMessage:
    """A SIP message of the call, keys redacted."""

    sent: bool
    at: float
    transport: str
    peer: str
    message: Message
    text: str = ""
    """All of it, as it was on the wire but for the secrets."""
    local: str = ""
    """Our own address of it; empty when it is not known."""


def packed(messages: Sequence[TracedMessage]) -> bytes:
    """The compressed messages."""
    rows = [
        (message.sent, message.at, message.transport, message.peer, message.text, message.local)
        for message in messages
    ]
    return zlib.compress(msgspec.msgpack.encode(rows))


@lru_cache(OPEN)
def unpacked(data: bytes) -> tuple[TracedMessage, ...]:
    """The messages as they were."""
    rows = msgspec.msgpack.decode(zlib.decompress(data), type=list[Row])
    return tuple(
        TracedMessage(sent, at, transport, peer, Message.parse(text), text, local)
        for sent, at, transport, peer, text, local in rows
    )
