"""SIP messages out of the packets of a capture: datagrams, and streams framed by Content-Length.

RFC 3261 sections 7.5 and 18.3. It knows where a message begins and ends, and nothing of what it says.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from media.capture import Address, Packet

__all__ = ["Messages", "Told"]

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
class Told:
    """A SIP message and who sent it to whom; ``at`` in seconds since 1970. Keys are in its text."""

    at: float
    source: Address
    target: Address
    text: str

    def __repr__(self) -> str:
        """Without the text, for it holds keys."""
        return f"Told({self.at:.6f}, {self.source} -> {self.target}, {len(self.text)} characters)"


class Messages:
    """Takes packets in order and gives the messages in them; of a stream it keeps what is not whole yet."""

    def __init__(self) -> None:
        """Begin with nothing kept."""
        self._streams: OrderedDict[tuple[Address, Address], bytearray] = OrderedDict()

    def feed(self, packet: Packet) -> Iterator[Told]:
        """The messages that this packet ends; what is not SIP gives none."""
        if packet.protocol == "tcp":
            yield from self._of_stream(packet)
            return
        content = packet.payload.lstrip(b"\r\n")
        if _START.match(content):
            yield _told(packet, content)

    def _of_stream(self, packet: Packet) -> Iterator[Told]:
        way = packet.source, packet.target
        kept = self._streams.pop(way, None)
        # Without bytes it says that some are missing: what was kept will never be whole.
        buffer = kept if kept is not None and packet.payload else bytearray()
        buffer += packet.payload
        while (size := _framed(buffer)) is not None:
            yield _told(packet, bytes(buffer[:size]))
            del buffer[:size]
        if buffer:
            self._streams[way] = buffer
            if len(self._streams) > _MOST_STREAMS:
                self._streams.popitem(last=False)


def _framed(buffer: bytearray) -> int | None:
    """The length of the message that the buffer begins with, once it is whole; drops what is before one."""
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
            said = _CONTENT_LENGTH.search(buffer, 0, gap.start())
            size = gap.end() + (int(said[1]) if said else 0)
            if size <= _LONGEST:
                return size if len(buffer) >= size else None
        elif len(buffer) < _LONGEST:
            return None
        del buffer[: buffer.find(b"\n") + 1]  # longer than any message: the next start line is looked for


def _keep_last_line(buffer: bytearray) -> None:
    """What may be the beginning of a start line whose rest comes later."""
    last = buffer.rfind(b"\n") + 1
    del buffer[: last if len(buffer) - last <= _LONGEST_START else len(buffer)]


def _told(packet: Packet, content: bytes) -> Told:
    return Told(packet.at, packet.source, packet.target, content.decode("utf-8", "replace"))
