"""HEP (HOMER) and TURN (RFC 8656) messages made byte by byte, as capture agents and relays send them."""

from __future__ import annotations

import socket
import struct

from media.capture.reader import Address
from tests.support.wire import A6, B6, A, B

SIP = b"OPTIONS sip:bob@example SIP/2.0\r\n\r\n"
ENDS = socket.inet_aton(A) + socket.inet_aton(B) + struct.pack("!HH", 5060, 5070)
ENDS_6 = socket.inet_pton(socket.AF_INET6, A6) + socket.inet_pton(socket.AF_INET6, B6) + ENDS[-4:]


def chunk(kind: int, value: bytes, vendor: int = 0) -> bytes:
    return struct.pack("!HHH", vendor, kind, 6 + len(value)) + value


def of_3(*chunks: bytes) -> bytes:
    content = b"".join(chunks)
    return b"HEP3" + struct.pack("!H", 6 + len(content)) + content


HEAD = (
    chunk(1, b"\2"),
    chunk(2, b"\x11"),
    chunk(3, ENDS[:4]),
    chunk(4, ENDS[4:8]),
    chunk(7, ENDS[8:10]),
    chunk(8, ENDS[10:]),
    chunk(9, struct.pack("!I", 1_700_000_000)),
    chunk(10, bytes(4)),
    chunk(11, b"\1"),
    chunk(12, bytes(4)),
)
HEAD_6 = (
    chunk(1, b"\x0a"),
    chunk(5, ENDS_6[:16]),
    chunk(6, ENDS_6[16:32]),
    chunk(7, ENDS[8:10]),
    chunk(8, ENDS[10:]),
)

COOKIE = b"\x21\x12\xa4\x42"
TRANSACTION = b"transaction!"
MEDIA = b"\x80" + b"media" * 4
CLIENT, SERVER, PEER, PEER_6 = (
    Address(A, 4000),
    Address(B, 3478),
    Address("198.51.100.7", 6000),
    Address(A6, 6000),
)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def masked(peer: Address) -> bytes:
    family = socket.AF_INET6 if ":" in peer.host else socket.AF_INET
    mask = COOKIE + TRANSACTION
    port = peer.port ^ 0x2112
    host = bytes(a ^ b for a, b in zip(socket.inet_pton(family, peer.host), mask, strict=False))
    return struct.pack("!BBH", 0, 2 if family == socket.AF_INET6 else 1, port) + host


def stun(kind: int, *attributes: bytes) -> bytes:
    content = b"".join(attributes)
    return struct.pack("!HH", kind, len(content)) + COOKIE + TRANSACTION + content


def bind(peer: Address, channel: int = 0x4001) -> bytes:
    return stun(9, attribute(12, struct.pack("!HH", channel, 0)), attribute(18, masked(peer)))


def channel_data(payload: bytes, channel: int = 0x4001, padding: int = 0) -> bytes:
    return struct.pack("!HH", channel, len(payload)) + payload + bytes(padding)
