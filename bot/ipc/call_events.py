"""Events of calls: their beginning and end, redirections and transfers (RFC 3515)."""

from __future__ import annotations

from bot.ipc.event import CallEvent, Event
from bot.model import CallState, Direction, EndedBy

__all__ = [
    "CallRefused",
    "CallStarted",
    "CallStateChanged",
    "Redirected",
    "TransferProgressed",
    "TransferRequested",
]


class CallStarted(CallEvent, frozen=True, kw_only=True):
    """A call was created by a MakeCall or by a received INVITE."""

    direction: Direction
    sip_call_id: str
    local_uri: str
    remote_uri: str
    transport: str
    account: str = ""
    """The address of record of the calling or called identity."""
    transferred_from: int | None = None
    """The call in which the peer requested this call with REFER (RFC 3515)."""
    replaces: int | None = None
    """The call that this call replaced (RFC 3891); this call is already answered."""


class CallRefused(Event, frozen=True, kw_only=True):
    """An INVITE was refused without creating a call, by the library or because of the endpoint's settings."""

    sip_call_id: str
    remote_uri: str
    """The From of the INVITE, without its tag."""
    local_uri: str
    transport: str
    peer: str
    code: int
    reason: str
    """The reason phrase that was sent."""
    why: str


class CallStateChanged(CallEvent, frozen=True, kw_only=True):
    """The INVITE session changed its state; ``by`` is set in the state DISCONNECTED.

    ``code`` is the received status code, or the code that refused the call; 0 if there is none yet.
    """

    state: CallState
    code: int
    reason: str
    by: EndedBy | None = None
    unasked: bool = False
    """Whether this side ended the call though nobody asked for that: the library does not accept an answer, a
    session timer has expired, a renegotiation has failed."""


class Redirected(CallEvent, frozen=True, kw_only=True):
    """The INVITE is sent to another target (RFC 3261 8.1.3.4), or is not, for the reason in ``refused``."""

    target: str
    code: int
    """The code of the response that caused the redirection."""
    hop: int
    """The number of redirections so far, this one included."""
    refused: str = ""


class TransferRequested(CallEvent, frozen=True, kw_only=True):
    """The peer requested a transfer (REFER, RFC 3515) and waits for AnswerRefer."""

    refer: int
    """The agent's number of the REFER."""
    refer_to: str
    """The URI of Refer-To, without its headers."""
    referred_by: str = ""
    replaces: bool = False
    """Whether the new call replaces another call (attended transfer, RFC 3891)."""


class TransferProgressed(CallEvent, frozen=True, kw_only=True):
    """The peer reported the progress of a transfer (NOTIFY with a sipfrag, RFC 3515)."""

    code: int
    reason: str
    final: bool
