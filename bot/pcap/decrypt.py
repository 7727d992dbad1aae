"""Writes what a capture's streams carry: plain RTP as a pcap, audio as WAV, digits as a list.

RFC 3711 is undone elsewhere; this owns the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from bot.errors import ConfigError, NativeError
from bot.pcap.analysis import Progress, analyse
from bot.pcap.folder import new_folder
from bot.pcap.report import Analysis
from bot.pcap.streams import Format, Stream
from media.capture import CaptureError, CaptureWriter, Packet
from media.playout import LONGEST_S, Playout, stereo
from media.rtp import RtpPacket, parse_rtp
from media.srtp import SrtpKey
from media.telephone_event import TelephoneEvents
from media.wav import AudioError

__all__ = ["Decrypted", "Heard", "Recording", "decrypt"]

PLAIN = "rtp.pcap"
UNWRITTEN = (AudioError, CaptureError)
"""What media raises for a file that cannot be written."""
MOST_OPEN = 400
"""WAV files that are written at the same time; the one that is silent for longest is closed for another."""
IDLE_S = 30.0
FLASH = 16
"""The last event that is a digit (RFC 4733 section 3.2, RFC 2833 section 3.10)."""
RESERVED = 0x40
"""The bit of a telephone-event that is 0."""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """The audio of one stream."""

    file: str
    call_id: str | None
    ssrc: int
    source: str
    target: str
    started: float
    """Seconds since 1970."""
    duration_s: float
    missing_ms: float
    problems: tuple[str, ...]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A digit of a telephone-event (RFC 4733); ``at`` in seconds since 1970."""

    digit: str
    at: float
    duration_ms: float
    call_id: str | None
    ssrc: int
    source: str
    target: str


