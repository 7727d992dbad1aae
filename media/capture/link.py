"""Link layers of captures: the offset of the IP packet in a frame.

IEEE 802.3 with 802.1Q, 802.1ad and 802.1ah tags, LLC and SNAP, PPP and PPPoE (RFC 1661, RFC 2516), MPLS
(RFC 3032) with pseudowires of Ethernet (RFC 4448), Linux cooked capture v1 and v2, BSD null and loopback,
raw IP. The numbers are those of https://www.tcpdump.org/linktypes.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from media.capture.frames import Unreadable

__all__ = ["ETHERNET", "LINKS", "NO_IP", "RAW", "behind_type", "ethernet", "mpls", "ppp"]

NO_IP = -1
"""Result for a frame without IP, such as ARP."""

ETHERNET, RAW = 1, 101
NULL, LOOP, RAW_OF_BSD, RAW_OF_OPENBSD, COOKED, COOKED_2, IPV4, IPV6 = 0, 108, 12, 14, 113, 276, 228, 229
PPP, PPP_IN_HDLC, PPP_OVER_ETHERNET, CISCO_HDLC, MPLS = 9, 50, 51, 104, 219
IP_TYPES = {b"\x08\x00", b"\x86\xdd"}
TAGS = {b"\x81\x00", b"\x88\xa8", b"\x91\x00", b"\x92\x00"}
BACKBONE_TAG, VN_TAG = b"\x88\xe7", b"\x89\x26"
PPPOE = b"\x88\x64"
MPLS_TYPES = {b"\x88\x47", b"\x88\x48"}
ETHERNET_TYPE = b"\x65\x58"
"""Transparent Ethernet Bridging: a whole frame follows (RFC 1701)."""
SEALED = {
    b"\x88\xe5": "MACsec is not unwrapped",
    b"\x22\xf3": "TRILL is not unwrapped",
    b"\x89\x4f": "NSH is not unwrapped",
    b"\x89\x03": "FabricPath is not unwrapped",
}
NO_IP_IN_MPLS = "MPLS that carries neither IP nor Ethernet is not unwrapped"
SNAP = b"\xaa\xaa\x03\x00\x00\x00"
LONGEST_LENGTH = 1500
"""A larger value is an EtherType, not a length."""
PPP_TYPES = {b"\x00\x21": b"\x08\x00", b"\x00\x57": b"\x86\xdd", b"\x02\x81": b"\x88\x47"}
COMPRESSED = {b"\x21": b"\x00\x21", b"\x57": b"\x00\x57"}
FAMILIES = {2, 10, 23, 24, 28, 30}  # AF_INET, and the values of AF_INET6 on different systems

Link = Callable[[bytes], int]


def ethernet(frame: bytes, at: int = 0) -> int:
    """After two addresses, any number of tags, and the type."""
    kind = frame[at + 12 : at + 14]
    return at + 14 if kind == b"\x08\x00" else behind_type(kind, frame, at + 14)


def cooked(frame: bytes) -> int:
    """After a 16-byte header that ends with the type."""
    return behind_type(frame[14:16], frame, 16)


def cooked_2(frame: bytes) -> int:
    """After a 20-byte header that begins with the type."""
    return behind_type(frame[:2], frame, 20)


def behind_type(kind: bytes, frame: bytes, start: int) -> int:
    """The offset of IP, when a header of this type begins at ``start``. Raises Unreadable.

    A tag has some bytes of its own, followed by the type of the next header. Each loop consumes some bytes.
    """
    while kind not in IP_TYPES:
        if start >= len(frame):
            return NO_IP
        if kind in TAGS:
            kind, start = frame[start + 2 : start + 4], start + 4
        elif kind == BACKBONE_TAG:
            kind, start = frame[start + 16 : start + 18], start + 18
        elif kind == VN_TAG:
            kind, start = frame[start + 4 : start + 6], start + 6
        elif kind == ETHERNET_TYPE:
            kind, start = frame[start + 12 : start + 14], start + 14
        elif kind == PPPOE:
            kind, start = PPP_TYPES.get(frame[start + 6 : start + 8], b""), start + 8
        elif kind in MPLS_TYPES:
            kind, start = behind_labels(frame, start)
        elif frame[start : start + 6] == SNAP and int.from_bytes(kind, "big") <= LONGEST_LENGTH:
            kind, start = frame[start + 6 : start + 8], start + 8
        elif kind in SEALED:
            raise Unreadable(SEALED[kind])
        else:
            return NO_IP
    return start


def behind_labels(frame: bytes, start: int) -> tuple[bytes, int]:
    """The type and offset of the data after a label stack, guessed from its first bits (RFC 4928).

    Raises Unreadable.
    """
    while start + 4 <= len(frame) and not frame[start + 2] & 1:
        start += 4
    start += 4
    if start >= len(frame):
        return b"", start
    version = frame[start] >> 4
    if version in (4, 6):
        return (b"\x08\x00" if version == 4 else b"\x86\xdd"), start
    for at in (start + 4, start) if version == 0 else (start,):
        if is_ethernet(frame, at):
            return ETHERNET_TYPE, at
    raise Unreadable(NO_IP_IN_MPLS)


def is_ethernet(frame: bytes, at: int) -> bool:
    """Whether the type field of an Ethernet frame that begins here has a known value."""
    kind = frame[at + 12 : at + 14]
    types = (
        IP_TYPES | TAGS | MPLS_TYPES | {PPPOE, BACKBONE_TAG, VN_TAG, b"\x08\x06", b"\x88\xcc", b"\x88\x63"}
    )
    return kind in types


def mpls(frame: bytes, at: int = 0) -> int:
    """After a stack of labels."""
    return behind_type(b"\x88\x47", frame, at)


def ppp(frame: bytes, at: int = 0) -> int:
    """After PPP's protocol number, with or without the address and control fields of HDLC (RFC 1662)."""
    if frame[at : at + 2] == b"\xff\x03":
        at += 2
    short = COMPRESSED.get(frame[at : at + 1])
    kind, at = (short, at + 1) if short else (frame[at : at + 2], at + 2)
    return behind_type(PPP_TYPES.get(kind, b""), frame, at)


def ppp_over_ethernet(frame: bytes) -> int:
    """The header of PPPoE without that of Ethernet."""
    return behind_type(PPPOE, frame, 0)


def cisco_hdlc(frame: bytes) -> int:
    """After an address, a control byte and the type."""
    return behind_type(frame[2:4], frame, 4)


def null(frame: bytes) -> int:
    """After an address family in the byte order of the capturing host."""
    family = frame[:4]
    is_family = int.from_bytes(family, "little") in FAMILIES or int.from_bytes(family, "big") in FAMILIES
    return 4 if is_family else NO_IP


def raw(_frame: bytes) -> int:
    """No link layer."""
    return 0


LINKS: Mapping[int, Link] = {
    ETHERNET: ethernet,
    COOKED: cooked,
    COOKED_2: cooked_2,
    NULL: null,
    LOOP: null,
    RAW: raw,
    RAW_OF_BSD: raw,
    RAW_OF_OPENBSD: raw,
    IPV4: raw,
    IPV6: raw,
    PPP: ppp,
    PPP_IN_HDLC: ppp,
    PPP_OVER_ETHERNET: ppp_over_ethernet,
    CISCO_HDLC: cisco_hdlc,
    MPLS: mpls,
}
"""Maps a link type to a function: the bytes of a frame -> the offset of the IP header.

The offset may lie beyond the end of a cut frame.
"""
