"""JSON Schema of a scenario file, for editors: ``${NAME}`` may stand for any value."""

from __future__ import annotations

from typing import Any

from bot.json_schema import json_schema
from bot.scenario.model import Scenario

__all__ = ["scenario_schema"]

REFERENCE = {"type": "string", "pattern": r"\$\{"}


def scenario_schema() -> dict[str, Any]:
    """The schema of ``Scenario``; a step has exactly one key, and ``${NAME}`` may stand for any value."""
    schema = json_schema(Scenario)
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


def lenient(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value for which a variable may stand."""
    schema = dict(schema)
    if isinstance(schema.get("items"), dict):
        schema["items"] = lenient(schema["items"], definitions)
    about: dict[str, Any] = {
        key: schema.pop(key) for key in ("description", "default", "examples") if key in schema
    }
    choices = schema.pop("anyOf") if "anyOf" in schema else [schema]
    if not any(is_structure(choice, definitions) for choice in choices):
        choices = [*choices, REFERENCE]
    return {**about, "anyOf": choices} if len(choices) > 1 else {**about, **choices[0]}


def is_structure(schema: dict[str, Any], definitions: dict[str, Any]) -> bool:
    """Whether the value is a mapping; editors complete its keys better without an alternative."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    kind: object = definitions.get(name, schema).get("type")
    return kind == "object"
