"""A scenario whose calls have values of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.scenario.template import Template

TEXT = """
vars: {mark: "marker:${number}", to: sip:none@127.0.0.1, number: 7}
matrix: {digit: ["1", "2"]}
endpoints:
  caller: {bind: 127.0.0.1}
steps:
  - call: {from: caller, to: "${to}"}
  - play: {on: caller, audio: "${mark}"}
  - dtmf: {on: caller, digits: "${digit}", on_ms: "${length:-100}"}
  - expect: {on: caller, state: confirmed}
"""


def template(folder: Path, text: str = TEXT, **given: str) -> Template:
    file = folder / "one.yaml"
    file.write_text(text)
    return Template.of(str(file), given, {"number": "1", "to": "sip:a@127.0.0.1"})


def test_each_call_has_its_own_values(tmp_path: Path) -> None:
    made = template(tmp_path)
    cases = [made.case(number, {"number": str(number), "to": "sip:b@127.0.0.1"}) for number in (1, 2, 3)]
    assert [case.scenario.steps[0].action.to for case in cases] == ["sip:b@127.0.0.1"] * 3
    assert [case.scenario.steps[1].action.audio for case in cases] == ["marker:1", "marker:2", "marker:3"]


def test_rows_take_turns(tmp_path: Path) -> None:
    made = template(tmp_path)
    own = {"number": "1", "to": "sip:b@127.0.0.1"}
    assert [made.case(number, own).scenario.steps[2].action.digits for number in (1, 2, 3)] == ["1", "2", "1"]
    assert len(template(tmp_path, digit="9").cases) == 1
    assert template(tmp_path, digit="9").case(5, own).scenario.steps[2].action.digits == "9"


def test_a_value_that_does_not_fit(tmp_path: Path) -> None:
    text = TEXT.replace("length:-100", "number")
    with pytest.raises(ConfigError, match=r"one.yaml:9: steps\[2\].dtmf.on_ms: expected"):
        template(tmp_path, text)
    made = template(tmp_path, TEXT.replace("length:-100", "user:-100"))
    with pytest.raises(ConfigError, match=r"one.yaml:9: steps\[2\].dtmf.on_ms: expected"):
        made.case(2, {"number": "1", "to": "sip:b@127.0.0.1", "user": "x"})
