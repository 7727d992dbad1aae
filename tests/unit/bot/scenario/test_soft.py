"""Soft expect steps: the scenario continues, fails at its end, and lists all failures with their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.scenario.load import load
from tests.support.scenarios import Perform

HEAD = """\
timeout: 20
endpoints:
  alice: {bind: 127.0.0.1, codecs: [PCMA]}
  bob: {bind: 127.0.0.1, codecs: [PCMA]}
steps:
  - call: {from: alice, to: bob}
  - answer: {on: bob}
  - expect: {on: [alice, bob], codec: PCMU, encrypted: no, soft: true, timeout: 5}
  - parallel:
      - expect: {on: alice, min_packets: 100000, soft: yes, timeout: 0.1}
      - expect: {on: bob, state: confirmed, soft: true}
  - expect: {recording: never, silent: yes, soft: true, timeout: 0.1}
"""
END = """\
  - record: {on: bob, as: never}
  - hangup: {on: alice}
  - expect: {on: bob, state: disconnected, by: remote}
"""


def test_all_failures_are_listed_with_their_places(perform: Perform) -> None:
    done = perform(HEAD + END)
    placed = [line for line in done.message.splitlines() if "scenario.yaml:" in line]
    assert [line.split("scenario.yaml:")[1].split(": ")[0] for line in placed] == [
        *(["8"] * 4),
        "10",
        "12",
    ]
    assert "steps[3].parallel[0].expect: alice: call 1" in placed[4]
    assert "has not started" in placed[5]
    passed = [one.name for one in done.checked if one.passed]
    assert passed == ["bob call 1 reaches CONFIRMED", "bob call 1 is disconnected"]
    assert len(done.failed) == 6


def test_a_step_that_is_not_soft_ends_it_after_them(perform: Perform) -> None:
    done = perform(HEAD + "  - expect: {on: alice, state: early, timeout: 0.1}\n" + END)
    text = done.message
    assert text.index("scenario.yaml:8:") < text.index("scenario.yaml:13:")
    assert [one.observed for one in done.failed][-1] == "not reached: steps[5] failed"


def test_what_is_soft_no_or_met_changes_nothing(perform: Perform) -> None:
    text = HEAD[: HEAD.index("  - expect")]
    done = perform(text + "  - expect: {on: alice, codec: PCMA, soft: yes}\n" + END)
    assert done.error is None
    done = perform(text + "  - expect: {on: alice, codec: PCMU, soft: no}\n" + END)
    assert [one.name for one in done.failed][1:] == ["steps[5].expect is reached"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "soft: true, timeout: 5",
            "soft: perhaps",
            "s.yaml:8: steps[2].expect.soft: expected one of no, yes",
        ),
        (
            "answer: {on: bob}",
            "answer: {on: bob, soft: true}",
            "s.yaml:7: steps[1].answer.soft: only an expect step can be soft",
        ),
        ("state: confirmed, soft", "soft", "s.yaml:11: steps[3].parallel[1].expect.on: no expectation"),
        ("timeout: 20", "soft: true", "soft: only an expect step can be soft"),
    ],
)
def test_misuse(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text((HEAD + END).replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load(str(path), {})
    assert message in str(caught.value)


SECRET = """\
timeout: 20
endpoints:
  alice: {bind: 127.0.0.1, codecs: [PCMA]}
  bob: {bind: 127.0.0.1, codecs: [PCMA]}
steps:
  - call: {from: alice, to: bob}
  - answer: {on: bob}
  - expect: {on: [alice, bob], media: active}
  - dtmf: {on: alice, digits: "12a", secret: yes, method: METHOD}
  - expect: {on: bob, dtmf: DIGITS, timeout: 3}
"""


@pytest.mark.parametrize("method", ["rfc4733", "info"])
def test_secret_digits_are_expected_as_they_are_shown(method: str, perform: Perform) -> None:
    text = SECRET.replace("METHOD", method)
    assert perform(text.replace("DIGITS", "xxx")).error is None
    assert [one.observed for one in perform(text.replace("DIGITS", "xxxx")).failed] == [f"'xxx' by {method}"]


def test_digits_that_never_arrive_are_refused_before_the_call(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    for digits, wrong in (('"1,2"', "',' is not one; a pause is not received"), ("12e", "'E' is not one")):
        path.write_text(SECRET.replace("METHOD", "rfc4733").replace("DIGITS", digits))
        with pytest.raises(ConfigError) as caught:
            load(str(path), {})
        assert "s.yaml:10: steps[4].expect.dtmf: DTMF digits" in str(caught.value)
        assert wrong in str(caught.value)
