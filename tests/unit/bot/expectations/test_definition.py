"""bot.expectations.definition: a definition is a method, a key in scenarios, and an option."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.cli.defined_options import DefinedChecks, defined_options
from bot.errors import ConfigError
from bot.expectations import MAX_DELAY_MS, Definition, definitions, expect
from bot.expectations.call import CallExpectation
from bot.expectations.endpoint import EndpointExpectation
from bot.expectations.recording import RecordingExpectation
from tests.support import needs
from tests.support.fakes import Rig

NEW = '''
import sys
from typing import Annotated
from msgspec import Meta
from bot.expectations.call import CallExpectation
from bot.expectations.definition import expectation

@expectation("min_messages", option="--expect-messages", metavar="N")
def to_have_messages(self, at_least: Annotated[int, Meta(ge=1)], *, timeout: float = 5.0) -> None:
    """At least this many SIP messages belong to the call (RFC 3261 7)."""
    known = self._facts
    self._await(
        "has messages",
        f"{at_least} or more",
        lambda: f"{len(known.messages)} messages",
        lambda: len(known.messages) >= at_least,
        timeout=timeout,
        hopeless=self._ended,
    )

CallExpectation.to_have_messages = to_have_messages
'''
CLI = NEW + "from bot.cli.main import main\nmain()\n"
PYTHON = (
    NEW
    + """
from bot import Endpoint, expect
with Endpoint(bind="127.0.0.1", name="a") as a, Endpoint(bind="127.0.0.1", name="b") as b:
    with b.expect_call() as incoming:
        call = a.make_call(b.uri)
    incoming.value.answer()
    expect(call).to_have_messages(3)
    expect.soft(call).to_have_messages(at_least=1000, timeout=0)
"""
)
SCENARIO = """\
endpoints:
  a: {bind: 127.0.0.1}
  b: {bind: 127.0.0.1, as: parrot}
steps:
  - call: {from: a, to: b}
  - expect: {on: a, state: confirmed, min_messages: 3}
  - expect: {on: a, min_messages: 1000, timeout: 0.1}
"""


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs.calls
def test_it_is_a_method() -> None:
    done = run(PYTHON)
    assert done.returncode == 1
    assert "SoftExpectationsFailed: 1 soft expectation failed" in done.stderr
    assert "a: call 1 to sip:b@127.0.0.1" in done.stderr
    assert "expected: 1000 or more" in done.stderr


@needs.calls
def test_it_is_a_key_of_scenarios(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO)
    done = run(CLI, "run", path)
    assert done.returncode == 1, done
    assert "s.yaml:7: steps[2].expect: a: call 1 to sip:b" in done.stdout
    assert "expected: 1000 or more" in done.stdout
    path.write_text(SCENARIO.replace("1000", "0"))
    done = run(CLI, "run", path)
    assert done.returncode == 2, done
    assert "s.yaml:7: steps[2].expect.min_messages: expected" in done.stderr
    schema = json.loads(run(CLI, "schema", "scenario").stdout)
    key = json.dumps(schema["$defs"]["Expect"]["properties"]["min_messages"])
    assert "At least this many SIP messages belong to the call (RFC 3261 7)." in key
    assert '"minimum": 1' in key


def test_it_is_an_option(tmp_path: Path) -> None:
    text = " ".join(run(CLI, "call", "--help").stdout.split())
    assert "--expect-messages N At least this many SIP messages belong to the call (RFC 3261 7)." in text
    done = run(CLI, "call", "sip:a@127.0.0.1:9", "--expect-messages", "0")
    assert done.returncode == 2
    assert "--expect-messages" in done.stderr


@pytest.mark.parametrize("owner", [CallExpectation, EndpointExpectation, RecordingExpectation])
def test_definitions_say_what_their_methods_say(owner: type) -> None:
    for one in definitions(owner):
        assert getattr(owner, one.method).__doc__
        assert one.description.endswith("."), one.key
        assert not one.negative or hasattr(owner, one.negative)


def test_the_value_no_is_the_negative(rig: Rig) -> None:
    [registered] = [one for one in definitions(EndpointExpectation) if one.key == "registered"]
    [judgement] = registered.judgements(False, {})
    judgement(expect(rig.endpoint), timeout=0)


def definition(owner: type, key: str) -> Definition:
    return next(one for one in definitions(owner) if one.key == key)


def test_a_mapping_of_header_fields_is_one_call_of_the_method_for_each() -> None:
    header = definition(CallExpectation, "header")
    first, second = header.judgements({"A": "x", "B": ["y", "z"]}, {"within": "183", "whose": "local"})
    assert (first.method, second.method) == ("to_have_header", "to_have_header")
    assert first.arguments == {"name": "A", "matching": "x", "on": "183", "sent": True}
    assert second.arguments["matching"] == ["y", "z"]


def test_companions_have_defaults_and_parameters_of_their_own() -> None:
    matches = definition(RecordingExpectation, "matches")
    [judgement] = matches.judgements("speech:2", {"through": "GSM"}, "folder")
    assert judgement.arguments == {"reference": "speech:2", "codec": "GSM", "max_delay_ms": MAX_DELAY_MS}
    assert judgement.optional == {"folder": "folder"}


@pytest.mark.parametrize(
    ("owner", "key", "value", "companions", "problem"),
    [
        (CallExpectation, "dtmf", "12", {"min_digit_ms": 90.0, "max_digit_ms": 60.0}, "at least 90 ms"),
        (CallExpectation, "dtmf", "1,2", {}, "a pause is not received"),
        (CallExpectation, "header", {"A": "["}, {}, "A: '\\[' is not a regular expression"),
        (CallExpectation, "no_header", ["A B"], {}, "not a header"),
        (RecordingExpectation, "matches", "silence:1", {}, "is silent"),
    ],
)
def test_what_cannot_be_met_is_refused_before_any_call(
    owner: type, key: str, value: object, companions: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        definition(owner, key).checked(value, companions)


@pytest.mark.parametrize(
    ("value", "method"), [("active", "to_have_active_media"), ("inactive", "to_have_inactive_media")]
)
def test_a_value_selects_the_method(value: str, method: str) -> None:
    [judgement] = definition(CallExpectation, "media").judgements(value, {})
    assert (judgement.method, judgement.arguments) == (method, {})


def test_every_option_has_one_name() -> None:
    options = [name for name, _ in defined_options()]
    assert len(options) == len(set(options))
    assert {"--expect-header", "--expect-audio", "--max-delay-ms", "--allow-unended-digits"} <= set(options)


def test_a_companion_option_needs_the_option_of_its_key() -> None:
    options = {name.removeprefix("--").replace("-", "_"): None for name, _ in defined_options()}
    with pytest.raises(ConfigError, match=r"^--passes needs the option --expect-audio"):
        DefinedChecks(RecordingExpectation, {**options, "passes": 2})
    checks = DefinedChecks(CallExpectation, {**options, "expect_header": ("A: x", "A: y", "B: z")})
    assert checks.value("header") == {"A": ["x", "y"], "B": ["z"]}
    with pytest.raises(ConfigError, match=r"^--expect-dtmf, --min-digit-ms, --max-digit-ms: no digit lasts"):
        DefinedChecks(
            CallExpectation, {**options, "expect_dtmf": "1", "min_digit_ms": 90.0, "max_digit_ms": 60.0}
        )
