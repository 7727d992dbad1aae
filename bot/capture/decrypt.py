"""Export of a capture's streams: plain RTP as a pcap, audio as WAV, digits as a list.

This module writes the files. SRTP decryption (RFC 3711) is in another module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from bot.capture.analysis import Progress, Seen, analyse
from bot.capture.digits import Heard
from bot.capture.formats import EVENT, Format
from bot.capture.report import Analysis
from bot.capture.stream import Stream
from bot.errors import ConfigError, NativeError
from bot.files import new_folder, unused_name
from media.audio.wav import AudioError
from media.capture.reader import CaptureError, CaptureWriter
from media.rtp.packet import parse_rtp
from media.rtp.playout import LONGEST_S, Playout, stereo
from media.rtp.redundancy import is_redundancy, redundant
from media.rtp.srtp import SrtpKey

__all__ = ["Decrypted", "Heard", "Recording", "decrypt"]

PLAIN = "rtp.pcap"
UNWRITTEN = (AudioError, CaptureError)
"""Exceptions that media raises for a file that cannot be written."""
MOST_OPEN = 400
"""Maximum number of open WAV files; the file that has been silent longest is closed to open another one."""
IDLE_S = 30.0


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """The audio of one stream."""

    file: str
    call_id: str | None
    ssrc: int
    source: str
    target: str
    started: float
    """Start time in seconds since 1970."""
    duration_s: float
    missing_ms: float
    problems: tuple[str, ...]


class Decrypted(msgspec.Struct, frozen=True, kw_only=True):
    """The written files and the findings about the streams."""

    analysis: Analysis
    packets: int
    """Number of RTP and RTCP packets in the plain capture."""
    recordings: tuple[Recording, ...]
    stereo: tuple[str, ...]
    """A stereo file for each call, with the caller on the left channel."""
    digits: tuple[Heard, ...]
    notes: tuple[str, ...]


def decrypt(
    path: str | Path,
    folder: str | Path,
    *,
    keys: Iterable[SrtpKey] = (),
    progress: Progress = lambda done: None,
    call_id: str | None = None,
) -> Decrypted:
    """Write the plain RTP of a capture and its audio to ``folder``, which must be new or empty.

    With ``call_id``, only that of this call is written.

    Raises CaptureError, ConfigError for an unusable folder, NativeError when the disk is full.
    """
    with new_folder(folder) as draft:
        with _Writer(draft, f"--out {folder}", call_id) as sink:
            analysis = analyse(path, keys=keys, progress=progress, sink=sink)
        if not analysis.streams:
            problems = [
                f"; {call.call_id}: {problem}" for call in analysis.calls for problem in call.problems
            ]
            raise ConfigError(f"{path}: has no RTP streams to decrypt{''.join(problems[:3])}")
        recordings = sink.recordings()
        both = tuple(sink.both_sides())
        return Decrypted(
            analysis=analysis,
            packets=sink.packets,
            recordings=recordings,
            stereo=both,
            digits=analysis.digits,
            notes=tuple(sink.notes),
        )


class _Track:
    """The audio and the digits of one stream."""

    def __init__(self, stream: Stream, path: Path) -> None:
        self.stream = stream
        self.playout = Playout(path)
        self.last = 0.0
        self.closed = False
        self.unknown: set[int] = set()

    def add(self, at: float, plain: bytes) -> None:
        rtp = parse_rtp(plain)
        if rtp is None:
            return
        payload_type, payload = rtp.payload_type, rtp.payload
        form = self.stream.format(payload_type)
        if form is not None and is_redundancy(form.codec) and (blocks := redundant(payload)):
            payload_type, payload = blocks[-1].payload_type, blocks[-1].payload
            form = self.stream.format(payload_type)
        self.last = at
        if form is None and self.stream.digits.may_be_event(payload_type):
            main = self.stream.main_format
            form = Format(EVENT, main.clock_rate) if main is not None else None
        if form is None:
            self.unknown.add(payload_type)
            return
        if not self.closed:
            self.playout.add(
                at,
                rtp.sequence,
                rtp.timestamp,
                payload,
                codec=form.codec,
                clock_rate=form.clock_rate,
                channels=form.channels,
            )

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.playout.close()

    @property
    def problems(self) -> tuple[str, ...]:
        """The gaps in the audio, in sentences."""
        described = self.stream.digits.is_event
        unknown = ", ".join(str(one) for one in sorted(self.unknown) if not described(one))
        problem = (f"no session description defines payload type {unknown} is",) if unknown else ()
        undecoded = self.playout.undecoded
        return (
            *self.playout.problems,
            *problem,
            *((f"{undecoded} packets not decoded",) if undecoded else ()),
        )


class _Writer:
    """Writes the plain packets of all streams; raises NativeError when a file cannot be written.

    ``called`` is the name of the folder for messages to the user.
    """

    def __init__(self, folder: Path, called: str, call_id: str | None = None) -> None:
        self._call_id = call_id
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
            said = str(error).removeprefix(f"{self._folder}/")
            raise NativeError(f"{self._called}: {said}") from error

    def take(self, seen: Sequence[Seen]) -> None:
        if self._call_id is not None:
            seen = [one for one in seen if call_of(one.stream) == self._call_id]
        with self._writing():
            for _, packet, _, plain in seen:
                if plain is not None:
                    self._capture.write(packet.at, packet.source, packet.target, plain)
                    self.packets += 1
            for stream, packet, rtp, plain in seen:
                if plain is not None and rtp is not None:
                    track = self._tracks.get(stream) or self._begin(stream, packet.at)
                    if track is not None:
                        track.add(packet.at, plain)

    def _begin(self, stream: Stream, at: float) -> _Track | None:
        if len(self._open) >= MOST_OPEN:
            idle = min(self._open, key=lambda track: track.last)
            if at - idle.last < IDLE_S:
                self._unheard += 1
                return None
            idle.close()
            self._open.discard(idle)
        call = stream.route.hop.call_id if stream.route else "no-call"
        track = _Track(
            stream, self._folder / unused_name(f"{_safe(call)}-{stream.ssrc:08X}", ".wav", self._names)
        )
        self._tracks[stream] = track
        self._open.add(track)
        return track

    def recordings(self) -> tuple[Recording, ...]:
        """The files that have audio, and the reasons why other streams have no audio."""
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
        """A stereo file for each call with audio from both sides: the longest stream of each side."""
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
            if left.started is None or right.started is None:
                continue
            name = unused_name(_safe(call_id), ".wav", self._names)
            offset_s = right.started - left.started
            length_s = abs(offset_s) + max(left.duration_s, right.duration_s)
            if length_s > LONGEST_S:
                self.notes.append(f"no stereo file of {call_id}: {length_s:.0f} s are too long for one")
                continue
            with self._writing():
                stereo(left.path, right.path, offset_s, self._folder / name)
            names.append(name)
        return names


def call_of(stream: Stream) -> str | None:
    """The Call-ID of a stream's call; None without a call."""
    return stream.route.hop.call_id if stream.route else None


def _safe(call_id: str) -> str:
    """A Call-ID made safe for a file name; a Call-ID may contain any character."""
    return re.sub(r"[^A-Za-z0-9_.@-]+", "_", call_id).lstrip(".")[:80] or "call"
