"""Data model of the scenario steps on a call: its states, its media, its audio and its DTMF."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from bot.config import SettingError
from bot.model import DtmfMethod, MediaDirection
from bot.scenario.types import (
    CallName,
    Code,
    FinalCode,
    Headers,
    Name,
    Options,
    Party,
    Seconds,
    Sound,
    YesNo,
    checked_code,
    is_yes,
)
from bot.sip import is_redirection

__all__ = [
    "Answer",
    "Bye",
    "Call",
    "Cancel",
    "Dtmf",
    "Hangup",
    "Hold",
    "InDialogRequest",
    "Info",
    "OnCall",
    "Play",
    "Record",
    "Reinvite",
    "Reject",
    "Ring",
    "Tone",
    "Transfer",
    "Unhold",
    "Update",
]


class Call(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send an INVITE; the step does not wait for a response."""

    caller: str = field(name="from")
    """Name of the endpoint that places the call."""
    to: Party
    """Called party: name of an endpoint, or a SIP URI."""
    name: Name | None = field(name="as", default=None)
    """Name of the call, for use in later steps."""
    headers: Headers = field(default_factory=dict)
    account: str | None = None
    """Address of record of the caller's account; default: the first account."""
    ring_timeout: Seconds = 30.0
    """Seconds to wait for a final response; then the call is cancelled."""

    def __post_init__(self) -> None:
        """Refuse a ring timeout of 0."""
        if not self.ring_timeout:
            raise SettingError("ring_timeout", "expected more than 0 seconds")


