"""RTP payload for redundant audio data (RFC 2198): the blocks in one payload."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Block", "is_redundancy", "redundant"]

FOLLOWED = 0x80
HEADER = 4


class Block(NamedTuple):
    """An encoding; its timestamp is ``offset`` ticks before the timestamp of the packet."""

    payload_type: int
    offset: int
    payload: bytes


def is_redundancy(codec: str) -> bool:
    """Whether a codec name means redundant data."""
    return codec.lower() == "red"


def redundant(payload: bytes) -> tuple[Block, ...]:
    """The blocks in order, the primary one last; empty when the headers exceed the payload."""
    heads: list[tuple[int, int, int]] = []
    at = 0
    while at < len(payload) and payload[at] & FOLLOWED:
        word = int.from_bytes(payload[at : at + HEADER].ljust(HEADER, b"\0"), "big")
        heads.append((word >> 24 & 0x7F, word >> 10 & 0x3FFF, word & 0x3FF))
        at += HEADER
    if at >= len(payload):
        return ()
    primary, at = payload[at], at + 1
    blocks = []
    for payload_type, offset, length in heads:
        blocks.append(Block(payload_type, offset, payload[at : at + length]))
        at += length
    if at > len(payload):
        return ()
    return (*blocks, Block(primary, 0, payload[at:]))
