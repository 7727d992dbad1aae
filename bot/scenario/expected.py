"""What an ``expect`` step can say, as data; how it is judged is elsewhere."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bot.config import SettingError
from bot.message_kind import KIND_PATTERN
from bot.model import CryptoSuite, DtmfMethod, EndedBy, MediaDirection, Transport
from bot.scenario.terms import (
    CallName,
    Code,
    Options,
    Party,
    Pattern,
    Seconds,
    Sound,
    YesNo,
    checked_code,
    is_yes,
    several,
)

__all__ = ["RECORDING_KEYS", "Expect", "Level", "Mailbox", "State"]

State = Literal["calling", "incoming", "early", "connecting", "confirmed", "disconnected"]
Refresher = Literal["uac", "uas"]
Milliseconds = Annotated[float, Meta(ge=0, description="milliseconds since the INVITE")]
Decibels = Annotated[float, Meta(description="dBFS, where 0 is a full-scale sine")]
Patterns = Annotated[
    dict[str, str | list[str]],
    Meta(description="regular expressions by header name; each one of a list has to be found"),
]
Absent = Annotated[
    str | list[str] | dict[str, str],
    Meta(description="header names, or regular expressions by header name that may not be found"),
]
Calls = Annotated[CallName | list[CallName], Meta(description="whose call, or calls: each of them")]
Within = Annotated[
    str,
    Meta(
        description="the messages to look at: a method (INVITE), a code (183), or both (200 BYE)",
        pattern=KIND_PATTERN,
    ),
]


class Level(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The active speech level (ITU-T P.56) of a recording, in dBFS."""

    at_least: Decibels | None = None
    at_most: Decibels | None = None

    def __post_init__(self) -> None:
        """A level between nothing and nothing says nothing."""
        if self.at_least is None and self.at_most is None:
            raise SettingError("at_least", "a level needs at_least, at_most, or both")


