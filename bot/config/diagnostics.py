"""Error messages for invalid documents and options: file, line, key, expected and actual value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect

from bot.errors import ConfigError

__all__ = ["Place", "did_you_mean", "explain", "line_of"]


Step = str | int

_SECRET_KEY = re.compile(r"passw|passphrase|secret|token|credential", re.IGNORECASE)

# --- YAML ---------------------------------------------------------------------------------------------------


class Place(msgspec.Struct):
    """Line of a value in its file, and the lines of the values inside it."""

    line: int
    """Line number, from 1."""
    inside: dict[Step, Place] = {}
    """Places of the values inside, by key or index."""


# --- errors -------------------------------------------------------------------------------------------------

_WHERE = re.compile(r" - at (`key` in )?`\$(.*)`\Z")

_STEP = re.compile(r"\.([^.\[\]]+)|\[([0-9]+|\.\.\.)\]")

_KEYED = re.compile(r"([A-Za-z_]\w*(?:\.\w+|\[[0-9]+\])*): (.+)", re.DOTALL)

_FIELD = re.compile(r"Object (contains unknown|missing required) field `(.+)`")

_MISMATCH = re.compile(r"Expected `([^`]+)`(?:, got `[^`]+`|( .+))", re.DOTALL)

_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping (key: value)",
    "null": "nothing",
}


def explain(
    error: msgspec.ValidationError | ConfigError,
    data: Any,
    type_: Any,
    name: str = "",
    place: Place | None = None,
) -> ConfigError:
    """The ConfigError for ``error``, which the conversion of ``data`` to ``type_`` raised.

    ``name`` is the name of the file; ``place`` has the lines of its values.
    """
    where = _WHERE.search(str(error))
    message = str(error)[: where.start()] if where else str(error)
    steps = list(_steps(where[2], str(error), data, type_)) if where else []
    cause = error if isinstance(error, ConfigError) else error.__cause__
    if isinstance(cause, ConfigError):
        keyed = _KEYED.fullmatch(message)
        if keyed:
            steps += [int(index) if index else key for key, index in _STEP.findall("." + keyed[1])]
            message = keyed[2]
    elif where and where[1]:
        message = "expected text as the key; put the key in quotes"
    elif field := _FIELD.fullmatch(message):
        kinds, _ = _kinds_at(type_, data, steps)
        if field[1].startswith("missing"):
            message = f"the key {field[2]!r} is missing"
        else:
            steps.append(field[2])
            message = f"unknown key{did_you_mean(field[2], _keys(kinds))}"
    else:
        message = _mismatch(message, data, type_, steps)
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    line = f":{line_of(place, steps)}" if place else ""
    return ConfigError(": ".join(part for part in (name + line, key, message) if part))


def _steps(path: str, message: str, data: Any, type_: Any) -> Iterable[Step]:
    """The keys and indices of a path in a message of msgspec, which omits the keys of a dict."""
    steps: list[Step] = []
    for key, index in _STEP.findall(path):
        step: Step | None = key or (int(index) if index != "..." else _blamed(steps, message, data, type_))
        if step is None:
            return
        steps.append(step)
        yield step


def _blamed(steps: list[Step], message: str, data: Any, type_: Any) -> Step | None:
    """The key of the dict at ``steps`` whose value alone causes ``message``."""
    entries = _at(data, steps)
    for key in entries if isinstance(entries, dict) else ():
        try:
            msgspec.convert(_replaced(data, steps, {key: entries[key]}), type_, strict=False)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return str(key)
    return None


def _replaced(data: Any, steps: list[Step], value: Any) -> Any:
    if not steps:
        return value
    copy = data.copy()
    copy[steps[0]] = _replaced(data[steps[0]], steps[1:], value)
    return copy


def _at(data: Any, steps: list[Step]) -> Any:
    for step in steps:
        try:
            data = data[step]
        except (LookupError, TypeError):
            return None
    return data


def line_of(place: Place, steps: Iterable[Step]) -> int:
    """The line of the value at ``steps``, or of the innermost value around it."""
    for step in steps:
        inside = place.inside.get(step)
        if inside is None:
            break
        place = inside
    return place.line


def _mismatch(message: str, data: Any, type_: Any, steps: list[Step]) -> str:
    kinds, secret = _kinds_at(type_, data, steps)
    value = _at(data, steps)
    secret |= isinstance(value, str) and bool(_SECRET_KEY.search(value))  # "password geheim": colon missing
    got = "another type of value" if secret else _shown(value)
    choices = [str(choice) for kind in kinds for choice in _choices(kind)]
    if not choices and message.startswith("Invalid value") and steps:
        parents, _ = _kinds_at(type_, data, steps[:-1])
        choices = [str(kind.tag) for kind in parents if isinstance(kind, inspect.StructType) and kind.tag]
    if choices:
        near = did_you_mean(value, choices) if isinstance(value, str) and not secret else ""
        return f"expected one of {', '.join(choices)}, got {got}{near}"
    found = _MISMATCH.fullmatch(message)
    if not found:
        return message.replace("`", "")
    names = [each for each in found[1].split(" | ") if each != "null"] or ["null"]
    expected = " or ".join(_NAMES.get(each, each) for each in names) + (found[2] or "")
    if ", got " in expected:
        return f"expected {expected}"
    hint = ""
    if "str" in names and isinstance(value, int | float):
        hint = " (put it in quotes)"
    elif names == ["array"] and isinstance(value, str | int | float):
        hint = " (write a list of one value as [value])"
    return f"expected {expected}, got {got}{hint}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return repr(value)[:60]
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    return "nothing"


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """`` (did you mean 'WORD'?)`` with the most similar valid word; empty without a similar word."""
    spelt = {each.casefold().replace("-", "_"): each for each in valid}
    near = difflib.get_close_matches(word.casefold().replace("-", "_"), spelt, n=1)
    return f" (did you mean {spelt[near[0]]!r}?)" if near else ""


# --- types, by msgspec.inspect ------------------------------------------------------------------------------


def _kinds(kind: inspect.Type) -> list[inspect.Type]:
    """The members of a union, without annotations except the mark of a secret."""
    if isinstance(kind, inspect.UnionType):
        return [each for member in kind.types for each in _kinds(member)]
    if isinstance(kind, inspect.Metadata):
        secret = bool(kind.extra and kind.extra.get("secret"))
        return [*_kinds(kind.type), *([kind] if secret else [])]
    return [kind]


def _kinds_at(type_: Any, data: Any, steps: list[Step]) -> tuple[list[inspect.Type], bool]:
    """The types of the value at ``steps``, and whether the value is a secret."""
    kinds = _tagged(_kinds(inspect.type_info(type_)), data)
    secret = False
    for depth, step in enumerate(steps, start=1):
        kinds = [each for kind in kinds for inner in _inside(kind, step) for each in _kinds(inner)]
        secret |= any(isinstance(kind, inspect.Metadata) for kind in kinds)
        secret |= isinstance(step, str) and bool(_SECRET_KEY.search(step))
        kinds = _tagged(kinds, _at(data, steps[:depth]))
    return kinds, secret


def _tagged(kinds: list[inspect.Type], data: Any) -> list[inspect.Type]:
    """The struct of a tagged union that the tag in ``data`` selects; all types without a tag."""
    chosen: list[inspect.Type] = [
        kind
        for kind in kinds
        if isinstance(kind, inspect.StructType)
        and kind.tag_field
        and isinstance(data, dict)
        and data.get(kind.tag_field) == kind.tag
    ]
    return chosen or kinds


def _inside(kind: inspect.Type, step: Step) -> list[inspect.Type]:
    if isinstance(kind, inspect.StructType):
        return [field.type for field in kind.fields if field.encode_name == step]
    if isinstance(kind, inspect.DictType):
        return [kind.value_type]
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return [kind.item_type]
    if isinstance(kind, inspect.TupleType) and isinstance(step, int):
        return list(kind.item_types[step : step + 1])
    return []


def _keys(kinds: list[inspect.Type]) -> list[str]:
    structs = [kind for kind in kinds if isinstance(kind, inspect.StructType)]
    return [field.encode_name for struct in structs for field in struct.fields]


def _choices(kind: inspect.Type) -> list[Any]:
    if isinstance(kind, inspect.EnumType):
        return [member.value for member in kind.cls]
    if isinstance(kind, inspect.LiteralType):
        return list(kind.values)
    return []
