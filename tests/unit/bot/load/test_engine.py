"""The engine that places the calls of a load, with calls that take no time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from bot.errors import ConfigError, NativeError
from bot.load.arrivals import Due, Part
from bot.load.detail import CallDetail
from bot.load.engine import Engine
from bot.load.plan import Plan
from bot.load.run import Load

DEADLINE_S = 30.0


class Counted:
    """A load whose calls only count themselves."""

    def __init__(self, plan: Plan, place: Callable[[Due], object] = lambda due: None) -> None:
        self.plan = plan
        self.placed: list[int] = []
        self.finished = False
        self._observers: list[Callable[[CallDetail], None]] = []
        self.lines: set[int] = set()
        self.stopped = threading.Event()
        self._arrivals = plan.arrivals()
        self._place = place

    def begin(self) -> None:
        self._arrivals.begin(time.monotonic())

    def serve(self, line: int) -> None:
        self.lines.add(line)
        while not self.stopped.is_set():
            due = self._arrivals.take(line, time.monotonic())
            if due is None or self.stopped.wait(max(0.0, due.at - time.monotonic())):
                break
            self._tell(due)

    def _tell(self, due: Due) -> None:
        self._place(due)
        self.placed.append(due.number)
        detail = CallDetail(number=due.number, started=datetime.now(UTC), at_s=0.0, setup_ms=5.0)
        if due.number % 4 == 0:
            detail.fail("silence", "all was silent")
        for observer in self._observers:
            observer(detail)

    def observe(self, observer: Callable[[CallDetail], None]) -> None:
        self._observers.append(observer)

    def finish(self) -> None:
        self.finished = True

    def stop(self) -> None:
        self.stopped.set()
        self._arrivals.stop()


def run(load: Counted, tick: Callable[[], bool] = lambda: True) -> Engine:
    engine = Engine(cast(Load, cast(Any, load)), tick)
    engine.run()
    return engine


def test_every_call_is_placed_once() -> None:
    load = Counted(Plan(rate=200.0, calls=40, concurrency=8))
    run(load)
    assert sorted(load.placed) == list(range(1, 41))
    assert load.lines == set(range(8))
    assert load.finished


def test_every_call_is_a_request_with_the_cause_of_its_failure() -> None:
    load = Counted(Plan(rate=200.0, calls=12, concurrency=3))
    stats = run(load).environment.stats
    assert (stats.total.num_requests, stats.total.num_failures, stats.total.avg_response_time) == (12, 3, 5.0)
    assert [(one.method, str(one.error), one.occurrences) for one in stats.errors.values()] == [
        ("CALL", "silence", 3)
    ]


def test_a_part_of_a_load_has_its_own_calls_and_lines() -> None:
    load = Counted(Plan(rate=200.0, calls=9, concurrency=7, part=Part(1, 3)))
    run(load)
    assert sorted(load.placed) == [2, 5, 8]
    assert load.lines == {1, 4}


def test_lines_work_at_the_same_time() -> None:
    together = threading.Barrier(4, timeout=DEADLINE_S)
    load = Counted(Plan(concurrency=4), lambda due: together.wait())
    run(load)
    assert sorted(load.placed) == [1, 2, 3, 4]


def test_a_stop_from_another_thread() -> None:
    begun = threading.Event()

    def talk(due: Due) -> None:
        begun.set()
        load.stopped.wait(0.01)

    load = Counted(Plan(concurrency=2, seconds=600.0), talk)
    engine = Engine(cast(Load, cast(Any, load)), lambda: True)

    def stop() -> None:
        begun.wait(DEADLINE_S)
        engine.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    engine.run()
    stopper.join()
    assert load.stopped.is_set()


def test_a_tick_may_stop_it() -> None:
    load = Counted(Plan(rate=5.0, seconds=600.0))
    run(load, lambda: False)
    assert load.stopped.is_set()


@pytest.mark.parametrize(
    ("error", "raised"), [(ConfigError("no URI"), ConfigError), (ValueError("oh"), NativeError)]
)
def test_an_error_ends_the_load(error: Exception, raised: type[Exception]) -> None:
    def broken(due: Due) -> None:
        raise error

    with pytest.raises(raised):
        run(Counted(Plan(concurrency=2, seconds=600.0), broken))
