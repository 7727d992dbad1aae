"""Events of an endpoint outside its calls: the agent's life, SIP messages, registrations and presence."""

from __future__ import annotations

import msgspec

from bot.config import Capabilities
from bot.ipc.event import Event
from bot.model import Transport

__all__ = [
    "UNREAD",
    "UNREAD_STATUS",
    "AgentCrashed",
    "AgentReady",
    "AgentReplaced",
    "AgentStopped",
    "CallbackFailed",
    "CommandDone",
    "CommandFailed",
    "ExpectationChecked",
    "Heartbeat",
    "KeyNegotiated",
    "LimitReached",
    "Listener",
    "MessageAnswered",
    "MessageReceived",
    "MessageRefused",
    "MessageWaiting",
    "NativeLogged",
    "PresenceChanged",
    "RegistrationChanged",
    "ReplacementFailed",
    "ReportsDropped",
    "RequestEnded",
    "RequestSent",
    "SipReceived",
    "SipSent",
    "StorageFailed",
    "SubscriptionReceived",
    "TlsSession",
    "TransportChanged",
]

UNREAD_STATUS = 75
"""The exit status of an agent that stopped because its parent did not read for too long."""


class Listener(msgspec.Struct, frozen=True):
    """A listening SIP transport."""

    transport: Transport
    host: str
    port: int
    bound_port: int = 0
    """The port of the socket; it differs from ``port`` when STUN found a mapped port."""

    @property
    def address(self) -> str:
        """The part of a SIP URI after the user: ``HOST:PORT``, and the transport unless it is UDP."""
        parameter = "" if self.transport is Transport.UDP else f";transport={self.transport}"
        return f"{self.host}:{self.port}{parameter}"


class AgentReady(Event, frozen=True, kw_only=True):
    """The library runs and its ports are open."""

    listeners: list[Listener]
    build: Capabilities
    conference_rate: int
    """The sample rate of recordings, in Hz."""
    guarded: bool
    """Whether the agent can answer unknown methods and refuse floods (``request_gate`` of the agent)."""


class AgentStopped(Event, frozen=True, kw_only=True):
    """The library was shut down regularly; the last event of an agent."""

    reason: str = ""
    """The reason if the agent stopped by itself; empty if it was told to stop."""


UNREAD = "the parent did not read its events"
"""The reason of an agent whose parent does not read."""


class AgentCrashed(Event, frozen=True, kw_only=True):
    """The process died or hung; the driver reports this event."""

    reason: str
    log: list[str]
    lost_calls: list[int] = msgspec.field(default_factory=list)
    """The calls that end with the agent."""
    replaced_in_s: float | None = None
    """The start time of the next agent; None when the endpoint fails."""


class AgentReplaced(Event, frozen=True, kw_only=True):
    """A new agent listens on the ports of a crashed agent."""

    after_s: float
    """Seconds since the crash, or since the hang was detected."""


class ReplacementFailed(Event, frozen=True, kw_only=True):
    """The replacement of a crashed agent could not be started; the driver tries again."""

    reason: str
    again_in_s: float


class Heartbeat(Event, frozen=True, kw_only=True):
    """The event loop is alive; the next event arrives within ``next_s`` seconds."""

    next_s: float


class NativeLogged(Event, frozen=True, kw_only=True):
    """An error (level 1) or a warning (2) of the library's log, keys redacted."""

    level: int
    text: str


class ReportsDropped(Event, frozen=True, kw_only=True):
    """Events that were dropped because the parent did not read, with the count of each kind.

    Only informative events are dropped: log lines, statistics, SIP messages, refusals, pieces of audio.
    """

    counts: dict[str, int]


class StorageFailed(Event, frozen=True, kw_only=True):
    """A file cannot be written any more (a full disk, a missing folder); calls continue."""

    path: str
    reason: str


class CallbackFailed(Event, frozen=True, kw_only=True):
    """A Python exception in a callback of the library, a controller or a journal; it fails the run."""

    where: str
    traceback: str
    call: int | None = None
    """The affected call, which the exception ends."""


class CommandDone(Event, frozen=True, kw_only=True):
    """A command was carried out."""

    request: int


class CommandFailed(Event, frozen=True, kw_only=True):
    """A command failed.

    ``kind``: ``config`` (the user can correct it), ``native`` (library or environment), ``call`` (the state
    of the call does not allow it) or ``ended`` (the call has ended).
    """

    request: int
    kind: str
    reason: str


class SipSent(Event, frozen=True, kw_only=True):
    """A SIP message was sent; keys and digest responses in ``text`` are redacted."""

    transport: str
    peer: str
    text: str
    local: str = ""
    """Our own ``host:port`` of this message; empty if unknown."""


