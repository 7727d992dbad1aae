"""What a run keeps of its events: so many, however long it lasts."""

from __future__ import annotations

from bot.cli.run_events import KEPT_EXPECTATIONS, RunEvents
from bot.expectations import record
from bot.ua import Journal


def test_expectations_are_bounded_and_a_failure_is_not_forgotten() -> None:
    journal = Journal()
    events = RunEvents(journal, lambda text: None, 0, None)
    record(journal, "run", "first", passed=False, expected="x", observed="y")
    for number in range(KEPT_EXPECTATIONS + 10):
        record(journal, "run", str(number), passed=True, expected="x", observed="x")
    names = [one.name for one in events.checked]
    assert names[:2] == ["first", "10"]
    assert len(names) == KEPT_EXPECTATIONS + 1
