"""bot.scenario.step_log: the text of a step has no secret."""

from __future__ import annotations

from pathlib import Path

from bot.scenario.load import load
from bot.scenario.step_log import StepLog

SCENARIO = """\
timeout: 20
endpoints:
  alice: {bind: 127.0.0.1}
  bob: {bind: 127.0.0.1}
steps:
  - call: {from: alice, to: bob, headers: {Authorization: geheim}}
  - dtmf: {on: alice, digits: "4711", secret: yes}
  - parallel:
      - info: {on: bob, body: "Signal=4711"}
      - hangup: {on: alice}
  - expect: {on: bob, state: disconnected}
"""


def test_places_names_and_texts(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(SCENARIO)
    (case,) = load(str(file), {})
    log = StepLog(case, 0.0)
    path = ("steps", 0)
    log.begin(path)
    log.end(path)
    log.begin(("steps", 1))
    log.fail(("steps", 1), "why")
    steps = log.results()
    assert [one.step for one in steps] == [
        "steps[0].call", "steps[1].dtmf", "steps[2].parallel[0].info", "steps[2].parallel[1].hangup",
        "steps[3].expect",
    ]  # fmt: skip
    assert [one.line for one in steps] == [6, 7, 9, 10, 11]
    assert [one.verdict for one in steps] == ["pass", "fail", "skip", "skip", "skip"]
    assert [one.on for one in steps] == [["alice", "bob"], ["alice"], ["bob"], ["alice"], ["bob"]]
    assert steps[0].text == "call: from: alice, to: bob, headers: [Authorization]"
    assert "xxxx" in steps[1].text
    assert not any(secret in one.text for one in steps for secret in ("4711", "geheim"))
