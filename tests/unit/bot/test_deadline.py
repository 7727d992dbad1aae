"""bot.deadline: one point in time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bot.deadline import Deadline


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bot.deadline.time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def test_left_counts_down(clock: Clock) -> None:
    deadline = Deadline(2.0)
    assert deadline.left == 2.0
    assert not deadline.passed
    clock.now += 1.5
    assert deadline.left == 0.5
    assert not deadline.passed


def test_passes_at_the_point_itself(clock: Clock) -> None:
    deadline = Deadline(2.0)
    clock.now += 2.0
    assert deadline.left == 0.0
    assert deadline.passed


def test_left_is_never_negative(clock: Clock) -> None:
    deadline = Deadline(2.0)
    clock.now += 100.0
    assert deadline.left == 0.0
    assert deadline.passed


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_at_all(clock: Clock, seconds: float) -> None:
    deadline = Deadline(seconds)
    assert deadline.passed
    assert deadline.left == 0.0


def test_steps_share_it(clock: Clock) -> None:
    deadline = Deadline(3.0)
    left = []
    for _ in range(4):
        left.append(deadline.left)
        clock.now += 1.0
    assert left == [3.0, 2.0, 1.0, 0.0]
