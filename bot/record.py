"""What is known of one call, folded from its events; it asks nobody and waits for nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .events import (
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
from .model import (
    CallState,
    CryptoSuite,
    Direction,
    DtmfMethod,
    EndedBy,
    MediaState,
    RtpCounters,
    StreamStats,
)
from .sdp import CryptoNegotiation, OfferAnswer
from .sip import Message

if TYPE_CHECKING:
    from media.compare import Comparison

__all__ = ["Activity", "CallRecord", "Digit", "StateSeen", "TracedMessage"]

FINAL = 200


@dataclass(frozen=True)
class StateSeen:
    """A state that the call reached, at a monotonic time in seconds."""

    state: CallState
    at: float
    code: int
    reason: str


@dataclass
class Digit:
    """A DTMF digit sent or received; ``duration_ms`` is None until its end was seen."""

    digit: str
    method: DtmfMethod
    at: float
    duration_ms: int | None = None


@dataclass
class Activity:
    """A file that was played or recorded; ``ended_at`` is None until it was seen to end."""

    kind: Literal["play", "record"]
    number: int
    at: float
    ended_at: float | None = None


@dataclass(frozen=True)
class TracedMessage:
    """A SIP message of the call, keys redacted."""

    sent: bool
    at: float
    transport: str
    peer: str
    message: Message
    text: str = ""
    """All of it, as it was on the wire but for the secrets."""
    local: str = ""
    """Our own address of it; empty when it is not known."""


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
    """The address of record of the identity that calls or is called."""
    states: list[StateSeen] = field(default_factory=list)
    ended_by: EndedBy | None = None
    media: tuple[MediaState, ...] = ()
    media_history: list[tuple[float, tuple[MediaState, ...]]] = field(default_factory=list)
    """The m= lines each time that the library told of them, and when."""
    last_active: dict[int, MediaState] = field(default_factory=dict)
    received: list[Digit] = field(default_factory=list)
    sent: list[Digit] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    transfers: list[TransferProgressed] = field(default_factory=list)
    redirects: list[Redirected] = field(default_factory=list)
    messages: list[TracedMessage] = field(default_factory=list)
    negotiation: OfferAnswer = field(default_factory=OfferAnswer)
    listens: bool = False
    """Whether in-band digits are or were listened for."""
    comparison: Comparison | None = None
    """Set once a recording was compared with what should be in it."""
    compared: tuple[Path, Path] | None = None
    """The files that were compared: what should be in it, and the recording."""
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
    def state(self) -> CallState:
        """The state now."""
        return self.states[-1].state if self.states else CallState.NULL

    @property
    def ended(self) -> StateSeen | None:
        """How the call ended, when it has."""
        return self.states[-1] if self.state is CallState.DISCONNECTED else None

    @property
    def digits(self) -> str:
        """The digits received, in order."""
        return "".join(digit.digit for digit in self.received)

    def reached(self, *states: CallState) -> StateSeen | None:
        """The first time that the call was in one of the states."""
        return next((seen for seen in self.states if seen.state in states), None)

    def observe(self, event: Event) -> None:
        """Take one event of this call."""
        match event:
            case CallStateChanged():
                self.states.append(StateSeen(event.state, event.at, event.code, event.reason))
                self.ended_by = event.by or self.ended_by
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
                same = [one for one in self.received if (one.digit, one.method) == begun]
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
        """The first audio line that is active, or that was when the call ended."""
        for line in self.media:
            if line.type == "audio" and line.active:
                return line
        if self.state is CallState.DISCONNECTED or not self.media:
            return next((line for _, line in sorted(self.last_active.items())), None)
        return None

    def stats(self, index: int) -> StreamStats | None:
        """The counters of an m= line over all of its streams, or None when none was measured."""
        parts = list(self._finished.get(index, ()))
        if index in self._running:
            parts.append(self._running[index])
        return added(parts) if parts else None

    def crypto(self, index: int = 0) -> CryptoNegotiation:
        """The crypto attributes offered and answered for an m= line (RFC 4568)."""
        return self.negotiation.negotiated_crypto(index)

    @property
    def settled(self) -> bool:
        """Whether the last offer has its answer; a callee's media runs before its answer is sent."""
        current = self.negotiation.current
        return current is not None and current.offer is self.negotiation.last_offer

    def profile(self, index: int = 0) -> str | None:
        """The transport of an m= line as answered, ``RTP/AVP`` or ``RTP/SAVP``; None without an answer."""
        current = self.negotiation.current
        lines = current.answer.media if current is not None else ()
        return lines[index].profile if index < len(lines) else None

    def suite_disagreement(self, line: MediaState) -> str | None:
        """What is wrong when the library's active suite is not the one that SDP negotiated."""
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

    def _trace(self, event: SipSent | SipReceived) -> None:
        try:
            message = Message.parse(event.text)
        except ValueError:
            return
        sent = isinstance(event, SipSent)
        self.messages.append(
            TracedMessage(sent, event.at, event.transport, event.peer, message, event.text, event.local)
        )
        self.negotiation.feed(sent, message)
        if not self.transport:
            self.transport = event.transport

    def _begin(self, event: PlaybackStarted | RecordingStarted) -> None:
        if isinstance(event, PlaybackStarted):
            self.activities.append(Activity("play", event.playback, event.at))
        else:
            self.activities.append(Activity("record", event.recording, event.at))

    def _end(self, event: PlaybackFinished | RecordingFinished) -> None:
        kind, number = (
            ("play", event.playback) if isinstance(event, PlaybackFinished) else ("record", event.recording)
        )
        for one in self.activities:
            if (one.kind, one.number, one.ended_at) == (kind, number, None):
                one.ended_at = event.at

    def _measured(self, event: StreamMeasured) -> None:
        if event.final:
            self._finished.setdefault(event.index, []).append(event.stats)
            self._running.pop(event.index, None)
        else:
            self._running[event.index] = event.stats


