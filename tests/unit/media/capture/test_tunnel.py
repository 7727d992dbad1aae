"""tunnel: each tunnel around a datagram, several in each other, and those that are not unwrapped."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from media.capture.link import NO_IP_IN_MPLS
from media.capture.reader import MOST_NESTED, Address, Capture, Packet
from media.capture.tunnel import GRE_UNKNOWN, in_udp
from tests.support.wire import (
    AT,
    A,
    B,
    cooked,
    cooked_2,
    enhanced,
    ethernet,
    fragments4,
    fragments6,
    interface,
    ip4,
    ip6,
    pcap,
    section,
    tcp,
    udp,
    written,
)

MEDIA = b"\x80" + b"media" * 4
INNER = ip4(udp(MEDIA), source="10.0.0.1", target="10.0.0.2")
INNER_6 = ip6(udp(MEDIA), source="2001:db8:1::1", target="2001:db8:1::2")
FRAME = ethernet(INNER)
ENDS = Address("10.0.0.1", 4000), Address("10.0.0.2", 5000)
ENDS_6 = Address("2001:db8:1::1", 4000), Address("2001:db8:1::2", 5000)
VXLAN = b"\x08\0\0\0\0\0\x07\0"
PPP_4, PPP_6 = b"\x00\x21", b"\x00\x57"


def gre(flags: int, kind: int, content: bytes, *, more: bytes = b"") -> bytes:
    return ip4(struct.pack("!HH", flags, kind) + more + content, 47)


def over_udp(port: int, content: bytes, *, source: int = 50000) -> bytes:
    return ip4(udp(content, source, port))


def labels(*numbers: int) -> bytes:
    last = len(numbers) - 1
    return b"".join(struct.pack("!I", one << 12 | (n == last) << 8 | 64) for n, one in enumerate(numbers))


def typed(kind: int, content: bytes) -> bytes:
    """An Ethernet frame of this type."""
    return bytes(12) + struct.pack("!H", kind) + content


def read(folder: Path, *packets: bytes, link_type: int = 101) -> tuple[list[Packet], dict[str, int]]:
    capture = Capture(written(folder, pcap(packets, link_type)))
    found = list(capture)
    return found, capture.skipped


TUNNELS = {
    "4in4": ip4(INNER, 4),
    "4in6": ip6(INNER, 4),
    "KA9Q": ip4(INNER, 94),
    "GRE": gre(0, 0x0800, INNER),
    "GRE in IPv6": ip6(struct.pack("!HH", 0, 0x0800) + INNER, 47),
    "GRE with a key": gre(0x2000, 0x0800, INNER, more=bytes(4)),
    "GRE with a sequence": gre(0x1000, 0x0800, INNER, more=bytes(4)),
    "GRE with everything": gre(0xB000, 0x0800, INNER, more=bytes(12)),
    "GRE with a route": gre(0x4000, 0x0800, INNER, more=bytes(4) + b"\0\2\0\4abcd" + bytes(4)),
    "GRE of Ethernet": gre(0, 0x6558, FRAME),
    "NVGRE": gre(0x2000, 0x6558, FRAME, more=bytes(4)),
    "GRE of MPLS": gre(0, 0x8847, labels(17) + INNER),
    "PPTP": gre(0x3081, 0x880B, b"\xff\x03" + PPP_4 + INNER, more=bytes(12)),
    "PPTP without an acknowledgement": gre(0x3001, 0x880B, b"\x21" + INNER, more=bytes(8)),
    "ERSPAN I": gre(0, 0x88BE, FRAME),
    "ERSPAN II": gre(0x1000, 0x88BE, FRAME, more=bytes(4) + b"\x10" + bytes(7)),
    "ERSPAN III": gre(0x1000, 0x22EB, FRAME, more=bytes(4) + b"\x20" + bytes(11)),
    "ERSPAN III with a subheader": gre(
        0x1000, 0x22EB, FRAME, more=bytes(4) + b"\x20" + bytes(10) + b"\1" + bytes(8)
    ),
    "ERSPAN III of IP": gre(0x1000, 0x22EB, INNER, more=bytes(4) + b"\x20" + bytes(9) + b"\x08\x00"),
    "EtherIP": ip4(b"\x30\x00" + FRAME, 97),
    "MPLS in IP": ip4(labels(17) + INNER, 137),
    "authentication header": ip4(b"\x04\x04" + bytes(22) + INNER, 51),
    "VXLAN": over_udp(4789, VXLAN + FRAME),
    "VXLAN of Linux": over_udp(8472, VXLAN + FRAME),
    "VXLAN at another port": over_udp(14789, VXLAN + FRAME),
    "VXLAN with a tag": over_udp(4789, VXLAN + ethernet(INNER, 0x8100)),
    "VXLAN with padding": over_udp(14789, VXLAN + FRAME + bytes(11)),
    "VXLAN with a group policy": over_udp(4789, b"\x88\0\0\x05\0\0\x07\0" + FRAME),
    "VXLAN over IPv6": ip6(udp(VXLAN + FRAME, 50000, 4789)),
    "VXLAN-GPE of IPv4": over_udp(4790, b"\x0c\0\0\x01\0\0\x07\0" + INNER),
    "VXLAN-GPE of Ethernet": over_udp(4790, b"\x0c\0\0\x03\0\0\x07\0" + FRAME),
    "GENEVE of Ethernet": over_udp(6081, b"\0\0\x65\x58\0\0\x07\0" + FRAME),
    "GENEVE with options": over_udp(6081, b"\x02\0\x65\x58\0\0\x07\0" + bytes(8) + FRAME),
    "GENEVE of IP": over_udp(6081, b"\0\0\x08\0\0\0\x07\0" + INNER),
    "GENEVE at another port": over_udp(16081, b"\0\0\x65\x58\0\0\x07\0" + FRAME),
    "GTP-U": over_udp(2152, b"\x30\xff" + struct.pack("!HI", len(INNER), 7) + INNER),
    "GTP-U with a sequence": over_udp(
        2152, b"\x32\xff" + struct.pack("!HI", len(INNER), 7) + bytes(4) + INNER
    ),
    "GTP-U with an extension": over_udp(
        2152, b"\x34\xff" + struct.pack("!HI", len(INNER), 7) + b"\0\0\0\x85" + b"\1\x10\x09\0" + INNER
    ),
    "MPLS in UDP": over_udp(6635, labels(17, 18) + INNER),
    "L2TP": over_udp(1701, b"\0\2\0\1\0\2" + b"\xff\x03" + PPP_4 + INNER),
    "L2TP with everything": over_udp(1701, b"\x4a\2\0\0\0\1\0\2\0\0\0\0\0\2ab" + PPP_4 + INNER),
    "LISP": over_udp(4341, bytes(8) + INNER),
    "TZSP": over_udp(37008, b"\1\0\0\1\0\x0d\4abcd\1" + FRAME),
    "in fragments": fragments4(struct.pack("!HH", 0, 0x0800) + INNER, 16, 32, protocol=47),
    "fragments in it": [ip4(one, 4) for one in fragments4(udp(MEDIA), 16)],
}  # fmt: skip


@pytest.mark.parametrize("packets", TUNNELS.values(), ids=TUNNELS.keys())
def test_a_datagram_in_a_tunnel(tmp_path: Path, packets: bytes | list[bytes]) -> None:
    found, skipped = read(tmp_path, *([packets] if isinstance(packets, bytes) else packets))
    assert [one.payload for one in found] == [MEDIA]
    ends = (Address(A, 4000), Address(B, 5000)) if isinstance(packets, list) and len(packets) == 2 else ENDS
    assert (found[0].source, found[0].target) == ends
    assert skipped == {}


TUNNELS_OF_6 = {
    "6in4": ip4(INNER_6, 41),
    "6in6": ip6(INNER_6, 41),
    "GRE": gre(0, 0x86DD, INNER_6),
    "VXLAN": over_udp(4789, VXLAN + ethernet(INNER_6)),
    "GENEVE": over_udp(6081, b"\0\0\x86\xdd\0\0\x07\0" + INNER_6),
    "Teredo": over_udp(3544, INNER_6),
    "Teredo with an origin": over_udp(3544, b"\0\0" + bytes(6) + INNER_6),
    "Teredo with both": over_udp(3544, b"\0\1\0\0" + bytes(9) + b"\0\0" + bytes(6) + INNER_6),
    "MPLS": ip4(labels(17) + INNER_6, 137),
    "in fragments": fragments6(struct.pack("!HH", 0, 0x86DD) + INNER_6, 16, 48, protocol=47),
}


@pytest.mark.parametrize("packets", TUNNELS_OF_6.values(), ids=TUNNELS_OF_6.keys())
def test_a_datagram_of_ipv6_in_a_tunnel(tmp_path: Path, packets: bytes | list[bytes]) -> None:
    found, skipped = read(tmp_path, *([packets] if isinstance(packets, bytes) else packets))
    assert [(one.source, one.target, one.payload) for one in found] == [(*ENDS_6, MEDIA)]
    assert skipped == {}


LAYERS = {
    "PPPoE": (1, typed(0x8864, b"\x11\0\0\1" + struct.pack("!H", len(INNER) + 2) + PPP_4 + INNER)),
    "PPPoE in a VLAN": (1, typed(0x8100, b"\0\x64\x88\x64" + b"\x11\0\0\1\0\0" + PPP_4 + INNER)),
    "MPLS": (1, typed(0x8847, labels(16, 17) + INNER)),
    "MPLS in QinQ": (1, typed(0x88A8, b"\0\1\x81\0\0\2\x88\x47" + labels(16) + INNER)),
    "pseudowire": (1, typed(0x8847, labels(16) + FRAME)),
    "pseudowire with a control word": (1, typed(0x8847, labels(16) + bytes(4) + FRAME)),
    "provider backbone": (1, typed(0x88E7, bytes(4) + FRAME)),
    "VN-Tag": (1, typed(0x8926, bytes(4) + b"\x08\0" + INNER)),
    "SNAP": (1, typed(8 + len(INNER), b"\xaa\xaa\3\0\0\0\x08\0" + INNER)),
    "cooked PPPoE": (113, cooked(INNER)[:14] + b"\x88\x64" + b"\x11\0\0\1\0\0" + PPP_4 + INNER),
    "cooked MPLS": (276, b"\x88\x47" + cooked_2(INNER)[2:20] + labels(16) + INNER),
    "cooked 2": (276, cooked_2(ip4(INNER, 4))),
    "PPP": (9, b"\xff\x03" + PPP_4 + INNER),
    "PPP without HDLC": (9, PPP_4 + INNER),
    "PPP in HDLC": (50, b"\xff\x03" + PPP_4 + INNER),
    "PPPoE without Ethernet": (51, b"\x11\0\0\1\0\0" + PPP_4 + INNER),
    "Cisco HDLC": (104, b"\x0f\0\x08\0" + INNER),
    "MPLS without Ethernet": (219, labels(16) + INNER),
    "loopback": (0, b"\2\0\0\0" + ip4(INNER, 4)),
}


@pytest.mark.parametrize(("link_type", "frame"), LAYERS.values(), ids=LAYERS.keys())
def test_a_datagram_behind_a_link_layer(tmp_path: Path, link_type: int, frame: bytes) -> None:
    found, skipped = read(tmp_path, frame, link_type=link_type)
    assert [(one.source, one.target, one.payload) for one in found] == [(*ENDS, MEDIA)]
    assert skipped == {}


def test_the_bytes_of_tcp_in_a_tunnel(tmp_path: Path) -> None:
    segments = [ip4(ip4(tcp(text, at), 6), 4) for text, at in ((b"a", 10), (b"c", 12), (b"b", 11))]
    found, _ = read(tmp_path, *segments)
    assert b"".join(one.payload for one in found) == b"abc"


def nested(times: int) -> bytes:
    packet = INNER
    for _ in range(times):
        packet = ip4(packet, 4)
    return packet


def test_tunnels_in_each_other(tmp_path: Path) -> None:
    mixed = over_udp(4789, VXLAN + ethernet(gre(0, 0x6558, ethernet(ip6(INNER, 4)))))
    for packet in (mixed, nested(MOST_NESTED)):
        found, _ = read(tmp_path, packet)
        assert [(one.source, one.target, one.payload) for one in found] == [(*ENDS, MEDIA)]
    assert read(tmp_path, nested(MOST_NESTED + 1)) == ([], {f"tunnels in more than {MOST_NESTED} tunnels": 1})


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (ip4(bytes(40), 50), "ESP (IPsec): what it encrypts cannot be read"),
        (ip4(bytes(40), 115), "L2TPv3 (IP protocol 115) is not unwrapped"),
        (ip4(bytes(40), 132), "SCTP is not read"),
        (gre(0, 0x1234, bytes(40)), GRE_UNKNOWN),
        (gre(3, 0x0800, INNER), GRE_UNKNOWN),
        (ip4(b"\0", 47), "malformed header of a tunnel"),
        (gre(0x4000, 0x0800, b"\0\0\0\xff", more=bytes(4)), "malformed header of a tunnel"),
        (gre(0x1000, 0x22EB, b"", more=bytes(4)), "malformed header of a tunnel"),
        (ip4(labels(3) + b"\x20" + bytes(40), 137), NO_IP_IN_MPLS),
    ],
)  # fmt: skip
def test_a_tunnel_that_is_not_unwrapped_is_counted(tmp_path: Path, packet: bytes, why: str) -> None:
    assert read(tmp_path, packet) == ([], {why: 1})


@pytest.mark.parametrize("kind", [0x88E5, 0x22F3, 0x894F])
def test_an_ethernet_tunnel_that_is_not_unwrapped_is_counted(tmp_path: Path, kind: int) -> None:
    found, skipped = read(tmp_path, typed(kind, bytes(40)), link_type=1)
    assert found == []
    assert [why.endswith("is not unwrapped") for why in skipped] == [True]


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (over_udp(4500, b"\1\2\3\4" + bytes(40)), "ESP in UDP"),
        (over_udp(51820, b"\4\0\0\0" + bytes(40)), "WireGuard"),
        (over_udp(1194, b"\x48" + bytes(40)), "OpenVPN"),
        (over_udp(5247, b"\0\x10" + bytes(40)), "CAPWAP"),
    ],
)
def test_a_tunnel_over_udp_that_is_not_unwrapped_is_counted(tmp_path: Path, packet: bytes, word: str) -> None:
    found, skipped = read(tmp_path, packet)
    assert len(found) == 1
    assert [why.startswith(word) for why in skipped] == [True]


@pytest.mark.parametrize(
    "port", [4789, 8472, 4790, 6081, 2152, 6635, 1701, 3544, 4341, 4500, 51820, 1194, 37008]
)
@pytest.mark.parametrize(
    "payload", [b"\x80" + bytes(171), b"INVITE sip:bob@example SIP/2.0\r\n", b"\r\n\r\n", b""]
)
def test_rtp_and_sip_at_the_port_of_a_tunnel_are_no_tunnel(tmp_path: Path, port: int, payload: bytes) -> None:
    found, skipped = read(tmp_path, over_udp(port, payload))
    assert [one.payload for one in found] == [payload]
    assert skipped == {}


@pytest.mark.parametrize(
    "packet",
    [
        over_udp(4789, VXLAN + typed(0x0806, bytes(28))),
        over_udp(6081, b"\0\0\x65\x58\0\0\x07\0" + typed(0x0806, bytes(28))),
        over_udp(2152, b"\x32\x01" + bytes(10)),
        over_udp(1701, b"\xc8\2" + bytes(20)),
        gre(0, 0, b""),
    ],
)
def test_other_protocols_in_tunnels_are_no_ip(tmp_path: Path, packet: bytes) -> None:
    assert read(tmp_path, packet) == ([], {"not IP": 1})


def test_datagrams_that_resemble_a_tunnel_are_no_tunnel() -> None:
    for payload in (VXLAN + bytes(60), VXLAN + ethernet(INNER)[:-9], b"\0\0\x08\0\0\0\0\0" + bytes(40)):
        assert in_udp(50000, 14789, payload, 0) is None


CUT_TUNNELS: dict[str, Callable[[], bytes]] = {
    "IP in IP": lambda: ip4(INNER, 4),
    "VXLAN": lambda: over_udp(14789, VXLAN + FRAME),
    "GENEVE": lambda: over_udp(6081, b"\0\0\x65\x58\0\0\x07\0" + FRAME),
}


@pytest.mark.parametrize("make", CUT_TUNNELS.values(), ids=CUT_TUNNELS.keys())
def test_a_tunnel_in_a_short_snapshot(tmp_path: Path, make: Callable[[], bytes]) -> None:
    found, skipped = read(tmp_path, make()[:-4])
    assert [(one.payload, one.cut) for one in found] == [(MEDIA[:-4], 4)]
    assert skipped == {}


def test_a_tunnel_in_pcapng(tmp_path: Path) -> None:
    content = section() + interface(1) + enhanced(ethernet(ip4(INNER, 4)), int(AT * 10**6))
    (packet,) = Capture(written(tmp_path, content))
    assert packet == Packet(1, AT, *ENDS, "udp", MEDIA)
