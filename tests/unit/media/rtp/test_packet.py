"""RTP packets are read as RFC 3550 has them, and nothing else is taken for one."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.rtp.packet import RtpPacket, is_rtcp, parse_rtp

many = settings(max_examples=500, deadline=None, derandomize=True)

HEADER = bytes.fromhex("80 08 ffff 00000140 cafebabe")
AUDIO = bytes(range(160))


def changed(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


def test_a_plain_packet() -> None:
    assert parse_rtp(HEADER + AUDIO) == RtpPacket(
        marker=False,
        payload_type=8,
        sequence=0xFFFF,
        timestamp=320,
        ssrc=0xCAFEBABE,
        payload=AUDIO,
        header_length=12,
        padding=0,
    )


def test_the_marker_is_no_part_of_the_payload_type() -> None:
    packet = parse_rtp(changed(HEADER, 1, 0x80 | 101))
    assert packet is not None
    assert (packet.marker, packet.payload_type, packet.payload) == (True, 101, b"")


def test_contributing_sources_are_part_of_the_header() -> None:
    packet = parse_rtp(changed(HEADER, 0, 0x82) + bytes(8) + AUDIO)
    assert packet is not None
    assert (packet.header_length, packet.payload) == (20, AUDIO)


@pytest.mark.parametrize("profile", ["bede", "1000"])  # one-byte and two-byte elements of RFC 8285
def test_a_header_extension_is_part_of_the_header(profile: str) -> None:
    extension = bytes.fromhex(profile) + struct.pack(">H", 2) + bytes(8)
    packet = parse_rtp(changed(HEADER, 0, 0x91) + bytes(4) + extension + AUDIO)
    assert packet is not None
    assert (packet.header_length, packet.payload) == (28, AUDIO)


def test_an_empty_header_extension() -> None:
    packet = parse_rtp(changed(HEADER, 0, 0x90) + bytes.fromhex("bede0000") + AUDIO)
    assert packet is not None
    assert (packet.header_length, packet.payload) == (16, AUDIO)


def test_padding_is_removed() -> None:
    packet = parse_rtp(changed(HEADER, 0, 0xA0) + AUDIO + b"\0\0\0\x04")
    assert packet is not None
    assert (packet.payload, packet.padding) == (AUDIO, 4)


@pytest.mark.parametrize("count", [0, 5, 255])
def test_a_count_of_padding_that_cannot_be_true_is_not_believed(count: int) -> None:
    packet = parse_rtp(changed(HEADER, 0, 0xA0) + b"abc" + bytes([count]))
    assert packet is not None
    assert (packet.payload, packet.padding) == (b"abc" + bytes([count]), 0)


def test_padding_never_reaches_into_the_header() -> None:
    packet = parse_rtp(changed(HEADER, 0, 0xA0))
    assert packet is not None
    assert (packet.payload, packet.padding) == (b"", 0)


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("nothing", b""),
        ("too short", HEADER[:11]),
        ("version 1", changed(HEADER, 0, 0x40)),
        ("version 3", changed(HEADER, 0, 0xC0)),
        ("STUN", bytes.fromhex("000100002112a442") + bytes(12)),
        ("ZRTP", b"\x10\x00\x12\x34ZRTP" + bytes(12)),
        ("DTLS", bytes.fromhex("16feff0000000000000000") + bytes(12)),
        ("TURN", bytes.fromhex("40000008") + bytes(12)),
        ("RTCP", bytes.fromhex("80c80006cafebabe") + bytes(20)),
        ("more sources than bytes", changed(HEADER, 0, 0x8F) + bytes(59)),
        ("no room for the extension's length", changed(HEADER, 0, 0x90) + b"\xbe\xde\0"),
        ("an extension longer than the packet", changed(HEADER, 0, 0x90) + b"\xbe\xde\xff\xff" + AUDIO),
    ],
)
def test_anything_else_is_no_rtp(what: str, data: bytes) -> None:
    assert parse_rtp(data) is None, what


@pytest.mark.parametrize("second", [192, 200, 201, 207, 223])
def test_rtcp_differs_from_rtp(second: int) -> None:
    data = bytes([0x80, second]) + bytes(6)
    assert is_rtcp(data)
    assert parse_rtp(data + bytes(20)) is None


@pytest.mark.parametrize(
    "data",
    [b"", bytes.fromhex("80c80001cafeba"), HEADER, bytes([0x80, 191]) + bytes(6), b"\x00\xc8" + bytes(6)],
)
def test_other_data_is_no_rtcp(data: bytes) -> None:
    assert not is_rtcp(data)


@many
@given(st.binary(max_size=120), st.integers(0, 255), st.integers(0, 255))
def test_hostile_bytes_raise_nothing(data: bytes, first: int, second: int) -> None:
    for candidate in (data, bytes([first & 0x3F | 0x80, second]) + data):
        packet = parse_rtp(candidate)
        if packet is not None:
            assert packet.header_length + len(packet.payload) + packet.padding == len(candidate)
            assert not is_rtcp(candidate)
