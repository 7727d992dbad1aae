"""Valid scenario files, and the errors of invalid ones; without calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from bot.config.yaml_reader import read
from bot.errors import ConfigError
from bot.scenario.case import Case
from bot.scenario.expect_model import Expect
from bot.scenario.load import load, variables
from bot.scenario.model import Step, walk
from bot.scenario.schema import scenario_schema
from tests.support.scenarios import SHIPPED

GOOD = """\
vars: {digits: "159#"}
endpoints:
  caller: {srtp: mandatory, codecs: [PCMA]}
  callee:
  bot: {as: parrot}
steps:
  - call: {from: caller, to: callee, as: first}
  - answer: {on: callee.first}
  - record: {on: callee, as: heard}
  - dtmf: {on: caller, digits: "${digits}"}
  - expect: {on: callee, dtmf: "${digits}"}
  - expect: {recording: heard, silent: no}
"""


def cases(tmp_path: Path, text: str, **given: str) -> list[Case]:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    return load(str(path), given)


def test_good(tmp_path: Path) -> None:
    [case] = cases(tmp_path, GOOD)
    assert case.name == "s"
    assert case.endpoints["caller"].name == "caller"
    assert case.endpoints["caller"].codecs == ("PCMA",)
    assert [step.verb for _, step in walk(case.scenario)] == [
        "call", "answer", "record", "dtmf", "expect", "expect",
    ]  # fmt: skip
    assert case.where(("steps", 3, "dtmf")).endswith("s.yaml:10: steps[3].dtmf")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("- answer:", "- anser:", "s.yaml:8: steps[1].anser: unknown key (did you mean 'answer'?)"),
        (
            "on: callee, dtmf",
            "on: callee, dtfm",
            "s.yaml:11: steps[4].expect.dtfm: unknown key (did you mean 'dtmf'?)",
        ),
        ("from: caller, ", "", "s.yaml:7: steps[0].call: the key 'from' is missing"),
        (
            "from: caller",
            "from: caler",
            "s.yaml:7: steps[0].call.from: unknown endpoint 'caler' (did you mean 'caller'?)",
        ),
        (
            "to: callee",
            "to: calee",
            "steps[0].call.to: unknown endpoint 'calee' (did you mean 'callee'?)",
        ),
        ("to: callee", "to: 'sip:'", "s.yaml:7: steps[0].call.to: not a SIP URI"),
        ("from: caller", "from: bot", "steps[0].call.from: bot is a parrot"),
        (
            "callee.first",
            "callee.frist",
            "s.yaml:8: steps[1].answer.on: unknown call 'frist' (did you mean 'first'?)",
        ),
        (
            "recording: heard",
            "recording: herd",
            "s.yaml:12: steps[5].expect.recording: unknown recording 'herd' (did you mean 'heard'?)",
        ),
        ("silent: no", "matches: gone.wav", "s.yaml:12: steps[5].expect.matches: "),
        ("silent: no", "matches: 'silence:1'", "steps[5].expect.matches: silence:1: is silent"),
        (
            "silent: no",
            "matches: 'speach:1'",
            "steps[5].expect.matches: speach:1: no such file and no such signal",
        ),
        (
            "silent: no",
            "signal: rinback",
            "steps[5].expect.signal: unknown signal 'rinback' (did you mean 'ringback'?)",
        ),
        ("silent: no", "codec: PCMA", "s.yaml:12: steps[5].expect.codec: is an expectation of a call"),
        (
            "silent: no",
            "on: caller",
            "s.yaml:12: steps[5].expect.on: expected either on (a call) or recording",
        ),
        (', dtmf: "${digits}"', "", "s.yaml:11: steps[4].expect.on: no expectation"),
        ('dtmf: "${digits}"', "method: info", "s.yaml:11: steps[4].expect"),
        ('dtmf: "${digits}"', "state: confirmd", "s.yaml:11: steps[4].expect.state: expected one of "),
        (
            'dtmf: "${digits}"',
            "suite: AES_CM_128",
            "s.yaml:11: steps[4].expect.suite: expected one of AES_CM",
        ),
        (
            'dtmf: "${digits}"',
            "header: {X-A: '['}",
            "s.yaml:11: steps[4].expect.header: X-A: '[' is not a regular expression",
        ),
        (
            'dtmf: "${digits}"',
            "codec: PCMA, timeout: soon",
            "s.yaml:11: steps[4].expect.timeout: expected a number",
        ),
        ('dtmf: "${digits}"', "header: {X-A: []}", "s.yaml:11: steps[4].expect.header: is empty"),
        ('dtmf: "${digits}"', "codec: PCMA, no_header: []", "steps[4].expect.no_header: is empty"),
        ("silent: no", "silent: no, marker: []", "s.yaml:12: steps[5].expect.marker: is empty"),
        ('dtmf: "${digits}"', "codec: PCMA, replaced: no", "steps[4].expect.replaced: expected yes"),
        ('dtmf: "${digits}"', "no_response: 48", "steps[4].expect.no_response: expected a SIP status code"),
        ('digits: "${digits}"', 'digits: "12x"', "s.yaml:10: steps[3].dtmf.digits: DTMF digits '12x'"),
        (
            'digits: "${digits}"',
            'digits: "${digit}"',
            "s.yaml:10: steps[3].dtmf.digits: unknown variable 'digit' (did you mean 'digits'?)",
        ),
        (
            'digits: "${digits}"',
            'digits: "${env:NO_SUCH_THING}"',
            "steps[3].dtmf.digits: the environment variable NO_SUCH_THING is not set",
        ),
        ("as: parrot", "as: parot", "s.yaml:5: endpoints.bot.as: unknown bot 'parot'"),
        (
            "{as: parrot}",
            "{as: parrot, options: {dely: 1}}",
            "s.yaml:5: endpoints.bot.options.dely: unknown key (did you mean 'delay'?)",
        ),
        (
            "srtp: mandatory",
            "srtp: mandatry",
            "s.yaml:3: endpoints.caller.srtp: expected one of off, optional, mandatory",
        ),
        ("srtp: mandatory", "port: 70000", "s.yaml:3: endpoints.caller.port: expected 0"),
        ("srtp: mandatory", "config: gone.yaml", "s.yaml:3: endpoints.caller.config: "),
        ("vars:", "matrix: {digits: []}\nvars:", "s.yaml:1: matrix.digits: has no values"),
        ("vars:", "matrix: {digits: 1}\nvars:", "s.yaml:1: matrix.digits: expected a list"),
        ("vars:", "data: gone.csv\nvars:", "s.yaml:1: data: "),
        (
            '{digits: "159#"}',
            "{digits: null}",
            "steps[3].dtmf.digits: the variable 'digits' has no value; give it with --var digits=",
        ),
        (
            "- answer: {on: callee.first}",
            "- answer: {on: callee}\n    hangup: {on: caller}",
            "s.yaml:9: steps[1].hangup: needs a step of its own",
        ),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        cases(tmp_path, GOOD.replace(old, new, 1))
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("keys", "judged"),
    [
        ({"on": "a", "max_loss_pct": 0, "answered_within_ms": 0}, ["answered_within_ms", "max_loss_pct"]),
        ({"recording": "heard", "marker": 0, "silent": "no"}, ["marker", "silent"]),
        ({"on": "a", "message": "no", "no_dtmf": "no", "no_media": "yes"}, ["message", "no_media"]),
        ({"on": "a", "encrypted": False, "cancelled": True}, ["cancelled", "encrypted"]),
    ],
)
def test_zero_and_no_are_judged_where_they_say_something(keys: dict[str, Any], judged: list[str]) -> None:
    assert msgspec.convert(keys, Expect).expected_keys == judged


def test_a_scenario_that_expects_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"s.yaml:1: steps: no expect step"):
        cases(tmp_path, "steps: [{call: {from: a, to: b}}]\nendpoints: {a: {}, b: {}}\n")


def test_values_come_from_the_command_line_before_the_file(tmp_path: Path) -> None:
    [case] = cases(tmp_path, GOOD, digits="7")
    assert [
        step.action.value("dtmf") for _, step in walk(case.scenario) if isinstance(step.action, Expect)
    ] == [
        "7",
        None,
    ]


def test_environment_and_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_DIGITS", "42")
    for reference, digits in (
        ("${env:SOME_DIGITS}", "42"),
        ("${env:NO_DIGITS:-9}", "9"),
        ("${nope:-8}", "8"),
    ):
        [case] = cases(tmp_path, GOOD.replace('dtmf: "${digits}"', f'dtmf: "{reference}"'))
        assert next(s.action.dtmf for _, s in walk(case.scenario) if s.verb == "expect") == digits


def test_matrix_makes_a_result_of_each_combination(tmp_path: Path) -> None:
    text = "matrix: {digits: ['1', '2'], codec: [PCMA, G722]}\n" + GOOD.partition("\n")[2]
    text = text.replace("codecs: [PCMA]", 'codecs: ["${codec}"]')
    found = cases(tmp_path, text)
    assert [case.name for case in found] == [
        f"s[digits={digits}, codec={codec}]" for digits in "12" for codec in ("PCMA", "G722")
    ]
    assert found[1].endpoints["caller"].codecs == ("G722",)
    assert len(cases(tmp_path, text, codec="GSM")) == 2


def test_matrix_values_may_be_lists(tmp_path: Path) -> None:
    text = "matrix: {codecs: [[PCMA, G722], [GSM]]}\n" + GOOD
    found = cases(tmp_path, text.replace("codecs: [PCMA]", "codecs: '${codecs}'"))
    assert [case.endpoints["caller"].codecs for case in found] == [("PCMA", "G722"), ("GSM",)]


def test_csv_makes_a_result_of_each_row(tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text("number,digits\n100,1\n\n200,2\n")
    text = "data: numbers.csv\n" + GOOD.replace("to: callee", 'to: "sip:${number}@127.0.0.1"')
    found = cases(tmp_path, text)
    assert [case.name for case in found] == ["s[row 1]", "s[row 2]"]
    assert [next(walk(case.scenario))[1].action.to for case in found] == [
        "sip:100@127.0.0.1",
        "sip:200@127.0.0.1",
    ]
    assert [case.values["digits"] for case in found] == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1\n", "numbers.csv:2: expected 2 values, got 1"),
        ("a,a\n1,2\n", "duplicate name 'a'"),
        ("a b\n1\n", "invalid name of a variable: 'a b'"),
        ("a\n", "at least one line of values"),
    ],
)
def test_bad_csv(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text(content)
    with pytest.raises(ConfigError) as caught:
        cases(tmp_path, "data: numbers.csv\n" + GOOD)
    assert message in str(caught.value)
    assert "s.yaml:1: data: " in str(caught.value)


def test_an_endpoint_takes_a_file_and_differs_from_it(tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text("name: other\ncodecs: [GSM]\nbind: 127.0.0.1\n")
    [case] = cases(tmp_path, GOOD.replace("srtp: mandatory, codecs: [PCMA]", "config: e.yaml, srtp: 'off'"))
    caller = case.endpoints["caller"]
    assert (caller.name, caller.codecs, caller.bind, caller.srtp) == ("caller", ("GSM",), "127.0.0.1", "off")


def test_who_is_asked_for_inband_digits_listens(tmp_path: Path) -> None:
    [case] = cases(tmp_path, GOOD.replace('dtmf: "${digits}"}', 'dtmf: "1", method: inband}'))
    assert case.listeners == {"callee"}


def test_variables_of_a_file() -> None:
    assert variables(str(SHIPPED / "srtp-matrix.yaml")) == {"suite", "codec"}


def test_shipped_schema_is_that_of_the_model() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **scenario_schema()}
    schema = json.loads(msgspec.json.encode(schema))
    written = json.loads((SHIPPED / "scenario.schema.json").read_text())
    assert written == schema, "srtpbot schema scenario > configs/scenarios/scenario.schema.json"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_scenarios_obey_the_schema_and_name_it(path: Path) -> None:
    Draft202012Validator(scenario_schema()).validate(read(path)[0])
    assert path.read_text().startswith("# yaml-language-server: $schema=scenario.schema.json\n#")


def test_every_step_has_an_example() -> None:
    shown = {
        step.verb
        for path in SHIPPED.glob("*.yaml")
        for one in load(str(path), {})
        for _, step in walk(one.scenario)
    }
    assert shown == set(Step.__struct_fields__)


def test_schema_of_a_structure_has_no_variable_beside_its_keys() -> None:
    step = scenario_schema()["$defs"]["Step"]["properties"]
    assert {key for key, schema in step.items() if "$ref" not in schema} == {"parallel"}
    assert "anyOf" in scenario_schema()["$defs"]["Wait"]["properties"]["seconds"]


def test_schema_refuses_what_loading_refuses() -> None:
    validator = Draft202012Validator(scenario_schema())
    for step in ({"anser": {"on": "a"}}, {"call": {"to": "b"}}, {"hold": {"on": "a"}, "cancel": {"on": "a"}}):
        assert not validator.is_valid({"endpoints": {"a": {}}, "steps": [step]})


def test_a_file_with_the_settings_of_an_endpoint_is_named_as_that(tmp_path: Path) -> None:
    file = tmp_path / "endpoint.yaml"
    file.write_text("bind: 127.0.0.1\ncodecs: [PCMA]\n")
    with pytest.raises(ConfigError, match="the settings of an endpoint, not a scenario; use it as --config"):
        load(str(file), {})
