"""What a user does to a call, and its recordings.

A call's facts are its ``record``; a call knows its endpoint only as something that carries out
commands and can be waited on.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from .cancellation import Cancellation
from .commands import (
    Answer,
    AnyCommand,
    Cancel,
    Hangup,
    Listen,
    Loopback,
    Measure,
    Play,
    Record,
    Reinvite,
    SdpEdit,
    SendDtmf,
    SendMessage,
    SendRequest,
    StopRecord,
    Transfer,
    Update,
)
from .deadline import Deadline
from .errors import CallEnded, CallFailed, ConfigError, WaitTimeout
from .events import CallStateChanged, DtmfFinished, Event, PlaybackFinished, RecordingFinished
from .header_fields import HeaderFields, checked_content_type, header_list
from .host import Host
from .model import CallState, Direction, DtmfMethod, EndedBy, MediaDirection, MediaState
from .playback import Playback, Transmission
from .record import CallRecord
from .sdp_edits import checked_edits
from .settings import check_text
from .transaction import Sent, Transferral, is_renegotiating

__all__ = [
    "Call",
    "Host",
    "Playback",
    "Recording",
    "Transmission",
    "checked_digits",
    "ensure_writable",
]

DIGITS = "0123456789ABCD*#,"
METHOD = re.compile(r"[A-Za-z0-9!%*_+`'~.-]+")
OWN_VERBS = {
    "INVITE": "reinvite",
    "UPDATE": "update",
    "ACK": "the library",
    "PRACK": "the library",
    "CANCEL": "hangup",
    "BYE": "hangup",
    "REFER": "transfer",
    "REGISTER": "register of an endpoint",
}
"""What sends these in a call, since they change its state."""
CLOSING_S = 3.0
CONFIRMING_S = 5.0
ANSWERED_S = 0.5
ACK_S = 1.0
IN_FLIGHT_S = 0.4
HELD = {MediaDirection.RECVONLY, MediaDirection.INACTIVE}
"""What a side is that the peer holds."""


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


class Call:
    """One call of an endpoint. Every verb raises CallFailed when the call has ended."""

    _numbers = itertools.count(1)

    def __init__(self, host: Host, record: CallRecord) -> None:
        self.host = host
        self.known = record
        """Every fact of this call so far."""
        self.recordings: list[Recording] = []
        self.transferred_from: Call | None = None
        """The call in which the peer asked for this one with REFER."""
        self.transferred_to: Call | None = None
        """The call that was made because the peer asked for it in this one; the newest."""
        self.replaces: Call | None = None
        """The call that this one took the place of (RFC 3891)."""
        self.replaced_by: Call | None = None
        """The call that took the place of this one."""
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
    def account(self) -> str:
        """The address of record of this endpoint's identity that calls or is called."""
        return self.known.account

    @property
    def digits(self) -> str:
        """The DTMF digits received so far."""
        return self.known.digits

    def header(self, name: str) -> str | None:
        """The first header field of that name in any message received in this call."""
        with_it = (traced.message.header(name) for traced in self.known.messages if not traced.sent)
        return next((value for value in with_it if value is not None), None)

    # ---- signalling

    def ring(
        self,
        code: int = 180,
        *,
        reason: str = "",
        headers: HeaderFields | None = None,
        edit_sdp: Sequence[SdpEdit] = (),
    ) -> Call:
        """Answer with a provisional response; 183 opens the media early."""
        return self.answer(code, reason=reason, headers=headers, edit_sdp=edit_sdp)

    def answer(
        self,
        code: int = 200,
        *,
        reason: str = "",
        headers: HeaderFields | None = None,
        after: float = 0.0,
        edit_sdp: Sequence[SdpEdit] = (),
    ) -> Call:
        """Answer an incoming call with any status code, ``after`` seconds from now; returns the call.

        ``edit_sdp`` changes the SDP of this response (see ``reinvite``).
        """
        if not 100 <= code <= 699:
            raise ConfigError(f"{code} is no SIP status code; expected 100 to 699")
        check_text("reason", reason)
        command = Answer(
            call=self.number,
            after_s=after,
            code=code,
            reason=reason,
            headers=header_list(headers),
            edit_sdp=checked_edits(edit_sdp),
        )
        self.host.request(command)
        return self

    def hangup(self, code: int = 0, *, reason: str = "", headers: HeaderFields | None = None) -> None:
        """End the call, whatever its state; ``code`` refuses a call that was not answered yet.

        A callee must not send BYE before the ACK (RFC 3261 15), so that is waited for.
        """
        check_text("reason", reason)
        self.host.wait_until(lambda: self.state is not CallState.CONNECTING, Deadline(ACK_S))
        command = Hangup(call=self.number, code=code, reason=reason, headers=header_list(headers))
        self.host.request(command)

    def cancel(self, *, headers: HeaderFields | None = None) -> Cancellation:
        """Give up the INVITE that has no final response, the first one or a re-INVITE (RFC 3261 9).

        The CANCEL waits for a provisional response. This side takes the call to be over at once; wait on
        what is returned for what became of the INVITE, which may be answered all the same. Raises
        CallFailed when there is nothing to cancel.
        """
        cancellation = Cancellation(self.host, self.known)
        self.host.request(Cancel(call=self.number, headers=header_list(headers)))
        return cancellation

    def send_bye(self, *, headers: HeaderFields | None = None) -> None:
        """End an outgoing call that rings with BYE instead of CANCEL, as a caller may (RFC 3261 15)."""
        self.host.request(Hangup(call=self.number, headers=header_list(headers), bye=True))

    def hold(self, *, direction: MediaDirection | None = None, headers: HeaderFields | None = None) -> Sent:
        """Put the peer on hold by a re-INVITE, as soon as the call is confirmed (RFC 3264 8.4).

        The ``direction`` is sendonly, with which the peer still hears this side, or inactive; by itself it is
        inactive where the peer holds too. Wait on what is returned for the peer's answer.
        """
        held = any(line.direction in HELD for line in self.media if line.type == "audio")
        suitable = MediaDirection.INACTIVE if held else MediaDirection.SENDONLY
        return self.reinvite(direction=direction or suitable, headers=headers)

    def unhold(self, *, headers: HeaderFields | None = None) -> Sent:
        """Take the peer off hold by a re-INVITE; wait on what is returned for the peer's answer."""
        return self.reinvite(direction=MediaDirection.SENDRECV, headers=headers)

    def reinvite(
        self,
        *,
        direction: MediaDirection | None = None,
        codecs: Sequence[str] = (),
        offer: bool = True,
        rekey: bool = False,
        edit_sdp: Sequence[SdpEdit] = (),
        headers: HeaderFields | None = None,
    ) -> Sent:
        """Negotiate the media anew by a re-INVITE, as soon as the call is confirmed.

        Wait on what is returned for the peer's answer. ``direction`` is what this side wants from now on,
        ``codecs`` are the only ones from now on, in this order, of those that the endpoint has;
        ``offer=False`` leaves the offer to the peer, ``rekey`` changes this side's SRTP keys. ``edit_sdp``
        are regular expressions (re.MULTILINE) with their replacements, for the SDP that this makes us send;
        its lines end in CR LF, and ``.`` matches the CR. An edited offer is what the library goes on with;
        an edited answer, or other m= lines, only the peer gets to see. The o= line is the library's.

        Raises ConfigError for an edit that is none, matches nothing, or makes an offer that cannot be sent,
        CallFailed while the last offer of this side is not answered.
        """
        self.wait(CallState.CONFIRMED, timeout=CONFIRMING_S)
        command = Reinvite(
            call=self.number,
            direction=direction,
            offer=offer,
            codecs=list(codecs),
            rekey=rekey,
            edit_sdp=checked_edits(edit_sdp),
            headers=header_list(headers),
        )
        return self._negotiate("INVITE", command)

    def update(
        self,
        *,
        direction: MediaDirection | None = None,
        codecs: Sequence[str] = (),
        rekey: bool = False,
        edit_sdp: Sequence[SdpEdit] = (),
        headers: HeaderFields | None = None,
    ) -> Sent:
        """Negotiate the media anew by an UPDATE (RFC 3311) with an offer; as ``reinvite``, but at once.

        Before the call is answered this takes an offer and an answer in provisional responses;
        CallFailed otherwise.
        """
        command = Update(
            call=self.number,
            direction=direction,
            rekey=rekey,
            codecs=list(codecs),
            edit_sdp=checked_edits(edit_sdp),
            headers=header_list(headers),
        )
        return self._negotiate("UPDATE", command)

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
        self, text: str, *, content_type: str = "text/plain", headers: HeaderFields | None = None
    ) -> Sent:
        """Send a MESSAGE (RFC 3428) in the call; wait on what is returned for the peer's answer."""
        command = SendMessage(
            call=self.number,
            text=text,
            content_type=checked_content_type(content_type, text),
            headers=header_list(headers),
        )
        return self._send("MESSAGE", command)

    def send_options(self, *, headers: HeaderFields | None = None) -> Sent:
        """Send OPTIONS (RFC 3261 11) in the call; wait on what is returned for the peer's answer."""
        return self.send_request("OPTIONS", headers=headers)

    def send_info(
        self, body: str, *, content_type: str = "text/plain", headers: HeaderFields | None = None
    ) -> Sent:
        """Send INFO (RFC 6086) in the call; wait on what is returned for the peer's answer."""
        return self.send_request("INFO", body=body, content_type=content_type, headers=headers)

    def send_request(
        self,
        method: str,
        *,
        body: str = "",
        content_type: str = "",
        headers: HeaderFields | None = None,
    ) -> Sent:
        """Send a request of any method in the call; wait on what is returned for the peer's answer.

        Raises ConfigError for a method that is none, or that would change the call: those are verbs here.
        """
        command = SendRequest(
            call=self.number,
            method=checked_method(method, has_verb=OWN_VERBS),
            body=body,
            content_type=checked_content_type(content_type, body),
            headers=header_list(headers),
        )
        return self._send(command.method, command)

    def transfer(self, uri: str, *, headers: HeaderFields | None = None) -> Transferral:
        """Ask the peer with REFER (RFC 3515) to call ``uri``; wait on what is returned for how that went.

        This call stays; hang it up once the peer has the other one. Raises ConfigError for a bad URI.
        """
        from .sip import parse_uri

        parse_uri(uri)
        return self._refer(Transfer(call=self.number, uri=uri, headers=header_list(headers)))

    def transfer_to(self, other: Call, *, headers: HeaderFields | None = None) -> Transferral:
        """Connect the peer with the peer of another call of this endpoint: an attended transfer (RFC 5589 7).

        The peer is asked with REFER to send an INVITE with Replaces (RFC 3891), at which the other call
        ends; this one stays. Wait on what is returned for how that went. Raises ConfigError when the calls
        are not two of one endpoint, CallFailed when the other one is not confirmed.
        """
        if other.host is not self.host or other is self:
            raise ConfigError(f"{self}: cannot be connected with {other}; expected two calls of one endpoint")
        command = Transfer(call=self.number, to_call=other.number, headers=header_list(headers))
        return self._refer(command)

    def _refer(self, command: Transfer) -> Transferral:
        told = len(self.known.transfers)
        return Transferral(self._send("REFER", command), told)

    def _negotiate(self, method: str, command: AnyCommand) -> Sent:
        """After the answer to an offer of this side; the library makes some itself, to settle on a codec."""

        def send() -> None:
            self.host.wait_until(
                lambda: self.known.ended is not None or not is_renegotiating(self.known), Deadline(ANSWERED_S)
            )
            self.host.request(command)

        send()
        return Sent(self.host, self.known, method, again=send)

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

    def comes_of(self, referring: Call | None, replaced: Call | None) -> None:
        """Say which calls brought this one about."""
        self.transferred_from, self.replaces = referring, replaced
        if referring is not None:
            referring.transferred_to = self
        if replaced is not None:
            replaced.replaced_by = self

    def observe(self, event: Event) -> None:
        """Take one event of this call; under the journal's lock."""
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
                pass

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


def checked_method(method: str, *, has_verb: Mapping[str, str]) -> str:
    """A method that may be sent as it is; raises ConfigError for one that is none or that has a verb."""
    if not METHOD.fullmatch(method):
        raise ConfigError(f"{method!r} is no SIP method; expected one like INFO")
    if method in has_verb:
        raise ConfigError(f"{method} is sent by {has_verb[method]}")
    return method


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
