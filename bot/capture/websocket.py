"""WebSocket decoder for captures: the handshake and the frames of one direction (RFC 6455).

It inflates compressed messages (RFC 7692). It does not parse the messages; SIP over WebSocket is RFC 7118.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

__all__ = ["WebSocket", "first_payload", "handshake"]

LONGEST = 1 << 16
"""Maximum length of a message; longer messages are skipped."""
LONGEST_HANDSHAKE = 1 << 14
_REQUEST = re.compile(rb"GET [^ \r\n]{1,2048} HTTP/1\.1\r?\n")
_RESPONSE = re.compile(rb"HTTP/1\.1 101[ \r\n]")
_BEGINNINGS = (b"GET ", b"HTTP/1.1 101")
_UPGRADE = re.compile(rb"\nUpgrade[ \t]*:[ \t]*websocket[ \t]*\r?\n", re.IGNORECASE)
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_FINAL, _COMPRESSED, _RESERVED, _MASKED = 0x80, 0x40, 0x30, 0x80
_CONTINUATION, _TEXT, _BINARY, _CONTROL = 0, 1, 2, 8
_END_OF_DEFLATE = b"\0\0\xff\xff"


def handshake(buffer: bytes | bytearray) -> int | None:
    """The offset of the frames behind the handshake at the start of the buffer.

    Returns 0 when the buffer begins with no handshake, None when more bytes are needed to decide.
    """
    start = bytes(buffer[: len(_BEGINNINGS[1])])
    if not any(start.startswith(one[: len(start)]) for one in _BEGINNINGS) or not start:
        return 0
    end = _END_OF_HEAD.search(buffer, 0, LONGEST_HANDSHAKE)
    if end is None:
        return None if len(buffer) < LONGEST_HANDSHAKE else 0
    begins = _REQUEST.match(buffer) or _RESPONSE.match(buffer)
    return end.end() if begins and _UPGRADE.search(buffer, 0, end.end()) else 0


def first_payload(data: bytes | bytearray) -> bytes:
    """The available payload of the data frame at the start of the bytes; empty without a data frame.

    This serves connections whose handshake was not captured.
    """
    if len(data) < 2 or data[0] & 0x7F not in (_TEXT, _BINARY):
        return b""
    header = _header(data)
    if header is None:
        return b""
    start, length, mask = header
    return _unmasked(data[start : start + length], mask)


class WebSocket:
    """One direction of a connection after its handshake."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipping = 0
        self._message: bytearray | None = None
        self._compressed = False
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)

    def feed(self, data: bytes | bytearray) -> Iterator[bytes]:
        """The messages that these bytes complete."""
        self._buffer += data
        while True:
            skipped = min(self._skipping, len(self._buffer))
            del self._buffer[:skipped]
            self._skipping -= skipped
            header = _header(self._buffer)
            if self._skipping or header is None:
                return
            start, length, mask = header
            if length > LONGEST:
                self._skipping, self._message = start + length, None
                continue
            if len(self._buffer) < start + length:
                return
            first, payload = self._buffer[0], _unmasked(self._buffer[start : start + length], mask)
            del self._buffer[: start + length]
            message = self._frame(first, payload)
            if message is not None:
                yield message

    def _frame(self, first: int, payload: bytes) -> bytes | None:
        """The message that a frame completes; control frames may stand between the fragments."""
        kind = first & 0x0F
        if kind >= _CONTROL:
            return None
        if kind != _CONTINUATION:
            self._message, self._compressed = bytearray(), bool(first & _COMPRESSED)
        if self._message is None or len(self._message) + len(payload) > LONGEST:
            self._message = None
            return None
        self._message += payload
        if not first & _FINAL:
            return None
        message, self._message = bytes(self._message), None
        return self._inflated(message) if self._compressed else message

    def _inflated(self, message: bytes) -> bytes | None:
        """Inflate a message; it may refer to the data of earlier messages."""
        if self._inflater.eof:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            whole = self._inflater.decompress(message + _END_OF_DEFLATE, LONGEST)
        except zlib.error:
            return None
        return whole if not self._inflater.unconsumed_tail else None


def _header(data: bytes | bytearray) -> tuple[int, int, bytes] | None:
    """Offset, length and mask of the first frame's payload; None when more bytes are needed."""
    if len(data) < 2:
        return None
    length, start = data[1] & 0x7F, 2
    if length >= 126:
        start = 4 if length == 126 else 10
        length = int.from_bytes(data[2:start], "big")
    masked = 4 if data[1] & _MASKED else 0
    if len(data) < start + masked:
        return None
    return start + masked, length, bytes(data[start : start + masked])


def _unmasked(payload: bytes | bytearray, mask: bytes) -> bytes:
    if not mask or not payload:
        return bytes(payload)
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    plain = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return plain.to_bytes(len(payload), "big")
