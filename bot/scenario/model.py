"""Data model of a scenario file: its endpoints and its list of steps.

The steps are in ``call_model``, ``request_model`` and ``expect_model``.

The docstrings of the fields are the descriptions in the JSON Schema (``srtpbot schema scenario``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from bot.config import EndpointConfig, SettingError
from bot.scenario.call_model import (
    Answer,
    Bye,
    Call,
    Cancel,
    Dtmf,
    Hangup,
    Hold,
    Info,
    OnCall,
    Play,
    Record,
    Reinvite,
    Reject,
    Ring,
    Tone,
    Transfer,
    Unhold,
    Update,
)
from bot.scenario.expect_model import Expect
from bot.scenario.request_model import Addressed, Message, OptionsRequest, Register, Request, Unregister
from bot.scenario.types import CallName, Options, Seconds

__all__ = [
    "Addressed",
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
    "OnCall",
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
"""Path of a step in its document, for instance ``("steps", 3, "parallel", 0)``."""


class EndpointSpec(EndpointConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Endpoint of a scenario: endpoint settings, which override the settings of the file ``config``."""

    config: str | None = None
    """YAML file with endpoint settings, relative to the scenario."""
    role: str | None = field(name="as", default=None)
    """Bot that controls the endpoint: parrot, machine, ivr, ..."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the bot ``as``."""

    def __post_init__(self) -> None:
        """Check the endpoint settings; ``options`` requires ``as``."""
        super().__post_init__()
        if self.options and self.role is None:
            raise SettingError("options", "needs a bot; add the key as, for instance as: parrot")

    def check_dependencies(self) -> None:
        """Check only a complete endpoint; with ``config`` the merged settings are checked later."""
        if self.config is None:
            super().check_dependencies()


class Wait(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Wait for some seconds, for the end of the playbacks of a call, or for the end of a call."""

    seconds: Seconds | None = None
    """Time to wait, in seconds."""
    on: CallName | None = None
    """Call whose event ``until`` names."""
    until: Literal["played", "disconnected"] | None = None
    """Event of the call: ``played`` (all playbacks have ended) or ``disconnected``."""

    def __post_init__(self) -> None:
        """Require either ``seconds``, or ``on`` and ``until``."""
        if (self.seconds is None) is (self.until is None):
            raise SettingError("seconds", "expected either seconds, or on and until")
        if (self.on is None) is not (self.until is None):
            raise SettingError("on", "on and until go together")


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step: exactly one key, the action of the step."""

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
    """Branches that run concurrently; each branch is a step or a list of steps."""

    def __post_init__(self) -> None:
        """Require exactly one key."""
        verbs = self._verbs
        if not verbs:
            raise SettingError("call", "a step needs one key: " + ", ".join(self.__struct_fields__))
        if len(verbs) > 1:
            raise SettingError(
                verbs[1], f"needs a step of its own; begin a new step with '- ' after {verbs[0]}"
            )

    @property
    def verb(self) -> str:
        """The key of the step."""
        return self._verbs[0]

    @property
    def action(self) -> Any:
        """The value under the key of the step."""
        return getattr(self, self.verb)

    def branches(self, path: Path) -> list[list[tuple[Path, Step]]]:
        """The branches of a ``parallel`` step at ``path``, each step with its own path."""
        found = []
        for number, branch in enumerate([] if isinstance(self.parallel, UnsetType) else self.parallel):
            inner = (*path, "parallel", number)
            if isinstance(branch, list):
                found.append([((*inner, index), step) for index, step in enumerate(branch)])
            else:
                found.append([(inner, branch)])
        return found

    @property
    def _verbs(self) -> list[str]:
        return [name for name in self.__struct_fields__ if getattr(self, name) is not UNSET]


class Varying(msgspec.Struct, frozen=True, kw_only=True):
    """Variables of a scenario."""

    vars: dict[str, Any] = {}
    """Variables, used as ``${NAME}``; null for a variable that needs a value from --var."""
    matrix: dict[str, list[Any]] = {}
    """Variables with a list of values each; the scenario runs once for each combination."""
    data: str | None = None
    """CSV file, relative to the scenario: names of variables in the first line, then one run per line."""


class Scenario(Varying, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scenario: endpoints and steps. It runs once for each row of ``data`` and combination of ``matrix``."""

    name: str | None = None
    """Name of the scenario; default: the name of the file without .yaml."""
    description: str = ""
    """Free text."""
    timeout: Seconds = 20.0
    """Deadline in seconds of each step without a ``timeout`` of its own."""
    defaults: EndpointSpec | None = None
    """Default settings of all endpoints."""
    endpoints: dict[str, EndpointSpec]
    """Endpoints by name; they start in this order."""
    steps: list[Step]
    """Steps, performed in this order; the first step that fails ends the scenario."""


def walk(scenario: Scenario) -> Iterator[tuple[Path, Step]]:
    """Every step with its path, in the order of the file; includes the steps inside ``parallel``."""

    def visit(path: Path, step: Step) -> Iterator[tuple[Path, Step]]:
        yield path, step
        for branch in step.branches(path):
            for place, inner in branch:
                yield from visit(place, inner)

    for index, step in enumerate(scenario.steps):
        yield from visit(("steps", index), step)
