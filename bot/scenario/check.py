"""Whether the names in a scenario mean something, before any call is made; values are the model's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bot.document import did_you_mean
from bot.errors import ConfigError
from bot.scenario.expected import Expect
from bot.scenario.model import (
    Call,
    Message,
    OnCall,
    OptionsRequest,
    Path,
    Play,
    Record,
    Register,
    Reject,
    Request,
    Step,
    Tone,
    Transfer,
    Wait,
    walk,
)
from bot.scenario.sounds import audible, readable
from bot.scenario.terms import Headers, named, several

if TYPE_CHECKING:
    from bot.scenario.load import Case

__all__ = ["check"]

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def check(case: Case) -> None:
    """Raise ConfigError "steps[2].play.on: ..." for the first thing in the case that cannot be meant."""
    scenario = case.scenario
    if not scenario.endpoints:
        raise ConfigError("endpoints: is empty; a scenario needs one at least")
    for name, spec in scenario.endpoints.items():
        if not _NAME.fullmatch(name):
            raise ConfigError(f"endpoints: {name!r} is no name for an endpoint; use letters, digits, _ and -")
        if spec.role is not None:
            from bot.scenario.bots import check_bot

            check_bot(f"endpoints.{name}", spec.role, spec.options, case.folder)
    steps = list(walk(scenario))
    if not any(step.verb == "expect" for _, step in steps):
        raise ConfigError("steps: there is no expect among them, so nothing would be proven")
    names = _Names(case, steps)
    for path, step in steps:
        names.check(path, step)


class _Names:
    """What steps may refer to."""

    def __init__(self, case: Case, steps: list[tuple[Path, Step]]) -> None:
        self._case = case
        self._endpoints = case.scenario.endpoints
        self._calls = self._unique(steps, Call)
        self._recordings = self._unique(steps, Record)

    def check(self, path: Path, step: Step) -> None:
        """Look at every name in a step, and at its files."""
        said, at = step.said, shown_key(path, step)
        match said:
            case Call():
                self._endpoint(f"{at}.from", said.caller, ours="a bot makes no calls of its own accord")
                self._party(f"{at}.to", said.to)
                self._headers(f"{at}.headers", said.headers)
            case Message(sender=str(sender), to=str(to)) | OptionsRequest(sender=str(sender), to=str(to)):
                self._endpoint(f"{at}.from", sender)
                self._party(f"{at}.to", to)
            case Request():
                self._endpoint(f"{at}.from", said.sender)
                self._party(f"{at}.to", said.to)
                self._headers(f"{at}.headers", said.headers)
            case Register():
                self._endpoint(f"{at}.on", said.on)
            case Message(on=str(on)) | OptionsRequest(on=str(on)) | Wait(on=str(on)):
                self._call(f"{at}.on", on)
            case OnCall():
                self._call(f"{at}.on", said.on)
                self._details(at, said)
            case Expect():
                self._expectation(at, said)
            case _:
                pass

    def _details(self, at: str, said: OnCall) -> None:
        match said:
            case Play():
                self._sound(f"{at}.audio", said.audio, must_sound=False)
            case Tone():
                self._sound(f"{at}.hz", said.signal, must_sound=False)
            case Transfer(to=str(to)):
                self._party(f"{at}.to", to)
            case Transfer(to_call=str(to_call)):
                self._call(f"{at}.to_call", to_call)
            case Reject():
                for index, party in enumerate(said.to):
                    self._party(f"{at}.to[{index}]", party)
            case _:
                pass
        self._headers(f"{at}.headers", getattr(said, "headers", {}))

    def _expectation(self, at: str, said: Expect) -> None:
        from bot.expectations import compiled

        for number, on in enumerate(said.subjects):
            self._call(f"{at}.on[{number}]" if isinstance(said.on, list) else f"{at}.on", on)
        if said.recording is not None and said.recording not in self._recordings:
            raise unknown(f"{at}.recording", "recording", said.recording, self._recordings)
        if said.redirected is not None:
            self._party(f"{at}.redirected", said.redirected)
        if said.matches is not None:
            self._sound(f"{at}.matches", said.matches, must_sound=True)
        unwanted = said.no_header if isinstance(said.no_header, dict) else {}
        patterns = [
            *(("header", one) for some in (said.header or {}).values() for one in several(some)),
            *(("no_header", one) for one in unwanted.values()),
            *(("message", one) for one in [said.message] if one is not None),
        ]
        for said_as, pattern in patterns:
            key = f"{at}.{said_as}"
            try:
                compiled(pattern)
            except ConfigError as error:
                raise ConfigError(f"{key}: {error}") from None
        for key in ("info", "transferred"):
            try:
                compiled(getattr(said, key) or "")
            except ConfigError as error:
                raise ConfigError(f"{at}.{key}: {error}") from None
        if said.signal is not None:
            from media.progress import CADENCES

            signals = dict.fromkeys(one.name for one in CADENCES)
            if said.signal not in signals:
                raise unknown(f"{at}.signal", "signal", said.signal, signals)
        self._headers(f"{at}.no_header", dict.fromkeys(named(said.no_header or []), ""))

    def _endpoint(self, key: str, name: str, ours: str = "") -> None:
        if name not in self._endpoints:
            raise unknown(key, "endpoint", name, self._endpoints)
        if ours and self._endpoints[name].role is not None:
            raise ConfigError(f"{key}: {name} is a {self._endpoints[name].role}; {ours}")

    def _party(self, key: str, party: str) -> None:
        if party in self._endpoints:
            return
        if ":" not in party:
            raise unknown(key, "endpoint", party, self._endpoints, " (or write a SIP URI, sip:user@host)")
        from bot.sip import parse_uri

        try:
            parse_uri(party)
        except ConfigError as error:
            raise ConfigError(f"{key}: {error}") from None

    def _call(self, key: str, on: str) -> None:
        name, dot, call = on.partition(".")
        self._endpoint(key, name)
        if dot and call not in self._calls:
            raise unknown(key, "call", call, self._calls, " (call steps name theirs with 'as')")

    def _sound(self, key: str, sound: str, *, must_sound: bool) -> None:
        try:
            (audible if must_sound else readable)(sound, self._case.folder)
        except ConfigError as error:
            raise ConfigError(f"{key}: {error}") from None

    def _headers(self, key: str, headers: Headers) -> None:
        from bot.header_fields import header_list

        try:
            header_list(headers)
        except ConfigError as error:
            raise ConfigError(f"{key}: {error}") from None

    def _unique(self, steps: list[tuple[Path, Step]], kind: type[Call] | type[Record]) -> dict[str, str]:
        found: dict[str, str] = {}
        for path, step in steps:
            name = step.said.name if isinstance(step.said, kind) else None
            if name is None:
                continue
            at = f"{shown_key(path, step)}.as"
            if name in found:
                raise ConfigError(f"{at}: {name!r} is taken by {found[name]}")
            if not _NAME.fullmatch(name):
                raise ConfigError(f"{at}: {name!r} is no name; use letters, digits, _ and -")
            found[name] = shown_key(path, step)
        return found


def shown_key(path: Path, step: Step) -> str:
    """``steps[2].play``."""
    from bot.scenario.load import shown

    return shown((*path, step.verb))


def unknown(key: str, kind: str, name: str, known: Iterable[str], hint: str = "") -> ConfigError:
    """The error for a name that nothing has."""
    names = list(known)
    near = did_you_mean(name, names)
    there = near or (f"; there is {', '.join(names)}" if names else "; there is none")
    return ConfigError(f"{key}: there is no {kind} {name!r}{there}{hint}")
