"""What a user does to a call, and the things in it that take time: playing, recording, dialling.

A call's facts are its ``record``; a call knows its endpoint only as something that carries out
commands and can be waited on.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from .commands import (
    Answer,
    AnyCommand,
    Hangup,
    Header,
    Hold,
    Listen,
    Loopback,
    Measure,
    Play,
    Record,
    SendDtmf,
    SendMessage,
    SendOptions,
    StopPlay,
    StopRecord,
    Transfer,
    Unhold,
)
from .deadline import Deadline
from .errors import CallEnded, CallFailed, ConfigError, WaitTimeout
from .events import CallStateChanged, DtmfFinished, Event, PlaybackFinished, RecordingFinished
from .model import CallState, Direction, DtmfMethod, EndedBy, MediaState
from .record import CallRecord
from .transaction import Sent, Transferral

__all__ = [
    "Call",
    "Host",
    "Playback",
    "Recording",
    "Transmission",
    "checked_digits",
    "ensure_writable",
    "header_list",
]

DIGITS = "0123456789ABCD*#,"
CLOSING_S = 3.0
CONFIRMING_S = 5.0
ACK_S = 1.0
IN_FLIGHT_S = 0.4


class Host(Protocol):
    """What a call needs of its endpoint."""

    @property
    def name(self) -> str:
        """The endpoint's name."""

    @property
    def has_company(self) -> bool:
        """Whether other endpoints share its journal."""

    def request(self, command: AnyCommand, timeout: float = ...) -> None:
        """Carry out a command, or raise why not."""

    def wait_until(
        self, holds: Callable[[], bool], deadline: Deadline, check: Callable[[], None] = ...
    ) -> bool:
        """Wait on the endpoint's journal; raises when the endpoint is no more."""

    def playable(self, path: Path) -> Path:
        """A WAV file that the agent can play, made of any audio file."""


class Playback:
    """A file that is played into a call."""

    def __init__(self, call: Call, number: int) -> None:
        self._call = call
        self._number = number
        self.complete: bool | None = None
        """Whether it was played to its end; None while it plays."""

    def wait(self, timeout: float = 60.0) -> Self:
        """Wait until it has been played to its end.

        Raises CallFailed when the call ended first, WaitTimeout after ``timeout`` seconds.
        """
        if not self._call.host.wait_until(lambda: self.complete is not None, Deadline(timeout)):
            raise WaitTimeout(f"{self._call}: still playing after {timeout:g} s")
        if not self.complete:
            kind = CallEnded if self._call.known.ended else CallFailed
            raise kind(f"{self._call}: the playing was cut short")
        return self

    def stop(self) -> None:
        """Stop playing."""
        self._call.host.request(StopPlay(playback=self._number))


