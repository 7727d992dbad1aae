"""a verdict of any kind of expectation is written down once, and explained when it is bad."""

from __future__ import annotations

import pytest

from bot.errors import ExpectationFailed
from bot.expectations.base import Expectation
from bot.ipc.events import ExpectationChecked
from tests.support.fakes import Rig, at_once


class Wish(Expectation):
    """That something comes true, or never can."""

    def to_come_true(self, comes: bool, never: str | None = None, *, timeout: float = 5.0) -> None:
        self._await(
            "comes true", "yes", lambda: str(comes), lambda: comes, timeout=timeout, hopeless=lambda: never
        )


def verdicts(rig: Rig) -> list[tuple[str, bool]]:
    events = [entry.event for entry in rig.journal.recent()]
    return [(event.name, event.passed) for event in events if isinstance(event, ExpectationChecked)]


def test_what_holds_is_written_down(rig: Rig) -> None:
    line = rig.outgoing()
    with at_once():
        Wish(line.call).to_come_true(True)
    assert verdicts(rig) == [("call 1 comes true", True)]


def test_what_can_no_longer_hold_fails_at_once_with_the_reason(rig: Rig) -> None:
    line = rig.outgoing()
    with at_once(), pytest.raises(ExpectationFailed, match="it can no longer come true: too late"):
        Wish(line.call).to_come_true(False, "too late")
    assert verdicts(rig) == [("call 1 comes true", False)]


def test_what_does_not_come_in_time_says_how_long_it_waited(rig: Rig) -> None:
    line = rig.outgoing()
    with pytest.raises(ExpectationFailed, match=r"observed: False\nwaited 0\.01 s"):
        Wish(line.call).to_come_true(False, timeout=0.01)
