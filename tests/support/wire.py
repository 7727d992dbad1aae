"""Frames and capture files made byte by byte, by the standards' tables and not by the code that is tested."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

A, B = "192.0.2.1", "192.0.2.2"
A6, B6 = "2001:db8::1", "2001:db8::2"
AT = 1_700_000_000.25
SYN, FIN, ACK = 2, 1, 16
ETHERNET, RAW = 1, 101
MOST = 262_144


def udp(payload: bytes, source: int = 4000, target: int = 5000, length: int | None = None) -> bytes:
    return struct.pack("!HHHH", source, target, 8 + len(payload) if length is None else length, 0) + payload


def tcp(payload: bytes, sequence: int, *, flags: int = ACK, ack: int = 0, back: bool = False) -> bytes:
    ports = (5061, 4001) if back else (4001, 5061)
    return struct.pack("!HHIIBBHHH", *ports, sequence % 2**32, ack, 5 << 4, flags, 1000, 0, 0) + payload


def ip4(
    payload: bytes,
    protocol: int = 17,
    *,
    source: str = A,
    target: str = B,
    number: int = 1,
    flags: int = 0,
    options: bytes = b"",
    total: int | None = None,
) -> bytes:
    size = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH", 0x40 | size // 4, 0, size + len(payload) if total is None else total, number, flags, 64,
        protocol, 0,
    )  # fmt: skip
    return head + socket.inet_aton(source) + socket.inet_aton(target) + options + payload


def ip6(payload: bytes, protocol: int = 17, *, source: str = A6, target: str = B6) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
    return (
        head + socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target) + payload
    )


def fragments4(payload: bytes, *cuts: int, protocol: int = 17, number: int = 7) -> list[bytes]:
    """IPv4 fragments of a payload, cut at these offsets."""
    places = [0, *cuts, len(payload)]
    return [
        ip4(
            payload[low:high],
            protocol,
            number=number,
            flags=low // 8 | (0x2000 if high < len(payload) else 0),
        )
        for low, high in pairwise(places)
    ]


def fragments6(payload: bytes, *cuts: int, protocol: int = 17, number: int = 7) -> list[bytes]:
    """IPv6 fragments of a payload, cut at these offsets."""
    places = [0, *cuts, len(payload)]
    return [
        ip6(fragment_header(protocol, low, high < len(payload), number) + payload[low:high], 44)
        for low, high in pairwise(places)
    ]


def fragment_header(protocol: int, offset: int, more: bool, number: int) -> bytes:
    return struct.pack("!BBHI", protocol, 0, offset | more, number)


def ethernet(packet: bytes, *tags: int) -> bytes:
    """A frame with these 802.1Q tags (their types), outermost first."""
    kind = 0x86DD if packet[:1] and packet[0] >> 4 == 6 else 0x0800
    inner = b"".join(struct.pack("!HH", tag, 100 + n) for n, tag in enumerate(tags))
    return b"\x02\0\0\0\0\x01" + b"\x02\0\0\0\0\x02" + inner + struct.pack("!H", kind) + packet


def cooked(packet: bytes) -> bytes:
    return struct.pack("!HHH8sH", 0, 772, 6, bytes(8), 0x86DD if packet[0] >> 4 == 6 else 0x0800) + packet


def cooked_2(packet: bytes) -> bytes:
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return struct.pack("!HHIHBB8s", kind, 0, 1, 772, 0, 6, bytes(8)) + packet


def pcap_header(link_type: int = ETHERNET, *, order: str = "<", nano: bool = False) -> bytes:
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, MOST, link_type)


def pcap(
    frames: Iterable[bytes],
    link_type: int = ETHERNET,
    *,
    order: str = "<",
    nano: bool = False,
    step: float = 0,
) -> bytes:
    """A classic file; its frames are ``step`` seconds apart."""
    ticks = 10**9 if nano else 10**6
    file = [pcap_header(link_type, order=order, nano=nano)]
    for number, frame in enumerate(frames):
        seconds, fraction = divmod(round(Fraction(AT + number * step) * ticks), ticks)
        file.append(struct.pack(order + "IIII", seconds, fraction, len(frame), len(frame)) + frame)
    return b"".join(file)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<", options: bytes = b"") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options, order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(link_type: int = ETHERNET, options: bytes = b"", order: str = "<", snapshot: int = 0) -> bytes:
    return block(1, struct.pack(order + "HHI", link_type, 0, snapshot) + options, order)


def enhanced(
    frame: bytes, ticks: int = 0, at: int = 0, order: str = "<", options: bytes = b"", kept: int | None = None
) -> bytes:
    """An Enhanced Packet Block of interface ``at``."""
    size = len(frame) if kept is None else kept
    head = struct.pack(order + "IIIII", at, ticks >> 32, ticks & 0xFFFFFFFF, size, size)
    return block(6, head + frame + bytes(-len(frame) % 4) + options, order)


def simple(frame: bytes, order: str = "<", claimed: int | None = None) -> bytes:
    return block(3, struct.pack(order + "I", len(frame) if claimed is None else claimed) + frame, order)


def obsolete(frame: bytes, ticks: int = 0, at: int = 0, order: str = "<") -> bytes:
    head = struct.pack(order + "HHIIII", at, 0xFFFF, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(2, head + frame, order)


def written(folder: Path, content: bytes, name: str = "a.pcap") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path
