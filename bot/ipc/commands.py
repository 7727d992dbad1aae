"""Commands from the parent to an agent: one frozen struct per command, named by an imperative.

The parent numbers requests, playbacks, recordings and transmissions; the agent numbers calls.
"""

from __future__ import annotations

import msgspec

from bot.config import EndpointConfig
from bot.ipc.events import Listener
from bot.model import DtmfMethod, MediaDirection
from bot.sip import SdpEdit

__all__ = [
    "Answer",
    "AnswerRefer",
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
    """The base of all commands."""


class Start(Command, frozen=True, kw_only=True):
    """Start the library; the first command, sent once."""

    config: EndpointConfig
    log_level: int = 3
    """Log level of the library after its configuration: 1 errors, 2 warnings, 5 everything."""
    keep_keys: bool = False
    ask_about_transfers: bool = False
    """Whether every REFER waits for an AnswerRefer."""
    first_call: int = 1
    """The number of the first call; a replacement agent continues the numbering."""
    listeners: list[Listener] = []
    """The listeners of the previous agent; the replacement binds the same ports."""
    measure_every_s: float = 0.0
    """Seconds between reports of the counters of all streams; 0: only when asked."""


class Shutdown(Command, frozen=True, kw_only=True):
    """Hang up every call, close every recording, stop the library."""


class MakeCall(Command, frozen=True, kw_only=True):
    """Send an INVITE; the call ends with 408 when it is not answered within ``ring_timeout_s`` (if given)."""

    uri: str
    sip_call_id: str
    headers: list[Header] = []
    ring_timeout_s: float | None = 30.0
    resolve_s: float = 0.0
    """Maximum time for the resolution of a host name, in seconds."""
    offer: bool = True
    """Whether the INVITE has an SDP offer; without one the callee offers (RFC 3261 13.2.1)."""
    edit_sdp: list[SdpEdit] = []
    account: str = ""
    """The address of record of the calling identity; empty for the first identity."""


class Answer(Command, frozen=True, kw_only=True):
    """Answer an incoming call, now or later: a provisional code, 200, or a refusal."""

    call: int
    after_s: float = 0.0
    code: int = 200
    reason: str = ""
    headers: list[Header] = []
    edit_sdp: list[SdpEdit] = []


class Hangup(Command, frozen=True, kw_only=True):
    """End the call with BYE, CANCEL or a refusal, as its state demands.

    With 0 the library chooses the code.
    """

    call: int
    code: int = 0
    reason: str = ""
    headers: list[Header] = []
    bye: bool = False
    """Whether to send a BYE even if the call is not answered yet (RFC 3261 15)."""


class Cancel(Command, frozen=True, kw_only=True):
    """Cancel the pending INVITE or re-INVITE (RFC 3261 9)."""

    call: int
    headers: list[Header] = []


class Reinvite(Command, frozen=True, kw_only=True):
    """Renegotiate the media of a confirmed call (RFC 3261 14): hold, resume, new keys, late offer."""

    call: int
    direction: MediaDirection | None = None
    """The new direction of this side; None keeps the present one."""
    codecs: list[str] = []
    """The new codecs in order of preference; empty keeps the present ones."""
    offer: bool = True
    rekey: bool = False
    """Whether this side gets new SRTP keys."""
    edit_sdp: list[SdpEdit] = []
    headers: list[Header] = []


class Update(Command, frozen=True, kw_only=True):
    """Renegotiate the media with UPDATE (RFC 3311), which is possible before the call is answered."""

    call: int
    direction: MediaDirection | None = None
    codecs: list[str] = []
    rekey: bool = False
    edit_sdp: list[SdpEdit] = []
    headers: list[Header] = []


class Play(Command, frozen=True, kw_only=True):
    """Play a 16-bit mono WAV file into the call, as soon as its media is active.

    ``source`` is the name of the file or the signal that it was made of.
    """

    call: int
    playback: int
    path: str
    loop: bool = False
    source: str = ""


class StopPlay(Command, frozen=True, kw_only=True):
    """Stop a playback; a finished playback is no error."""

    playback: int


class Record(Command, frozen=True, kw_only=True):
    """Record the received audio of the call, as soon as its media is active."""

    call: int
    recording: int
    path: str
    draft: str
    """The temporary file on the same file system; it is renamed at the end."""


class StopRecord(Command, frozen=True, kw_only=True):
    """Close a recording; a closed recording is no error."""

    recording: int


class SendDtmf(Command, frozen=True, kw_only=True):
    """Send digits in sequence; a comma is a pause of half a second."""

    call: int
    transmission: int
    digits: str
    method: DtmfMethod
    on_ms: int = 100
    off_ms: int = 100
    secret: bool = False
    """Whether events hide the digits."""


class Listen(Command, frozen=True, kw_only=True):
    """Start or stop the delivery of the received audio, as soon as the media is active."""

    call: int
    on: bool = True


class Loopback(Command, frozen=True, kw_only=True):
    """Start or stop sending the received audio back."""

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
    """Maximum time for the resolution of a host name, in seconds."""
    body: str = ""
    content_type: str = ""
    headers: list[Header] = []


class Register(Command, frozen=True, kw_only=True):
    """Register an identity, or remove its registration (RFC 3261 10.2)."""

    account: str = ""
    on: bool = True


class Transfer(Command, frozen=True, kw_only=True):
    """Send REFER (RFC 3515): the peer calls ``uri``, or replaces this side in ``to_call`` (RFC 3891)."""

    call: int
    uri: str = ""
    to_call: int | None = None
    headers: list[Header] = []


class AnswerRefer(Command, frozen=True, kw_only=True):
    """Answer a waiting REFER: 202 accepts it, 300 to 699 refuse it, 0 applies the settings."""

    call: int
    refer: int
    code: int = 0


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
    | AnswerRefer
    | Measure
)


class Request(msgspec.Struct, frozen=True):
    """A command with the number that its CommandDone or CommandFailed carries."""

    number: int
    command: AnyCommand
