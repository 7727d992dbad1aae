"""SIP over WebSocket: handshakes, masks, fragments, compression, connections that began earlier."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from bot.capture.analysis import analyse
from bot.capture.sip_messages import Messages
from bot.capture.websocket import LONGEST, WebSocket, handshake
from media.capture.reader import Address, Packet

CAPTURES = Path(__file__).parents[3] / "data" / "captures"
CLIENT, SERVER = Address("10.0.0.1", 40000), Address("10.0.0.2", 8080)
GET = b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n"
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
MASK = b"\x11\x22\x33\x44"


def sip(number: int, size: int = 0) -> bytes:
    return f"OPTIONS sip:{number}@example SIP/2.0\r\nCall-ID: {number}\r\n\r\n".encode() + b"x" * size


def frame(
    payload: bytes, kind: int = TEXT, *, mask: bytes = b"", final: bool = True, reserved: int = 0
) -> bytes:
    masked = 0x80 if mask else 0
    size = len(payload)
    if size < 126:
        length = bytes([masked | size])
    elif size < 65536:
        length = struct.pack("!BH", masked | 126, size)
    else:
        length = struct.pack("!BQ", masked | 127, size)
    body = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload)) if mask else payload
    return bytes([final << 7 | reserved | kind]) + length + mask + body


def told(*pieces: bytes, source: Address = CLIENT, target: Address = SERVER) -> list[str]:
    """The messages in the bytes of one direction, a segment each."""
    messages, numbers = Messages(), count(1)
    packets = [Packet(next(numbers), 0.0, source, target, "tcp", piece) for piece in pieces]
    return [one.text for packet in packets for one in messages.feed(packet)]


def texts(*contents: bytes) -> list[str]:
    return [content.decode() for content in contents]


@pytest.mark.parametrize("mask", [b"", MASK])
@pytest.mark.parametrize("kind", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 200, 60_000])
@pytest.mark.parametrize("start", [GET, SWITCH])
def test_a_message_in_a_frame(start: bytes, size: int, kind: int, mask: bytes) -> None:
    assert told(start, frame(sip(1, size), kind, mask=mask), frame(sip(2), kind, mask=mask)) == texts(
        sip(1, size), sip(2)
    )


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_segments_that_end_anywhere(step: int) -> None:
    content = GET + frame(sip(1), mask=MASK) + frame(b"", PING) + frame(sip(2, 300), mask=MASK)
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    assert told(*pieces) == texts(sip(1), sip(2, 300))


def test_a_message_in_fragments_with_a_ping_between() -> None:
    parts = (
        frame(sip(1)[:9], final=False),
        frame(b"ping", PING),
        frame(sip(1)[9:20], 0, final=False),
        frame(sip(1)[20:], 0),
    )
    assert told(SWITCH, *parts, frame(sip(2))) == texts(sip(1), sip(2))


def deflated(contents: Sequence[bytes]) -> list[bytes]:
    """Messages that refer to those before them (RFC 7692)."""
    packer = zlib.compressobj(wbits=-15)
    return [
        (packer.compress(content) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")
        for content in contents
    ]


def test_compressed_messages() -> None:
    first, second = deflated([sip(1, 500), sip(2, 500)])
    parts = frame(first[:9], reserved=0x40, final=False), frame(first[9:], 0), frame(second, reserved=0x40)
    assert told(GET, *parts, frame(sip(3))) == texts(sip(1, 500), sip(2, 500), sip(3))


def test_compressed_bytes_that_are_huge_or_none() -> None:
    (huge,) = deflated([bytes(10_000_000)])
    assert told(GET, frame(huge, reserved=0x40), frame(sip(1))) == texts(sip(1))
    assert told(GET, frame(b"\xff\xff\xff", reserved=0x40), frame(sip(1))) == texts(sip(1))


def test_other_requests_on_the_connection_before_the_handshake() -> None:
    page = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert told(page, GET, frame(sip(1))) == texts(sip(1))
    response = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nbody"
    assert told(response, SWITCH + frame(sip(1))) == texts(sip(1))


@pytest.mark.parametrize("mask", [b"", MASK])
def test_a_connection_whose_handshake_was_not_captured(mask: bytes) -> None:
    assert told(frame(sip(1), mask=mask), frame(sip(2), mask=mask)) == texts(sip(1), sip(2))


def test_missing_bytes_end_a_message_and_not_the_connection() -> None:
    first = frame(sip(1, 500), mask=MASK)
    assert told(GET, first[:90], b"", frame(sip(2), mask=MASK)) == texts(sip(2))


def test_a_frame_that_is_longer_than_any_message_is_passed_over() -> None:
    socket = WebSocket()
    long = frame(bytes(LONGEST + 1), BINARY)
    pieces = [long[at : at + 5000] for at in range(0, len(long), 5000)]
    assert [one for piece in (*pieces, frame(sip(1))) for one in socket.feed(piece)] == [sip(1)]
    fragments = [frame(bytes(40_000), final=False), frame(bytes(40_000), 0), frame(sip(2))]
    assert [one for piece in fragments for one in socket.feed(piece)] == [sip(2)]


def test_sip_over_tcp_is_no_websocket() -> None:
    text = b"OPTIONS sip:b SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    assert told(text[:3], text[3:] + text) == texts(text, text)


@pytest.mark.parametrize(
    ("buffer", "end"),
    [
        (GET, len(GET)),
        (SWITCH + b"more", len(SWITCH)),
        (b"GE", None),
        (GET[:-1], None),
        (b"HTTP/1.1 101 S", None),
        (b"GET / HTTP/1.1\r\n\r\n", 0),
        (b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n", 0),
        (b"GET " + bytes(20_000), 0),
        (b"INVITE", 0),
        (b"", 0),
    ],
)
def test_where_the_frames_begin(buffer: bytes, end: int | None) -> None:
    assert handshake(buffer) == end


def test_a_call_whose_keys_went_over_websocket() -> None:
    found = analyse(CAPTURES / "websocket.pcap")
    assert [call.caller for call in found.calls] == ["sip:alice@example.org"]
    protected = [stream.protection for stream in found.streams]
    assert [(one.authenticated, one.packets, one.intact) for one in protected if one] == [(50, 50, True)] * 2
