"""SIP message framing in a capture: datagrams, streams with Content-Length (RFC 3261 18.3), WebSocket.

See also RFC 3261 section 7.5 and RFC 7118. The module finds the boundaries of messages and does not parse
them.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from bot.capture.websocket import WebSocket, first_payload, handshake
from media.capture.reader import Address, Packet

__all__ = ["JournalMessage", "Messages"]

_START = re.compile(rb"(?:SIP/2\.0 [1-6][0-9]{2}(?: [^\r\n]*)?|[A-Z]{2,32} [^ \r\n]{1,2048} SIP/2\.0)\r?\n")
_LATER_START = re.compile(rb"(?<=\n)" + _START.pattern)
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_CONTENT_LENGTH = re.compile(
    rb"\n(?:Content-Length|l)[ \t]*:[ \t]*([0-9]{1,9})[ \t]*\r?(?=\n|\Z)", re.IGNORECASE
)
_LONGEST = 1 << 16  # of a message: what a datagram can hold
_LONGEST_START = 4096
_MOST_STREAMS = 512


@dataclass(frozen=True, slots=True)
class JournalMessage:
    """A SIP message with its source and destination; ``at`` in seconds since 1970. The text contains keys."""

    at: float
    source: Address
    target: Address
    text: str

    def __repr__(self) -> str:
        """Omits the text, which contains keys."""
        return f"JournalMessage({self.at:.6f}, {self.source} -> {self.target}, {len(self.text)} characters)"


class Messages:
    """Extracts SIP messages from packets in order; buffers incomplete messages of streams."""

    def __init__(self) -> None:
        """Create empty buffers."""
        self._streams: OrderedDict[tuple[Address, Address], bytearray] = OrderedDict()
        self._sockets: OrderedDict[tuple[Address, Address], WebSocket] = OrderedDict()

    def feed(self, packet: Packet) -> Iterator[JournalMessage]:
        """The messages that this packet completes; none if the packet is not SIP."""
        if packet.protocol == "tcp":
            yield from self._of_stream(packet)
            return
        content = packet.payload.lstrip(b"\r\n")
        if packet.cut:
            content = _whole_lines(content)
        if _START.match(content):
            yield _journal_message(packet, content)

    def _of_stream(self, packet: Packet) -> Iterator[JournalMessage]:
        way = packet.source, packet.target
        kept = self._streams.pop(way, bytearray())
        if not packet.payload:
            # Bytes are missing: the buffered message stays incomplete, and frame boundaries are unknown.
            self._sockets.pop(way, None)
            content = _whole_lines(bytes(kept))
            if _START.match(content) and _END_OF_HEAD.search(content, 0, _LONGEST):
                yield _journal_message(packet, content)
            return
        socket = self._sockets.get(way)
        if socket is not None:
            yield from self._of_socket(packet, socket, packet.payload)
            return
        frames = _frames(kept, packet.payload)
        if frames is not None:
            socket = self._sockets[way] = WebSocket()
            if len(self._sockets) > _MOST_STREAMS:
                self._sockets.popitem(last=False)
            yield from self._of_socket(packet, socket, frames)
            return
        buffer = kept + packet.payload
        while handshake(buffer) is not None and (size := _framed(buffer)) is not None:
            yield _journal_message(packet, bytes(buffer[:size]))
            del buffer[:size]
        if buffer:
            self._streams[way] = buffer
            if len(self._streams) > _MOST_STREAMS:
                self._streams.popitem(last=False)

    def _of_socket(self, packet: Packet, socket: WebSocket, data: bytes) -> Iterator[JournalMessage]:
        """The SIP messages of one direction; each one is a WebSocket message (RFC 7118 section 5)."""
        for content in socket.feed(data):
            if _START.match(content):
                yield _journal_message(packet, content)


def _frames(kept: bytearray, data: bytes) -> bytes | None:
    """The data after a WebSocket handshake, or all data if it begins with SIP in a frame."""
    for buffer in (bytes(kept) + data, data):
        if begins := handshake(buffer):
            return buffer[begins:]
    return data if _START.match(first_payload(data)) else None


def _whole_lines(content: bytes) -> bytes:
    """Drop an incomplete last line: part of a port or of a key would be read as another value."""
    return content[: content.rfind(b"\n") + 1]


def _framed(buffer: bytearray) -> int | None:
    """The length of a complete message at the start of the buffer; drops bytes before the message."""
    while True:
        del buffer[: len(buffer) - len(buffer.lstrip(b"\r\n"))]
        if not _START.match(buffer):
            later = _LATER_START.search(buffer)
            if later is None:
                _keep_last_line(buffer)
                return None
            del buffer[: later.start()]
        gap = _END_OF_HEAD.search(buffer, 0, _LONGEST)
        if gap is not None:
            length = _CONTENT_LENGTH.search(buffer, 0, gap.start())
            size = gap.end() + (int(length[1]) if length else 0)
            if size <= _LONGEST:
                return size if len(buffer) >= size else None
        elif len(buffer) < _LONGEST:
            return None
        del buffer[: buffer.find(b"\n") + 1]  # longer than any message: search for the next start line


def _keep_last_line(buffer: bytearray) -> None:
    """Keep the last line: it may be the first part of a start line."""
    last = buffer.rfind(b"\n") + 1
    del buffer[: last if len(buffer) - last <= _LONGEST_START else len(buffer)]


def _journal_message(packet: Packet, content: bytes) -> JournalMessage:
    return JournalMessage(packet.at, packet.source, packet.target, content.decode("utf-8", "replace"))
