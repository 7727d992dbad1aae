"""The search for the capacity: which steps hold, when they are judged, and which side broke."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from bot.load.capacity import COUNTED_S, CapacitySearch
from bot.load.detail import CallDetail
from bot.load.plan import Limits, Plan, Steps
from bot.load.tally import Sample, Tally

STEP_S = 10.0


@dataclass
class Stepped:
    """A load of two steps, 5 and 10 calls a second."""

    plan: Plan = field(default_factory=lambda: Plan(steps=Steps(5, 10, 5, STEP_S)))
    tally: Tally = field(default_factory=lambda: Tally(2))
    passed_s: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def search(self) -> CapacitySearch:
        return CapacitySearch(self, self.samples, self.said.append)

    def ends(self, stage: int, calls: int = 50, *, failed: int = 0, late: int = 0) -> None:
        """Calls of a step, with their verdicts."""
        self.tally.placed(stage, calls)
        for number in range(calls):
            detail = CallDetail(number=number, stage=stage, started=datetime.now(UTC), at_s=stage * STEP_S)
            detail.late_ms = 300.0 if number < late else 0.0
            if number < failed:
                detail.fail("audio missing", "240 ms")
            self.tally.add(detail)

    def second(self, at_s: float, *, missed: int = 0, cpu: float = 0.5) -> None:
        self.samples.append(Sample(at_s=at_s, missed=missed, cpu=cpu))


def test_the_capacity_is_the_last_step_that_held() -> None:
    load = Stepped()
    search = load.search()
    load.ends(0)
    load.passed_s = STEP_S + COUNTED_S
    assert search.judge()
    load.ends(1, failed=1)
    load.passed_s = 2 * STEP_S + COUNTED_S
    assert not search.judge()
    assert [step.held for step in search.steps] == [True, False]
    assert (search.capacity, search.limited_by) == (5, [])
    assert load.said == [
        "step 5: held",
        "step 10: broke: failed calls: 1 of 50 (2.000%): 1 x audio missing, expected at most 0 of the calls "
        "(0.000%)",
    ]


def test_a_step_waits_for_the_verdicts_of_all_its_calls() -> None:
    load = Stepped()
    search = load.search()
    load.ends(0, 49)
    load.tally.placed(0)
    load.passed_s = 2 * STEP_S
    assert search.judge()
    assert search.steps == []


@pytest.mark.parametrize("passed_s", [STEP_S - 0.1, STEP_S + 1.0])
def test_a_step_waits_for_calls_that_may_still_come(passed_s: float) -> None:
    load = Stepped(passed_s=passed_s)
    search = load.search()
    load.ends(0)
    search.judge()
    assert search.steps == []
    search.judge(has_ended=True)
    assert search.steps[0].held


def test_no_step_is_judged_after_one_that_broke() -> None:
    load = Stepped(passed_s=100.0)
    search = load.search()
    load.ends(0, failed=50)
    load.ends(1)
    assert not search.judge(has_ended=True)
    assert len(search.steps) == 1
    assert (search.capacity, search.limited_by) == (None, []), "the peer broke"


def test_calls_that_this_side_did_not_place_are_its_own_limit() -> None:
    load = Stepped(passed_s=STEP_S + COUNTED_S)
    search = load.search()
    load.ends(0, 48)
    load.second(5.0, missed=2)
    assert not search.judge()
    assert search.steps[0].broken == []
    assert "2 of 50 calls were not placed" in search.limited_by[0]


def test_a_step_without_a_placed_call_is_judged() -> None:
    load = Stepped(passed_s=STEP_S + COUNTED_S)
    search = load.search()
    load.second(5.0, missed=50)
    assert not search.judge()
    assert "50 of 50 calls were not placed" in search.limited_by[0]


def test_late_calls_of_one_step_are_not_those_of_another() -> None:
    load = Stepped(passed_s=2 * STEP_S + COUNTED_S)
    search = load.search()
    load.ends(0)
    load.ends(1, late=5)
    assert not search.judge()
    assert search.steps[0].held
    assert "5 of 50 calls began more than 250 ms late" in search.steps[1].limited_by[0]
    assert search.limited_by == [], "the first step is an answer"


@pytest.mark.parametrize(("cpu", "is_ours"), [(0.5, False), (0.99, True)])
def test_full_processors_excuse_what_depends_on_them(cpu: float, is_ours: bool) -> None:
    load = Stepped(passed_s=STEP_S + COUNTED_S)
    search = load.search()
    load.ends(0, failed=1)
    for second in range(10):
        load.second(second + 1.0, cpu=cpu)
    assert not search.judge()
    assert bool(search.limited_by) is is_ours


def test_thresholds_of_the_plan_break_a_step() -> None:
    load = Stepped(plan=Plan(steps=Steps(5, 10, 5, STEP_S), limits=Limits(p95_setup_ms=100.0)))
    search = load.search()
    load.ends(0)
    assert not search.judge(has_ended=True)
    assert search.steps[0].broken == [
        "setup time, 95th percentile: not measured, expected at most 100 ms",
    ]
