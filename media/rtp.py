"""Owns what the bytes of one RTP packet say (RFC 3550 section 5.1); it must not know codecs or keys."""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["RtpPacket", "is_rtcp", "parse_rtp"]

FIXED_HEADER = 12
RTCP_HEADER = 8  # version, count, packet type, length, sender's SSRC
RTCP_TYPES = range(192, 224)  # RFC 5761 section 4: what the second byte of RTP never is

_FIXED = struct.Struct(">BBHII")
_HALF = struct.Struct(">H")


class RtpPacket(NamedTuple):
    """One RTP packet; of an SRTP packet the payload is the ciphertext with all that follows it."""

    marker: bool
    payload_type: int
    sequence: int
    """16 bits, as sent."""
    timestamp: int
    """32 bits, in ticks of the codec's clock."""
    ssrc: int
    payload: bytes
    """Without header, contributing sources, header extension and padding."""
    header_length: int
    """Bytes before the payload: the fixed header, contributing sources, header extension (RFC 8285)."""
    padding: int
    """Bytes of padding that were removed after the payload."""


def parse_rtp(data: bytes) -> RtpPacket | None:
    """The RTP or SRTP packet that a datagram holds; None when it holds anything else.

    Anything else is STUN, DTLS, ZRTP and TURN (RFC 7983), RTCP (RFC 5761), what is too short, and what
    declares more contributing sources or a longer header extension than there are bytes. A count of
    padding that cannot be true is not believed and the payload kept whole: in SRTP it is ciphertext.
    """
    if len(data) < FIXED_HEADER:
        return None
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    if first >> 6 != 2 or second in RTCP_TYPES:
        return None
    start, end = FIXED_HEADER, len(data)
    if first & 0x1F:  # contributing sources or an extension
        start += 4 * (first & 0x0F)
        if first & 0x10:
            start += 4
            if start > end:
                return None
            start += 4 * int(_HALF.unpack_from(data, start - 2)[0])
        if start > end:
            return None
    padding = 0
    if first & 0x20 and data[-1] <= end - start:
        padding = data[-1]
    payload = bytes(data[start : end - padding])
    return RtpPacket(second > 127, second & 0x7F, sequence, timestamp, ssrc, payload, start, padding)


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram holds RTCP or SRTCP, as RFC 5761 section 4 tells it from RTP on the same port."""
    return len(data) >= RTCP_HEADER and data[0] >> 6 == 2 and data[1] in RTCP_TYPES
