"""A load of several workers, as their master sees it."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from bot.load.arrivals import Part
from bot.load.detail import CallDetail
from bot.load.plan import Length, Limits, Plan, Steps
from bot.load.shared import Report, SharedLoad
from bot.load.tally import Tally


def detail(number: int, setup_ms: float = 10.0, *, stage: int = 0) -> CallDetail:
    return CallDetail(number=number, stage=stage, started=datetime.now(UTC), at_s=0.0, setup_ms=setup_ms)


SAID: list[str] = []
"""What people were told of workers."""


@pytest.fixture
def load(tmp_path: Path) -> Iterator[SharedLoad]:
    names = ["worker 1 (here)", "worker 2 (there)"]
    shared = SharedLoad(Plan(rate=10.0, calls=100), names, folder=tmp_path, say=SAID.append)
    yield shared
    shared.finish()


def test_percentiles_are_those_of_all_calls(load: SharedLoad) -> None:
    source, whole = random.Random(3), Tally()
    for worker, (count, mean) in enumerate([(500, 20.0), (20, 400.0)]):
        calls = [detail(number, source.expovariate(1 / mean)) for number in range(count)]
        for one in calls:
            whole.placed(0)
            whole.add(one)
        for at in range(0, count, 7):
            load.add(worker, Report(placed=[min(at + 7, count)], calls=calls[at : at + 7]))
    assert load.tally.figures() == whole.figures()


def test_a_report_goes_over_the_wire(load: SharedLoad) -> None:
    sent = Report(placed=[1], calls=[detail(1)], slots=4, cpu=0.5, cpu_full_s=2.0, is_last=True)
    load.add(0, msgspec.convert(msgspec.to_builtins(sent), Report))
    load.add(1, Report(placed=[0], calls=[], slots=8, cpu=0.25))
    assert (load.slots, load.use(), load.full_s, load.is_over) == (12, 0.5, 2.0, False)


def test_the_plan_goes_over_the_wire() -> None:
    plan = Plan(
        steps=Steps(1, 9, 2, 3),
        length=Length.parse("exp:30"),
        limits=Limits(min_mos=4.0),
        part=Part(1, 3),
        seed=5,
    )
    assert msgspec.convert(msgspec.to_builtins(plan), Plan) == plan


def test_the_file_has_every_call(load: SharedLoad, tmp_path: Path) -> None:
    load.add(0, Report(placed=[2], calls=[detail(1), detail(3)]))
    load.add(1, Report(placed=[1], calls=[detail(2)]))
    load.finish()
    with (tmp_path / "calls.csv").open(newline="") as file:
        assert [row["number"] for row in csv.DictReader(file)] == ["1", "3", "2"]


def test_a_lost_worker_costs_its_own_calls(load: SharedLoad) -> None:
    load.add(0, Report(placed=[5], calls=[detail(1)], up=4))
    load.add(1, Report(placed=[2], calls=[detail(2), detail(4)], is_last=True))
    load.lose(0, "was silent")
    load.add(0, Report(placed=[9], calls=[detail(3)]))
    figures = load.tally.figures()
    assert (figures.placed, figures.passed, figures.ours, figures.failed) == (7, 3, 4, 0)
    [cause] = load.tally.causes()
    assert (cause.cause, cause.calls, cause.ours) == ("worker lost", 4, True)
    assert load.problems == [
        "worker 1 (here) was silent: 4 calls without a verdict, and those that it had still to place"
    ]
    assert SAID[-1:] == load.problems
    assert (load.is_over, load.up, load.tally.unfinished(0)) == (True, 0, 0)


def test_a_report_with_unknown_steps_is_ignored(load: SharedLoad) -> None:
    load.add(0, Report(placed=[1, 1], calls=[]))
    load.add(0, Report(placed=[1], calls=[detail(1, stage=7), detail(2, stage=-1)]))
    assert load.tally.figures().passed == 0
