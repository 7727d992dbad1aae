"""Splits a capture into one pcap per stream, named by its SSRC, with the RTCP of the stream."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bot.capture.analysis import Progress, Seen, analyse
from bot.capture.report import Analysis, StreamReport
from bot.capture.stream import Stream
from bot.errors import ConfigError
from bot.files import new_folder, unused_name
from media.capture.reader import Packet
from media.capture.writer import FILE_HEADER, datagram, record

__all__ = ["Part", "Split", "split"]

MOST_BUFFERED = 1 << 25
"""Bytes buffered before a write; with 10,000 streams not every file can stay open."""


class Part(msgspec.Struct, frozen=True):
    """A file with one stream."""

    file: str
    packets: int
    stream: StreamReport


class Split(msgspec.Struct, frozen=True):
    """The written files."""

    analysis: Analysis
    parts: tuple[Part, ...]


def split(path: str | Path, folder: str | Path, *, progress: Progress = lambda done: None) -> Split:
    """Write each stream of a capture to ``folder``, which must be new or empty.

    Raises CaptureError, ConfigError for an unusable folder, NativeError when the disk is full.
    """
    with new_folder(folder) as draft:
        writer = _Writer(draft)
        analysis = analyse(path, progress=progress, sink=writer)
        writer.flush()
        if not writer.files:
            raise ConfigError(f"{path}: has no RTP streams to split")
        # reports and parts are both in the order in which the streams began
        streams = sorted(writer.files, key=lambda stream: stream.began)
        named = {(one.source, one.target, one.ssrc, one.started): one for one in analysis.streams}
        parts = [
            Part(name, count, named[str(one.source), str(one.target), one.ssrc, one.began])
            for one in streams
            for name, count in [writer.files[one]]
        ]
    return Split(analysis, tuple(parts))


class _Writer:
    """Buffers the packets of each file."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[Stream, tuple[str, int]] = {}
        self._folder = folder
        self._names: set[str] = set()
        self._buffers: dict[Stream, bytearray] = {}
        self._buffered = 0

    def take(self, seen: Sequence[Seen]) -> None:
        for stream, packet, _, _ in seen:
            self._take(stream, packet)

    def _take(self, stream: Stream, packet: Packet) -> None:
        name, count = self.files.get(stream) or (unused_name(f"{stream.ssrc:08X}", ".pcap", self._names), 0)
        self.files[stream] = name, count + 1
        content = record(packet.at, datagram(packet.source, packet.target, packet.payload, count))
        self._buffers.setdefault(stream, bytearray()).extend(content)
        self._buffered += len(content)
        if self._buffered > MOST_BUFFERED:
            self.flush()

    def flush(self) -> None:
        for stream, buffer in self._buffers.items():
            path = self._folder / self.files[stream][0]
            begins = not path.exists()
            with path.open("ab") as file:
                file.write((FILE_HEADER if begins else b"") + buffer)
        self._buffers.clear()
        self._buffered = 0
