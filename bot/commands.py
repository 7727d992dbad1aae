"""What an agent is told: one frozen struct per command, named by an imperative.

The parent numbers requests, playbacks, recordings and transmissions; the agent numbers calls.
"""

from __future__ import annotations

import msgspec

from .config import EndpointConfig
from .model import DtmfMethod

__all__ = [
    "Answer",
    "AnyCommand",
    "Command",
    "Hangup",
    "Hold",
    "Listen",
    "Loopback",
    "MakeCall",
    "Measure",
    "Play",
    "Record",
    "Request",
    "SendDtmf",
    "SendMessage",
    "SendOptions",
    "Shutdown",
    "Start",
    "StopPlay",
    "StopRecord",
    "Transfer",
    "Unhold",
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


class Answer(Command, frozen=True, kw_only=True):
    """Answer an incoming call, now or later: a provisional code, 200, or a refusal."""

    call: int
    after_s: float = 0.0
    code: int = 200
    reason: str = ""
    headers: list[Header] = []


class Hangup(Command, frozen=True, kw_only=True):
    """End the call: BYE, CANCEL or a refusal, as its state demands; 0 lets the library choose the code."""

    call: int
    code: int = 0
    reason: str = ""
    headers: list[Header] = []


class Hold(Command, frozen=True, kw_only=True):
    """Re-INVITE with sendonly (RFC 3264 8.4)."""

    call: int


class Unhold(Command, frozen=True, kw_only=True):
    """Re-INVITE with sendrecv."""

    call: int


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


class SendOptions(Command, frozen=True, kw_only=True):
    """Send OPTIONS (RFC 3261 11) in a call's dialog."""

    call: int
    headers: list[Header] = []


class Transfer(Command, frozen=True, kw_only=True):
    """Ask the peer with REFER (RFC 3515) to call ``uri``."""

    call: int
    uri: str
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
    | Hold
    | Unhold
    | Play
    | StopPlay
    | Record
    | StopRecord
    | SendDtmf
    | Listen
    | Loopback
    | SendMessage
    | SendOptions
    | Transfer
    | Measure
)


class Request(msgspec.Struct, frozen=True):
    """A command with the number that its CommandDone or CommandFailed will carry."""

    number: int
    command: AnyCommand
