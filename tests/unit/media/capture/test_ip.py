"""media.capture.ip: headers, extension headers and fragments, also those that lie."""

from __future__ import annotations

import random
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from media.capture import ip
from media.capture.frames import Unreadable
from media.capture.ip import Datagram, Fragments, parse
from tests.support.wire import A6, B6, A, B, fragment_header, fragments4, fragments6, ip4, ip6, udp

ENDS4 = socket.inet_aton(A), socket.inet_aton(B)
ENDS6 = socket.inet_pton(socket.AF_INET6, A6), socket.inet_pton(socket.AF_INET6, B6)
BIG = udp(random.Random(1).randbytes(5000))
CUTS = (1480, 2960, 4440)
Make = Callable[..., list[bytes]]
FAMILIES = pytest.mark.parametrize("make", [fragments4, fragments6])


def reassembled(packets: Iterable[bytes], step: float = 0.0) -> tuple[list[bytes], dict[str, int]]:
    """The payloads that become whole, and what was counted."""
    skipped: Counter[str] = Counter()
    fragments = Fragments(skipped)
    found = []
    for number, packet in enumerate(packets):
        datagram = parse(packet, 0)
        try:
            whole = fragments.add(datagram, number * step) if datagram.fragment else datagram
        except Unreadable as why:
            skipped[str(why)] += 1
            continue
        if whole is not None:
            assert whole.fragment is None
            assert whole.protocol == 17
            found.append(whole.payload)
    fragments.close()
    return found, dict(skipped)


def test_ipv4() -> None:
    assert parse(b"link" + ip4(b"payload", 6), 4) == Datagram(*ENDS4, 6, b"payload")
    assert parse(ip4(b"payload", options=bytes(8)) + b"padding", 0) == Datagram(*ENDS4, 17, b"payload")


def test_ipv6() -> None:
    assert parse(ip6(b"payload", 6) + b"padding", 0) == Datagram(*ENDS6, 6, b"payload")


def test_a_length_that_is_left_to_the_network_card() -> None:
    assert parse(ip4(b"payload", total=0), 0).payload == b"payload"
    packet = bytearray(ip6(b"payload"))
    packet[4:6] = b"\0\0"
    assert parse(bytes(packet), 0).payload == b"payload"


@pytest.mark.parametrize("kind", [0, 43, 60, 135, 139, 140])
def test_an_extension_header(kind: int) -> None:
    packet = ip6(b"\x3c\x01" + bytes(14) + b"\x11\x00" + bytes(6) + b"payload", kind)
    assert parse(packet, 0) == Datagram(*ENDS6, 17, b"payload")


