"""Datagrams with their own length field inside TCP: HEP3, STUN and TURN (RFC 8489, RFC 8656)."""

from __future__ import annotations

from collections import OrderedDict

from media.capture.tcp import BREAK

__all__ = ["Framed"]

HEP, COOKIE = b"HEP3", b"\x21\x12\xa4\x42"
CHANNELS = range(0x40, 0x50)
MOST_DIRECTIONS = 512
LEAST = 8
"""Bytes that identify the start of a datagram."""


class Framed:
    """The directions of connections that carry only such datagrams; each buffers less than one datagram."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, bytearray] = OrderedDict()

    def feed(self, direction: bytes, data: bytes) -> list[bytes] | None:
        """The datagrams that the next bytes of a direction complete; None when it carries anything else."""
        kept = self._kept.pop(direction, None)
        if data == BREAK or (kept is None and not begins(data)):
            return None
        buffer = kept if kept is not None else bytearray()
        buffer += data
        found: list[bytes] = []
        while len(buffer) >= LEAST:
            length, padding = size(buffer)
            if not length:
                return found
            if len(buffer) < length + padding:
                break
            found.append(bytes(buffer[:length]))
            del buffer[: length + padding]
        self._kept[direction] = buffer
        if len(self._kept) > MOST_DIRECTIONS:
            self._kept.popitem(last=False)
        return found


def begins(data: bytes) -> bool:
    """Whether a connection that begins with these bytes carries such datagrams."""
    return data.startswith(HEP) or (data[4:8] == COOKIE and data[0] < 2)


def size(buffer: bytearray) -> tuple[int, int]:
    """The length of the datagram that begins here, with its padding; 0 if it is not one."""
    if buffer.startswith(HEP):
        return max(LEAST, int.from_bytes(buffer[4:6], "big")), 0
    length = int.from_bytes(buffer[2:4], "big")
    if buffer[0] < 2 and buffer[4:8] == COOKIE:
        return 20 + length, 0
    return (4 + length, -length % 4) if buffer[0] in CHANNELS else (0, 0)
