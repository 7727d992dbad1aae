"""The verbs of ``call --do``: steps of a scenario, written in one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bot.audio_files import audio_of
from bot.config import Place, did_you_mean
from bot.deadline import Deadline
from bot.errors import BotError, CallFailed, ConfigError, ExpectationFailed
from bot.scenario.case import Case
from bot.scenario.context import ScenarioContext
from bot.scenario.model import Scenario, Step
from bot.scenario.steps import HANDLERS
from bot.sip import parse_uri
from bot.ua import Call

__all__ = ["Verb", "VerbFailed", "perform", "verbs"]

CALL = "call"
"""Name of the only call in the steps."""
STEP_S = 30.0
"""Deadline of a verb, in seconds; a playback has the length of its audio besides."""
Values = dict[str, Any]


class VerbFailed(CallFailed):
    """A verb was not carried out."""


@dataclass(frozen=True)
class Verb:
    """A verb with its steps; ``place`` names it in messages."""

    text: str
    place: str
    steps: tuple[Step, ...]


def hold(seconds: str) -> list[tuple[str, Values]]:
    """Hold, and stay so for some seconds."""
    return [("hold", {"on": CALL}), *([("wait", {"seconds": number(seconds)})] if seconds else [])]


def play(audio: str) -> list[tuple[str, Values]]:
    """Play a file or a signal, and wait for its end."""
    audio_of(audio)
    return [("play", {"on": CALL, "audio": audio})]


def transfer(target: str) -> list[tuple[str, Values]]:
    """Transfer the peer, and wait for the result."""
    parse_uri(target)
    return [("transfer", {"on": CALL, "to": target})]


def number(text: str) -> float:
    """A number; raises ConfigError."""
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"expected a number of seconds, got {text!r}") from None


def of_one(key: str) -> Callable[[str], list[tuple[str, Values]]]:
    """A verb with one step of the same name, and one value."""
    verb, _, name = key.partition(".")
    return lambda value: [(verb, {"on": CALL, name: value} if name else {"on": CALL})]


VERBS: dict[str, tuple[str, Callable[[str], list[tuple[str, Values]]]]] = {
    "play": ("FILE|SIGNAL", play),
    "dtmf": ("DIGITS", of_one("dtmf.digits")),
    "hold": ("[S]", hold),
    "unhold": ("", of_one("unhold")),
    "reinvite": ("", of_one("reinvite")),
    "update": ("", of_one("update")),
    "transfer": ("URI", transfer),
    "message": ("TEXT", of_one("message.text")),
    "wait": ("S", lambda seconds: [("wait", {"seconds": number(seconds)})]),
}
"""The value of each verb, and the steps that it makes."""
AFTER_COMMA = re.compile(rf",(?=\s*(?:{'|'.join(VERBS)})\b(?!:))|,\s+")
"""A comma between verbs; those in a signal and in digits have neither a space nor a verb behind them."""


def verbs(text: str) -> list[Verb]:
    """The verbs in order; raises ConfigError with the position of the one that is wrong."""
    found, start = [], 0
    for index, part in enumerate(map(str.strip, AFTER_COMMA.split(text)), start=1):
        start = text.index(part, start)
        place = f"verb {index}, {part!r} at character {start + 1}"
        try:
            found.append(Verb(part, place, steps_of(part)))
        except ConfigError as error:
            raise ConfigError(f"--do: {place}: {error}") from None
        start += len(part)
    return found


def steps_of(part: str) -> tuple[Step, ...]:
    """The steps of one verb."""
    name, _, value = part.partition(" ")
    value = value.strip()
    if name not in VERBS:
        usage = ", ".join(f"{verb} {value}".rstrip() for verb, (value, _) in VERBS.items())
        raise ConfigError(f"unknown verb{did_you_mean(name, list(VERBS))}; expected {usage}")
    usage, make = VERBS[name]
    if bool(value) < (bool(usage) and not usage.startswith("[")):
        raise ConfigError(f"needs a value: {name} {usage}")
    if value and not usage:
        raise ConfigError("takes no value")
    try:
        return tuple(msgspec.convert({verb: values}, Step) for verb, values in make(value))
    except msgspec.ValidationError as error:
        raise ConfigError(str(error).partition(" - at ")[0]) from None


def perform(doing: list[Verb], call: Call, tell: Callable[[str], None]) -> None:
    """Carry out the verbs in a call, one after the other; raises VerbFailed for the first that fails.

    ``tell`` gets the text of each verb that begins.
    """
    context = context_of(call)
    for number, verb in enumerate(doing, start=1):
        tell(f"{verb.text} ({number} of {len(doing)})")
        for step in verb.steps:
            try:
                HANDLERS[step.verb](context, step.action, Deadline(STEP_S + waiting(step)))
            except (BotError, ExpectationFailed) as error:
                raise VerbFailed(f"{verb.place}: {error}") from error


def waiting(step: Step) -> float:
    """Seconds that a step takes by itself."""
    return float(step.action.seconds or 0.0) if step.verb == "wait" else 0.0


def context_of(call: Call) -> ScenarioContext:
    """What the handlers of steps need, with this call alone."""
    nothing = Scenario(endpoints={}, steps=[])
    case = Case(CALL, CALL, "", {}, nothing, {}, Place(0, {}))
    context = ScenarioContext(case, call.endpoint.journal, Path(), {})
    context.endpoints[CALL] = call.endpoint
    context.calls.append(call)
    return context
