"""The page of the Python API: the names of ``bot``, their methods and fields."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator
from typing import Any

import msgspec

import bot
import srtpbot_pytest
from bot.expectations import CallExpectation, EndpointExpectation, RecordingExpectation
from bot.json_schema import field_docstrings
from tools.pages.markdown import NOTE, code, inline, paragraphs, table

__all__ = ["page"]

HEAD = """# Python

`from bot import ...` has these names. Everything is typed; `help(bot.Call)` and editors show the same.
"""
GROUPS: dict[str, tuple[str, ...]] = {
    "Endpoints and calls": (
        "Endpoint",
        "Call",
        "Recording",
        "Playback",
        "Transmission",
        "Response",
        "Journal",
    ),
    "Callbacks": ("Controller",),
    "Settings": ("load_config",),
}
ELSEWHERE = {
    "EndpointConfig": "settings.md#endpointconfig",
    "EndpointSettings": "settings.md#endpointconfig",
    "AccountConfig": "settings.md#accountconfig",
    "TlsConfig": "settings.md#tlsconfig",
}
EXPECTATIONS = (CallExpectation, RecordingExpectation, EndpointExpectation)
FIXTURES = ("new_endpoint", "parrot", "call_artifacts")


def page() -> str:
    """The page."""
    parts = [NOTE + HEAD]
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [described(name, getattr(bot, name)) for name in names]
    parts.append("## Expectations\n\n" + paragraphs(bot.expect.__class__.__doc__) + "\n")
    parts += [described(owner.__name__, owner) for owner in EXPECTATIONS]
    parts.append("## Fixtures of pytest\n\n" + table(("fixture", "what it is"), fixtures()))
    told = {name for names in GROUPS.values() for name in names} | {"expect"}
    rest = {name: getattr(bot, name) for name in bot.__all__ if name not in told}
    parts.append("## Errors\n\n" + table(("error", "raised when"), one_line(rest, BaseException)))
    parts.append("## Enumerations\n\n" + table(("enumeration", "values", "meaning"), enumerations(rest)))
    parts.append("## Data\n")
    for name, value in rest.items():
        if name in ELSEWHERE:
            parts.append(f"### {name}\n\n[Endpoint settings]({ELSEWHERE[name]})\n")
        elif not issubclass(value, BaseException | enum.Enum):
            parts.append(described(name, value))
    return "\n".join(parts)


def fixtures() -> Iterator[tuple[str, str]]:
    """The fixtures of the plugin."""
    for name in FIXTURES:
        found = getattr(srtpbot_pytest, name)
        text = inspect.getdoc(
            getattr(found, "__wrapped__", None) or getattr(found, "_fixture_function", found)
        )
        yield code(name), inline(" ".join((text or "").split()))


def one_line(named: dict[str, Any], kind: type) -> Iterator[tuple[str, str]]:
    """The names of a kind of class, each with its docstring."""
    for name, value in named.items():
        if issubclass(value, kind):
            yield code(name), inline(" ".join((inspect.getdoc(value) or "").split()))


def enumerations(named: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The enumerations with their values."""
    for name, value in named.items():
        if issubclass(value, enum.Enum):
            values = ", ".join(code(str(member.value)) for member in value)
            yield (
                code(name),
                values,
                inline(" ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())),
            )


def described(name: str, value: Any) -> str:
    """The section of a class or a function."""
    if not inspect.isclass(value):
        return f"### {name}\n\n`{name}{signature(value)}`\n\n{paragraphs(value.__doc__)}\n"
    text = f"### {name}\n\n{paragraphs(value.__doc__)}\n"
    if issubclass(value, msgspec.Struct):
        texts = field_docstrings(value)
        rows = [
            (code(field), inline(" ".join(texts.get(field, "").split()))) for field in value.__struct_fields__
        ]
        text += "\n" + table(("field", "meaning"), rows)
    else:
        text += constructor(name, value) + properties(value)
    return text + "".join(methods(value))


def constructor(name: str, value: type) -> str:
    """How an object is made."""
    made = value.__dict__.get("__init__")
    return f"\n`{name}{signature(made)}`\n" if made is not None and name in {"Endpoint", "Journal"} else ""


def properties(value: type) -> str:
    """The properties of a class."""
    rows = [
        (code(name), inline(" ".join((inspect.getdoc(one) or "").split())))
        for name, one in inspect.getmembers(value, lambda member: isinstance(member, property))
        if not name.startswith("_")
    ]
    return "\n" + table(("property", "meaning"), rows) if rows else ""


def methods(value: type) -> Iterator[str]:
    """The methods of a class that users call."""
    for name, method in inspect.getmembers(value, inspect.isroutine):
        ours = (getattr(method, "__module__", "") or "").startswith("bot.")
        if not name.startswith("_") and ours and inspect.getdoc(method):
            yield f"\n#### {name}\n\n`{name}{signature(method)}`\n\n{paragraphs(method.__doc__)}\n"


def signature(function: Any) -> str:
    """The parameters without ``self``, and the returned type."""
    found = inspect.signature(function)
    kept = [
        one.replace(default=shown(one.default)) for one in found.parameters.values() if one.name != "self"
    ]
    plain = [one.replace(annotation=Verbatim.of(one.annotation)) for one in kept]
    returned = Verbatim.of(found.return_annotation)
    return str(found.replace(parameters=plain, return_annotation=returned))


def shown(default: object) -> object:
    """A default as it is printed: a function has no text that stays the same."""
    return Verbatim("...") if inspect.isfunction(default) else default


class Verbatim:
    """An annotation that is printed without quotes."""

    __module__ = "builtins"

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def of(cls, annotation: Any) -> Any:
        """The text of an annotation; other things stay."""
        return cls(annotation) if isinstance(annotation, str) else annotation

    def __repr__(self) -> str:
        return self.text
