"""Detection of reflected RTP: the same SSRC and payload in both directions of a call.

Two sources never share an SSRC (RFC 3550 section 8.2). The module stores the latest packets of each source.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from zlib import crc32

from bot.capture.stream import Stream

__all__ = ["Reflections"]

REMEMBERED = 512
"""Packets stored per source: ten seconds."""
MOST_SOURCES = 4096

Way = tuple[object, object, int]


class Reflections:
    """The sources of a capture; feed it all packets in order."""

    def __init__(self) -> None:
        """Create a record without sources."""
        self._sources: OrderedDict[Way, _Source] = OrderedDict()
        self._of_streams: dict[Stream, _Source] = {}

    def is_one(self, stream: Stream, payload: bytes) -> bool:
        """Whether the other side sent a packet with the same SSRC and payload before."""
        sent = self._of_streams.get(stream)
        if sent is None:
            sent = self._of_streams[stream] = self._source(stream)
        check = crc32(payload)
        sent.checks.append(check)
        return sent.first is not None and check in sent.first.checks

    def _source(self, stream: Stream) -> _Source:
        """The source of the stream; several streams share it when it sends from several addresses."""
        ends: tuple[object, object] = (stream.source, stream.target)
        if stream.route is not None:
            hop, by_caller = stream.route.hop, stream.route.by_caller
            ends = (hop, by_caller), (hop, not by_caller)
        own = (*ends, stream.ssrc)
        sent = self._sources.get(own)
        if sent is None:
            sent = self._sources[own] = _Source(self._sources.get((ends[1], ends[0], stream.ssrc)))
            if len(self._sources) > MOST_SOURCES:
                self._sources.popitem(last=False)
                self._of_streams.clear()
        return sent


class _Source:
    """The latest packets of an SSRC in one direction; ``first`` is the direction that used the SSRC first."""

    def __init__(self, first: _Source | None) -> None:
        self.first = first
        self.checks: deque[int] = deque(maxlen=REMEMBERED)
