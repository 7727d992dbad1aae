"""bot.ipc.silence: an agent's silence counts only while its listener runs."""

from __future__ import annotations

import pytest

from bot.ipc import silence
from bot.ipc.silence import AGAIN_S, LATE_S, TICK_S, Silence


class Clock:
    """The monotonic clock, moved by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(silence, "time", clock)
    return clock


def looks_until_over(one: Silence, clock: Clock, late_s: float = 0.0) -> float:
    """How long a listener that looks as it means to, or later, bears it."""
    began = clock.now
    for _ in range(1000):
        clock.now += one.wait_s() + late_s
        if one.is_over():
            break
    return clock.now - began


def test_silence_is_borne_as_long_as_it_was_announced(clock: Clock) -> None:
    assert looks_until_over(Silence(0.7), clock) == pytest.approx(0.7)


def test_a_word_gives_it_more_time(clock: Clock) -> None:
    one = Silence(0.1)
    one.heard(5.0)
    assert looks_until_over(one, clock) == pytest.approx(5.0)


def test_the_listener_never_waits_longer_than_a_tick(clock: Clock) -> None:
    assert Silence(60.0).wait_s() == TICK_S
    assert Silence(0.05).wait_s() == 0.05


@pytest.mark.parametrize("paused_s", [0.5, 5.0, 3600.0])
def test_a_pause_of_the_listener_is_no_silence(clock: Clock, paused_s: float) -> None:
    one = Silence(0.3)
    one.wait_s()
    clock.now += paused_s
    assert not one.is_over()
    assert looks_until_over(one, clock) == pytest.approx(AGAIN_S)


def test_a_pause_shortens_no_announced_silence(clock: Clock) -> None:
    one = Silence(30.0)
    one.wait_s()
    clock.now += 100.0
    assert not one.is_over()
    assert looks_until_over(one, clock) == pytest.approx(30.0)


def test_a_busy_machine_hides_no_pump_that_hangs(clock: Clock) -> None:
    assert looks_until_over(Silence(0.7), clock, late_s=LATE_S / 2) < 1.5
