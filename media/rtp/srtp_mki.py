"""Detection of the master key identifier (MKI, RFC 3711 section 3.1) in a packet."""

from __future__ import annotations

from collections.abc import Iterable

from media.rtp.packet import RtpPacket
from media.rtp.srtp_key import MAX_MKI, SUITES, SrtpKey
from media.rtp.srtp_transform import transform

__all__ = ["carried_mki"]

LENGTHS = tuple(sorted(range(1, MAX_MKI + 1), key=lambda length: (length not in {4, 1, 2, 8}, length)))
"""MKI lengths in bytes; the usual lengths of phones come first."""


def carried_mki(key: SrtpKey, packet: bytes, rtp: RtpPacket, near: Iterable[int] = ()) -> bytes | None:
    """The MKI with which the packet is authentic under this key; None without one.

    With HMAC-SHA1 the MKI precedes the tag; with AES-GCM it follows the tag (RFC 7714 section 12). ``near``
    has indices near the expected one; without them the rollover counter is 0.
    """
    end = len(packet) - (0 if SUITES[key.suite].aead else key.tag_length)
    indices = {rtp.sequence, *(each >> 16 << 16 | rtp.sequence for each in near)}
    without = transform(key.with_mki(b""))  # the tag does not cover the MKI
    for length in LENGTHS:
        start = end - length
        if start < rtp.header_length:
            continue
        rest = packet[:start] + packet[end:]
        if any(without.unprotect(rest, rtp.header_length, rtp.ssrc, index) is not None for index in indices):
            return packet[start:end]
    return None
