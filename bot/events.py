"""What an agent reports: one frozen struct per fact, named by a past participle.

``at`` is in seconds of the monotonic clock that parent and agent share (``time.monotonic``).
Nothing here knows how events travel or who waits for them.
"""

from __future__ import annotations

import msgspec

from .model import (
    CallState,
    Codec,
    CryptoSuite,
    Direction,
    DtmfMethod,
    EndedBy,
    MediaState,
    StreamStats,
    Transport,
)

__all__ = [
    "AgentCrashed",
    "AgentReady",
    "AgentStopped",
    "AnyEvent",
    "AudioHeard",
    "CallEvent",
    "CallStarted",
    "CallStateChanged",
    "CallbackFailed",
    "CommandDone",
    "CommandFailed",
    "DtmfFinished",
    "DtmfReceived",
    "DtmfReleased",
    "DtmfSent",
    "Event",
    "ExpectationChecked",
    "Heartbeat",
    "KeyNegotiated",
    "Listener",
    "MediaStateChanged",
    "MessageAnswered",
    "MessageReceived",
    "MessageWaiting",
    "NativeLogged",
    "PlaybackFinished",
    "PlaybackStarted",
    "RecordingFinished",
    "RecordingStarted",
    "Redirected",
    "RegistrationChanged",
    "RequestEnded",
    "RequestSent",
    "SipReceived",
    "SipSent",
    "StreamMeasured",
    "TransferProgressed",
    "TransportChanged",
    "VoiceChanged",
    "Wired",
]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The root of all events."""

    at: float


class CallEvent(Event, frozen=True, kw_only=True):
    """The root of the events of one call; ``call`` is the agent's own number for it, from 1."""

    call: int


# ---- the agent's life


class Listener(msgspec.Struct, frozen=True):
    """A SIP transport that listens."""

    transport: Transport
    host: str
    port: int


class AgentReady(Event, frozen=True, kw_only=True):
    """The library runs and its ports listen."""

    version: str
    listeners: list[Listener]
    codecs: list[Codec]
    suites: list[CryptoSuite]
    conference_rate: int
    """The rate of recordings, in Hz."""
    guarded: bool
    """Whether the agent can answer unknown methods and refuse a flood (see ``bot.agent.gate``)."""


class AgentStopped(Event, frozen=True, kw_only=True):
    """The library was shut down in order; nothing follows."""


class AgentCrashed(Event, frozen=True, kw_only=True):
    """The process died or hung; said by the driver, since the agent cannot."""

    reason: str
    log: list[str]


class Heartbeat(Event, frozen=True, kw_only=True):
    """The pump turns; the next event comes within ``next_s`` seconds."""

    next_s: float


class NativeLogged(Event, frozen=True, kw_only=True):
    """A line of the library's log, keys redacted."""

    level: int
    text: str


class CallbackFailed(Event, frozen=True, kw_only=True):
    """A Python exception in a callback, of the library or of a controller; it fails the run."""

    where: str
    traceback: str


# ---- answers to commands


class CommandDone(Event, frozen=True, kw_only=True):
    """A command was carried out."""

    request: int


class CommandFailed(Event, frozen=True, kw_only=True):
    """A command could not be carried out.

    ``kind``: ``config`` (the user can mend it), ``native`` (library or environment), ``call``
    (the call's state does not allow it) or ``ended`` (there is no such call any more).
    """

    request: int
    kind: str
    reason: str


# ---- SIP


class SipSent(Event, frozen=True, kw_only=True):
    """A SIP message left; keys and digest responses in ``text`` are redacted."""

    transport: str
    peer: str
    text: str
    local: str = ""
    """Our own ``host:port`` of this message; empty when it is not known."""


class SipReceived(Event, frozen=True, kw_only=True):
    """A SIP message arrived; keys and digest responses in ``text`` are redacted."""

    transport: str
    peer: str
    text: str
    local: str = ""
    """Our own ``host:port`` of this message; empty when it is not known."""


class KeyNegotiated(Event, frozen=True, kw_only=True):
    """An inline key (RFC 4568) that was sent or received; reported only when a key log is asked for."""

    sip_call_id: str
    sent: bool
    tag: int
    suite: str
    key: str

    def __repr__(self) -> str:
        """Without the key."""
        facts = f"sip_call_id={self.sip_call_id!r}, sent={self.sent}, tag={self.tag}, suite={self.suite!r}"
        return f"KeyNegotiated({facts})"


class TransportChanged(Event, frozen=True, kw_only=True):
    """A connection was made or lost; ``problems`` are the certificate's, in the library's words."""

    transport: str
    state: str
    reason: str
    peer: str
    problems: list[str]


class RegistrationChanged(Event, frozen=True, kw_only=True):
    """The registrar answered, or did not."""

    active: bool
    code: int
    reason: str
    expires_s: int
    account: str = ""
    """The address of record of the identity."""
    contact: str = ""
    """The Contact that the registrar's answer has; empty when there was none."""
    service_route: list[str] = []
    """Where the registrar wants later requests to go first (RFC 3608)."""


class MessageWaiting(Event, frozen=True, kw_only=True):
    """The state of an identity's mailbox was told (RFC 3842); counts that were not told are None."""

    account: str
    waiting: bool
    new: int | None = None
    old: int | None = None
    urgent_new: int | None = None
    urgent_old: int | None = None
    body: str = ""


class RequestSent(Event, frozen=True, kw_only=True):
    """A request outside a call left; its messages are those of this Call-ID."""

    request: int
    sip_call_id: str


