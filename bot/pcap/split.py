"""Writes a capture's streams apart: a pcap for each, named by its SSRC, with its RTCP."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bot.errors import ConfigError
from bot.pcap.analysis import Progress, analyse
from bot.pcap.folder import new_folder
from bot.pcap.report import Analysis, StreamReport
from bot.pcap.streams import Stream
from media.capture import Packet
from media.packets import FILE_HEADER, datagram, record

__all__ = ["Part", "Split", "split"]

MOST_BUFFERED = 1 << 25
"""Bytes before they are written: with 10,000 streams no file can stay open."""


class Part(msgspec.Struct, frozen=True):
    """A file with one stream."""

    file: str
    packets: int
    stream: StreamReport


class Split(msgspec.Struct, frozen=True):
    """What was written."""

    analysis: Analysis
    parts: tuple[Part, ...]


def split(path: str | Path, folder: str | Path, *, progress: Progress = lambda done: None) -> Split:
    """Write each stream of a capture to ``folder``, which must be new or empty.

    Raises CaptureError, ConfigError when the folder is not to be used, NativeError when the disk is full.
    """
    with new_folder(folder) as draft:
        writer = _Writer(draft)
        analysis = analyse(path, progress=progress, sink=writer)
        writer.flush()
        if not writer.files:
            raise ConfigError(f"{path}: has no RTP streams to split")
        # The reports are in the order in which the streams began, and so are these.
        streams = sorted(writer.files, key=lambda stream: stream.began)
        named = {(one.source, one.target, one.ssrc, one.started): one for one in analysis.streams}
        parts = [
            Part(name, count, named[str(one.source), str(one.target), one.ssrc, one.began])
            for one in streams
            for name, count in [writer.files[one]]
        ]
    return Split(analysis, tuple(parts))


class _Writer:
    """Buffers what belongs to each file."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[Stream, tuple[str, int]] = {}
        self._folder = folder
        self._names: set[str] = set()
        self._buffers: dict[Stream, bytearray] = {}
        self._buffered = 0

    def rtp(self, stream: Stream, packet: Packet, plain: bytes | None) -> None:
        name, count = self.files.get(stream) or (self._name(stream), 0)
        self.files[stream] = name, count + 1
        content = record(packet.at, datagram(packet.source, packet.target, packet.payload, count))
        self._buffers.setdefault(stream, bytearray()).extend(content)
        self._buffered += len(content)
        if self._buffered > MOST_BUFFERED:
            self.flush()

    rtcp = rtp

    def flush(self) -> None:
        for stream, buffer in self._buffers.items():
            path = self._folder / self.files[stream][0]
            begins = not path.exists()
            with path.open("ab") as file:
                file.write((FILE_HEADER if begins else b"") + buffer)
        self._buffers.clear()
        self._buffered = 0

    def _name(self, stream: Stream) -> str:
        """By the SSRC; two of the same get a number."""
        stem = f"{stream.ssrc:08X}"
        name, number = f"{stem}.pcap", 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}.pcap"
        self._names.add(name)
        return name
