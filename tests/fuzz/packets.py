"""Packets for a media port, wrong in their structure: RTP, telephone-events, RTCP, STUN, SRTP.

Each is built field by field (RFC 3550, 4733, 8285, 4585, 3611, 8489), so that what is wrong is a count, a
length or an order, and not the first byte.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib
from random import Random

from media.rtp.srtp_key import SrtpKey
from media.rtp.srtp_transform import transform

__all__ = ["KEY", "SUITE", "Sender", "rtcp", "stun"]

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
PAYLOAD_TYPES = (8, 8, 8, 0, 3, 9, 13, 18, 97, 98, 101, 101, 127)
LENGTHS = (0, 1, 2, 3, 20, 33, 38, 50, 80, 159, 160, 161, 320, 960, 1400)
COOKIE = 0x2112A442
STUN_METHODS = (
    *(0x0001, 0x0001, 0x0001, 0x0011, 0x0101, 0x0101, 0x0111),
    *(0x0003, 0x0103, 0x0016, 0x0017, 0x0FFF),
)
"""Binding requests, indications, responses, errors, and TURN's."""
TEXTS = (0x0006, 0x0014, 0x0015, 0x8022)
ADDRESSES = (0x0001, 0x0012, 0x0016, 0x0020, 0x8023, 0x802B)
NUMBERS = (0x0024, 0x000D, 0x000C, 0x0019, 0x8028, 0x0025)
CONTROL = (0x8029, 0x802A)
INTEGRITY, FINGERPRINT, ERROR_CODE, UNKNOWN_ATTRIBUTES, DATA = 0x0008, 0x8028, 0x0009, 0x000A, 0x0013


def chance(random: Random, probability: float) -> bool:
    """Whether it happens this time."""
    return random.random() < probability


def rtp(random: Random, sequence: int, timestamp: int, ssrc: int) -> tuple[bytes, int]:
    """A packet, and the length of its header as it is said."""
    version = 2 if chance(random, 0.95) else random.randrange(4)
    count = random.choice((0, 0, 0, 1, 2, 15))
    sources = count if chance(random, 0.8) else random.randrange(16)
    extended, padded = chance(random, 0.3), chance(random, 0.2)
    kind = random.choice(PAYLOAD_TYPES)
    first = version << 6 | padded << 5 | extended << 4 | count
    packet = struct.pack(
        "!BBHII",
        first,
        chance(random, 0.1) << 7 | kind,
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc,
    )
    packet += random.randbytes(4 * sources)
    if extended:
        packet += extension(random)
    header = len(packet)
    packet += events(random) if kind == 101 else random.randbytes(random.choice(LENGTHS))
    if padded:
        packet += bytes(random.choice((0, 3, 15))) + bytes((random.choice((0, 1, 4, 16, 160, 255)),))
    if chance(random, 0.05):
        packet = packet[: random.randrange(len(packet) + 1)]
    return packet, min(header, len(packet))


def extension(random: Random) -> bytes:
    """A header extension (RFC 3550 5.3.1) with elements of one or two bytes (RFC 8285 4)."""
    profile = random.choice((0xBEDE, 0x1000, 0x1005, 0xFFFF, 0))
    data = b""
    for _ in range(random.choice((0, 1, 3))):
        length = random.choice((0, 1, 3, 15))
        said = length if chance(random, 0.7) else random.randrange(256)
        if profile == 0xBEDE:
            data += bytes((random.randrange(16) << 4 | said & 15,)) + random.randbytes(length)
        else:
            data += bytes((random.randrange(256), said)) + random.randbytes(length)
    data += bytes(-len(data) % 4)
    words = len(data) // 4 if chance(random, 0.7) else random.choice((0, 1, 255, 0x4000, 0xFFFF))
    return struct.pack("!HH", profile, words) + data


def events(random: Random) -> bytes:
    """Telephone-events, several or a part of one (RFC 4733 2.5)."""
    packed = b"".join(
        struct.pack(
            "!BBH",
            random.choice((0, 5, 10, 11, 15, 16, 64, 255)),
            chance(random, 0.4) << 7 | chance(random, 0.1) << 6 | random.randrange(64),
            random.choice((0, 160, 1600, 0xFFFF)),
        )
        for _ in range(random.choice((1, 1, 1, 2, 40)))
    )
    return packed if chance(random, 0.8) else packed[: random.randrange(len(packed))]


