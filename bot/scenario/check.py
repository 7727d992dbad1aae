"""Validation of the names and files in a scenario before its first call; ``model`` validates the values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bot.audio_files import audio_of
from bot.config import did_you_mean
from bot.errors import ConfigError, naming
from bot.expectations import TargetUri
from bot.scenario.expect_keys import DEFINED
from bot.scenario.expect_model import Expect
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
from bot.scenario.types import Headers
from bot.ua import check_codec

if TYPE_CHECKING:
    from bot.scenario.case import Case

__all__ = ["check"]

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def check(case: Case) -> None:
    """Raise ConfigError "steps[2].play.on: ..." for the first unknown name or unusable file in the case."""
    scenario = case.scenario
    if not scenario.endpoints:
        raise ConfigError("endpoints: is empty; a scenario needs at least one endpoint")
    for name, spec in scenario.endpoints.items():
        if not _NAME.fullmatch(name):
            raise ConfigError(f"endpoints: invalid name {name!r}; use letters, digits, _ and -")
        if spec.role is not None:
            from bot.scenario.bots import check_bot

            check_bot(f"endpoints.{name}", spec.role, spec.options, case.folder)
    steps = list(walk(scenario))
    if not any(step.verb == "expect" for _, step in steps):
        raise ConfigError("steps: no expect step; a scenario needs at least one")
    names = _Names(case, steps)
    for path, step in steps:
        names.check(path, step)


class _Names:
    """The names of endpoints, calls and recordings to which steps may refer."""

    def __init__(self, case: Case, steps: list[tuple[Path, Step]]) -> None:
        self._case = case
        self._endpoints = case.scenario.endpoints
        self._calls = self._unique(steps, Call)
        self._recordings = self._unique(steps, Record)

    def check(self, path: Path, step: Step) -> None:
        """Check the names and the files in a step."""
        action, at = step.action, shown_key(path, step)
        match action:
            case Call():
                self._endpoint(f"{at}.from", action.caller, no_bot="a bot cannot place calls")
                self._party(f"{at}.to", action.to)
                self._headers(f"{at}.headers", action.headers)
            case Message(sender=str(sender), to=str(to)) | OptionsRequest(sender=str(sender), to=str(to)):
                self._endpoint(f"{at}.from", sender)
                self._party(f"{at}.to", to)
            case Request():
                self._endpoint(f"{at}.from", action.sender)
                self._party(f"{at}.to", action.to)
                self._headers(f"{at}.headers", action.headers)
            case Register():
                self._endpoint(f"{at}.on", action.on)
            case Message(on=str(on)) | OptionsRequest(on=str(on)) | Wait(on=str(on)):
                self._call(f"{at}.on", on)
            case OnCall():
                self._call(f"{at}.on", action.on)
                self._details(at, action)
            case Expect():
                self._expectation(at, action)
            case _:
                pass

    def _details(self, at: str, action: OnCall) -> None:
        match action:
            case Play():
                self._sound(f"{at}.audio", action.audio)
            case Tone():
                self._sound(f"{at}.hz", action.signal)
            case Transfer(to=str(to)):
                self._party(f"{at}.to", to)
            case Transfer(to_call=str(to_call)):
                self._call(f"{at}.to_call", to_call)
            case Reject():
                for index, party in enumerate(action.to):
                    self._party(f"{at}.to[{index}]", party)
            case _:
                pass
        self._headers(f"{at}.headers", getattr(action, "headers", {}))
        for index, codec in enumerate(getattr(action, "codecs", ())):
            check_codec(f"{at}.codecs[{index}]", codec)

    def _expectation(self, at: str, action: Expect) -> None:
        for number, on in enumerate(action.subjects):
            self._call(f"{at}.on[{number}]" if isinstance(action.on, list) else f"{at}.on", on)
        if action.recording is not None and action.recording not in self._recordings:
            raise unknown(f"{at}.recording", "recording", action.recording, self._recordings)
        for key in action.expected_keys:
            definition, value = DEFINED[key], action.value(key)
            if definition.value == TargetUri:
                self._party(f"{at}.{key}", value)
                continue
            try:
                definition.checked(value, action.companions(definition), str(self._case.folder))
            except ConfigError as error:
                raise ConfigError(f"{at}.{key}: {str(error).removeprefix(f'{key}: ')}") from None

    def _endpoint(self, key: str, name: str, no_bot: str = "") -> None:
        if name not in self._endpoints:
            raise unknown(key, "endpoint", name, self._endpoints)
        if no_bot and self._endpoints[name].role is not None:
            raise ConfigError(f"{key}: {name} is a {self._endpoints[name].role}; {no_bot}")

    def _party(self, key: str, party: str) -> None:
        if party in self._endpoints:
            return
        if ":" not in party:
            raise unknown(key, "endpoint", party, self._endpoints, " (or use a SIP URI, sip:user@host)")
        from bot.sip import parse_uri

        with naming(key):
            parse_uri(party)

    def _call(self, key: str, on: str) -> None:
        name, dot, call = on.partition(".")
        self._endpoint(key, name)
        if dot and call not in self._calls:
            raise unknown(key, "call", call, self._calls, " (the key 'as' of a call step names its call)")

    def _sound(self, key: str, sound: str) -> None:
        with naming(key):
            audio_of(sound, self._case.folder)

    def _headers(self, key: str, headers: Headers) -> None:
        from bot.sip import header_list

        with naming(key):
            header_list(headers)

    def _unique(self, steps: list[tuple[Path, Step]], kind: type[Call] | type[Record]) -> dict[str, str]:
        found: dict[str, str] = {}
        for path, step in steps:
            name = step.action.name if isinstance(step.action, kind) else None
            if name is None:
                continue
            at = f"{shown_key(path, step)}.as"
            if name in found:
                raise ConfigError(f"{at}: duplicate name {name!r}, see {found[name]}")
            if not _NAME.fullmatch(name):
                raise ConfigError(f"{at}: invalid name {name!r}; use letters, digits, _ and -")
            found[name] = shown_key(path, step)
        return found


def shown_key(path: Path, step: Step) -> str:
    """The path of a step with its key: ``steps[2].play``."""
    from bot.scenario.case import shown

    return shown((*path, step.verb))


def unknown(key: str, kind: str, name: str, defined: Iterable[str], hint: str = "") -> ConfigError:
    """The error for an undefined name, with the defined names or the most similar of them."""
    names = list(defined)
    near = did_you_mean(name, names)
    available = near or f"; {kind}s of the scenario: {', '.join(names) or 'none'}"
    return ConfigError(f"{key}: unknown {kind} {name!r}{available}{hint}")
