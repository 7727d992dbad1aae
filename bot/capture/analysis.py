"""The two-pass analysis of a capture: the first pass reads SIP calls and keys, the second pass reads streams.

Two passes are needed because a key may appear in the capture after the packets that it protects. Memory is
bounded by the number of calls and streams, not by the number of packets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from bot.capture.calls import Calls
from bot.capture.digits import Heard
from bot.capture.info_digits import InfoDigits
from bot.capture.keys import GivenKeys
from bot.capture.keystream_reuse import KeyStreams
from bot.capture.missing_media import with_missing_media
from bot.capture.reflections import Reflections
from bot.capture.report import Analysis, Protection, StreamReport, report
from bot.capture.sip_messages import JournalMessage, Messages
from bot.capture.stream import Stream
from bot.capture.streams import MOST_STREAMS, Prospects, Streams
from media.capture.reader import NOT_IP, OTHER_PROTOCOL, Capture, Packet
from media.rtp.packet import RtpPacket, is_rtcp, parse_rtp
from media.rtp.srtp import SrtpKey

__all__ = [
    "Analysis",
    "Heard",
    "JournalMessage",
    "Progress",
    "Protection",
    "Seen",
    "Sink",
    "StreamReport",
    "analyse",
]

TELEPHONY = 8000
"""The clock rate (Hz) of a payload type without a description."""
EVERY = 4096
"""Packets between two progress reports."""
BATCH = 256
"""Packets that one step processes before the next step runs; short loops run twice as fast as long ones."""
Progress = Callable[[float | None], None]
"""Receives the finished part of the work, from 0 to 1; None while the total is unknown."""


class Seen(NamedTuple):
    """A packet of a stream."""

    stream: Stream
    packet: Packet
    rtp: RtpPacket | None
    """The packet as captured; None for RTCP."""
    plain: bytes | None
    """The decrypted packet; None when it is protected and no key opens it."""


RECORD_HEADER = 13
DTLS_VERSIONS = b"\xfe\xff", b"\xfe\xfd"
"""DTLS 1.0 and 1.2 (RFC 6347 section 4.1); 1.3 has the version of 1.2 (RFC 9147)."""


class Sink(Protocol):
    """Receives the packets of the streams during the second pass."""

    def take(self, seen: Sequence[Seen]) -> None:
        """Process the next packets, in capture order."""


def analyse(
    path: str | Path,
    *,
    journal_messages: Iterable[JournalMessage] = (),
    keys: Iterable[SrtpKey] = (),
    progress: Progress = lambda done: None,
    sink: Sink | None = None,
) -> Analysis:
    """Analyse a capture: its calls, its streams and their protection.

    ``journal_messages`` are SIP messages from another source, such as a journal, with their keys. They are
    needed when the signalling is encrypted or not in the capture. ``keys`` are tried on packets that the
    negotiated keys do not open. Raises CaptureError.
    """
    capture = Capture(path)
    calls, info, prospects = _calls(capture, journal_messages, progress)
    streams = Streams(calls, prospects, GivenKeys(keys))
    _follow(capture, streams, progress, sink)
    ordered = sorted(streams.all, key=lambda stream: stream.began)
    seen = [one.route.hop.call_id for one in ordered if one.route and one.statistics.packets]
    return Analysis(
        calls=with_missing_media(calls.summaries(), calls.hops(), seen),
        streams=tuple(
            report(stream, before, streams.handshakes[stream.source, stream.target])
            for stream, before in _predecessors(ordered)
        ),
        digits=tuple(sorted([*_heard(ordered), *info.digits], key=lambda one: one.at)),
        notes=(*_notes(capture, streams), *calls.notes, *info.notes),
    )


def _predecessors(ordered: Iterable[Stream]) -> Iterator[tuple[Stream, Stream | None]]:
    """Pair each stream with the one that ended on the same path before it, as after an SSRC change."""
    latest: dict[object, Stream] = {}
    for stream in ordered:
        way = stream.source, stream.target, stream.route
        before = latest.get(way)
        follows = before is not None and stream.statistics.packets and before.ended <= stream.began
        yield stream, before if follows else None
        if stream.statistics.packets and (before is None or before.ended <= stream.ended):
            latest[way] = stream


def _heard(streams: Iterable[Stream]) -> Iterator[Heard]:
    """The digits of the telephone-events (RFC 4733) in all streams."""
    for stream in streams:
        form = stream.main_format
        for digit in stream.digits.found(form.clock_rate if form else TELEPHONY):
            yield Heard(
                digit=digit.digit,
                method="rfc4733",
                at=digit.at,
                duration_ms=digit.duration_ms,
                call_id=stream.route.hop.call_id if stream.route else None,
                ssrc=stream.ssrc,
                source=str(stream.source),
                target=str(stream.target),
            )


def _calls(
    capture: Capture, journal_messages: Iterable[JournalMessage], progress: Progress
) -> tuple[Calls, InfoDigits, Prospects]:
    """The first pass: SIP messages, and the sources that qualify as a stream."""
    calls, info, prospects, messages = Calls(), InfoDigits(), Prospects(), Messages()
    waiting = sorted(journal_messages, key=lambda one: one.at, reverse=True)
    for count, packet in enumerate(capture):
        while waiting and waiting[-1].at <= packet.at:
            calls.feed(waiting.pop())
        if packet.protocol == "udp" and packet.payload[:1] >= b"\x80":
            if not is_rtcp(packet.payload):
                prospects.add(packet)
        else:
            for message in messages.feed(packet):
                calls.feed(message)
                info.feed(message)
        if not count % EVERY:
            progress(None)
    while waiting:
        calls.feed(waiting.pop())
    return calls, info, prospects


def _follow(capture: Capture, streams: Streams, progress: Progress, sink: Sink | None) -> None:
    """The second pass: process every packet of every stream."""
    key_streams, reflections = KeyStreams(), Reflections()
    frames = max(1, capture.frames)
    packets = iter(capture)
    while batch := list(islice(packets, BATCH)):
        progress(min(1.0, batch[-1].number / frames))
        seen = [one for packet in batch if (one := _seen(packet, streams, key_streams)) is not None]
        for stream, packet, rtp, plain in seen:
            if rtp is not None:
                payload = rtp.payload if plain is None else plain[rtp.header_length :]
                stream.reflected += reflections.is_one(stream, payload)
                if plain is not None:
                    stream.digits.add(packet.at, plain)
        if sink is not None:
            sink.take(seen)
    progress(1.0)


def _seen(packet: Packet, streams: Streams, key_streams: KeyStreams) -> Seen | None:
    """Count a packet of a stream; returns None for any other packet."""
    if packet.protocol != "udp" or packet.payload[:1] < b"\x80":
        if packet.protocol == "udp" and is_dtls(packet.payload):
            streams.handshakes[packet.source, packet.target] += 1
        return None
    if is_rtcp(packet.payload):
        stream = streams.of_rtcp(packet, int.from_bytes(packet.payload[4:8], "big"))
        return None if stream is None else Seen(stream, packet, None, stream.take_rtcp(packet))
    rtp = parse_rtp(packet.payload, packet.cut)
    stream = None if rtp is None else streams.of_rtp(packet, rtp.ssrc)
    if rtp is None or stream is None:
        return None
    return Seen(stream, packet, rtp, stream.take(packet, rtp, key_streams))


def is_dtls(payload: bytes) -> bool:
    """Whether a datagram is a DTLS record: the content type (RFC 7983 section 7) and the version."""
    return len(payload) > RECORD_HEADER and 20 <= payload[0] <= 63 and payload[1:3] in DTLS_VERSIONS


def _notes(capture: Capture, streams: Streams) -> list[str]:
    """Notes about the parts of the file that could not be used."""
    notes = [capture.problem] if capture.problem else []
    notes += [
        f"{count} frames were left out: {why}"
        for why, count in sorted(capture.skipped.items())
        if why not in {NOT_IP, OTHER_PROTOCOL}
    ]
    if capture.has_no_ip:
        kinds = ", ".join(map(str, sorted(capture.link_types)))
        notes.append(
            f"no frame has an IP packet where link type {kinds} has it; if that type is wrong, set the right "
            "one, for instance: editcap -T ether FILE NEW_FILE"
        )
    if capture.cut:
        notes.append(
            f"{capture.cut} datagrams are cut short by the snapshot length of the capture: their audio cannot"
            " be decoded, their SRTP cannot be authenticated, and SDP in them lacks lines; capture with -s 0"
        )
    if capture.gaps:
        notes.append(f"bytes of TCP connections are missing in {capture.gaps} places")
    if streams.missed:
        notes.append(f"only the first {MOST_STREAMS} streams were looked at")
    return notes