def rtcp(random: Random, ssrc: int) -> bytes:
    """A compound packet (RFC 3550 6.1) of any packets in any order."""
    parts = [rtcp_part(random, ssrc) for _ in range(random.choice((1, 1, 2, 3, 10)))]
    packet = b"".join(parts)
    return packet[: random.randrange(len(packet) + 1)] if chance(random, 0.1) else packet


def rtcp_part(random: Random, ssrc: int) -> bytes:
    """One packet of a compound, whose count and length may be wrong."""
    kind = random.choice((200, 200, 201, 201, 202, 203, 204, 205, 206, 207, 192, 255))
    count = random.choice((0, 1, 1, 2, 31))
    body = struct.pack("!I", ssrc)
    match kind:
        case 200:
            body += random.randbytes(20) + random.randbytes(24 * random.choice((count, 0, 1)))
        case 201:
            body += random.randbytes(24 * random.choice((count, 0, 1)))
        case 202:
            body = b"".join(chunk(random, ssrc) for _ in range(random.choice((count, 1))))
        case 203:
            body = random.randbytes(4 * random.choice((count, 0)))
            if chance(random, 0.5):
                body += bytes((random.choice((0, 3, 255)),)) + b"bye"
        case 205 | 206:
            count = random.choice((1, 2, 3, 4, 5, 15, 31))
            body += random.randbytes(4) + random.randbytes(random.choice((0, 4, 8, 16, 1000)))
        case 207:
            body += b"".join(report_block(random) for _ in range(random.choice((0, 1, 3))))
        case _:
            body += random.randbytes(random.choice((0, 4, 8, 40)))
    body += bytes(-len(body) % 4)
    padded = chance(random, 0.1)
    if padded:
        body += bytes((0, 0, 0, random.choice((0, 4, 5, 255))))
    words = len(body) // 4 if chance(random, 0.8) else random.choice((0, 1, 6, 255, 0xFFFF))
    version = 2 if chance(random, 0.97) else random.randrange(4)
    return struct.pack("!BBH", version << 6 | padded << 5 | count, kind, words) + body


def chunk(random: Random, ssrc: int) -> bytes:
    """A chunk of a source description (RFC 3550 6.5), with or without its end."""
    items = b""
    for _ in range(random.choice((0, 1, 2, 8))):
        text = random.randbytes(random.choice((0, 1, 8, 255)))
        said = len(text) if chance(random, 0.8) else random.randrange(256)
        items += bytes((random.choice((1, 2, 7, 8, 255)), said)) + text
    return struct.pack("!I", ssrc) + items + (b"\0" if chance(random, 0.7) else b"")


def report_block(random: Random) -> bytes:
    """A block of an extended report (RFC 3611 4)."""
    kind = random.choice((1, 2, 3, 4, 5, 6, 7, 8, 255))
    data = random.randbytes(random.choice((0, 4, 8, 12, 36, 32)))
    words = len(data) // 4 if chance(random, 0.7) else random.choice((0, 1, 2, 8, 9, 0x4000, 0xFFFF))
    return struct.pack("!BBH", kind, random.randrange(256), words) + data


def stun(random: Random, username: str, password: str) -> bytes:
    """A STUN message (RFC 8489) with attributes of any lengths and orders."""
    method = random.choice(STUN_METHODS)
    body = b"".join(attribute(random, username) for _ in range(random.choice((0, 1, 3, 6, 20))))
    cookie = COOKIE if chance(random, 0.9) else random.getrandbits(32)
    head = struct.pack("!HHI", method, 0, cookie) + random.randbytes(12)
    if chance(random, 0.6):
        key = password.encode() if chance(random, 0.9) else b"wrong"
        covered = sized(head, len(body) + 24) + body
        body += struct.pack("!HH", INTEGRITY, 20) + hmac.digest(key, covered, hashlib.sha1)
    if chance(random, 0.4):
        body += attribute(random, username)
    if chance(random, 0.5):
        check = zlib.crc32(sized(head, len(body) + 8) + body) ^ 0x5354554E
        body += struct.pack("!HHI", FINGERPRINT, 4, check if chance(random, 0.8) else 0)
    length = len(body) if chance(random, 0.85) else random.choice((0, 1, 3, 4, 0xFFFC, 0xFFFF))
    packet = sized(head, length) + body
    return packet[: random.randrange(len(packet) + 1)] if chance(random, 0.05) else packet


