"""media.capture.writer: headers that add up, in the format that every reader of captures knows."""

from __future__ import annotations

import ipaddress
import struct

import pytest

from media.capture.writer import FILE_HEADER, Address, Stream, address, checksum, datagram, record


def end(text: str) -> Address:
    found = address(text)
    assert found is not None
    return found


A, B = end("192.0.2.1:5060"), end("192.0.2.2:5070")
A6, B6 = end("[2001:db8::1]:5060"), end("[2001:db8::2]:5070")


def packed(end: Address) -> bytes:
    return ipaddress.ip_address(end.host).packed


def folded(data: bytes) -> int:
    """The sum of a header with its checksum in it, the slow way; right when all bits are set."""
    data += b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(data[n : n + 2], "big") for n in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize(
    "text", ["", "5060", "example.org:5060", "192.0.2.1", "192.0.2.1:x", "192.0.2.1:65536"]
)
def test_an_invalid_address_is_refused(text: str) -> None:
    assert address(text) is None


@pytest.mark.parametrize(
    ("text", "host", "shown"),
    [
        ("127.0.0.1:5060", "127.0.0.1", "127.0.0.1:5060"),
        ("[::1]:5060", "::1", "[::1]:5060"),
        ("[2001:0DB8:0:0::1]:0", "2001:db8::1", "[2001:db8::1]:0"),
        ("[fe80::1%eth0]:5060", "fe80::1", "[fe80::1]:5060"),
    ],
)
def test_an_address_and_how_it_is_shown(text: str, host: str, shown: str) -> None:
    end = address(text)
    assert end is not None
    assert end.host == host
    assert str(end) == shown


def test_a_host_must_be_an_ip_address() -> None:
    with pytest.raises(ValueError, match=r"example\.org"):
        datagram(Address("example.org", 1), A, b"", 0)


def test_the_file_begins_as_pcap_does() -> None:
    magic, major, minor, _, _, longest, kind = struct.unpack("<IHHiIII", FILE_HEADER)
    assert (magic, major, minor, kind) == (0xA1B2C3D4, 2, 4, 101)
    assert longest >= 65535


@pytest.mark.parametrize("payload", [b"", b"a", b"ab", bytes(range(256)) * 100])
def test_a_datagram(payload: bytes) -> None:
    packet = datagram(A, B, payload, 7)
    version, _, total, number, _, _, protocol = struct.unpack("!BBHHHBB", packet[:10])
    assert (version, total, number, protocol) == (0x45, len(packet), 7, 17)
    assert packet[12:20] == packed(A) + packed(B)
    assert folded(packet[:20]) == 0xFFFF
    ports = struct.unpack("!HHH", packet[20:26])
    assert ports == (5060, 5070, 8 + len(payload))
    pseudo = packet[12:20] + struct.pack("!BBH", 0, 17, ports[2])
    assert folded(pseudo + packet[20:]) == 0xFFFF
    assert packet[28:] == payload


def test_a_datagram_of_ipv6() -> None:
    packet = datagram(A6, B6, b"hello", 1)
    assert packet[0] >> 4 == 6
    assert struct.unpack("!HB", packet[4:7]) == (13, 17)
    assert folded(packet[8:40] + struct.pack("!IHBB", 13, 0, 0, 17) + packet[40:]) == 0xFFFF


def test_two_families_are_ipv6() -> None:
    packet = datagram(A, B6, b"hello", 1)
    assert packet[8:24] == bytes(10) + b"\xff\xff" + packed(A)


def test_more_than_a_datagram_holds_is_cut() -> None:
    packet = datagram(A, B, b"x" * 70000, 1)
    assert struct.unpack("!H", packet[2:4]) == (65535,) == (len(packet),)


def test_a_stream_counts_both_sides() -> None:
    stream = Stream()
    packets = [
        *stream.packets(A, B, b"12345", 0),
        *stream.packets(B, A, b"123", 1),
        *stream.packets(A, B, b"x", 2),
    ]
    numbers = [struct.unpack("!II", packet[24:32]) for packet in packets]
    assert numbers == [(1, 1), (1, 6), (6, 4)]
    for packet in packets:
        pseudo = packet[12:20] + struct.pack("!BBH", 0, 6, len(packet) - 20)
        assert folded(pseudo + packet[20:]) == 0xFFFF
        assert packet[33] == 0x18  # PSH and ACK


def test_a_stream_is_cut_only_where_a_packet_is_full() -> None:
    first, second = Stream().packets(A, B, b"x" * 65496, 0)
    assert (len(first), len(second)) == (65535, 41)
    assert struct.unpack("!I", second[24:28]) == (1 + 65495,)


def test_a_sequence_number_wraps() -> None:
    stream = Stream({A: 0xFFFFFFFF})
    list(stream.packets(A, B, b"12", 0))
    (packet,) = stream.packets(A, B, b"3", 1)
    assert struct.unpack("!I", packet[24:28]) == (1,)


def test_a_record_has_its_time() -> None:
    seconds, microseconds, kept, length = struct.unpack("<IIII", record(1.9999996, b"abc")[:16])
    assert (seconds, microseconds, kept, length) == (2, 0, 3, 3)


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\xff\xff", b"\x01", bytes(range(200)), b"\xff\xfe\x00\x01"])
def test_the_checksum_is_that_of_rfc_1071(data: bytes) -> None:
    assert checksum(data) == ~folded(data) & 0xFFFF
