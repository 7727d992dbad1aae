"""The JSON Schema of a scenario's file, for editors; it differs from the model where variables may stand."""

from __future__ import annotations

from typing import Any

import msgspec

from bot.scenario.model import Scenario

__all__ = ["scenario_schema"]

REFERENCE = {"type": "string", "pattern": r"\$\{"}


def scenario_schema() -> dict[str, Any]:
    """A step has exactly one key, and ``${name}`` may stand for any value."""
    schema = msgspec.json.schema(Scenario)
    for name, definition in schema["$defs"].items():
        if name == "Step":
            definition |= {"minProperties": 1, "maxProperties": 1}
        for key, one in definition.get("properties", {}).items():
            definition["properties"][key] = lenient(one)
    properties = schema["$defs"]["Scenario"]["properties"]
    properties["vars"] = {**properties["vars"], "additionalProperties": True}
    empty_endpoint = [{"$ref": "#/$defs/EndpointSpec"}, {"type": "null"}]
    properties["endpoints"]["additionalProperties"] = {"anyOf": empty_endpoint}
    return schema


def lenient(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value that a variable may stand for."""
    schema = dict(schema)
    if isinstance(schema.get("items"), dict):
        schema["items"] = lenient(schema["items"])
    about: dict[str, Any] = {
        key: schema.pop(key) for key in ("description", "default", "examples") if key in schema
    }
    choices = schema.pop("anyOf") if "anyOf" in schema else [schema]
    if not any(is_structure(one) for one in choices):
        choices = [*choices, REFERENCE]
    return {**about, "anyOf": choices} if len(choices) > 1 else {**about, **choices[0]}


def is_structure(schema: dict[str, Any]) -> bool:
    """What has keys of its own completes better without an alternative."""
    reference = str(schema.get("$ref", ""))
    return schema.get("type") == "object" or reference.rpartition("/")[2] in STRUCTURES


STRUCTURES = {
    "EndpointSpec", "Scenario", "Step", "Call", "Ring", "Answer", "Reject", "Cancel", "Hangup", "Hold",
    "Unhold", "Transfer", "Play", "Tone", "Record", "Dtmf", "Message", "OptionsRequest", "Wait", "Expect",
    "Level", "TlsConfig",
}  # fmt: skip
