"""media.capture.link: where IP begins behind each link layer, and frames that carry none."""

from __future__ import annotations

import pytest

from media.capture.link import LINKS, NO_IP
from tests.support.wire import cooked, cooked_2, ethernet, ip4, ip6, udp

PACKETS = {"IPv4": ip4(udp(b"hello")), "IPv6": ip6(udp(b"hello"))}
ARP = b"\xff" * 12 + b"\x08\x06" + bytes(28)


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS.keys())
@pytest.mark.parametrize(
    "tags",
    [(), (0x8100,), (0x88A8, 0x8100), (0x9100, 0x8100), (0x8100,) * 5],
    ids=["no tag", "VLAN", "QinQ", "old QinQ", "five"],
)
def test_ethernet(packet: bytes, tags: tuple[int, ...]) -> None:
    frame = ethernet(packet, *tags)
    assert frame[LINKS[1](frame) :] == packet


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS.keys())
def test_cooked(packet: bytes) -> None:
    assert LINKS[113](cooked(packet)) == 16
    assert LINKS[276](cooked_2(packet)) == 20


def test_a_tag_in_a_cooked_frame() -> None:
    frame = cooked(PACKETS["IPv4"])
    tagged = frame[:14] + b"\x81\x00" + b"\x00\x07\x08\x00" + frame[16:]
    assert tagged[LINKS[113](tagged) :] == PACKETS["IPv4"]


@pytest.mark.parametrize("family", [2, 10, 24, 28, 30])
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("link_type", [0, 108])
def test_an_address_family(family: int, order: str, link_type: int) -> None:
    assert LINKS[link_type](family.to_bytes(4, "little" if order == "little" else "big")) == 4


@pytest.mark.parametrize("link_type", [101, 12, 14, 228, 229])
def test_no_link_layer(link_type: int) -> None:
    assert LINKS[link_type](PACKETS["IPv4"]) == 0


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (1, ARP),
        (1, b""),
        (1, bytes(13)),
        (1, bytes(12) + b"\x81\x00"),
        (1, bytes(12) + b"\x81\x00" * 500),
        (1, bytes(12) + b"\x00\x26" + bytes(38)),
        (113, bytes(10)),
        (276, b""),
        (0, b"\x07\0\0\0"),
    ],
)
def test_no_ip(link_type: int, frame: bytes) -> None:
    assert LINKS[link_type](frame) == NO_IP
