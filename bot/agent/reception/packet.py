"""The beginning of an RTP packet (RFC 3550 5.1), as the agent records it at arrival."""

from __future__ import annotations

import struct

__all__ = ["HEADER", "PAYLOAD_TYPE", "VARIABLE", "is_rtp", "payload_begin"]


HEADER = struct.Struct("!BBHII")
"""Flags, marker and payload type, sequence number, timestamp, SSRC."""
VERSION = 2
CSRC_COUNT, EXTENSION = 0x0F, 0x10
VARIABLE = CSRC_COUNT | EXTENSION
"""The flags of a header that is longer."""
PAYLOAD_TYPE = 0x7F
"""The bits of the payload type, without the marker."""


def is_rtp(data: bytes, length: int) -> bool:
    """Whether this is the beginning of an RTP packet of that length."""
    return data[0] >> 6 == VERSION and length >= HEADER.size


def payload_begin(data: bytes) -> int:
    """The length of the header, CSRCs and extension included, as far as the record shows it."""
    begin = HEADER.size + 4 * (data[0] & CSRC_COUNT)
    if data[0] & EXTENSION and begin + 4 <= len(data):
        begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
    return begin
