"""Owns the link layers: where in a frame its IP packet begins; it must not know what is in the packet.

IEEE 802.3 with 802.1Q and 802.1ad tags, Linux cooked capture v1 and v2, BSD null and loopback, raw IP.
The numbers are those of https://www.tcpdump.org/linktypes.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["ETHERNET", "LINKS", "NO_IP", "RAW"]

NO_IP = -1
"""Instead of an offset: a frame that carries something else, ARP for instance."""

ETHERNET, RAW = 1, 101
NULL, LOOP, RAW_OF_BSD, RAW_OF_OPENBSD, COOKED, COOKED_2, IPV4, IPV6 = 0, 108, 12, 14, 113, 276, 228, 229
IP_TYPES = {b"\x08\x00", b"\x86\xdd"}
TAGS = {b"\x81\x00", b"\x88\xa8", b"\x91\x00", b"\x92\x00"}
FAMILIES = {2, 10, 23, 24, 28, 30}  # AF_INET, and AF_INET6 as the systems number it

Link = Callable[[bytes], int]


def ethernet(frame: bytes) -> int:
    """Behind two addresses, any number of tags and the type."""
    return 14 if frame[12:14] == b"\x08\x00" else behind_tags(frame, 12, 14)


def cooked(frame: bytes) -> int:
    """Behind a 16-byte header that ends in the type."""
    return behind_tags(frame, 14, 16)


def cooked_2(frame: bytes) -> int:
    """Behind a 20-byte header that begins with the type."""
    return behind_tags(frame, 0, 20)


def behind_tags(frame: bytes, kind_at: int, start: int) -> int:
    """Where IP begins; a tag is two bytes of its own, then the type of what follows."""
    kind = frame[kind_at : kind_at + 2]
    while kind in TAGS:
        kind = frame[start + 2 : start + 4]
        start += 4
    return start if kind in IP_TYPES else NO_IP


def null(frame: bytes) -> int:
    """Behind an address family in the byte order of whoever captured."""
    family = frame[:4]
    known = int.from_bytes(family, "little") in FAMILIES or int.from_bytes(family, "big") in FAMILIES
    return 4 if known else NO_IP


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
}
"""By link type: a frame's bytes -> the offset of the IP header, which may lie beyond a frame that is cut."""
