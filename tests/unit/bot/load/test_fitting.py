"""Scenarios that fit a load, and how long their calls take."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.load.fitting import check_fits, longest_s
from bot.load.plan import Length, Plan
from bot.scenario.case import Case
from bot.scenario.load import load

URI = "sip:100@127.0.0.1"
HEAD = """
endpoints:
  caller: {bind: 127.0.0.1}
steps:
  - call: {from: caller, to: "sip:100@127.0.0.1"}
  - expect: {on: caller, state: confirmed}
"""


def case(folder: Path, text: str) -> Case:
    file = folder / "one.yaml"
    file.write_text(text)
    [found] = load(str(file), {})
    return found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEAD.replace("sip:100", "sip:101"), r"one.yaml:5: steps\[0\].call.to: calls sip:101@127.0.0.1, and"),
        (
            HEAD.replace("127.0.0.1}\n", "127.0.0.1}\n  callee: {as: parrot}\n", 1),
            r"one.yaml:4: endpoints.callee: a load has one endpoint",
        ),
        (
            "endpoints: {a: {}}\nsteps:\n  - wait: {seconds: 1}\n  - expect: {on: a, state: confirmed}\n",
            r"one.yaml:3: steps\[0\].wait: expected a call step",
        ),
        (
            HEAD + "  - parallel: [{answer: {on: caller}}]\n",
            r"one.yaml:7: steps\[2\].parallel\[0\].answer: answ",
        ),
        (
            HEAD + '  - message: {from: caller, to: "sip:1@127.0.0.1", text: hi}\n',
            r"steps\[2\].message: is sent outside of the call",
        ),
    ],
)
def test_what_does_not_fit(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=problem):
        check_fits(case(tmp_path, text), URI)


def test_what_fits(tmp_path: Path) -> None:
    text = HEAD + "  - hold: {on: caller}\n  - transfer: {on: caller, to: 'sip:2@127.0.0.1'}\n"
    check_fits(case(tmp_path, text), URI)


def test_the_time_of_the_steps(tmp_path: Path) -> None:
    text = HEAD + (
        "  - play: {on: caller, audio: 'silence:2'}\n"
        "  - play: {on: caller, audio: 'silence:9', wait: no}\n"
        "  - tone: {on: caller, hz: 440, seconds: 1.5}\n"
        "  - dtmf: {on: caller, digits: '1,2'}\n"
        "  - wait: {seconds: 3}\n"
        "  - expect: {on: caller, dtmf: '5', timeout: 60}\n"
        "  - wait: {on: caller, until: disconnected, timeout: 4}\n"
    )
    assert longest_s(case(tmp_path, text)) == pytest.approx(2 + 1.5 + 0.9 + 3 + 4)


def test_lines_of_a_scenario() -> None:
    plan = Plan(rate=10, length=Length(4, 4), scenario="one.yaml")
    assert plan.lines == Plan(rate=10, length=Length(4, 4)).lines
    assert Plan(rate=10, length=Length(4, 4), scenario="one.yaml", concurrency=300, seconds=9).lines == 300
    assert Plan(rate=10, length=Length(4, 4), concurrency=300, seconds=9).lines < 300
