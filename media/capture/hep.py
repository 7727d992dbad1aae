"""Homer Encapsulation Protocol (HEP), in which captagent or Kamailio mirror packets to a HOMER server.

HEP3 consists of chunks
(https://github.com/sipcapture/HEP/blob/master/docs/HEP3Network_Protocol_Specification_rev_36.pdf). Versions
1 and 2 have a fixed header.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from media.capture.frames import Unreadable

__all__ = ["Mirrored", "hep"]

MAGIC = b"HEP3"
PAYLOAD, COMPRESSED = 15, 16
SOURCES, TARGETS, SOURCE_PORT, TARGET_PORT = (3, 5), (4, 6), 7, 8
LONGEST = 65535
TCP, UDP, SCTP, TLS = 6, 17, 132, 22
FAMILIES = {2: 4, 10: 16, 23: 16, 24: 16, 28: 16, 30: 16}
"""Address length in bytes by family number."""
BROKEN = "malformed HEP"
NO_PAYLOAD = "HEP without a payload"


class Mirrored(NamedTuple):
    """A mirrored payload with its original source and target: two addresses and two ports, as in a packet.

    Its time is the capture time; the clock of an agent is another one, and often counts seconds only.
    """

    ends: bytes
    payload: bytes
    cut: int = 0


def hep(data: bytes, cut: int = 0) -> Mirrored | None:
    """Decode a HEP datagram; None if it is not HEP. ``cut`` bytes at its end were not captured.

    Raises Unreadable for a malformed HEP datagram.
    """
    if data.startswith(MAGIC):
        return hep_3(data, cut)
    return hep_2(data, cut) if data[:1] in (b"\x01", b"\x02") else None


def hep_3(data: bytes, cut: int) -> Mirrored:
    """Decode HEP3 chunks: vendor, type, length, value."""
    chunks: dict[int, bytes] = {}
    place, payload_cut = 6, 0
    while place + 6 <= len(data):
        vendor, kind, length = struct.unpack_from("!HHH", data, place)
        if length < 6:
            raise Unreadable(BROKEN)
        if not vendor:
            chunks[kind] = data[place + 6 : place + length]
            payload_cut = max(0, place + length - len(data))
        place += length
    if payload_cut > cut:
        raise Unreadable(BROKEN)
    payload = unpacked(chunks[COMPRESSED]) if COMPRESSED in chunks and not cut else chunks.get(PAYLOAD)
    source, target = (
        next((chunks[chunk] for chunk in those if chunk in chunks), b"") for those in (SOURCES, TARGETS)
    )
    ports = chunks.get(SOURCE_PORT, b"") + chunks.get(TARGET_PORT, b"")
    if not payload:
        raise Unreadable(NO_PAYLOAD)
    if len(source) != len(target) or len(source) not in (4, 16) or len(ports) != 4:
        raise Unreadable(BROKEN)
    return Mirrored(source + target + ports, payload, payload_cut)


def unpacked(compressed: bytes) -> bytes:
    """Decompress zlib or gzip data, up to the maximum length of a datagram."""
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(compressed, LONGEST)
    except zlib.error:
        raise Unreadable(BROKEN) from None


def hep_2(data: bytes, cut: int) -> Mirrored | None:
    """Decode HEP1 and HEP2: version, header length, family, protocol, ports, addresses.

    In HEP2 also a time.
    """
    if len(data) < 16:
        return None
    version, length, family, protocol = data[:4]
    size = FAMILIES.get(family, 0)
    # a time of eight bytes and the agent's number of two bytes, padded by two bytes
    header = 8 + 2 * size + (12 if version == 2 else 0)
    if not size or protocol not in (TCP, UDP, SCTP, TLS) or length not in (header, header - 12, header - 2):
        return None
    if len(data) <= header:
        return None
    return Mirrored(data[8 : 8 + 2 * size] + data[4:8], data[header:], cut)