class Recording:
    """A WAV file of what a call receives, from the moment that its media is active.

    As a context manager it is closed at the end of the block; otherwise by ``stop`` or by the
    end of the call.
    """

    def __init__(self, call: Call, number: int, path: Path) -> None:
        self.call = call
        self.path = path
        self._number = number
        self.complete = False
        """Whether the file is whole on disk."""

    def wait(self, timeout: float = 60.0) -> Self:
        """Wait until the file is whole on disk; raises WaitTimeout after ``timeout`` seconds."""
        if not self.call.host.wait_until(lambda: self.complete, Deadline(timeout)):
            raise WaitTimeout(f"{self.call}: {self.path} is still being recorded after {timeout:g} s")
        return self

    def stop(self, *, linger: float = IN_FLIGHT_S) -> Self:
        """Close the file and wait until it is whole.

        What the peer has sent is in its packets and in the jitter buffer for a while, so the
        recording goes on for ``linger`` seconds, or until the call ends.
        """
        self.call.host.wait_until(
            lambda: self.complete or self.call.known.ended is not None, Deadline(linger)
        )
        if not self.complete and self.call.known.ended is None:
            self.call.host.request(StopRecord(recording=self._number))
        return self.wait(CLOSING_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()


class Transmission:
    """DTMF digits on their way."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.finished = False
        self.problem: str | None = None
        """Why not all digits were sent."""

    def wait(self, timeout: float = 60.0) -> Self:
        """Wait until every digit was sent; raises CallFailed when one could not be."""
        if not self._call.host.wait_until(lambda: self.finished, Deadline(timeout)):
            raise WaitTimeout(f"{self._call}: still dialling after {timeout:g} s")
        if self.problem:
            raise CallFailed(f"{self._call}: {self.problem}")
        return self


class Call:
    """One call of an endpoint. Every verb raises CallFailed when the call has ended."""

    _numbers = itertools.count(1)

    def __init__(self, host: Host, record: CallRecord) -> None:
        self.host = host
        self.known = record
        """Every fact of this call so far."""
        self.recordings: list[Recording] = []
        self._playbacks: dict[int, Playback] = {}
        self._recording: dict[int, Recording] = {}
        self._transmissions: dict[int, Transmission] = {}

    def __str__(self) -> str:
        known = self.known
        way = "to" if known.direction is Direction.OUTGOING else "from"
        return f"{self.host.name}: call {known.number} {way} {known.remote_uri}"

    __repr__ = __str__

    @property
    def label(self) -> str:
        """``call 1``, with its endpoint's name before it when the run has several endpoints."""
        return f"{self.host.name} call {self.number}" if self.host.has_company else f"call {self.number}"

    # ---- what is known

    @property
    def number(self) -> int:
        """The endpoint's number for this call, from 1."""
        return self.known.number

    @property
    def direction(self) -> Direction:
        """Whether this endpoint placed or received the call."""
        return self.known.direction

    @property
    def state(self) -> CallState:
        """The state now."""
        return self.known.state

    @property
    def media(self) -> tuple[MediaState, ...]:
        """The m= lines now."""
        return self.known.media

    @property
    def remote_uri(self) -> str:
        """The peer's From or To."""
        return self.known.remote_uri

    @property
    def digits(self) -> str:
        """The DTMF digits received so far."""
        return self.known.digits

    def header(self, name: str) -> str | None:
        """The first header field of that name in any message received in this call."""
        with_it = (traced.message.header(name) for traced in self.known.messages if not traced.sent)
        return next((value for value in with_it if value is not None), None)

    # ---- signalling

    def ring(self, code: int = 180, *, reason: str = "", headers: Mapping[str, str] | None = None) -> Call:
        """Answer with a provisional response; 183 opens the media early."""
        return self.answer(code, reason=reason, headers=headers)

    def answer(
        self,
        code: int = 200,
        *,
        reason: str = "",
        headers: Mapping[str, str] | None = None,
        after: float = 0.0,
    ) -> Call:
        """Answer an incoming call with any status code, ``after`` seconds from now; returns the call."""
        if not 100 <= code <= 699:
            raise ConfigError(f"{code} is no SIP status code; expected 100 to 699")
        command = Answer(
            call=self.number, after_s=after, code=code, reason=reason, headers=header_list(headers)
        )
        self.host.request(command)
        return self

    def hangup(self, code: int = 0, *, reason: str = "", headers: Mapping[str, str] | None = None) -> None:
        """End the call, whatever its state; ``code`` refuses a call that was not answered yet.

        A callee must not send BYE before the ACK (RFC 3261 15), so that is waited for.
        """
        self.host.wait_until(lambda: self.state is not CallState.CONNECTING, Deadline(ACK_S))
        command = Hangup(call=self.number, code=code, reason=reason, headers=header_list(headers))
        self.host.request(command)

    def hold(self) -> None:
        """Put the peer on hold by a re-INVITE, as soon as the call is confirmed."""
        self.wait(CallState.CONFIRMED, timeout=CONFIRMING_S)
        self.host.request(Hold(call=self.number))

    def unhold(self) -> None:
        """Take the peer off hold by a re-INVITE."""
        self.wait(CallState.CONFIRMED, timeout=CONFIRMING_S)
        self.host.request(Unhold(call=self.number))

    def wait(self, *states: CallState, timeout: float = 30.0) -> CallState:
        """Wait until the call has reached one of the states; DISCONNECTED when none is given.

        Raises CallFailed when the call ended otherwise, WaitTimeout after ``timeout`` seconds.
        """
        wanted = states or (CallState.DISCONNECTED,)
        names = " or ".join(wanted)

        def still_possible() -> None:
            if (end := self.known.ended) is not None:
                raise CallEnded(f"{self}: waited for {names}, the call ended: {end.code} {end.reason}")

        if not self.host.wait_until(
            lambda: self.known.reached(*wanted) is not None, Deadline(timeout), still_possible
        ):
            raise WaitTimeout(f"{self}: not {names} after {timeout:g} s, still {self.state}")
        return self.state

    # ---- media

    def play(self, path: str | os.PathLike[str], *, loop: bool = False) -> Playback:
        """Play any audio file that libsndfile reads into the call, from when its media is active.

        Raises ConfigError when the file is not audio.
        """
        source = self.host.playable(Path(path))
        number = next(self._numbers)
        playback = self._playbacks[number] = Playback(self, number)
        self.host.request(Play(call=self.number, playback=number, path=str(source), loop=loop))
        return playback

    def record(self, path: str | os.PathLike[str]) -> Recording:
        """Record what the call receives to a 16-bit mono WAV file at the conference's rate.

        Raises ConfigError when the file cannot be written.
        """
        target = Path(path).absolute()
        ensure_writable(target)
        number = next(self._numbers)
        recording = self._recording[number] = Recording(self, number, target)
        self.host.request(Record(call=self.number, recording=number, path=str(target)))
        self.recordings.append(recording)
        return recording

    def listen(self, on: bool = True) -> None:
        """Detect in-band digits in what the call receives, from now on; or stop doing so.

        It costs a Python callback in the agent for each 20 ms of audio; ``detect_inband_dtmf`` in the
        endpoint's settings does it for every call from its beginning.
        """
        self.host.request(Listen(call=self.number, on=on))
        self.known.listens = self.known.listens or on

    def loopback(self, on: bool = True) -> None:
        """Send back what the call receives."""
        self.host.request(Loopback(call=self.number, on=on))

    def send_dtmf(
        self,
        digits: str,
        *,
        method: DtmfMethod = DtmfMethod.RFC4733,
        on_ms: int = 100,
        off_ms: int = 100,
    ) -> Transmission:
        """Send digits (``0-9 A-D * #``, a comma pauses for half a second); wait on what is returned.

        Raises ConfigError for anything else.
        """
        digits = checked_digits(digits)
        number = next(self._numbers)
        transmission = self._transmissions[number] = Transmission(self)
        self.host.request(
            SendDtmf(
                call=self.number,
                transmission=number,
                digits=digits,
                method=method,
                on_ms=on_ms,
                off_ms=off_ms,
            )
        )
        return transmission

    def send_message(
        self, text: str, *, content_type: str = "text/plain", headers: Mapping[str, str] | None = None
    ) -> Sent:
        """Send a MESSAGE (RFC 3428) in the call; wait on what is returned for the peer's answer."""
        command = SendMessage(
            call=self.number, text=text, content_type=content_type, headers=header_list(headers)
        )
        return self._send("MESSAGE", command)

    def send_options(self, *, headers: Mapping[str, str] | None = None) -> Sent:
        """Send OPTIONS (RFC 3261 11) in the call; wait on what is returned for the peer's answer."""
        return self._send("OPTIONS", SendOptions(call=self.number, headers=header_list(headers)))

    def transfer(self, uri: str, *, headers: Mapping[str, str] | None = None) -> Transferral:
        """Ask the peer with REFER (RFC 3515) to call ``uri``; wait on what is returned for how that went.

        This call stays; hang it up once the peer has the other one. Raises ConfigError for a bad URI.
        """
        from .sip import parse_uri

        parse_uri(uri)
        command = Transfer(call=self.number, uri=uri, headers=header_list(headers))
        return Transferral(self._send("REFER", command))

    def _send(self, method: str, command: AnyCommand) -> Sent:
        self.host.request(command)
        return Sent(self.host, self.known, method)

    def measure(self) -> None:
        """Bring the record's RTP counters up to now; no error when the call has ended."""
        if self.known.ended is None:
            try:
                self.host.request(Measure(call=self.number))
            except CallFailed:
                return

    # ---- for the endpoint

    def observe(self, event: Event) -> None:
        """Take one event of this call; under the journal's lock."""
        if isinstance(event, PlaybackFinished | RecordingFinished):
            self.known.observe(event)
        match event:
            case PlaybackFinished(playback=number) if number in self._playbacks:
                self._playbacks.pop(number).complete = event.complete
            case RecordingFinished(recording=number) if number in self._recording:
                self._recording.pop(number).complete = True
            case DtmfFinished(transmission=number) if number in self._transmissions:
                transmission = self._transmissions.pop(number)
                transmission.problem, transmission.finished = event.problem, True
            case _:
                self.known.observe(event)

    def crash(self, at: float) -> None:
        """The agent is gone: the call ended as an error, and what it did ended with it."""
        gone = CallStateChanged(
            at=at,
            call=self.number,
            state=CallState.DISCONNECTED,
            code=0,
            reason="the agent crashed",
            by=EndedBy.ERROR,
        )
        self.known.observe(gone)

    @property
    def unfinished_recordings(self) -> list[Recording]:
        """The recordings whose files may not be whole."""
        return list(self._recording.values())


def header_list(headers: Mapping[str, str] | None) -> list[Header]:
    """Checked header fields, for a command; raises ConfigError for what is not a header."""
    from .sip import parse_header

    return [parse_header(f"{name}: {value}") for name, value in (headers or {}).items()]


def checked_digits(text: str) -> str:
    """DTMF digits in capitals; raises ConfigError for anything else."""
    digits = text.upper()
    wrong = [digit for digit in digits if digit not in DIGITS]
    if wrong or not digits:
        what = f"{wrong[0]!r} is not one" if wrong else "there is none"
        raise ConfigError(f"DTMF digits {text!r}: {what}; expected 0-9, A-D, *, # and , for a pause")
    return digits


def ensure_writable(path: Path) -> None:
    """Create the file's folder and the file; raises ConfigError when that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
    except OSError as error:
        raise ConfigError(f"{path}: cannot record there: {error.strerror}") from None
