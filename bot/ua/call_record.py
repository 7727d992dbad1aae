"""The facts of one call, derived from its events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from bot.ipc import (
    CallStarted,
    CallStateChanged,
    DtmfReceived,
    DtmfReleased,
    DtmfSent,
    Event,
    MediaStateChanged,
    PlaybackFinished,
    PlaybackStarted,
    RecordingFinished,
    RecordingStarted,
    Redirected,
    SipReceived,
    SipSent,
    StreamMeasured,
    TransferProgressed,
)
from bot.model import (
    AudioLevels,
    CallState,
    CryptoSuite,
    Direction,
    DtmfMethod,
    EndedBy,
    Keying,
    MediaState,
    StreamStats,
)
from bot.sip import (
    NOTHING_SENT,
    CryptoNegotiation,
    DtlsNegotiation,
    Fingerprint,
    Message,
    OfferAnswer,
    ended_text,
    no_answer,
)
from bot.ua.handshake import failed_handshake
from bot.ua.stream_totals import added
from bot.ua.traced_message import TracedMessage, packed, unpacked

if TYPE_CHECKING:
    from media.compare.compare import Comparison

__all__ = ["Activity", "CallRecord", "Digit", "StateSeen"]

FIRST_MESSAGES, MOST_MESSAGES, MOST_CHARACTERS = 100, 1000, 2_000_000
OFFER_REFUSED = {406, 415, 488, 606}
"""Not Acceptable, Unsupported Media Type, Not Acceptable Here, Not Acceptable (RFC 3261 section 21)."""
OUR_KEY = "the peer uses our own master key: the same in both directions (RFC 3711 section 9.1)"


@dataclass(frozen=True)
class StateSeen:
    """A state that the call reached, at a monotonic time in seconds."""

    state: CallState
    at: float
    code: int
    reason: str


@dataclass
class Digit:
    """A sent or received DTMF digit; ``duration_ms`` is None before its end."""

    digit: str
    method: DtmfMethod
    at: float
    duration_ms: int | None = None


@dataclass
class Activity:
    """A playback or a recording; ``ended_at`` is None before its end."""

    kind: Literal["play", "record"]
    number: int
    at: float
    ended_at: float | None = None
    source: str = ""
    """What is played."""
    duration_s: float | None = None
    """Of the file that is played; None for a loop and for a recording."""


@dataclass
class CallRecord:
    """The facts of one call; times are monotonic seconds."""

    number: int
    direction: Direction
    sip_call_id: str
    local_uri: str
    remote_uri: str
    transport: str
    started_at: float
    account: str = ""
    """The address of record of the account."""
    states: list[StateSeen] = field(default_factory=list)
    ended_by: EndedBy | None = None
    unasked: bool = False
    """Whether this side ended the call though nobody asked for that."""
    media: tuple[MediaState, ...] = ()
    media_history: list[tuple[float, tuple[MediaState, ...]]] = field(default_factory=list)
    """The m= lines at each change of the media state, with the time."""
    last_active: dict[int, MediaState] = field(default_factory=dict)
    received: list[Digit] = field(default_factory=list)
    sent: list[Digit] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    transfers: list[TransferProgressed] = field(default_factory=list)
    redirects: list[Redirected] = field(default_factory=list)
    messages_forgotten: int = 0
    """How many messages between the first and the last ones are not kept."""
    negotiation: OfferAnswer = field(default_factory=OfferAnswer)
    our_key: bool = False
    """Whether the peer's SDP has a master key of our SDP (RFC 3711 section 9.1)."""
    listens: bool = False
    """Whether the detection of in-band digits was on at any time."""
    comparison: Comparison | None = None
    """The last comparison of a recording with its reference."""
    compared: tuple[Path, Path] | None = None
    """The compared files: the reference and the recording."""
    measured_at: dict[int, float] = field(default_factory=dict)
    """Time of the last counters of each m= line."""
    levels: dict[int, AudioLevels] = field(default_factory=dict)
    """The last levels of the audio of each m= line."""
    _message_characters: int = 0
    _messages: list[TracedMessage] = field(default_factory=list)
    _packed: bytes | None = None
    _finished: dict[int, list[StreamStats]] = field(default_factory=dict)
    _running: dict[int, StreamStats] = field(default_factory=dict)

    @classmethod
    def of(cls, started: CallStarted) -> CallRecord:
        """The record of a call that just began."""
        return cls(
            number=started.call,
            direction=started.direction,
            sip_call_id=started.sip_call_id,
            local_uri=started.local_uri,
            remote_uri=started.remote_uri,
            transport=started.transport,
            started_at=started.at,
            account=started.account,
        )

    @property
    def messages(self) -> list[TracedMessage]:
        """The first messages and the last ones: see ``messages_forgotten``."""
        return self._messages if self._packed is None else list(unpacked(self._packed))

    def pack(self) -> None:
        """Keep the messages of a call that has ended in less memory."""
        if self._packed is None:
            self._packed = packed(self._messages)
            self._messages = []

    @property
    def state(self) -> CallState:
        """The current state."""
        return self.states[-1].state if self.states else CallState.NULL

    @property
    def ended(self) -> StateSeen | None:
        """The end of the call; None before."""
        return self.states[-1] if self.state is CallState.DISCONNECTED else None

    @property
    def ended_text(self) -> str:
        """Text about the end of the call; empty before."""
        end = self.ended
        return ended_text(end.code, end.reason, self.ended_by) if end is not None else ""

    @property
    def awaits_final_response(self) -> bool:
        """Whether this side ended the call, and its BYE or INVITE has no final response yet."""
        end = self.ended
        return end is not None and end.code == 0 and self.ended_by is EndedBy.LOCAL and not self.unasked

    @property
    def broken(self) -> bool:
        """Whether the call ended and neither side asked for that, unless this side refused an offer."""
        unasked = self.unasked or self.ended_by is EndedBy.ERROR
        return self.ended is not None and unasked and not self._refused_offer

    @property
    def _refused_offer(self) -> bool:
        """Whether an incoming call ended with a final response that refuses its offer."""
        end, answered = self.ended, self.reached(CallState.CONNECTING, CallState.CONFIRMED)
        incoming = self.direction is Direction.INCOMING
        return incoming and answered is None and end is not None and end.code in OFFER_REFUSED

    @property
    def ended_by_peer(self) -> bool:
        """Whether the peer sent a BYE, also when both sides sent BYE."""
        return any(not traced.sent and traced.message.method == "BYE" for traced in self.messages)

    @property
    def digits(self) -> str:
        """The received digits, in order."""
        return "".join(digit.digit for digit in self.received)

    def reached(self, *states: CallState) -> StateSeen | None:
        """The first of these states that the call reached; None if it reached none."""
        return next((seen for seen in self.states if seen.state in states), None)

    def observe(self, event: Event) -> None:
        """Update the facts with an event of the call."""
        match event:
            case CallStateChanged():
                self.states.append(StateSeen(event.state, event.at, event.code, event.reason))
                self.ended_by = event.by or self.ended_by
                self.unasked = self.unasked or event.unasked
                self._settle()
            case MediaStateChanged():
                self.media = tuple(event.media)
                self.media_history.append((event.at, self.media))
                self.last_active.update({line.index: line for line in event.media if line.active})
            case StreamMeasured():
                self._measured(event)
            case PlaybackStarted() | RecordingStarted():
                self._begin(event)
            case PlaybackFinished() | RecordingFinished():
                self._end(event)
            case DtmfReceived():
                self.received.append(Digit(event.digit, event.method, event.at, event.duration_ms))
            case DtmfReleased():
                begun = event.digit, event.method
                same = [digit for digit in self.received if (digit.digit, digit.method) == begun]
                if same:
                    same[-1].duration_ms = event.duration_ms
            case DtmfSent():
                self.sent.append(Digit(event.digit, event.method, event.at))
            case TransferProgressed():
                self.transfers.append(event)
            case Redirected():
                self.redirects.append(event)
            case SipSent() | SipReceived():
                self._trace(event)
            case _:
                pass

    def audio(self) -> MediaState | None:
        """The first audio line that is active, or that was active at the end of the call."""
        for line in self.media:
            if line.type == "audio" and line.active:
                return line
        if self.state is CallState.DISCONNECTED or not self.media:
            return next((line for _, line in sorted(self.last_active.items())), None)
        return None

    def stats(self, index: int) -> StreamStats | None:
        """The counters of an m= line, summed over its streams; None without a measurement."""
        parts = list(self._finished.get(index, ()))
        if index in self._running:
            parts.append(self._running[index])
        return added(parts) if parts else None

    def crypto(self, index: int = 0) -> CryptoNegotiation:
        """The crypto attributes offered and answered for an m= line (RFC 4568)."""
        negotiated = self.negotiation.negotiated_crypto(index)
        return msgspec.structs.replace(negotiated, disagreement=OUR_KEY) if self.our_key else negotiated

    def dtls(self, index: int = 0) -> DtlsNegotiation | None:
        """The negotiation of DTLS-SRTP for an m= line (RFC 5763); None without it."""
        return self.negotiation.negotiated_dtls(index)

    def keying(self, line: MediaState) -> Keying | None:
        """The key exchange of a stream that the library encrypts; None without SRTP."""
        if line.suite is None:
            return None
        return Keying.SDES if self.dtls(line.index) is None else Keying.DTLS

    def fingerprints(self, index: int = 0) -> tuple[Fingerprint | None, Fingerprint | None]:
        """The fingerprints of an m= line that DTLS keys: ours and the peer's."""
        dtls, current = self.dtls(index), self.negotiation.current
        if dtls is None or current is None:
            return None, None
        both = dtls.offered_fingerprint, dtls.answered_fingerprint
        return both if current.offered_by_us else both[::-1]

    def role(self, index: int = 0) -> str | None:
        """Our role in the DTLS handshake: ``active`` (client) or ``passive`` (server); None without DTLS."""
        dtls, current = self.dtls(index), self.negotiation.current
        if dtls is None or current is None or dtls.answered_setup is None:
            return None
        if not current.offered_by_us:
            return dtls.answered_setup
        return "passive" if dtls.answered_setup == "active" else "active"

    @property
    def settled(self) -> bool:
        """Whether the last offer has an answer; the media of a callee starts before its answer is sent."""
        current = self.negotiation.current
        return current is not None and current.offer is self.negotiation.last_offer

    def profile(self, index: int = 0) -> str | None:
        """The transport of an m= line as answered, ``RTP/AVP`` or ``RTP/SAVP``; None without an answer."""
        current = self.negotiation.current
        lines = current.answer.media if current is not None else ()
        return lines[index].profile if index < len(lines) else None

    def suite_disagreement(self, line: MediaState) -> str | None:
        """The contradiction between the negotiated crypto suite and that of the library, or None."""
        dtls = self.dtls(line.index)
        if dtls is not None:
            return dtls.disagreement or failed_handshake(line)
        crypto = self.crypto(line.index)
        if crypto.disagreement:
            return crypto.disagreement
        active: CryptoSuite | None = line.suite
        if (crypto.answered or None) == (active.value if active else None):
            return None
        return (
            f"the SDP answer chose {crypto.answered or 'no crypto'}, the library runs {active or 'no SRTP'}"
        )

    def response_after_ms(self, low: int, high: int) -> float | None:
        """From the INVITE to the first response with a code from ``low`` to ``high``, in ms."""
        invite = next((m for m in self.messages if m.message.method == "INVITE"), None)
        if invite is None:
            return None
        for traced in self.messages:
            message = traced.message
            if answers_invite(message) and low <= message.status <= high:
                return round((traced.at - invite.at) * 1000, 3)
        return None

    @property
    def ringing_after_ms(self) -> float | None:
        """From the INVITE to the first ringing response (18x), in ms."""
        return self.response_after_ms(180, 189)

    @property
    def answered_after_ms(self) -> float | None:
        """From the INVITE to its first 2xx response, in ms."""
        return self.response_after_ms(200, 299)

    def _trace(self, event: SipSent | SipReceived) -> None:
        try:
            message = Message.parse(event.text)
        except ValueError:
            return
        sent = isinstance(event, SipSent)
        self.our_key = self.our_key or (isinstance(event, SipReceived) and event.our_key)
        self._messages, self._packed = self.messages, None
        self._messages.append(
            TracedMessage(sent, event.at, event.transport, event.peer, message, event.text, event.local)
        )
        self._bound_messages(len(event.text))
        self.negotiation.feed(sent, message)
        self._settle()
        if not self.transport:
            self.transport = event.transport

    def _bound_messages(self, added: int) -> None:
        """Remove messages between the first and the last ones; a peer could send any number."""
        self._message_characters += added
        while len(self._messages) > FIRST_MESSAGES + 1 and (
            len(self._messages) > MOST_MESSAGES or self._message_characters > MOST_CHARACTERS
        ):
            self._message_characters -= len(self._messages.pop(FIRST_MESSAGES).text)
            self.messages_forgotten += 1

    def _settle(self) -> None:
        """Set the code of a call that this side ended; its final response arrives after the end."""
        if not self.awaits_final_response or self.states[-1].reason.endswith(NOTHING_SENT):
            return
        method = "BYE" if self.reached(CallState.CONNECTING, CallState.CONFIRMED) else "INVITE"
        requests = [traced for traced in self.messages if traced.sent and traced.message.method == method]
        if not requests:
            return
        last = requests[-1]
        sent = [request for request in requests if request.message.cseq == last.message.cseq]
        answers = [
            one.message for one in self.messages if not one.sent and one.message.cseq == last.message.cseq
        ]
        final = next((answer for answer in answers if answer.is_final), None)
        provisional = next((f"{one.status} {one.reason}" for one in answers if one.is_provisional), "")
        code, reason = (
            (final.status, final.reason)
            if final is not None
            else (0, no_answer(method, last.peer, len(sent), heard=provisional))
        )
        self.states[-1] = replace(self.states[-1], code=code, reason=reason)

    def _begin(self, event: PlaybackStarted | RecordingStarted) -> None:
        if isinstance(event, PlaybackStarted):
            self.activities.append(
                Activity("play", event.playback, event.at, source=event.source, duration_s=event.duration_s)
            )
        else:
            self.activities.append(Activity("record", event.recording, event.at))

    def _end(self, event: PlaybackFinished | RecordingFinished) -> None:
        kind, number = (
            ("play", event.playback) if isinstance(event, PlaybackFinished) else ("record", event.recording)
        )
        for activity in self.activities:
            if (activity.kind, activity.number, activity.ended_at) == (kind, number, None):
                activity.ended_at = event.at

    def _measured(self, event: StreamMeasured) -> None:
        self.measured_at[event.index] = event.at
        if event.final:
            self._finished.setdefault(event.index, []).append(event.stats)
            self._running.pop(event.index, None)
        else:
            self._running[event.index] = event.stats
        if event.levels is None:
            self.levels.pop(event.index, None)
        else:
            self.levels[event.index] = event.levels


def answers_invite(message: Message) -> bool:
    """Whether the message is a response to an INVITE."""
    return not message.is_request and message.cseq is not None and message.cseq[1] == "INVITE"
