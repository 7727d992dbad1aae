"""What an agent is told: one frozen struct per command, named by an imperative.

The parent numbers requests, playbacks, recordings and transmissions; the agent numbers calls.
"""

from __future__ import annotations

import msgspec

from .config import EndpointConfig
from .model import DtmfMethod, MediaDirection
from .sdp_edits import SdpEdit

__all__ = [
    "Answer",
    "AnyCommand",
    "Cancel",
    "Command",
    "Hangup",
    "Listen",
    "Loopback",
    "MakeCall",
    "Measure",
    "Play",
    "Record",
    "Register",
    "Reinvite",
    "Request",
    "SdpEdit",
    "SendDtmf",
    "SendMessage",
    "SendRequest",
    "Shutdown",
    "Start",
    "StopPlay",
    "StopRecord",
    "Transfer",
    "Update",
]

Header = tuple[str, str]


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The root of all commands."""


class Start(Command, frozen=True, kw_only=True):
    """Start the library; the first command, once."""

    config: EndpointConfig
    log_level: int = 4
    """The library's; 4 is the least that shows SIP messages, 5 traces everything."""
    keep_keys: bool = False


class Shutdown(Command, frozen=True, kw_only=True):
    """Hang up every call, close every recording, stop."""


class MakeCall(Command, frozen=True, kw_only=True):
    """Send an INVITE; ends the call as 408 when it is not answered within ``ring_timeout_s``."""

    uri: str
    sip_call_id: str
    headers: list[Header] = []
    ring_timeout_s: float = 30.0
    resolve_s: float = 0.0
    """How long the library may block on resolving a host name, in seconds."""
    offer: bool = True
    """Whether the INVITE has an SDP offer; without one the callee offers (RFC 3261 13.2.1)."""
    edit_sdp: list[SdpEdit] = []
    account: str = ""
    """The identity that calls, by its address of record; empty is the first one."""


class Answer(Command, frozen=True, kw_only=True):
    """Answer an incoming call, now or later: a provisional code, 200, or a refusal."""

    call: int
    after_s: float = 0.0
    code: int = 200
    reason: str = ""
    headers: list[Header] = []
    edit_sdp: list[SdpEdit] = []


class Hangup(Command, frozen=True, kw_only=True):
    """End the call: BYE, CANCEL or a refusal, as its state demands; 0 lets the library choose the code."""

    call: int
    code: int = 0
    reason: str = ""
    headers: list[Header] = []
    bye: bool = False
    """Whether it has to be a BYE, though the call is not answered yet (RFC 3261 15)."""


class Cancel(Command, frozen=True, kw_only=True):
    """Give up the INVITE that has no final response yet, or the re-INVITE (RFC 3261 9)."""

    call: int
    headers: list[Header] = []


class Reinvite(Command, frozen=True, kw_only=True):
    """Negotiate the media of a confirmed call anew (RFC 3261 14): hold, resume, other keys, a late offer."""

    call: int
    direction: MediaDirection | None = None
    """What this side wants from now on; None for what it wanted before."""
    codecs: list[str] = []
    """The only ones from now on, in this order; empty for those of before."""
    offer: bool = True
    rekey: bool = False
    """Whether this side's SRTP keys are other ones from now on."""
    edit_sdp: list[SdpEdit] = []
    headers: list[Header] = []


class Update(Command, frozen=True, kw_only=True):
    """Negotiate the media anew without a re-INVITE, so before the call is answered too (RFC 3311)."""

    call: int
    direction: MediaDirection | None = None
    codecs: list[str] = []
    rekey: bool = False
    edit_sdp: list[SdpEdit] = []
    headers: list[Header] = []


class Play(Command, frozen=True, kw_only=True):
    """Play a 16-bit mono WAV into the call from the moment that its media is active."""

    call: int
    playback: int
    path: str
    loop: bool = False


class StopPlay(Command, frozen=True, kw_only=True):
    """Stop a playback; no error when it has ended."""

    playback: int


class Record(Command, frozen=True, kw_only=True):
    """Record what the call receives, from the moment that its media is active."""

    call: int
    recording: int
    path: str


class StopRecord(Command, frozen=True, kw_only=True):
    """Close a recording; no error when it is closed."""

    recording: int


class SendDtmf(Command, frozen=True, kw_only=True):
    """Send digits one after another; a comma is a pause of half a second."""

    call: int
    transmission: int
    digits: str
    method: DtmfMethod
    on_ms: int = 100
    off_ms: int = 100


class Listen(Command, frozen=True, kw_only=True):
    """Hand over what the call receives, from the moment that its media is active, or stop doing so."""

    call: int
    on: bool = True


class Loopback(Command, frozen=True, kw_only=True):
    """Send back what the call receives, or stop doing so."""

    call: int
    on: bool = True


class SendMessage(Command, frozen=True, kw_only=True):
    """Send a MESSAGE (RFC 3428) in a call, or outside any call to ``uri``."""

    call: int | None = None
    uri: str = ""
    text: str
    content_type: str = "text/plain"
    headers: list[Header] = []


class SendRequest(Command, frozen=True, kw_only=True):
    """Send a request of any method in a call's dialog, or outside any call to ``uri``."""

    method: str
    call: int | None = None
    request: int = 0
    """The parent's number for a request outside a call."""
    uri: str = ""
    account: str = ""
    resolve_s: float = 0.0
    """How long the library may block on resolving a host name, in seconds."""
    body: str = ""
    content_type: str = ""
    headers: list[Header] = []


class Register(Command, frozen=True, kw_only=True):
    """Register an identity, or take its registration back (RFC 3261 10.2)."""

    account: str = ""
    on: bool = True


class Transfer(Command, frozen=True, kw_only=True):
    """Ask the peer with REFER (RFC 3515) to call ``uri``, or to take the place of ours in ``to_call``."""

    call: int
    uri: str = ""
    to_call: int | None = None
    headers: list[Header] = []


class Measure(Command, frozen=True, kw_only=True):
    """Report the counters of every stream of the call now."""

    call: int


AnyCommand = (
    Start
    | Shutdown
    | MakeCall
    | Answer
    | Hangup
    | Cancel
    | Reinvite
    | Update
    | Play
    | StopPlay
    | Record
    | StopRecord
    | SendDtmf
    | Listen
    | Loopback
    | SendMessage
    | SendRequest
    | Register
    | Transfer
    | Measure
)


class Request(msgspec.Struct, frozen=True):
    """A command with the number that its CommandDone or CommandFailed will carry."""

    number: int
    command: AnyCommand
