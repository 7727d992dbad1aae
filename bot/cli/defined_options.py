"""Options of ``call`` and ``answer`` that come from the definitions of expectations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal, get_args, get_origin

import click
from msgspec import Meta

from bot.errors import ConfigError, naming
from bot.expectations import (
    CallExpectation,
    Companion,
    Definition,
    Judgement,
    RecordingExpectation,
    definitions,
    expect,
)
from bot.sip import parse_header
from bot.ua import Call, Recording

__all__ = ["DefinedChecks", "defined_options"]

OWNERS = (CallExpectation, RecordingExpectation)


def defined(owner: type) -> list[Definition]:
    """The definitions with an option."""
    return [definition for definition in definitions(owner) if definition.option]


def defined_options(owners: Sequence[type] = OWNERS) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each option with the arguments of ``click.option``; options of companions follow their own."""
    for owner in owners:
        for definition in defined(owner):
            flag = definition.is_yes_or_no
            yield described(definition, bool if flag else definition.value, definition.description)
            for companion in definition.companions.values():
                if companion.option:
                    default = f"  [{companion.option_default}]" if companion.option_default else ""
                    yield described(companion, companion.value, companion.description + default)


def described(source: Definition | Companion, kind: Any, text: str) -> tuple[str, dict[str, Any]]:
    """An option with the arguments of ``click.option``."""
    arguments = value_type(kind)
    if "multiple" in arguments:
        text = f"{text.removesuffix('.')}; repeatable."
    return source.option, {"metavar": source.metavar or None, "help": text.replace("``", ""), **arguments}


def parameter_name(option: str) -> str:
    """The parameter name of an option in click."""
    return option.removeprefix("--").replace("-", "_")


def value_type(kind: Any) -> dict[str, Any]:
    """The arguments of ``click.option`` for the type of a value."""
    limits = Meta()
    if kind is bool:
        return {"is_flag": True, "default": None}
    if get_origin(kind) is dict:
        return {"multiple": True}
    if get_origin(kind) is Annotated:
        kind, *metas = get_args(kind)
        limits = next((meta for meta in metas if isinstance(meta, Meta)), limits)
    if get_origin(kind) is Literal:
        return {"type": click.Choice(get_args(kind))}
    if isinstance(kind, type) and issubclass(kind, Enum):
        values = [member.value for member in kind]
        return {"type": click.Choice(values, case_sensitive=values[0].isupper())}
    low = limits.ge if limits.ge is not None else limits.gt
    high = limits.le if limits.le is not None else limits.lt
    if kind is int:
        lowest, highest = (None if limit is None else int(limit) for limit in (low, high))
        return {"type": click.IntRange(lowest, highest)}
    if kind is float:
        is_open = {"min_open": limits.gt is not None, "max_open": limits.lt is not None}
        return {"type": click.FloatRange(low, high, **is_open), "callback": finite}
    return {"type": str}


def finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Raise BadParameter for nan and inf, which pass range checks."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number.", context, parameter)
    return value


class DefinedChecks:
    """Expectations of these options, which it removes from ``options``; raises ConfigError."""

    def __init__(self, owner: type, options: dict[str, Any]) -> None:
        self._values: dict[str, Any] = {}
        self._judgements: list[Judgement] = []
        for definition in defined(owner):
            value = taken(options, definition)
            given = {
                key: taken(options, companion)
                for key, companion in definition.companions.items()
                if companion.option
            }
            if value is not None:
                self._add(definition, value, given)
                continue
            for key, companion_value in given.items():
                if companion_value is not None:
                    needed = f"{definition.option} {definition.metavar}"
                    raise ConfigError(f"{definition.companions[key].option} needs the option {needed}")

    def __bool__(self) -> bool:
        """Whether there is an expectation."""
        return bool(self._judgements)

    def value(self, key: str) -> Any:
        """The value of the option with the definition ``key``; None without the option."""
        return self._values.get(key)

    def of(self, subject: Call | Recording, timeout: float) -> list[Callable[[], None]]:
        """The checks of a subject, each with a timeout in seconds."""
        return [partial(judgement, expect(subject), timeout=timeout) for judgement in self._judgements]

    def _add(self, definition: Definition, value: Any, companions: dict[str, Any]) -> None:
        if value == "":
            raise ConfigError(f"{definition.option} is empty; expected {definition.metavar}")
        qualifying = [definition.companions[key].option for key, one in companions.items() if one is not None]
        with naming(", ".join([definition.option, *qualifying])):
            if isinstance(value, tuple):
                value = by_name(value)
            if not definition.check_needs_build:
                definition.checked(value, companions)
        self._values[definition.key] = value
        self._judgements += definition.judgements(value, companions)


def taken(options: dict[str, Any], source: Definition | Companion) -> Any:
    """The value of an option, removed from ``options``; None without the option."""
    value = options.pop(parameter_name(source.option))
    return None if value == () else value


def by_name(texts: Sequence[str]) -> dict[str, list[str]]:
    """The values of ``NAME: VALUE`` by name."""
    found: dict[str, list[str]] = {}
    for name, value in map(parse_header, texts):
        found.setdefault(name, []).append(value)
    return found
