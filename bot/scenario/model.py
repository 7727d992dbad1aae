"""A scenario as data: endpoints, and steps in the testers' words, one struct for each kind of step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from bot.config import EndpointConfig, SettingError
from bot.model import DtmfMethod, MediaDirection
from bot.scenario.expected import Expect
from bot.scenario.terms import (
    CallName,
    Code,
    Headers,
    Name,
    Options,
    Party,
    Seconds,
    Sound,
    YesNo,
    checked_code,
)

__all__ = [
    "Answer",
    "Bye",
    "Call",
    "Cancel",
    "Dtmf",
    "EndpointSpec",
    "Hangup",
    "Hold",
    "Info",
    "Message",
    "OptionsRequest",
    "Path",
    "Play",
    "Record",
    "Register",
    "Reinvite",
    "Reject",
    "Request",
    "Ring",
    "Scenario",
    "Step",
    "Tone",
    "Transfer",
    "Unhold",
    "Unregister",
    "Update",
    "Varying",
    "Wait",
    "walk",
]

Path = tuple[str | int, ...]
"""Where a step stands in its document, for instance ``("steps", 3, "parallel", 0)``."""
Sender = Annotated[str, Meta(description="the endpoint that sends it")]


class EndpointSpec(EndpointConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint of the scenario: the settings of an endpoint, or ``config`` and what differs from it."""

    config: Annotated[str, Meta(description="a YAML file of settings, beside the scenario")] | None = None
    role: Annotated[str, Meta(description="a ready-made bot: parrot, machine ...")] | None = field(
        name="as", default=None
    )
    options: Annotated[dict[str, Any], Meta(description="what the bot is made with")] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        """The settings' own checks, and a bot's options only with a bot."""
        super().__post_init__()
        if self.options and self.role is None:
            raise SettingError("options", "are those of a ready-made bot; add as: parrot, or another")


