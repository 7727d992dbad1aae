"""JSON Schema of a scenario file, for editors: ``${NAME}`` may stand for any value."""

from __future__ import annotations

from typing import Any

from bot.json_schema import json_schema
from bot.scenario.model import Scenario
from bot.scenario.types import SOUNDS
from media.signals.signals import SIGNALS

__all__ = ["scenario_schema"]

REFERENCE = {"type": "string", "pattern": r"\$\{"}


def scenario_schema() -> dict[str, Any]:
    """The schema of ``Scenario``; a step has exactly one key, and ``${NAME}`` may stand for any value."""
    schema = json_schema(Scenario)
    schema["$defs"]["Sound"] = sound()
    for name, definition in schema["$defs"].items():
        if name == "Step":
            definition |= {"minProperties": 1, "maxProperties": 1}
        for key, value in definition.get("properties", {}).items():
            definition["properties"][key] = lenient(value, schema["$defs"])
    properties = schema["$defs"]["Scenario"]["properties"]
    properties["vars"] = {**properties["vars"], "additionalProperties": True}
    empty_endpoint = [{"$ref": "#/$defs/EndpointSpec"}, {"type": "null"}]
    properties["endpoints"]["additionalProperties"] = {"anyOf": empty_endpoint}
    return schema


def sound() -> dict[str, Any]:
    """The schema of audio to play or to expect: every signal with its description, or a file."""
    signals = [
        {"title": syntax, "description": about, "pattern": f"^{name}(?:[:,@]|$)"}
        for name, (syntax, about) in SIGNALS.items()
    ]
    file = {"title": "FILE", "description": "an audio file, relative to the scenario"}
    about = (
        "A list of signals, played one after the other, or a file; @LEVEL after an item is its level in dBFS."
    )
    return {"description": about, "type": "string", "examples": list(SOUNDS), "anyOf": [*signals, file]}


def lenient(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value for which a variable may stand."""
    schema = {"$ref": "#/$defs/Sound", **without_examples(schema)} if is_sound(schema) else dict(schema)
    if "anyOf" in schema:
        schema["anyOf"] = [{"$ref": "#/$defs/Sound"} if is_sound(one) else one for one in schema["anyOf"]]
    if isinstance(schema.get("items"), dict):
        schema["items"] = lenient(schema["items"], definitions)
    about: dict[str, Any] = {
        key: schema.pop(key) for key in ("description", "default", "examples") if key in schema
    }
    choices = schema.pop("anyOf") if "anyOf" in schema else [schema]
    if not any(is_structure(choice, definitions) for choice in choices):
        choices = [*choices, REFERENCE]
    return {**about, "anyOf": choices} if len(choices) > 1 else {**about, **choices[0]}


def is_sound(schema: dict[str, Any]) -> bool:
    """Whether it is the schema of the type ``Sound``."""
    return schema.get("examples") == list(SOUNDS) and schema.get("type") == "string"


def without_examples(schema: dict[str, Any]) -> dict[str, Any]:
    """The rest of the schema of a sound."""
    return {key: value for key, value in schema.items() if key not in {"examples", "type"}}


def is_structure(schema: dict[str, Any], definitions: dict[str, Any]) -> bool:
    """Whether the value is a mapping; editors complete its keys better without an alternative."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    kind: object = definitions.get(name, schema).get("type")
    return kind == "object"