def sized(head: bytes, length: int) -> bytes:
    """The header with this length of the attributes."""
    return head[:2] + struct.pack("!H", length) + head[4:]


def attribute(random: Random, username: str) -> bytes:
    """One attribute."""
    kind = random.choice((*TEXTS, *ADDRESSES, *NUMBERS, *CONTROL, ERROR_CODE, UNKNOWN_ATTRIBUTES, DATA))
    if kind in TEXTS:
        value = random.choice((username.encode(), b"", b":", b"x" * 600, random.randbytes(9)))
    elif kind in ADDRESSES:
        family = random.choice((1, 2, 0, 3))
        value = struct.pack("!BBH", 0, family, random.getrandbits(16)) + random.randbytes(
            random.choice((4, 16, 0))
        )
    elif kind == ERROR_CODE:
        value = struct.pack("!HBB", 0, random.choice((4, 3, 0, 7)), random.choice((87, 1, 0, 255))) + b"why"
    elif kind == UNKNOWN_ATTRIBUTES:
        value = random.randbytes(2 * random.choice((0, 1, 40)))
    else:
        value = random.randbytes(8 if kind in CONTROL else 4)
    if chance(random, 0.1):
        value = random.randbytes(random.randrange(40))
    length = len(value) if chance(random, 0.85) else random.choice((0, 1, 3, 600, 0xFFFF))
    return struct.pack("!HH", kind, length) + value + bytes(-len(value) % 4)


class Sender:
    """One stream of packets, plain or encrypted with ``KEY``, whose numbers jump."""

    def __init__(self, random: Random, *, secure: bool) -> None:
        self._random = random
        self.ssrc = random.getrandbits(32)
        self._index = random.choice((0, 0xFFF0, random.getrandbits(16)))
        self._timestamp = random.getrandbits(32)
        self._transform = transform(SrtpKey.from_inline(SUITE, f"inline:{KEY}")) if secure else None
        self._control = 0
        self._sent: list[bytes] = []

    def rtp(self) -> bytes:
        """The next packet, or an earlier one again."""
        random = self._random
        if self._sent and chance(random, 0.05):
            return random.choice(self._sent)
        self._index = max(0, self._index + self._step())
        self._timestamp += random.choice((160, 160, 160, 0, -160, 1 << 31))
        if chance(random, 0.02):
            self.ssrc = random.getrandbits(32)
        packet, header = rtp(random, self._index, self._timestamp, self.ssrc)
        if self._transform is not None and len(packet) >= 12:
            packet = self._damaged(self._transform.protect(packet, header, self.ssrc, self._index))
        self._sent = [*self._sent[-50:], packet]
        return packet

    def rtcp(self) -> bytes:
        """A compound packet."""
        packet = rtcp(self._random, self.ssrc)
        if self._transform is None or len(packet) < 8:
            return packet
        self._control = max(0, self._control + self._step()) & 0x7FFFFFFF
        encrypted = chance(self._random, 0.8)
        return self._damaged(self._transform.protect_rtcp(packet, self._control, encrypted=encrypted))

    def _step(self) -> int:
        return self._random.choice((1, 1, 1, 1, 2, 0, -1, -70, 100, 0x7FFF, 0x8000, -0x8000, 0x10000))

    def _damaged(self, packet: bytes) -> bytes:
        if chance(self._random, 0.05):
            packet = packet[: self._random.randrange(len(packet))]
        if packet and chance(self._random, 0.05):
            place = self._random.randrange(len(packet))
            packet = (
                packet[:place]
                + bytes((packet[place] ^ 1 << self._random.randrange(8),))
                + packet[place + 1 :]
            )
        return packet