class Call(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send an INVITE; the next step does not wait for its answer."""

    caller: Annotated[str, Meta(description="the endpoint that calls")] = field(name="from")
    to: Party
    name: Name | None = field(name="as", default=None)
    headers: Headers = field(default_factory=dict)
    account: Annotated[str, Meta(description="which of the caller's identities calls")] | None = None
    ring_timeout: Seconds = 30.0

    def __post_init__(self) -> None:
        """An INVITE cannot time out at once."""
        if not self.ring_timeout:
            raise SettingError("ring_timeout", "expected more than 0 seconds")


class OnCall(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step on a call."""

    on: CallName


class Ring(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answer an incoming call with a provisional response; 183 opens the media early."""

    code: Code = 180
    reason: str = ""
    headers: Headers = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Only provisional codes ring."""
        checked_code("code", self.code, 101, 199)


class Answer(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accept an incoming call, at once or some seconds from now."""

    code: Code = 200
    reason: str = ""
    headers: Headers = field(default_factory=dict)
    after: Seconds = 0.0

    def __post_init__(self) -> None:
        """Refusing is another step."""
        checked_code("code", self.code, 200, 299)


class Reject(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Refuse an incoming call, at once or some seconds from now."""

    code: Code = 486
    reason: str = ""
    headers: Headers = field(default_factory=dict)
    after: Seconds = 0.0
    to: Annotated[list[Party], Meta(description="whom to call instead (3xx), the first one first")] = field(
        default_factory=list
    )

    def __post_init__(self) -> None:
        """Accepting is another step; only a redirection says where to go."""
        checked_code("code", self.code, 300, 699)
        if self.to and self.code >= 400:
            raise SettingError("to", f"belongs to a redirection, code 300 to 399, not to {self.code}")


class Cancel(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Give up a call that was not answered yet, or a re-INVITE, with CANCEL."""

    headers: Headers = field(default_factory=dict)


class Bye(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """End a call of this endpoint's that rings with BYE, as a caller may (RFC 3261 15)."""

    headers: Headers = field(default_factory=dict)


class Hangup(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """End a call, and wait until it has ended."""

    headers: Headers = field(default_factory=dict)


class Hold(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put the peer on hold by a re-INVITE, and wait until it agreed; again after glare (RFC 3261 14.1)."""

    direction: Literal["sendonly", "inactive"] | None = None
    """The first lets the peer hear this side; without one it is what the peer's own hold allows."""
    headers: Headers = field(default_factory=dict)


class Unhold(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take the peer off hold, and wait until it agreed; again after glare (RFC 3261 14.1)."""

    headers: Headers = field(default_factory=dict)


class Update(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Negotiate the media anew by an UPDATE (RFC 3311), and wait for the answer."""

    direction: MediaDirection | None = None
    codecs: Annotated[list[str], Meta(description="the only ones from now on, in this order")] = field(
        default_factory=list
    )
    rekey: YesNo = False
    """Whether this side's SRTP keys are other ones from now on."""
    headers: Headers = field(default_factory=dict)
    code: Code | None = 200
    """What the answer has to be; after 491 it is tried again, unless that is it (RFC 3261 14.1)."""


class Reinvite(Update, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Negotiate the media anew by a re-INVITE (RFC 3261 14), and wait for the answer."""

    offer: YesNo = True
    """Whether this side offers; otherwise the peer does, in its answer."""


class Transfer(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask the peer to call somebody else (REFER), and wait for the peer's word on it."""

    to: Party | None = None
    to_call: Annotated[CallName, Meta(description="our call whose peer it is, which then ends")] | None = None
    headers: Headers = field(default_factory=dict)
    code: Code | None = None
    """What the peer has to say of its new call, at last; any code when it is not given."""
    wait: YesNo = True

    def __post_init__(self) -> None:
        """One or the other."""
        if (self.to is None) is (self.to_call is None):
            raise SettingError("to", "expected either to (blind) or to_call (attended)")


class Play(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Play a file or a signal into a call, and wait until it has been played."""

    audio: Sound
    loop: YesNo = False
    wait: YesNo = True

    def __post_init__(self) -> None:
        """A loop has no end to wait for."""
        if self.loop in {True, "yes"} and self.wait in {True, "yes"}:
            raise SettingError("wait", "what plays in a loop never ends; add wait: no")


class Tone(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Play sines of these frequencies into a call, and wait until they have been played."""

    hz: float | list[float]
    seconds: Seconds = 1.0
    level: Annotated[float, Meta(le=0, description="dBFS of each sine")] = -10.0
    wait: YesNo = True

    @property
    def signal(self) -> str:
        """As ``media.signals`` writes it."""
        sines = "+".join(f"{one:g}" for one in (self.hz if isinstance(self.hz, list) else [self.hz]))
        return f"tone:{sines}:{self.seconds:g}@{self.level:g}"


class Record(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Record what a call receives; until the call ends, or an expectation wants to hear it."""

    name: Name = field(name="as")


class Dtmf(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send DTMF digits, and wait until they are sent; a comma is a pause of half a second."""

    digits: str
    method: DtmfMethod = DtmfMethod.RFC4733
    on_ms: Annotated[int, Meta(ge=20)] = 100
    off_ms: Annotated[int, Meta(ge=20)] = 100

    def __post_init__(self) -> None:
        """Refuse what are no digits."""
        from bot.call import checked_digits
        from bot.errors import ConfigError

        try:
            checked_digits(self.digits)
        except ConfigError as error:
            raise SettingError("digits", str(error)) from None


class Message(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send a SIP MESSAGE: ``on`` a call, or outside of one ``from`` an endpoint ``to`` somebody."""

    text: str
    on: CallName | None = None
    sender: Sender | None = field(name="from", default=None)
    to: Party | None = None
    headers: Headers = field(default_factory=dict)
    code: Code | None = 200
    """What the answer has to be."""

    def __post_init__(self) -> None:
        """One way or the other."""
        one_way(self)


class OptionsRequest(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send OPTIONS: ``on`` a call, or outside of one ``from`` an endpoint ``to`` somebody; and wait."""

    on: CallName | None = None
    sender: Sender | None = field(name="from", default=None)
    to: Party | None = None
    headers: Headers = field(default_factory=dict)
    code: Code | None = None
    """What the answer has to be; any answer shows that the peer or the dialog lives."""

    def __post_init__(self) -> None:
        """One way or the other."""
        one_way(self)


class Info(OnCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send INFO in a call, and wait for the answer."""

    body: str = ""
    content_type: str = "text/plain"
    headers: Headers = field(default_factory=dict)
    code: Code | None = 200
    """What the answer has to be."""


class Request(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send a request of any method outside of calls, such as NOTIFY or PUBLISH, and wait for the answer."""

    method: Annotated[str, Meta(pattern=r"^[A-Za-z0-9!%*_+`'~.-]+$")]
    sender: Sender = field(name="from")
    to: Party
    body: str = ""
    content_type: str = ""
    headers: Headers = field(default_factory=dict)
    code: Code | None = 200
    """What the answer has to be."""


class Register(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Register an endpoint, or refresh that, and wait for the registrar's answer."""

    on: Annotated[str, Meta(description="the endpoint")]
    account: Annotated[str, Meta(description="which of its identities")] | None = None
    code: Code = 200
    """What the registrar has to answer."""


class Unregister(Register, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take an endpoint's registration back, and wait for the registrar's answer."""


class Wait(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let time pass, or wait until what was begun on a call is over."""

    seconds: Seconds | None = None
    on: CallName | None = None
    until: Literal["played", "disconnected"] | None = None

    def __post_init__(self) -> None:
        """One way or the other."""
        if (self.seconds is None) is (self.until is None):
            raise SettingError("seconds", "expected either seconds, or on and until")
        if (self.on is None) is not (self.until is None):
            raise SettingError("on", "on and until go together")


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step: a single key that says what to do."""

    call: Call | UnsetType = UNSET
    ring: Ring | UnsetType = UNSET
    answer: Answer | UnsetType = UNSET
    reject: Reject | UnsetType = UNSET
    cancel: Cancel | UnsetType = UNSET
    bye: Bye | UnsetType = UNSET
    hangup: Hangup | UnsetType = UNSET
    hold: Hold | UnsetType = UNSET
    unhold: Unhold | UnsetType = UNSET
    reinvite: Reinvite | UnsetType = UNSET
    update: Update | UnsetType = UNSET
    transfer: Transfer | UnsetType = UNSET
    play: Play | UnsetType = UNSET
    tone: Tone | UnsetType = UNSET
    record: Record | UnsetType = UNSET
    dtmf: Dtmf | UnsetType = UNSET
    message: Message | UnsetType = UNSET
    options: OptionsRequest | UnsetType = UNSET
    info: Info | UnsetType = UNSET
    request: Request | UnsetType = UNSET
    register: Register | UnsetType = UNSET
    unregister: Unregister | UnsetType = UNSET
    wait: Wait | UnsetType = UNSET
    expect: Expect | UnsetType = UNSET
    parallel: list[Step | list[Step]] | UnsetType = UNSET
    """Branches, each a step or a list of steps, which are done side by side."""

    def __post_init__(self) -> None:
        """Exactly one key."""
        verbs = self._verbs
        if not verbs:
            raise SettingError("call", "a step says what to do: one of " + ", ".join(self.__struct_fields__))
        if len(verbs) > 1:
            raise SettingError(verbs[1], f"is a step of its own; begin it with '- ' after {verbs[0]}")

    @property
    def verb(self) -> str:
        """What to do."""
        return self._verbs[0]

    @property
    def said(self) -> Any:
        """How."""
        return getattr(self, self.verb)

    def branches(self, path: Path) -> list[list[tuple[Path, Step]]]:
        """The steps inside a ``parallel`` that stands at ``path``, each with its own place."""
        found = []
        for number, one in enumerate([] if isinstance(self.parallel, UnsetType) else self.parallel):
            inner = (*path, "parallel", number)
            several = (
                [((*inner, index), step) for index, step in enumerate(one)] if isinstance(one, list) else []
            )
            found.append(several if isinstance(one, list) else [(inner, one)])
        return found

    @property
    def _verbs(self) -> list[str]:
        return [name for name in self.__struct_fields__ if getattr(self, name) is not UNSET]


class Varying(msgspec.Struct, frozen=True, kw_only=True):
    """What makes several results of one scenario."""

    vars: Annotated[dict[str, Any], Meta(description="${NAME}; null when --var has to give it")] = {}
    matrix: Annotated[dict[str, list[Any]], Meta(description="variables with all their values")] = {}
    data: Annotated[str, Meta(description="a CSV file; its first line names the variables")] | None = None


class Scenario(Varying, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Endpoints and steps, done once for each row of ``data`` and each combination of ``matrix``."""

    name: str | None = None
    """The file's name without .yaml when it is not given."""
    description: str = ""
    timeout: Seconds = 20.0
    """The deadline of each step that has none of its own, in seconds."""
    defaults: EndpointSpec | None = None
    """Settings that every endpoint has unless it says otherwise."""
    endpoints: dict[str, EndpointSpec]
    steps: list[Step]


def one_way(said: Message | OptionsRequest) -> None:
    """In a call or outside of one."""
    if (said.on is not None) is (said.sender is not None or said.to is not None):
        raise SettingError("on", "expected either on (in a call), or from and to (outside of one)")
    if (said.sender is None) is not (said.to is None):
        raise SettingError("to" if said.to is None else "from", "from and to go together")


def walk(scenario: Scenario) -> Iterator[tuple[Path, Step]]:
    """Every step with its place, those inside ``parallel`` too, in the order written."""

    def visit(path: Path, step: Step) -> Iterator[tuple[Path, Step]]:
        yield path, step
        for branch in step.branches(path):
            for place, inner in branch:
                yield from visit(place, inner)

    for index, step in enumerate(scenario.steps):
        yield from visit(("steps", index), step)