class RequestEnded(Event, frozen=True, kw_only=True):
    """A request outside a call is over, challenges met.

    ``code`` is 0 when it was answered, 408 when no response came, 503 when it could not be sent.
    """

    sip_call_id: str
    code: int = 0
    reason: str = ""


class MessageReceived(Event, frozen=True, kw_only=True):
    """A SIP MESSAGE (RFC 3428) outside a call."""

    from_uri: str
    to_uri: str
    content_type: str
    body: str


# ---- a call


class MessageAnswered(Event, frozen=True, kw_only=True):
    """The final response to a MESSAGE that was sent outside a call, or 408 when none came."""

    to_uri: str
    code: int
    reason: str


class CallStarted(CallEvent, frozen=True, kw_only=True):
    """A call exists: a MakeCall was accepted, or an INVITE arrived."""

    direction: Direction
    sip_call_id: str
    local_uri: str
    remote_uri: str
    transport: str
    account: str = ""
    """The address of record of the identity that calls or is called."""
    transferred_from: int | None = None
    """The call in which the peer asked for this one with REFER (RFC 3515)."""
    replaces: int | None = None
    """The call that this one took the place of (RFC 3891); it is answered already."""


class CallStateChanged(CallEvent, frozen=True, kw_only=True):
    """The INVITE session changed its state; ``by`` is set when it is DISCONNECTED."""

    state: CallState
    code: int
    reason: str
    by: EndedBy | None = None


class Redirected(CallEvent, frozen=True, kw_only=True):
    """The INVITE goes to another target (RFC 3261 8.1.3.4), or does not, as ``refused`` says."""

    target: str
    code: int
    """Of the response that made it look for another target."""
    hop: int
    """How many targets it was sent on to with this one, or would have been."""
    refused: str = ""


class MediaStateChanged(CallEvent, frozen=True, kw_only=True):
    """The library (re)negotiated the media: all m= lines as they are now."""

    media: list[MediaState]


class StreamMeasured(CallEvent, frozen=True, kw_only=True):
    """The counters of one stream; ``final`` when the stream has ended (a re-INVITE starts another)."""

    index: int
    stats: StreamStats
    final: bool


class DtmfReceived(CallEvent, frozen=True, kw_only=True):
    """A digit began; for SIP INFO it is complete."""

    digit: str
    method: DtmfMethod
    duration_ms: int | None


class DtmfReleased(CallEvent, frozen=True, kw_only=True):
    """The last digit received ended, with its end bit (RFC 4733)."""

    digit: str
    method: DtmfMethod
    duration_ms: int


class DtmfSent(CallEvent, frozen=True, kw_only=True):
    """A digit was handed to the stream, the dialog or the tone generator."""

    transmission: int
    digit: str
    method: DtmfMethod


class DtmfFinished(CallEvent, frozen=True, kw_only=True):
    """All digits of one SendDtmf are out, or could not be: then ``problem`` says why."""

    transmission: int
    problem: str | None = None


class PlaybackFinished(CallEvent, frozen=True, kw_only=True):
    """A file was played to its end, or stopped."""

    playback: int
    complete: bool


class TransferProgressed(CallEvent, frozen=True, kw_only=True):
    """The peer that was asked to call somebody says how it goes (NOTIFY with a sipfrag, RFC 3515)."""

    code: int
    reason: str
    final: bool


class PlaybackStarted(CallEvent, frozen=True, kw_only=True):
    """A file was connected to the call's audio; its first frame leaves at the clock's next tick (20 ms)."""

    playback: int


class RecordingStarted(CallEvent, frozen=True, kw_only=True):
    """A recording was connected to the call's audio; its first frame is of the clock's next tick (20 ms)."""

    recording: int


class AudioHeard(CallEvent, frozen=True, kw_only=True):
    """What the call received up to ``at``: 16-bit little-endian mono at ``rate`` Hz; no journal keeps it."""

    rate: int
    samples: bytes


class RecordingFinished(CallEvent, frozen=True, kw_only=True):
    """A recording is complete on disk."""

    recording: int
    path: str


class VoiceChanged(CallEvent, frozen=True, kw_only=True):
    """Somebody began to speak in a call that is listened to, or fell silent; heard by the parent."""

    speaking: bool


# ---- said by the parent


class ExpectationChecked(Event, frozen=True, kw_only=True):
    """An ``expect(...)`` was decided."""

    name: str
    passed: bool
    expected: str
    observed: str
    call: int | None = None


Wired = (
    AgentReady
    | AgentStopped
    | Heartbeat
    | NativeLogged
    | CallbackFailed
    | CommandDone
    | CommandFailed
    | SipSent
    | SipReceived
    | KeyNegotiated
    | TransportChanged
    | RegistrationChanged
    | MessageWaiting
    | RequestSent
    | RequestEnded
    | MessageReceived
    | MessageAnswered
    | CallStarted
    | CallStateChanged
    | Redirected
    | MediaStateChanged
    | StreamMeasured
    | DtmfReceived
    | DtmfReleased
    | DtmfSent
    | DtmfFinished
    | TransferProgressed
    | AudioHeard
    | PlaybackStarted
    | PlaybackFinished
    | RecordingStarted
    | RecordingFinished
)
"""What crosses the boundary."""

AnyEvent = Wired | AgentCrashed | VoiceChanged | ExpectationChecked
"""What a journal can hold."""
