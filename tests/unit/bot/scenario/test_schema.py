"""What an editor shows: every key of every schema, every expectation and every signal is described."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bot.config import EndpointConfig
from bot.json_schema import json_schema
from bot.report.result import Result
from bot.scenario.schema import scenario_schema
from media.signals.signals import SIGNALS

SCHEMAS = {
    "scenario": scenario_schema(),
    "endpoint": json_schema(EndpointConfig),
    "result": json_schema(Result),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_is_described(name: str) -> None:
    definitions: dict[str, Any] = SCHEMAS[name]["$defs"]
    keys = {
        f"{struct}.{key}": value
        for struct, definition in definitions.items()
        for key, value in definition.get("properties", {}).items()
    }
    assert len(keys) > 100
    assert [key for key, value in keys.items() if not value.get("description")] == []
    assert [struct for struct, definition in definitions.items() if not definition.get("description")] == []


def test_every_signal_is_described_where_audio_is_taken() -> None:
    definitions = SCHEMAS["scenario"]["$defs"]
    sounds = {one["title"]: one["description"] for one in definitions["Sound"]["anyOf"]}
    assert set(SIGNALS.values()) <= set(sounds.items())
    taken = [definitions["Play"]["properties"]["audio"], definitions["Expect"]["properties"]["matches"]]
    assert all({"$ref": "#/$defs/Sound"} in one["anyOf"] for one in taken)


@pytest.mark.parametrize("text", ["speech:2,silence:0.5", "tone", "speech.wav", "marker:17@-20", "${what}"])
def test_a_sound_is_valid(text: str) -> None:
    play = {"steps": [{"play": {"on": "a", "audio": text}}], "endpoints": {"a": None}}
    Draft202012Validator(SCHEMAS["scenario"]).validate(play)
