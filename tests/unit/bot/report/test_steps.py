"""bot.report.steps: each message and change of media belongs to the step that caused it."""

from __future__ import annotations

from typing import Literal

from bot.report.steps import StepResult, stories
from tests.support.fakes import Rig


def step(text: str, at_s: float | None, duration_s: float | None = 0.0, on: str = "a") -> StepResult:
    verdict: Literal["pass", "skip"] = "skip" if at_s is None else "pass"
    return StepResult(
        step=text, line=1, text=text, on=[on], verdict=verdict, at_s=at_s, duration_s=duration_s
    )


def test_a_step_causes_what_follows_it(rig: Rig) -> None:
    line = rig.confirmed()
    started = line.call.facts.messages[0].at
    steps = [step("call", -0.5), step("late", 1e6), step("never", None)]
    first, late, never = stories(steps, [("c0-0", line.call)], started, {})
    messages = [one.words for one in first.happenings if one.kind == "sip"]
    assert messages[0].endswith("127.0.0.1:5070: INVITE")
    assert messages[-1].endswith("200 OK (INVITE)")
    assert first.counts[0] >= 2
    assert first.counts[1] >= 1
    assert first.happenings[0].link == "c0-0-m0"
    assert (late.happenings, never.happenings) == ([], [])


def test_of_steps_at_the_same_time_the_one_that_names_the_endpoint(rig: Rig) -> None:
    line = rig.confirmed()
    started = line.call.facts.messages[0].at - 10
    name = line.call.endpoint.name
    steps = [step("ours", 0.0, 60.0, on=name), step("other's", 1.0, 60.0, on="other")]
    ours, others = stories(steps, [("", line.call)], started, {})
    assert ours.happenings
    assert others.happenings == []
    assert {one.link for one in ours.happenings} == {""}