def added(parts: list[StreamStats]) -> StreamStats:
    """The counters of consecutive streams as one: sums, the largest maximum, the mean by packets."""
    rtts = [part.rtt_ms for part in parts if part.rtt_ms is not None]
    delays = [(part.jitter_buffer_ms, part.rx.packets) for part in parts if part.jitter_buffer_ms is not None]
    weight = sum(packets for _, packets in delays)
    return StreamStats(
        rx=added_counters([part.rx for part in parts]),
        tx=added_counters([part.tx for part in parts]),
        rtt_ms=rtts[-1] if rtts else None,
        jitter_buffer_ms=sum(delay * packets for delay, packets in delays) / weight if weight else None,
    )


def added_counters(parts: list[RtpCounters]) -> RtpCounters:
    """One direction of ``added``."""
    jitters = [(part.jitter_ms_mean, part.packets) for part in parts if part.jitter_ms_mean is not None]
    weight = sum(packets for _, packets in jitters)
    peaks = [part.jitter_ms_max for part in parts if part.jitter_ms_max is not None]
    return RtpCounters(
        packets=sum(part.packets for part in parts),
        bytes=sum(part.bytes for part in parts),
        lost=total(part.lost for part in parts),
        discarded=total(part.discarded for part in parts),
        reordered=total(part.reordered for part in parts),
        duplicate=total(part.duplicate for part in parts),
        jitter_ms_mean=sum(mean * packets for mean, packets in jitters) / weight if weight else None,
        jitter_ms_max=max(peaks, default=None),
    )


def total(counts: Iterable[int | None]) -> int | None:
    """The sum of what was measured; None when nothing was."""
    measured = [count for count in counts if count is not None]
    return sum(measured) if measured else None


def answers_invite(message: Message) -> bool:
    """Whether the message is a response to an INVITE."""
    return not message.is_request and message.cseq is not None and message.cseq[1] == "INVITE"