class Mailbox(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many voice messages there are; with neither, that new ones wait."""

    new: Annotated[int, Meta(ge=0)] | None = None
    old: Annotated[int, Meta(ge=0)] | None = None


class Stream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An audio stream as one side sends it."""

    ptime_ms: Annotated[int, Meta(description="how long a packet lasts")] | None = None
    payload_type: Annotated[int, Meta(description="of the codec, as the peer says it")] | None = None
    telephone_event: Annotated[int, Meta(description="of RFC 4733, as the peer says it; 0: none")] | None = (
        None
    )
    rtcp_mux: YesNo | None = None
    channels: int | None = None

    def __post_init__(self) -> None:
        """A stream of which nothing is said is like every other."""
        if all(getattr(self, name) is None for name in self.__struct_fields__):
            raise SettingError(
                "ptime_ms", "a stream needs one at least: " + ", ".join(self.__struct_fields__)
            )


class Expect(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What has to be true of a call (``on``) or of a recording by this step's deadline, all of it."""

    on: Calls | None = None
    recording: Annotated[str, Meta(description="the name of a recording")] | None = None

    # a call's signalling
    state: State | None = None
    """The call has been or gets in this state."""
    code: Code | None = None
    """The status code that the call ended with."""
    by: EndedBy | None = None
    """Who ended it, seen from this endpoint."""
    response: Code | None = None
    """A response to the INVITE with this code was, or is, sent or received."""
    header: Patterns | None = None
    no_header: Absent | None = None
    within: Within | None = None
    """The messages that ``header`` and ``no_header`` look at; all of the call when it is not given."""
    whose: Annotated[EndedBy, Meta(description="whose message: remote (received) or local (sent)")] = (
        EndedBy.REMOTE
    )
    cancelled: YesNo | None = None
    """A CANCEL was sent or received that fits its INVITE, and both were answered (RFC 3261 9.1)."""
    redirected: Party | None = None
    """Whom the INVITE was sent on to at last, when the endpoint follows redirections."""
    reliable: YesNo | None = None
    """Provisional responses were sent reliably and acknowledged with PRACK (RFC 3262), or none was."""
    session_expires: Annotated[int, Meta(ge=90, description="seconds, RFC 4028")] | None = None
    """The session timer that both sides agreed on."""
    refresher: Refresher | None = None
    """Who refreshes it: the side that sent the last INVITE or UPDATE, or the one that answered it."""
    message: Pattern | None = None
    """A SIP MESSAGE with this in its text arrived at the endpoint."""
    transport: Transport | None = None
    """How the INVITE went: a large one goes by TCP whatever its URI says (RFC 3261 18.1.1)."""
    info: Pattern | None = None
    """An INFO with this in its body arrived in the call."""

    transferred: Pattern | None = None
    """The peer had this endpoint call somebody with this in the URI, who answered (REFER, RFC 3515)."""
    replaced: YesNo | None = None
    """Another call has taken the place of this one, which has ended (Replaces, RFC 3891)."""

    # the endpoint outside of calls
    registered: YesNo | None = None
    """Its first identity is registered, or it is not."""
    mailbox: Mailbox | None = None
    """What was told of the mailbox (RFC 3842)."""

    # its media
    media: Literal["active", "inactive"] | None = None
    direction: MediaDirection | None = None
    codec: Annotated[str, Meta(description="for instance PCMA or speex/16000")] | None = None
    stream: Stream | None = None
    """How the audio is packed that this endpoint sends."""
    encrypted: YesNo | None = None
    suite: CryptoSuite | None = None
    """The crypto suite in use, on which offer, answer and library agree."""
    dtmf: Annotated[str, Meta(description="exactly the digits that arrived in the call so far")] | None = None
    method: DtmfMethod | None = None
    """How the digits travelled; ``inband`` makes the endpoint listen for them."""

    # time
    ringing_within_ms: Milliseconds | None = None
    answered_within_ms: Milliseconds | None = None
    answered_after_ms: Milliseconds | None = None
    no_media_before: Code | None = None
    """Media was not active before a response of this code, which did come."""

    # quality of what was received
    min_packets: Annotated[int, Meta(ge=1)] | None = None
    max_loss_pct: Annotated[float, Meta(ge=0, le=100)] | None = None
    max_jitter_ms: Annotated[float, Meta(ge=0, description="RFC 3550, its largest value")] | None = None
    min_mos: Annotated[float, Meta(ge=1, le=5, description="to listen, E-model (ITU-T G.107)")] | None = None

    # absence, until now or during some seconds more
    no_dtmf: YesNo = False
    no_media: YesNo = False
    no_message: YesNo = False
    never_state: State | None = None
    no_response: Code | None = None
    during: Seconds = 0.0
    """How long absence is watched for; without it the look is back only."""

    # a recording
    matches: Sound | None = None
    ignore: list[tuple[float, float]] = msgspec.field(default_factory=list)
    """Stretches of ``matches`` in seconds, from and to, that need not have arrived."""
    max_missing_ms: float | None = None
    min_snr_db: float | None = None
    through: Annotated[str, Meta(description="the worst codec on the way, if not the call's")] | None = None
    marker: Annotated[int, Meta(ge=0, le=65535)] | list[Annotated[int, Meta(ge=0, le=65535)]] | None = None
    digits: Annotated[str, Meta(description="DTMF tones that are heard, exactly")] | None = None
    signal: Annotated[str, Meta(description="ringback, busy, congestion, dial, beep ...")] | None = None
    silent: YesNo | None = None
    level: Level | None = None

    def __post_init__(self) -> None:
        """Refuse what says nothing, and what cannot be said of the subject."""
        if (self.on is None) is (self.recording is None):
            raise SettingError("on", "expected either on (a call) or recording (what was heard in one)")
        self._check_values()
        said = self.said
        wrong = sorted(key for key in said if (key in RECORDING_KEYS) is (self.recording is None))
        if wrong:
            other = (
                "a recording: write recording: NAME" if self.recording is None else "a call: write on: NAME"
            )
            raise SettingError(wrong[0], f"can only be expected of {other}")
        if not said:
            subject = "recording" if self.on is None else "on"
            raise SettingError(subject, "nothing is expected of it; add state, codec, dtmf, matches ...")
        self._check_companions()

    @property
    def said(self) -> list[str]:
        """The keys that expect something, in the order in which they are judged."""
        return [key for key in JUDGED if getattr(self, key) is not None and not self._denied(key)] + [
            key for key in DENIABLE if self._denied(key)
        ]

    @property
    def subjects(self) -> list[str]:
        """The calls."""
        return several(self.on) if self.on is not None else []

    def _denied(self, key: str) -> bool:
        """Whether a key that is either yes or no says no; 0 and the text of a pattern are neither."""
        value = getattr(self, key)
        return key in YES_OR_NO and value is not None and not is_yes(value)

    def _check_values(self) -> None:
        for key in CODES:
            checked_code(key, getattr(self, key), 100, 699)
        for key in NEVER_EMPTY:
            if says_nothing(getattr(self, key)):
                raise SettingError(key, "is empty, so nothing would be judged; leave it out")
        for key in AFFIRMED:
            if self._denied(key):
                raise SettingError(key, "only yes can be expected; leave it out otherwise")

    def _check_companions(self) -> None:
        for key, needed in NEEDS.items():
            if getattr(self, key) not in (None, []) and not any(
                getattr(self, one) is not None for one in needed
            ):
                raise SettingError(key, f"says how; it needs {' or '.join(needed)} beside it")
        if self.during and not set(WATCHED) & set(self.said):
            raise SettingError("during", f"needs something absent beside it: {', '.join(WATCHED)}")
        if self.whose is EndedBy.ERROR:
            raise SettingError("whose", "expected remote or local")
        if self.state not in (None, "disconnected") and (self.code or self.by):
            raise SettingError("code" if self.code else "by", "belongs to state: disconnected")
        if self.suite is not None and self.encrypted is not None and not is_yes(self.encrypted):
            raise SettingError("suite", "contradicts encrypted: no")


RECORDING_KEYS = ("matches", "marker", "digits", "signal", "silent", "level")
DENIABLE = ("encrypted", "silent", "registered", "reliable")
"""Keys whose no expects something too."""
AFFIRMED = ("cancelled", "replaced")
"""Keys whose no would say nothing."""
YES_OR_NO = (*DENIABLE, *AFFIRMED, "no_dtmf", "no_media", "no_message")
CODES = ("code", "response", "no_response", "no_media_before")
NEVER_EMPTY = ("on", "header", "no_header", "marker")
WATCHED = ("no_dtmf", "no_media", "no_message", "never_state", "no_response")
JUDGED = (
    "state", "code", "by", "response", "transport", "cancelled", "redirected", "reliable", "session_expires",
    "header", "no_header", "message", "info", "registered", "mailbox", "transferred", "replaced",
    "media", "direction", "codec", "stream", "encrypted", "suite", "dtmf",
    "ringing_within_ms", "answered_within_ms", "answered_after_ms", "no_media_before",
    "min_packets", "max_loss_pct", "max_jitter_ms", "min_mos",
    *WATCHED, *RECORDING_KEYS,
)  # fmt: skip
NEEDS = {
    "method": ("dtmf",),
    "refresher": ("session_expires",),
    "within": ("header", "no_header"),
    "ignore": ("matches",),
    "max_missing_ms": ("matches",),
    "min_snr_db": ("matches",),
    "through": ("matches",),
}
"""Keys that only say how another one is meant."""


def says_nothing(value: object) -> bool:
    """Whether it is an empty list or mapping, or has one inside."""
    if isinstance(value, dict):
        return says_nothing(list(value.values()))
    return isinstance(value, list) and (not value or any(map(says_nothing, value)))
