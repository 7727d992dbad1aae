"""Tunnel headers in captures: the offset of the inner IP packet.

Over IP: IP in IP (RFC 2003, RFC 4213, RFC 2473), GRE (RFC 2784, RFC 2890, RFC 2637) with ERSPAN
(draft-foschiano-erspan), MPLS (RFC 4023), EtherIP (RFC 3378). Over UDP: VXLAN (RFC 7348) and its GPE and
GBP, GENEVE (RFC 8926), GTP-U (3GPP TS 29.281), MPLS (RFC 7510), L2TP (RFC 2661), Teredo (RFC 4380), LISP
(RFC 9300), TZSP. VXLAN and GENEVE are found at any port, for many have one of their own.
"""

from __future__ import annotations

from collections.abc import Callable

from media.capture.frames import Unreadable
from media.capture.link import NO_IP, behind_type, ethernet, mpls, ppp

__all__ = ["LOOKS_LIKE_RTP", "PORTS", "in_ip", "in_udp", "sealed_in_udp"]

IPV4, IPV6, IPV4_TYPE, IPV6_TYPE = 4, 6, b"\x08\x00", b"\x86\xdd"
GRE, ETHER_IP, IP_ENCAPSULATION, IPV6_IN_IP, MPLS_IN_IP = 47, 97, 94, 41, 137
SEALED_PROTOCOLS = {
    50: "ESP (IPsec): what it encrypts cannot be read",
    55: "minimal encapsulation (IP protocol 55) is not unwrapped",
    98: "IP protocol 98 (ENCAP) is not unwrapped",
    108: "IPComp (IP protocol 108) is not unwrapped",
    115: "L2TPv3 (IP protocol 115) is not unwrapped",
    132: "SCTP is not read",
    136: "UDP-Lite is not read",
}
OTHER = "neither UDP nor TCP"
BROKEN = "malformed header of a tunnel"
GRE_UNKNOWN = "GRE of another protocol than IP, Ethernet, MPLS and PPP is not unwrapped"

ERSPAN, ERSPAN_3, PPP_IN_GRE, KEEPALIVE = b"\x88\xbe", b"\x22\xeb", b"\x88\x0b", b"\x00\x00"
CHECKSUM, ROUTING, KEY, SEQUENCE, ACKNOWLEDGED = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080

VXLAN, VXLAN_OF_LINUX, VXLAN_GPE, GENEVE, GTP_U, MPLS_IN_UDP = 4789, 8472, 4790, 6081, 2152, 6635
L2TP, TEREDO, LISP, TZSP = 1701, 3544, 4341, 37008
PADDING = 46
LOOKS_LIKE_RTP = range(0x80, 0xC0)


def in_ip(protocol: int, payload: bytes) -> int:
    """The offset of the inner IP packet.

    NO_IP without an inner IP packet. Raises Unreadable for a protocol that is not a tunnel.
    """
    if protocol in (IPV4, IPV6_IN_IP, IP_ENCAPSULATION):
        return 0
    if protocol == GRE:
        return gre(payload)
    if protocol == ETHER_IP:
        return ethernet(payload, 2)
    if protocol == MPLS_IN_IP:
        return mpls(payload)
    raise Unreadable(SEALED_PROTOCOLS.get(protocol, OTHER))


