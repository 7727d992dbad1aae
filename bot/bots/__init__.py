"""Bots: controllers by name for ``srtpbot answer --as``, scenarios and pytest: ``bot("parrot", delay=2)``."""

from __future__ import annotations

import inspect
import re
import typing
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from bot.config import did_you_mean, explain
from bot.errors import ConfigError
from bot.ua import Controller

__all__ = ["NAMES", "bot", "options_of"]

_CLASSES = {
    "auto": "Auto",
    "ivr": "Ivr",
    "machine": "Machine",
    "parrot": "Parrot",
    "player": "Player",
    "redirect": "Redirecter",
    "reject": "Rejecter",
    "ringer": "Ringer",
    "tone": "Tone",
}
NAMES = tuple(_CLASSES)
_REJECT = re.compile(r"reject-([3-6][0-9]{2})")


def bot(name: str, **options: Any) -> Controller:
    """A new bot with the name; ``reject-486`` is ``reject`` with ``code=486``.

    A value may be text as in a file (``delay="2"``). Raises ConfigError "OPTION: ..." for an unknown name, an
    unknown option or an invalid value.
    """
    if match := _REJECT.fullmatch(name):
        name, options = "reject", {"code": int(match[1]), **options}
    kind, supported = _class(name), options_of(name)
    if name == "auto":
        from bot.bots.auto import Auto

        return Auto(**_checked(name, supported, options))
    return kind(**_checked(name, supported, options))


def options_of(name: str) -> dict[str, tuple[Any, Any]]:
    """The options of a bot by name, with type and default; the default ``...`` marks a required option."""
    if name == "auto":
        return {
            option: (type_, None)
            for other in NAMES
            if other != "auto"
            for option, (type_, _) in options_of(other).items()
        }
    options: dict[str, tuple[Any, Any]] = {}
    for base in reversed(_class(name).__mro__):
        if "__init__" not in vars(base) or not issubclass(base, Controller):
            continue
        types = typing.get_type_hints(base.__init__, include_extras=True)
        for parameter in list(inspect.signature(base.__init__).parameters.values())[1:]:
            if parameter.kind is not parameter.VAR_KEYWORD:
                default = ... if parameter.default is parameter.empty else parameter.default
                options[parameter.name] = types[parameter.name], default
    return options


def _class(name: str) -> type[Controller]:
    if name not in _CLASSES:
        near = did_you_mean(name, NAMES)
        raise ConfigError(f"unknown bot {name!r}: expected one of {', '.join(NAMES)}{near}")
    kind: type[Controller] = getattr(import_module(f"bot.bots.{name}"), _CLASSES[name])
    return kind


def _checked(name: str, supported: dict[str, tuple[Any, Any]], options: dict[str, Any]) -> dict[str, Any]:
    """The options, converted to their types; raises ConfigError."""
    fields: list[Any] = [
        (option, type_) if default is ... else (option, type_, None)
        for option, (type_, default) in supported.items()
    ]
    struct = msgspec.defstruct(name.capitalize(), fields, forbid_unknown_fields=True, kw_only=True)
    try:
        converted = msgspec.convert(options, struct, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise explain(error, options, struct) from None
    return {option: getattr(converted, option) for option in options}


def _path(type_: type[Any], value: Any) -> Any:
    if type_ is Path and isinstance(value, str | Path):
        return Path(value)
    raise TypeError(f"expected text, got {type(value).__name__}")
