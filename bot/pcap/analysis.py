"""Reads a capture twice: first the calls, for keys may be seen after what they protect, then the streams.

Memory is bounded by calls and streams, not by packets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from bot.pcap.calls import Calls
from bot.pcap.keys import GivenKeys
from bot.pcap.keystream import KeyStreams
from bot.pcap.messages import Messages, Told
from bot.pcap.report import Analysis, Protection, StreamReport, report
from bot.pcap.streams import MOST_STREAMS, Prospects, Stream, Streams
from media.capture import NOT_IP, OTHER_PROTOCOL, Capture, Packet
from media.rtp import is_rtcp, parse_rtp
from media.srtp import SrtpKey

__all__ = ["Analysis", "Progress", "Protection", "Sink", "StreamReport", "Told", "analyse"]

EVERY = 4096
"""Packets between two words about the progress."""
Progress = Callable[[float | None], None]
"""Is told how much is done, from 0 to 1; None while that is not known."""


class Sink(Protocol):
    """Takes the packets of the streams as they are understood, in the order of the capture."""

    def rtp(self, stream: Stream, packet: Packet, plain: bytes | None) -> None:
        """An RTP packet; ``plain`` is None when it is protected and no key opens it."""

    def rtcp(self, stream: Stream, packet: Packet, plain: bytes | None) -> None:
        """The same of RTCP."""


def analyse(
    path: str | Path,
    *,
    told: Iterable[Told] = (),
    keys: Iterable[SrtpKey] = (),
    progress: Progress = lambda done: None,
    sink: Sink | None = None,
) -> Analysis:
    """Understand a capture.

    ``told`` are SIP messages known from elsewhere, with their keys, for signalling that is encrypted or was
    not captured; ``keys`` are tried on what the descriptions' keys do not open. Raises CaptureError.
    """
    capture = Capture(path)
    calls, prospects = _calls(capture, told, progress)
    streams = Streams(calls, prospects, GivenKeys(keys))
    _follow(capture, streams, progress, sink)
    ordered = sorted(streams.all, key=lambda stream: stream.began)
    return Analysis(
        calls=calls.told(),
        streams=tuple(report(stream) for stream in ordered),
        notes=(*_notes(capture, streams), *calls.notes),
    )


def _calls(capture: Capture, told: Iterable[Told], progress: Progress) -> tuple[Calls, Prospects]:
    """The first pass: messages, and which sources are worth a stream."""
    calls, prospects, messages = Calls(), Prospects(), Messages()
    waiting = sorted(told, key=lambda one: one.at, reverse=True)
    for count, packet in enumerate(capture):
        while waiting and waiting[-1].at <= packet.at:
            calls.feed(waiting.pop())
        if packet.protocol == "udp" and packet.payload[:1] >= b"\x80":
            if not is_rtcp(packet.payload):
                prospects.add(packet)
        else:
            for message in messages.feed(packet):
                calls.feed(message)
        if not count % EVERY:
            progress(None)
    while waiting:
        calls.feed(waiting.pop())
    return calls, prospects


def _follow(capture: Capture, streams: Streams, progress: Progress, sink: Sink | None) -> None:
    """The second pass: every packet of every stream."""
    key_streams = KeyStreams()
    frames = max(1, capture.frames)
    for count, packet in enumerate(capture):
        if not count % EVERY:
            progress(min(1.0, packet.number / frames))
        if packet.protocol != "udp" or packet.payload[:1] < b"\x80":
            continue
        if is_rtcp(packet.payload):
            stream = streams.of_rtcp(packet, int.from_bytes(packet.payload[4:8], "big"))
            if stream is not None:
                opened = stream.take_rtcp(packet)
                if sink is not None:
                    sink.rtcp(stream, packet, opened)
            continue
        rtp = parse_rtp(packet.payload)
        stream = streams.of_rtp(packet, rtp.ssrc) if rtp is not None else None
        if rtp is None or stream is None:
            continue
        plain = stream.take(packet, rtp, key_streams)
        if sink is not None:
            sink.rtp(stream, packet, plain)
    progress(1.0)


def _notes(capture: Capture, streams: Streams) -> list[str]:
    """What of the file could not be used."""
    notes = [capture.problem] if capture.problem else []
    notes += [
        f"{count} frames were left out: {why}"
        for why, count in sorted(capture.skipped.items())
        if why not in {NOT_IP, OTHER_PROTOCOL}
    ]
    if capture.gaps:
        notes.append(f"bytes of TCP connections are missing in {capture.gaps} places")
    if streams.missed:
        notes.append(f"only the first {MOST_STREAMS} streams were looked at")
    return notes