def test_an_authentication_header_counts_other_units() -> None:
    assert parse(ip6(b"\x11\x04" + bytes(22) + b"payload", 51), 0) == Datagram(*ENDS6, 17, b"payload")


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"", ip.CUT),
        (ip4(b"payload")[:19], ip.CUT),
        (ip4(b"payload")[:20], ip.CUT),
        (ip6(b"payload")[:39], ip.CUT),
        (ip6(b"payload")[:40], ip.CUT),
        (b"\x55" + bytes(40), ip.MALFORMED),
        (b"\x44" + ip4(b"payload")[1:], ip.MALFORMED),
        (b"\x4f" + ip4(b"payload")[1:], ip.MALFORMED),
        (ip4(b"payload", total=19), ip.MALFORMED),
        (ip6(b"", 0), ip.MALFORMED),
        (ip6(b"\x11", 60), ip.MALFORMED),
        (ip6(b"\x11\xff" + bytes(30), 60), ip.MALFORMED),
        (ip6(b"\x00\x00" + bytes(6), 0), ip.MALFORMED),
        (ip6(bytes(7), 44), ip.MALFORMED),
        (ip4(b"1234567", flags=0x2000), ip.MALFORMED),
        (ip4(b"", flags=0x2000), ip.MALFORMED),
        (ip4(bytes(16), flags=0x1FFF), ip.MALFORMED),
        (ip6(fragment_header(17, 65528, True, 1) + bytes(8), 44), ip.MALFORMED),
    ],
)
def test_malformed_packets_are_refused(packet: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        parse(packet, 0)


def test_a_packet_of_nothing_but_extension_headers() -> None:
    assert parse(ip6((b"\x00\x00" + bytes(6)) * 8000 + b"\x11\x00" + bytes(6), 0), 0).payload == b""


@FAMILIES
def test_fragments_in_any_order(make: Make) -> None:
    parts = make(BIG, *CUTS)
    for seed in range(24):
        shuffled = random.Random(seed).sample(parts, len(parts))
        assert reassembled(shuffled) == ([BIG], {})


@FAMILIES
def test_duplicates_and_overlaps_that_agree(make: Make) -> None:
    parts = make(BIG, *CUTS)
    others = make(BIG, 800, 1600, 4000)
    assert reassembled([part for part in parts for _ in range(2)]) == ([BIG], {ip.REPEATED: 1})
    assert reassembled([parts[0], parts[0], others[1], parts[1], *parts[2:]]) == ([BIG], {})
    assert reassembled([others[1], parts[0], parts[2], parts[3], parts[1]]) == ([BIG], {})


@FAMILIES
def test_fragments_that_contradict_each_other(make: Make) -> None:
    parts, lies = make(BIG, *CUTS), make(bytes(len(BIG)), 1480, 2960, 4440)
    assert reassembled([parts[0], lies[0], *parts[1:]]) == ([lies_then(BIG)], {ip.CONTRADICTING: 1})
    longer = make(BIG + b"more", *CUTS)
    assert reassembled([parts[0], parts[3], longer[3]]) == ([], {ip.CONTRADICTING: 2, ip.MISSING: 1})


def lies_then(payload: bytes) -> bytes:
    """What comes of a false first fragment with the true rest: the first one that came was given up."""
    return bytes(1480) + payload[1480:]


def test_an_end_before_earlier_fragments() -> None:
    parts = fragments4(BIG, *CUTS)
    early_end = fragments4(BIG[:1000], 800)[1]
    assert reassembled([parts[0], early_end]) == ([], {ip.CONTRADICTING: 1, ip.MISSING: 1})


def test_whose_rest_is_missing() -> None:
    assert reassembled(fragments4(BIG, *CUTS)[:-1]) == ([], {ip.MISSING: 3})


def test_an_identification_is_used_again_after_a_while() -> None:
    old, new = fragments4(BIG, *CUTS), fragments4(BIG[::-1], *CUTS)
    assert reassembled([old[0], *new], step=0.1) == ([BIG[::-1]], {ip.CONTRADICTING: 1})
    assert reassembled([old[3], new[0]], step=61) == ([], {ip.MISSING: 2})
    assert reassembled([*old, *new], step=1.1) == ([BIG, BIG[::-1]], {})


def test_datagrams_with_other_identifications_protocols_and_ends_stay_apart() -> None:
    one, two = fragments4(BIG, *CUTS, number=1), fragments4(BIG[::-1], *CUTS, number=2)
    three = [part.replace(ENDS4[0], b"\x0a\0\0\1") for part in fragments4(bytes(100), 48, number=1)]
    mixed = [part for pair in zip(one, two, strict=True) for part in pair]
    assert reassembled([three[0], *mixed, three[1]]) == ([BIG, BIG[::-1], bytes(100)], {})


def test_an_atomic_fragment_stands_alone() -> None:
    packet = ip6(fragment_header(17, 0, False, 7) + BIG, 44)
    first = fragments6(BIG[::-1], *CUTS)[0]
    assert reassembled([first, packet]) == ([BIG], {ip.MISSING: 1})


def test_options_within_the_fragments_of_ipv6() -> None:
    options = b"\x11\x00" + bytes(6)
    assert reassembled(fragments6(options + BIG, *CUTS, protocol=60)) == ([BIG], {})


def test_only_the_first_fragment_tells_the_protocol_of_ipv6() -> None:
    parts = fragments6(BIG, *CUTS)
    parts[1] = parts[1][:40] + b"\x06" + parts[1][41:]
    assert reassembled(parts) == ([BIG], {})


def test_fragments_within_fragments_go_no_deeper() -> None:
    fragments = Fragments(Counter())
    inner = fragment_header(44, 0, True, 1) + bytes(48)
    found = [fragments.add(parse(part, 0), 0) for part in fragments6(inner, 24, protocol=44)]
    assert found[0] is None
    assert found[1] is not None
    assert found[1].protocol == 44


def test_no_more_is_buffered_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ip, "MOST_DATAGRAMS", 5)
    parts = [fragments4(BIG, *CUTS, number=number)[0] for number in range(9)]
    assert reassembled(parts) == ([], {ip.CROWDED_OUT: 4, ip.MISSING: 5})
    monkeypatch.setattr(ip, "MOST_MEMORY", 4000)
    assert reassembled(parts) == ([], {ip.CROWDED_OUT: 7, ip.MISSING: 2})


def test_tiny_fragments_do_not_take_for_ever() -> None:
    payload = BIG * 13
    cuts = list(range(8, len(payload), 8))
    parts = fragments4(payload, *cuts)
    random.Random(1).shuffle(parts)
    assert reassembled(parts) == ([payload], {})


def test_a_fragment_knows_its_place() -> None:
    second = parse(fragments4(BIG, *CUTS)[1], 0)
    assert second.fragment == ip.Fragment(struct.pack("!H", 7), 1480, True)