class SipReceived(Event, frozen=True, kw_only=True):
    """A SIP message was received; keys and digest responses in ``text`` are redacted."""

    transport: str
    peer: str
    text: str
    local: str = ""
    """Our own ``host:port`` of this message; empty if unknown."""
    our_key: bool = False
    """Whether its SDP repeats a master key that this side offered in the same call (RFC 3711 section 9.1)."""


class MessageRefused(Event, frozen=True, kw_only=True):
    """A received message was not passed to the library: it is malformed, or would crash the library."""

    transport: str
    peer: str
    summary: str
    """The start line."""
    rule: str
    """The name of the rule; some rules are faults of the library (``bot.sip.intake.faults``)."""
    why: str
    code: int
    """The status code of the response; 0 when the message was dropped silently."""


class LimitReached(Event, frozen=True, kw_only=True):
    """A peer exceeded a limit of the settings: ``count`` messages were refused, or a call was ended."""

    rule: str
    """The name of the limit."""
    peer: str
    """``host:port`` of the last peer."""
    why: str
    count: int = 1
    call: int | None = None
    """The call that the limit ended."""


class KeyNegotiated(Event, frozen=True, kw_only=True):
    """An inline key (RFC 4568) was sent or received; reported only if a key log is written."""

    sip_call_id: str
    sent: bool
    tag: int
    suite: str
    key: str

    def __repr__(self) -> str:
        """Omits the key."""
        facts = f"sip_call_id={self.sip_call_id!r}, sent={self.sent}, tag={self.tag}, suite={self.suite!r}"
        return f"KeyNegotiated({facts})"


class TlsSession(msgspec.Struct, frozen=True):
    """What the TLS handshake of a connection agreed on."""

    version: str
    """``TLS 1.2`` or ``TLS 1.3``."""
    cipher: str
    """The cipher suite, in the words of the TLS library."""


class TransportChanged(Event, frozen=True, kw_only=True):
    """A connection was opened or closed; ``problems`` are certificate errors in the library's words."""

    transport: str
    state: str
    reason: str
    peer: str
    problems: list[str]
    tls: TlsSession | None = None
    """None for TCP, and before the handshake has ended."""


class RegistrationChanged(Event, frozen=True, kw_only=True):
    """The registrar answered, or did not: then the code is 0 and the reason names the unanswered request."""

    active: bool
    code: int
    reason: str
    expires_s: int
    account: str = ""
    """The address of record of the identity."""
    contact: str = ""
    """The Contacts in the registrar's answer; empty without a Contact."""
    unbound: bool = False
    """Whether a success lists other Contacts only (RFC 3261 10.2.4): then no call arrives here."""
    service_route: list[str] = msgspec.field(default_factory=list)
    """The Service-Route of the registrar (RFC 3608): the first hops of later requests."""


class MessageWaiting(Event, frozen=True, kw_only=True):
    """A message waiting indication (RFC 3842) for an identity; None for a count that it does not state."""

    account: str
    waiting: bool
    new: int | None = None
    old: int | None = None
    urgent_new: int | None = None
    urgent_old: int | None = None
    body: str = ""


class RequestSent(Event, frozen=True, kw_only=True):
    """A request outside a call was sent; its messages have this Call-ID."""

    request: int
    sip_call_id: str


class RequestEnded(Event, frozen=True, kw_only=True):
    """A request outside a call has ended, after any authentication challenges.

    Its final response is in its messages. Without a response, ``code`` is the library's own code; the agent
    replaces ``reason`` by a description of the unanswered request.
    """

    sip_call_id: str
    answered: bool = True
    code: int = 0
    reason: str = ""


class MessageReceived(Event, frozen=True, kw_only=True):
    """A SIP MESSAGE (RFC 3428) outside a call."""

    from_uri: str
    to_uri: str
    content_type: str
    body: str


class SubscriptionReceived(Event, frozen=True, kw_only=True):
    """A SUBSCRIBE for this endpoint's presence arrived (RFC 3856); the endpoint reports itself as open."""

    from_uri: str
    account: str
    """The address of record of the requested identity."""
    package: str = "presence"
    """The event package (RFC 6665)."""


class PresenceChanged(Event, frozen=True, kw_only=True):
    """The presence of a resource (RFC 3856) changed, or the state of the subscription to it."""

    account: str
    uri: str
    is_open: bool | None
    """Whether the resource accepts calls; None if it did not state that."""
    note: str = ""
    subscription: str = ""
    """The state of the subscription: sent, accepted, pending, active, terminated."""
    code: int = 0
    """The code of the response that ended the subscription."""
    reason: str = ""


class MessageAnswered(Event, frozen=True, kw_only=True):
    """The final response to a MESSAGE outside a call; code 0 if no response came."""

    to_uri: str
    code: int
    reason: str


class ExpectationChecked(Event, frozen=True, kw_only=True):
    """The verdict on an ``expect(...)``."""

    name: str
    passed: bool
    expected: str
    observed: str
    call: int | None = None
