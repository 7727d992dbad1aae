"""Keys of an ``expect`` step that come from the definitions in ``bot.expectations``."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bot.expectations import (
    AudioSource,
    CallExpectation,
    Definition,
    EndpointExpectation,
    RecordingExpectation,
    TargetUri,
    definitions,
)
from bot.scenario.types import Party, Sound, YesNo

__all__ = ["DEFINED", "OF_CALL", "OF_ENDPOINT", "OF_RECORDING", "fields"]

OF_CALL = {definition.key: definition for definition in definitions(CallExpectation)}
OF_ENDPOINT = {definition.key: definition for definition in definitions(EndpointExpectation)}
OF_RECORDING = {definition.key: definition for definition in definitions(RecordingExpectation)}
DEFINED: dict[str, Definition] = {**OF_CALL, **OF_ENDPOINT, **OF_RECORDING}


def fields() -> list[tuple[str, Any, None]]:
    """The key of each definition and its companion keys, for ``msgspec.defstruct``."""
    found: dict[str, Any] = {}
    for definition in DEFINED.values():
        value = YesNo if definition.is_yes_or_no else in_scenarios(definition.value)
        found[definition.key] = Annotated[value, Meta(description=definition.description)]
    for definition in DEFINED.values():
        for name, companion in definition.companions.items():
            value = YesNo if companion.value is bool else companion.value
            found.setdefault(name, Annotated[value, Meta(description=companion.description)])
    return [(name, kind | None, None) for name, kind in found.items()]


def in_scenarios(value: Any) -> Any:
    """The type of a value in scenario files, where a target may be an endpoint, and a file has a folder."""
    if value == TargetUri:
        return Party
    return Sound if value == AudioSource else value