def gre(payload: bytes) -> int:
    """After the GRE header of version 0, or of version 1 (PPTP)."""
    if len(payload) < 4:
        raise Unreadable(BROKEN)
    flags, kind = int.from_bytes(payload[:2], "big"), payload[2:4]
    if flags & 7 > 1:
        raise Unreadable(GRE_UNKNOWN)
    at = 4
    if flags & 7 == 0 and flags & (CHECKSUM | ROUTING):
        at += 4
    at += 4 * bool(flags & KEY) + 4 * bool(flags & SEQUENCE) + 4 * bool(flags & 7 and flags & ACKNOWLEDGED)
    if flags & 7 == 0 and flags & ROUTING:
        at = behind_routing(payload, at)
    if kind == ERSPAN:
        # type I has no sequence number and no header
        return ethernet(payload, at + 8 * bool(flags & SEQUENCE))
    if kind == ERSPAN_3:
        return erspan_3(payload, at)
    if kind == PPP_IN_GRE:
        return NO_IP if at >= len(payload) else ppp(payload, at)
    found = behind_type(kind, payload, at)
    if found == NO_IP and kind not in (KEEPALIVE, b"\x65\x58") and at < len(payload):
        raise Unreadable(GRE_UNKNOWN)
    return found


def behind_routing(payload: bytes, at: int) -> int:
    """After the source route entries of RFC 1701; the last one is empty."""
    while at + 4 <= len(payload):
        length = payload[at + 3]
        at += 4 + length
        if not length:
            return at
    raise Unreadable(BROKEN)


def erspan_3(payload: bytes, at: int) -> int:
    """ERSPAN type III: 12 bytes, 8 more with the last bit; frame type 2 is IP instead of Ethernet."""
    if at + 12 > len(payload):
        raise Unreadable(BROKEN)
    last = int.from_bytes(payload[at + 10 : at + 12], "big")
    at += 20 if last & 1 else 12
    return at if last >> 10 & 31 == 2 else ethernet(payload, at)


# ---- over UDP


def in_udp(source: int, target: int, payload: bytes, cut: int) -> int | None:
    """The offset of the inner IP packet; NO_IP for a tunnel with another content, None without a tunnel.

    A port is not sufficient: each header is checked, and for a short header the inner packet too. ``cut`` is
    the number of bytes at the payload's end that were not captured. Raises Unreadable.
    """
    tunnel = PORTS.get(target) or PORTS.get(source)
    if tunnel is not None:
        found = tunnel(payload)
        if found is not None and (tunnel not in DOUBTFUL or is_ip(payload, found, cut)):
            return found
    for guess in ANYWHERE:
        found = guess(payload)
        if found is not None and is_ip(payload, found, cut):
            return found
    return None


def is_ip(data: bytes, at: int, cut: int) -> bool:
    """Whether an IP packet here has the length of the rest, apart from Ethernet padding."""
    if at < 0 or len(data) < at + 20:
        return False
    version, left = data[at] >> 4, len(data) - at + cut
    if version == 4:
        return data[at] & 15 >= 5 and 0 <= left - int.from_bytes(data[at + 2 : at + 4], "big") <= PADDING
    return version == 6 and left == int.from_bytes(data[at + 4 : at + 6], "big") + 40


def vxlan(payload: bytes) -> int | None:
    """Eight bytes, and Ethernet."""
    if len(payload) < 22 or payload[0] & 0x77 or not payload[0] & 0x08 or payload[7]:
        return None
    return ethernet(payload, 8) if payload[0] & 0x80 or payload[1:4] == bytes(3) else None


def vxlan_gpe(payload: bytes) -> int | None:
    """Like VXLAN, with the number of the next protocol if bit P is set."""
    if len(payload) < 8 or not payload[0] & 0x08 or payload[0] & 0xC0:
        return None
    if not payload[0] & 0x04:
        return vxlan(payload)
    if payload[3] in (1, 2):
        return 8
    return {3: ethernet, 5: mpls}.get(payload[3], nothing)(payload, 8)


def nothing(_payload: bytes, _at: int) -> int:
    """A protocol without IP."""
    return NO_IP


def geneve(payload: bytes) -> int | None:
    """Eight bytes, options, then the protocol of the type field."""
    if len(payload) < 8 or payload[0] & 0xC0 or payload[1] & 0x3F or payload[7]:
        return None
    kind = payload[2:4]
    if kind not in (IPV4_TYPE, IPV6_TYPE, b"\x65\x58"):
        return None
    return behind_type(kind, payload, 8 + 4 * (payload[0] & 0x3F))


