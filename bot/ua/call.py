"""A call of an endpoint: its media, transfers and relations, on top of its signalling."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bot.audio_files import Source
from bot.errors import CallFailed, ConfigError
from bot.files import draft_folder
from bot.ipc import (
    AnyEvent,
    CallStateChanged,
    DtmfFinished,
    Event,
    Listen,
    Loopback,
    Measure,
    Play,
    PlaybackFinished,
    Record,
    RecordingFinished,
    SendDtmf,
    Transfer,
)
from bot.model import HIDDEN, CallState, DtmfMethod, EndedBy
from bot.sip import HeaderFields, header_list
from bot.ua.call_record import CallRecord, Digit
from bot.ua.playback import Playback, Transmission
from bot.ua.recording import Recording, ensure_writable, mended
from bot.ua.requests import SentRequest, SentTransfer
from bot.ua.secret_digits import SecretDigits
from bot.ua.signalling import Signalling

if TYPE_CHECKING:
    from bot.ua.endpoint import Endpoint

__all__ = [
    "Call",
    "Playback",
    "Recording",
    "Transmission",
    "checked_digits",
    "ensure_writable",
]

DIGITS = "0123456789ABCD*#,"


class Call(Signalling):
    """One call of an endpoint. Every verb raises CallFailed when the call has ended."""

    _numbers = itertools.count(1)

    def __init__(self, endpoint: Endpoint, record: CallRecord) -> None:
        super().__init__(endpoint, record)
        self.secrets = SecretDigits()
        """Which digits of the call are secret."""
        self.recordings: list[Recording] = []
        self.transferred_from: Call | None = None
        """The call in which the peer requested this call with REFER."""
        self.transferred_to: Call | None = None
        """The newest call that the peer requested in this call with REFER."""
        self.replaces: Call | None = None
        """The call that this call replaced (RFC 3891)."""
        self.replaced_by: Call | None = None
        """The call that replaced this call."""
        self.played: dict[int, Playback] = {}
        """All playbacks, by the numbers of their activities."""
        self._playbacks: dict[int, Playback] = {}
        self._recording: dict[int, Recording] = {}
        self._transmissions: dict[int, Transmission] = {}

    # ---- media

    def play(self, source: Source, *, loop: bool = False, name: str | None = None) -> Playback:
        """Play a file that libsndfile reads, or a signal such as ``speech:2``, from when the media is active.

        ``name`` stands for it in the journal and on the terminal. Raises ConfigError when it is neither.
        """
        playable = self.endpoint.playable(source)
        number = next(self._numbers)
        playback = Playback(self, number, playable, loop=loop)
        self._playbacks[number] = self.played[number] = playback
        self.endpoint.request(
            Play(
                call=self.number,
                playback=number,
                path=str(playable),
                loop=loop,
                source=name or os.fspath(source),
            )
        )
        return playback

    def record(self, path: str | os.PathLike[str]) -> Recording:
        """Record the received audio to a 16-bit mono WAV file with the sample rate of the conference bridge.

        Raises ConfigError when the file cannot be written, NativeError when its name is a link or the disk is
        full.
        """
        target = Path(path).absolute()
        ensure_writable(target)
        number = next(self._numbers)
        recording = self._recording[number] = Recording(self, number, target)
        with draft_folder(target) as draft:
            command = Record(call=self.number, recording=number, path=str(target), draft=str(draft))
            self.endpoint.request(command)
        self.recordings.append(recording)
        return recording

    def listen(self, on: bool = True) -> None:
        """Start or stop the detection of in-band digits in the received audio.

        The agent calls Python for every 20 ms of audio. The setting ``detect_inband_dtmf`` starts the
        detection at the beginning of every call.
        """
        self.endpoint.request(Listen(call=self.number, on=on))
        self.facts.listens = self.facts.listens or on

    @property
    def secret_digits(self) -> bool:
        """Whether the digits that the call receives from now on are secret, as those of a PIN.

        A secret digit is shown as ``x`` in the journal, in reports, in ``digits`` and in the bodies of INFO.
        Only ``Controller.on_dtmf`` gets the digit. Set this before the answer, because digits may arrive at
        once. Tones in a recording and packets in a capture remain.
        """
        return self.secrets.secret

    @secret_digits.setter
    def secret_digits(self, secret: bool) -> None:
        if secret:
            self.secrets.hide()
        else:
            self.secrets.show()

    @property
    def last_pressed(self) -> Digit:
        """The last received digit, also a secret digit; for callbacks only."""
        last = self.facts.received[-1]
        return dataclasses.replace(last, digit=self.secrets.pressed) if last.digit == HIDDEN else last

    def loopback(self, on: bool = True) -> None:
        """Send the received audio back to the peer."""
        self.endpoint.request(Loopback(call=self.number, on=on))

    def send_dtmf(
        self,
        digits: str,
        *,
        method: DtmfMethod = DtmfMethod.RFC4733,
        on_ms: int = 100,
        off_ms: int = 100,
        secret: bool = False,
    ) -> Transmission:
        """Send digits (``0-9 A-D * #``, a comma pauses for 0.5 s); the result's ``wait`` waits for their end.

        Digits that are ``secret`` are shown as ``x`` in the journal, in reports and in SIP messages. Raises
        ConfigError for invalid digits.
        """
        digits = checked_digits(digits, secret=secret)
        if secret:
            self.secrets.sends()
        number = next(self._numbers)
        sent = SentRequest(self.endpoint, self.facts, "INFO") if method is DtmfMethod.INFO else None
        transmission = self._transmissions[number] = Transmission(self, sent)
        self.endpoint.request(
            SendDtmf(
                call=self.number,
                transmission=number,
                digits=digits,
                method=method,
                on_ms=on_ms,
                off_ms=off_ms,
                secret=secret,
            )
        )
        return transmission

    def transfer(self, uri: str, *, headers: HeaderFields | None = None) -> SentTransfer:
        """Ask the peer with REFER (RFC 3515) to call ``uri``; the result's ``wait`` returns the outcome.

        This call continues; hang it up when the call of the peer is answered. Raises ConfigError for an
        invalid URI.
        """
        from bot.sip import parse_uri

        parse_uri(uri)
        return self._refer(Transfer(call=self.number, uri=uri, headers=header_list(headers)))

    def transfer_to(self, other: Call, *, headers: HeaderFields | None = None) -> SentTransfer:
        """Connect the peer with the peer of another call of this endpoint: an attended transfer (RFC 5589 7).

        REFER asks the peer to send an INVITE with Replaces (RFC 3891), which ends the other call; this call
        continues. The result's ``wait`` returns the outcome. Raises ConfigError unless both calls belong to
        one endpoint, CallFailed when the other call is not confirmed.
        """
        if other.endpoint is not self.endpoint or other is self:
            raise ConfigError(f"{self}: cannot be connected with {other}; expected two calls of one endpoint")
        command = Transfer(call=self.number, to_call=other.number, headers=header_list(headers))
        return self._refer(command)

    def _refer(self, command: Transfer) -> SentTransfer:
        earlier = len(self.facts.transfers)
        return SentTransfer(self._send("REFER", command), earlier)

    def measure(self) -> None:
        """Update the RTP counters; does nothing after the end of the call."""
        if self.facts.ended is None:
            try:
                self.endpoint.request(Measure(call=self.number))
            except CallFailed:
                return

    # ---- for the endpoint

    def comes_of(self, referring: Call | None, replaced: Call | None) -> None:
        """Set the related calls: the call with the REFER, and the replaced call."""
        self.transferred_from, self.replaces = referring, replaced
        if referring is not None:
            referring.transferred_to = self
        if replaced is not None:
            replaced.replaced_by = self

    def observe(self, event: Event) -> None:
        """Take one event of this call; under the journal's lock."""
        self.facts.observe(event)
        match event:
            case PlaybackFinished(playback=number) if number in self._playbacks:
                self._playbacks.pop(number).complete = event.complete
            case RecordingFinished(recording=number) if number in self._recording:
                self._recording.pop(number).complete = True
            case DtmfFinished(transmission=number) if number in self._transmissions:
                transmission = self._transmissions.pop(number)
                transmission.problem, transmission.finished = event.problem, True
            case _:
                pass

    def lost(self, reason: str, at: float) -> Iterator[AnyEvent]:
        """The final events of a call whose agent crashed: of playbacks, digits, recordings and the call."""
        for number in self._playbacks:
            yield PlaybackFinished(at=at, call=self.number, playback=number, complete=False)
        for number in self._transmissions:
            yield DtmfFinished(at=at, call=self.number, transmission=number, problem=reason)
        for number, recording in self._recording.items():
            if mended(recording.path):
                path = str(recording.path)
                yield RecordingFinished(at=at, call=self.number, recording=number, path=path)
        if self.facts.ended is None:
            yield CallStateChanged(
                at=at,
                call=self.number,
                state=CallState.DISCONNECTED,
                code=0,
                reason=reason,
                by=EndedBy.ERROR,
            )


def checked_digits(text: str, *, secret: bool = False) -> str:
    """DTMF digits in capitals; raises ConfigError for anything else, without the text if ``secret``."""
    digits = text.upper()
    wrong = [digit for digit in digits if digit not in DIGITS]
    if wrong or not digits:
        what = "there is none" if not text else "not all are" if secret else f"{wrong[0]!r} is not one"
        shown = "" if secret else f" {text!r}"
        raise ConfigError(f"DTMF digits{shown}: {what}; expected 0-9, A-D, *, # and , for a pause")
    return digits