class Decrypted(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, and what the streams say."""

    analysis: Analysis
    packets: int
    """RTP and RTCP packets in the plain capture."""
    recordings: tuple[Recording, ...]
    stereo: tuple[str, ...]
    """One file a call, the caller on the left."""
    digits: tuple[Heard, ...]
    notes: tuple[str, ...]


def decrypt(
    path: str | Path,
    folder: str | Path,
    *,
    keys: Iterable[SrtpKey] = (),
    progress: Progress = lambda done: None,
) -> Decrypted:
    """Write the plain RTP of a capture and its audio to ``folder``, which must be new or empty.

    Raises CaptureError, ConfigError when the folder is not to be used, NativeError when the disk is full.
    """
    with new_folder(folder) as draft:
        with _Writer(draft, f"--out {folder}") as sink:
            analysis = analyse(path, keys=keys, progress=progress, sink=sink)
        if not analysis.streams:
            raise ConfigError(f"{path}: has no RTP streams to decrypt")
        recordings = sink.recordings()
        both = tuple(sink.both_sides())
        return Decrypted(
            analysis=analysis,
            packets=sink.packets,
            recordings=recordings,
            stereo=both,
            digits=sink.digits(),
            notes=tuple(sink.notes),
        )


class _Track:
    """The audio and the digits of one stream."""

    def __init__(self, stream: Stream, path: Path) -> None:
        self.stream = stream
        self.playout = Playout(path)
        self.events = TelephoneEvents()
        self.last = 0.0
        self.closed = False
        self.unknown: set[int] = set()

    def add(self, at: float, plain: bytes) -> None:
        rtp = parse_rtp(plain)
        if rtp is None:
            return
        form = self.stream.format(rtp.payload_type) or self._event(rtp)
        self.last = at
        if form is None:
            self.unknown.add(rtp.payload_type)
            return
        if form.codec.lower() == "telephone-event":
            self.events.add(at, rtp.timestamp, rtp.marker, rtp.payload, form.clock_rate)
        if not self.closed:
            self.playout.add(
                at,
                rtp.sequence,
                rtp.timestamp,
                rtp.payload,
                codec=form.codec,
                clock_rate=form.clock_rate,
                channels=form.channels,
            )

    def _event(self, rtp: RtpPacket) -> Format | None:
        """What nobody described is a telephone-event when it has the form of one: most phones send them."""
        is_dynamic = 96 <= rtp.payload_type < 128
        has_form = len(rtp.payload) == 4 and rtp.payload[0] <= FLASH and not rtp.payload[1] & RESERVED
        main = self.stream.main_format
        return Format("telephone-event", main.clock_rate) if main and is_dynamic and has_form else None

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.playout.close()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is missing in the audio."""
        unknown = ", ".join(map(str, sorted(self.unknown)))
        said = (f"no description says what payload type {unknown} is",) if unknown else ()
        undecoded = self.playout.undecoded
        return (*self.playout.problems, *said, *((f"{undecoded} packets not decoded",) if undecoded else ()))


class _Writer:
    """Takes the plain packets of all streams; raises NativeError when a file cannot be written.

    ``called`` is what the user knows the folder as.
    """

    def __init__(self, folder: Path, called: str) -> None:
        self.packets = 0
        self.notes: list[str] = []
        self._folder = folder
        self._called = called
        with self._writing():
            self._capture = CaptureWriter(folder / PLAIN)
        self._tracks: dict[Stream, _Track] = {}
        self._open: set[_Track] = set()
        self._names: set[str] = {PLAIN}
        self._unheard = 0

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *error: object) -> None:
        with self._writing(), ExitStack() as closing:
            closing.push(self._capture)
            for track in self._open:
                closing.callback(track.close)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except UNWRITTEN as error:
            raise self._told(error) from error

    def _told(self, error: Exception) -> NativeError:
        """What media says of a file that cannot be written, in the user's words."""
        return NativeError(f"{self._called}: {str(error).removeprefix(f'{self._folder}/')}")

    def rtp(self, stream: Stream, packet: Packet, plain: bytes | None) -> None:
        if plain is None:
            return
        self.rtcp(stream, packet, plain)
        try:  # not with _writing(), which takes longer than what it guards
            track = self._tracks.get(stream) or self._begin(stream, packet.at)
            if track is not None:
                track.add(packet.at, plain)
        except UNWRITTEN as error:
            raise self._told(error) from error

    def rtcp(self, stream: Stream, packet: Packet, plain: bytes | None) -> None:
        if plain is not None:
            try:
                self._capture.write(packet.at, packet.source, packet.target, plain)
            except UNWRITTEN as error:
                raise self._told(error) from error
            self.packets += 1

    def _begin(self, stream: Stream, at: float) -> _Track | None:
        if len(self._open) >= MOST_OPEN:
            idle = min(self._open, key=lambda track: track.last)
            if at - idle.last < IDLE_S:
                self._unheard += 1
                return None
            idle.close()
            self._open.discard(idle)
        call = stream.route.hop.call_id if stream.route else "no-call"
        track = _Track(stream, self._folder / self._name(f"{_safe(call)}-{stream.ssrc:08X}"))
        self._tracks[stream] = track
        self._open.add(track)
        return track

    def _name(self, stem: str) -> str:
        name, number = f"{stem}.wav", 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}.wav"
        self._names.add(name)
        return name

    def recordings(self) -> tuple[Recording, ...]:
        """The files that have audio, and why others have none."""
        if self._unheard:
            most = f"more than {MOST_OPEN} streams at the same time"
            self.notes.append(f"no audio was written of {self._unheard} packets: {most}")
        found = []
        for stream, track in self._tracks.items():
            if track.playout.started is None:
                what = f"{stream.ssrc:08X} ({stream.source} -> {stream.target})"
                self.notes += [f"no audio of {what}: {problem}" for problem in track.problems[:1]]
                continue
            found.append(
                Recording(
                    file=track.playout.path.name,
                    call_id=stream.route.hop.call_id if stream.route else None,
                    ssrc=stream.ssrc,
                    source=str(stream.source),
                    target=str(stream.target),
                    started=track.playout.started,
                    duration_s=track.playout.duration_s,
                    missing_ms=track.playout.missing_ms,
                    problems=track.problems,
                )
            )
        return tuple(found)

    def both_sides(self) -> list[str]:
        """A stereo file for each call that was heard on both sides: the longest stream of each."""
        sides: dict[str, dict[bool, Playout]] = {}
        for stream, track in self._tracks.items():
            if stream.route is None or track.playout.started is None:
                continue
            call = sides.setdefault(stream.route.hop.call_id, {})
            longest = call.get(stream.route.by_caller)
            if longest is None or longest.duration_s < track.playout.duration_s:
                call[stream.route.by_caller] = track.playout
        names = []
        for call_id, call in sides.items():
            if len(call) < 2:
                continue
            left, right = call[True], call[False]
            assert left.started is not None
            assert right.started is not None
            name = self._name(_safe(call_id))
            offset_s = right.started - left.started
            length_s = abs(offset_s) + max(left.duration_s, right.duration_s)
            if length_s > LONGEST_S:
                self.notes.append(f"no stereo file of {call_id}: {length_s:.0f} s are too long for one")
                continue
            with self._writing():
                stereo(left.path, right.path, offset_s, self._folder / name)
            names.append(name)
        return names

    def digits(self) -> tuple[Heard, ...]:
        """Those of all streams, in order."""
        found = [
            Heard(
                digit=digit.digit,
                at=digit.at,
                duration_ms=digit.duration_ms,
                call_id=stream.route.hop.call_id if stream.route else None,
                ssrc=stream.ssrc,
                source=str(stream.source),
                target=str(stream.target),
            )
            for stream, track in self._tracks.items()
            for digit in track.events.digits
        ]
        return tuple(sorted(found, key=lambda one: one.at))


def _safe(call_id: str) -> str:
    """A Call-ID as a part of a file's name: it may hold anything."""
    return re.sub(r"[^A-Za-z0-9_.@-]+", "_", call_id).lstrip(".")[:80] or "call"