def gtp_u(payload: bytes) -> int | None:
    """G-PDUs of version 1; the other messages carry no packets."""
    if len(payload) < 8 or payload[0] & 0xF0 != 0x30:
        return None
    if payload[1] != 0xFF:
        return NO_IP
    at = 8
    if payload[0] & 7:
        following, at = payload[11] if len(payload) > 11 else 0, 12
        while following:
            units = payload[at] if at < len(payload) else 0
            if not units:
                return NO_IP
            at += 4 * units
            following = payload[at - 1] if at <= len(payload) else 0
    version = payload[at] >> 4 if at < len(payload) else 0
    return at if version in (IPV4, IPV6) else NO_IP


def mpls_in_udp(payload: bytes) -> int | None:
    """Labels."""
    try:
        return mpls(payload)
    except Unreadable:
        return None


def l2tp(payload: bytes) -> int | None:
    """PPP in data messages of version 2; control messages carry no packets."""
    if len(payload) < 6 or payload[1] & 15 != 2:
        return None
    flags = payload[0]
    if flags & 0x80:
        return NO_IP
    at = 6 + 2 * bool(flags & 0x40) + 4 * bool(flags & 0x08)
    if flags & 0x02:
        at += 2 + int.from_bytes(payload[at : at + 2], "big")
    return ppp(payload, at)


def teredo(payload: bytes) -> int | None:
    """IPv6 after an optional authentication header and an optional origin."""
    at = 0
    if payload[:2] == b"\x00\x01" and len(payload) > 4:
        at += 13 + payload[2] + payload[3]
    if payload[at : at + 2] == b"\x00\x00":
        at += 8
    return at


def lisp(_payload: bytes) -> int | None:
    """IP after eight bytes."""
    return 8


def tzsp(payload: bytes) -> int | None:
    """Ethernet after tagged fields."""
    if payload[:1] != b"\x01" or payload[2:4] != b"\x00\x01":
        return None
    at = 4
    while at < len(payload) and payload[at] != 1:
        at += 1 if payload[at] == 0 else 2 + payload[at + 1] if at + 1 < len(payload) else 2
    return ethernet(payload, at + 1)


PORTS: dict[int, Callable[[bytes], int | None]] = {
    VXLAN: vxlan,
    VXLAN_OF_LINUX: vxlan,
    VXLAN_GPE: vxlan_gpe,
    GENEVE: geneve,
    GTP_U: gtp_u,
    MPLS_IN_UDP: mpls_in_udp,
    L2TP: l2tp,
    TEREDO: teredo,
    LISP: lisp,
    TZSP: tzsp,
}
"""Maps a port to a function: payload -> the offset of the inner IP packet, None if it is not that tunnel."""


DOUBTFUL = {mpls_in_udp, teredo, lisp}
"""Tunnels whose headers are too weak to be recognized."""
ANYWHERE = (vxlan, geneve)


def sealed_in_udp(source: int, target: int, payload: bytes) -> str | None:
    """The name of a tunnel that is not decoded (encrypted), if this is one."""
    if not payload or payload[0] in LOOKS_LIKE_RTP:
        return None
    ends = (source, target)
    if 4500 in ends and len(payload) > 8 and payload[:4] != bytes(4) and not payload[:1].isalpha():
        return "ESP in UDP (RFC 3948): what it encrypts cannot be read"
    if 51820 in ends and payload[0] in (1, 2, 3, 4) and payload[1:4] == bytes(3):
        return "WireGuard: what it encrypts cannot be read"
    if 1194 in ends and payload[0] >> 3 in range(3, 11) and not payload[:3].isalpha():
        return "OpenVPN: what it encrypts cannot be read"
    if 5247 in ends and payload[0] in (0, 1):
        return "CAPWAP is not unwrapped"
    return None