class OnCall(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of steps on a call."""

    on: CallName
    """Call of the step: name of an endpoint (its newest call), or ENDPOINT.CALL with a name from ``as``."""


class InDialogRequest(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of steps that send a request in a dialog and wait for its final response."""

    headers: Headers = field(default_factory=dict)
    code: FinalCode | None = None
    """Expected status code of the final response, or ``any``; default: 2xx."""


class Ring(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send a provisional response to an incoming call; 183 starts early media."""

    code: Code = 180
    """Status code of the provisional response, 101 to 199."""
    reason: str = ""
    """Reason phrase; default: the standard phrase of the code."""
    headers: Headers = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a code that is not provisional."""
        checked_code("code", self.code, 101, 199)


class Answer(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accept an incoming call."""

    code: Code = 200
    """Status code of the response, 200 to 299."""
    reason: str = ""
    """Reason phrase; default: the standard phrase of the code."""
    headers: Headers = field(default_factory=dict)
    after: Seconds = 0.0
    """Delay of the response in seconds."""

    def __post_init__(self) -> None:
        """Refuse a code that is not 2xx."""
        checked_code("code", self.code, 200, 299)


class Reject(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reject or redirect an incoming call."""

    code: Code = 486
    """Status code of the response, 300 to 699."""
    reason: str = ""
    """Reason phrase; default: the standard phrase of the code."""
    headers: Headers = field(default_factory=dict)
    after: Seconds = 0.0
    """Delay of the response in seconds."""
    to: list[Party] = field(default_factory=list)
    """Redirection targets in Contact, for a 3xx code."""

    def __post_init__(self) -> None:
        """Refuse a code below 300, and targets without a 3xx code."""
        checked_code("code", self.code, 300, 699)
        if self.to and not is_redirection(self.code):
            raise SettingError("to", f"needs a redirection code from 300 to 399, not {self.code}")


class Cancel(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send CANCEL for an INVITE or a re-INVITE without a final response (RFC 3261 section 9)."""

    headers: Headers = field(default_factory=dict)
    code: FinalCode = 487
    """Expected final response to the INVITE; a CANCEL that arrives too late gets another code."""


class Bye(InDialogRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send BYE in an outgoing call that rings (RFC 3261 section 15), and wait for the end of the call."""


class Hangup(InDialogRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """End a call, and wait until the call has ended and the BYE has a final response."""


class Hold(InDialogRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put the peer on hold with a re-INVITE, and wait for its answer; retries after glare (RFC 3261 14.1)."""

    direction: Literal["sendonly", "inactive"] | None = None
    """Offered direction; default: ``sendonly``, or ``inactive`` when the peer has put this side on hold."""


class Unhold(InDialogRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Resume the peer with a re-INVITE, and wait for its answer; retries after glare (RFC 3261 14.1)."""


class Update(InDialogRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Renegotiate the media with UPDATE (RFC 3311), and wait for the answer; retries after glare."""

    direction: MediaDirection | None = None
    """Offered direction; default: unchanged."""
    codecs: list[str] = field(default_factory=list)
    """Offered codecs in order of preference; default: unchanged."""
    rekey: YesNo = False
    """Whether the offer has new SRTP keys."""


class Reinvite(Update, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Renegotiate the media with a re-INVITE (RFC 3261 section 14), and wait for the answer."""

    offer: YesNo = True
    """Whether the re-INVITE has an SDP offer; without it, the peer's response has the offer."""


class Transfer(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Transfer the peer with REFER (RFC 3515), and wait for the NOTIFY with the result."""

    to: Party | None = None
    """Target of a blind transfer: name of an endpoint, or a SIP URI."""
    to_call: CallName | None = None
    """Own call to the target of an attended transfer (RFC 3891); the transfer ends this call."""
    headers: Headers = field(default_factory=dict)
    code: FinalCode | None = None
    """Expected status code in the last NOTIFY, or of the response that refuses the REFER; default: 2xx."""
    wait: YesNo = True
    """Whether the step waits for the result of the transfer."""

    def __post_init__(self) -> None:
        """Require exactly one target."""
        if (self.to is None) is (self.to_call is None):
            raise SettingError("to", "expected either to (blind) or to_call (attended)")


class Play(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Play a file or a signal into a call, and wait for the end of the playback."""

    audio: Sound
    loop: YesNo = False
    """Whether the playback repeats until the call ends."""
    wait: YesNo = True
    """Whether the step waits for the end of the playback."""

    def __post_init__(self) -> None:
        """Refuse to wait for the end of a loop."""
        if self.loop in {True, "yes"} and self.wait in {True, "yes"}:
            raise SettingError("wait", "a playback in a loop never ends; add wait: no")


class Tone(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Play a sine tone or a sum of sine tones into a call, and wait for the end of the playback."""

    hz: float | list[float]
    """Frequency of the tone in Hz, or a list of frequencies."""
    seconds: Seconds = 1.0
    """Duration in seconds."""
    level: Annotated[float, Meta(le=0)] = -10.0
    """Level of each sine in dBFS, 0 or less."""
    wait: YesNo = True
    """Whether the step waits for the end of the playback."""

    @property
    def signal(self) -> str:
        """The tone as a signal of ``media.signals.signals``."""
        frequencies = self.hz if isinstance(self.hz, list) else [self.hz]
        sines = "+".join(f"{frequency:g}" for frequency in frequencies)
        return f"tone:{sines}:{self.seconds:g}@{self.level:g}"


class Record(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Record the received audio until the call ends or an expect step uses the recording."""

    name: Name = field(name="as")
    """Name of the recording, for use in later steps; the file is NAME.wav."""


class Dtmf(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send DTMF digits, and wait until they are sent."""

    digits: str
    """Digits 0 to 9, ``*``, ``#``, A to D; a comma is a pause of 0.5 s."""
    method: DtmfMethod = DtmfMethod.RFC4733
    on_ms: Annotated[int, Meta(ge=20)] = 100
    """Duration of a digit in ms."""
    off_ms: Annotated[int, Meta(ge=20)] = 100
    """Pause after a digit in ms."""
    secret: YesNo = False
    """Whether reports show these digits as ``x``, and all digits that other calls receive later."""

    def __post_init__(self) -> None:
        """Refuse characters that are not DTMF digits."""
        from bot.errors import ConfigError
        from bot.ua import checked_digits

        try:
            checked_digits(self.digits, secret=is_yes(self.secret))
        except ConfigError as error:
            raise SettingError("digits", str(error)) from None


class Info(InDialogRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send INFO in a call, and wait for the final response (RFC 6086)."""

    body: str = ""
    """Message body."""
    content_type: str = "text/plain"
    """Content-Type of the body."""
