"""The beginning of an RTP packet (RFC 3550 5.1), as the agent records it at arrival."""

from __future__ import annotations

import struct

import msgspec

__all__ = ["Packet", "parsed"]


HEADER = struct.Struct("!BBHII")

VERSION = 2

CSRC_COUNT, EXTENSION, MARKER = 0x0F, 0x10, 0x80


class Packet(msgspec.Struct, frozen=True, gc=False):
    """The beginning of an RTP packet and its arrival time in seconds."""

    at: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    size: int
    """Size of the payload in bytes, padding included."""
    payload: bytes
    """At most the part of the payload that the record holds."""


def parsed(at: float, data: bytes, length: int) -> Packet | None:
    """Parse the beginning of a packet; None if it is not RTP (RFC 3550 5.1)."""
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first >> 6 != VERSION or length < HEADER.size:
        return None
    begin = HEADER.size + 4 * (first & CSRC_COUNT)
    if first & EXTENSION and begin + 4 <= len(data):
        begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
    return Packet(
        at=at,
        payload_type=second & ~MARKER,
        marker=bool(second & MARKER),
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        size=max(0, length - begin),
        payload=data[begin : min(length, len(data))],
    )
