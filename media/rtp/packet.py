"""Parser for RTP packets (RFC 3550 section 5.1)."""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["RtpPacket", "is_rtcp", "parse_rtp"]

FIXED_HEADER = 12
PLAIN = 0x80  # version 2 without padding, extension and contributing sources
RTCP_HEADER = 8  # version, count, packet type, length, sender's SSRC
RTCP_TYPES = range(192, 224)  # RFC 5761 section 4: values of the second byte that RTP never has

_FIXED = struct.Struct(">BBHII")
_HALF = struct.Struct(">H")


class RtpPacket(NamedTuple):
    """An RTP packet; in an SRTP packet the payload is the ciphertext and everything after it."""

    marker: bool
    payload_type: int
    sequence: int
    """The 16-bit sequence number as sent."""
    timestamp: int
    """The 32-bit timestamp in ticks of the codec's clock."""
    ssrc: int
    payload: bytes
    """The payload without header, contributing sources, header extension and padding."""
    header_length: int
    """Number of bytes before the payload: fixed header, contributing sources, header extension (RFC 8285)."""
    padding: int
    """Number of padding bytes removed after the payload."""


def parse_rtp(data: bytes, cut: int = 0) -> RtpPacket | None:
    """Parse a datagram as an RTP or SRTP packet; None for any other datagram.

    Other datagrams are STUN, DTLS, ZRTP, TURN (RFC 7983) and RTCP (RFC 5761), short ones, and datagrams that
    declare more contributing sources or a longer header extension than they have bytes. An impossible padding
    count is ignored and the payload kept whole: in SRTP the count is ciphertext.

    ``cut`` is how many bytes at the datagram's end were not captured: its padding, and what of a header
    extension is missing, are not known then.
    """
    if len(data) < FIXED_HEADER:
        return None
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    if first >> 6 != 2 or second in RTCP_TYPES:
        return None
    if first == PLAIN:  # as most are
        return RtpPacket(
            second > 127,
            second & 0x7F,
            sequence,
            timestamp,
            ssrc,
            bytes(data[FIXED_HEADER:]),
            FIXED_HEADER,
            0,
        )
    start, end = FIXED_HEADER, len(data)
    if first & 0x1F:  # contributing sources or an extension
        start += 4 * (first & 0x0F)
        if first & 0x10:
            start += 4
            if start > end:
                return (
                    RtpPacket(second > 127, second & 0x7F, sequence, timestamp, ssrc, b"", end, 0)
                    if cut
                    else None
                )
            start += 4 * int(_HALF.unpack_from(data, start - 2)[0])
        if start > end + cut:
            return None
        start = min(start, end)
    padding = 0
    if first & 0x20 and not cut and data[-1] <= end - start:
        padding = data[-1]
    payload = bytes(data[start : end - padding])
    return RtpPacket(second > 127, second & 0x7F, sequence, timestamp, ssrc, payload, start, padding)


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram is RTCP or SRTCP, by the rule of RFC 5761 section 4 for a shared port."""
    return len(data) >= RTCP_HEADER and data[0] >> 6 == 2 and data[1] in RTCP_TYPES
