"""bot.agent.workarounds.socket_budget: how many calls may hold sockets, with a clock in the hand."""

from __future__ import annotations

import pytest

from bot.agent.workarounds.socket_budget import (
    LINGER_S,
    SocketBudget,
    calls_at_once,
    connections_at_once,
    connections_held,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def admission(clock: Clock) -> SocketBudget:
    return SocketBudget(calls_at_once(64), clock)


def open_calls(admission: SocketBudget, count: int) -> None:
    for _ in range(count):
        assert admission.room_in() == 0.0
        admission.opened()


@pytest.mark.parametrize("handles", [64, 1024, 4096])
def test_the_limits_leave_a_margin(handles: int) -> None:
    assert handles > calls_at_once(handles) * 2
    assert handles > connections_at_once(handles)
    assert connections_at_once(handles) >= connections_held(handles) * 2


def test_a_closed_socket_lingers_longer_than_the_library_keeps_it() -> None:
    assert LINGER_S > 0.5


def test_the_limits_follow_the_handles() -> None:
    assert (calls_at_once(64), connections_at_once(64), connections_held(64)) == (28, 48, 24)
    assert calls_at_once(4096) > 2000


def test_there_is_room_at_first(admission: SocketBudget) -> None:
    assert admission.room_in() == 0.0


def test_open_calls_fill_it(admission: SocketBudget) -> None:
    open_calls(admission, calls_at_once(64))
    assert admission.room_in() == LINGER_S


def test_open_calls_do_not_run_out(admission: SocketBudget, clock: Clock) -> None:
    open_calls(admission, calls_at_once(64))
    clock.now += 3600
    assert admission.room_in() > 0


def test_a_closed_call_lingers(admission: SocketBudget, clock: Clock) -> None:
    open_calls(admission, calls_at_once(64))
    admission.closed()
    assert admission.room_in() == pytest.approx(LINGER_S)
    clock.now += LINGER_S / 2
    assert admission.room_in() == pytest.approx(LINGER_S / 2)
    clock.now += LINGER_S / 2 + 0.001
    assert admission.room_in() == 0.0


def test_the_first_that_closed_makes_room_first(admission: SocketBudget, clock: Clock) -> None:
    open_calls(admission, calls_at_once(64))
    admission.closed()
    clock.now += 0.25
    admission.closed()
    assert admission.room_in() == pytest.approx(LINGER_S - 0.25)
    clock.now += LINGER_S - 0.25 + 0.001
    assert admission.room_in() == 0.0
    admission.opened()
    assert admission.room_in() == pytest.approx(0.25, abs=0.01)


def test_the_moment_itself_is_late_enough(admission: SocketBudget, clock: Clock) -> None:
    open_calls(admission, calls_at_once(64))
    admission.closed()
    clock.now += admission.room_in()
    assert admission.room_in() == 0.0


def test_attempts_count_for_a_while(admission: SocketBudget, clock: Clock) -> None:
    for _ in range(calls_at_once(64)):
        assert admission.room_in() == 0.0
        admission.attempted()
    assert admission.room_in() == pytest.approx(LINGER_S)
    clock.now += LINGER_S + 0.001
    assert admission.room_in() == 0.0


def test_an_attempt_that_became_a_call_counts_once(admission: SocketBudget) -> None:
    for _ in range(calls_at_once(64)):
        assert admission.room_in() == 0.0
        admission.attempted()
        admission.opened(attempted=True)
    assert admission.open == calls_at_once(64)
    assert admission.room_in() == LINGER_S


def test_a_call_without_an_attempt_takes_nobody_elses(admission: SocketBudget, clock: Clock) -> None:
    admission.opened(attempted=True)
    admission.attempted()
    admission.opened()
    open_calls(admission, calls_at_once(64) - 3)
    assert admission.room_in() == pytest.approx(LINGER_S)
    clock.now += LINGER_S
    assert admission.room_in() == 0.0


@pytest.mark.parametrize("limit", [1, 5, connections_at_once(64)])
def test_the_limit_can_be_another(clock: Clock, limit: int) -> None:
    admission = SocketBudget(limit, clock)
    open_calls(admission, limit)
    assert admission.open == limit
    assert admission.room_in() > 0
    admission.closed()
    assert admission.open == limit - 1


def test_short_calls_at_a_high_rate_never_hold_too_much(admission: SocketBudget, clock: Clock) -> None:
    """Calls come every 10 ms and end at once; those let in within any LINGER_S must fit."""
    let_in: list[float] = []
    for _ in range(500):
        if admission.room_in() == 0.0:
            let_in.append(clock.now)
            admission.opened()
            admission.closed()
        clock.now += 0.01
        window = [at for at in let_in if at > clock.now - LINGER_S]
        assert len(window) <= calls_at_once(64)
    assert len(let_in) > 5 / LINGER_S * calls_at_once(64) * 0.9


def test_who_waits_as_told_gets_in(admission: SocketBudget, clock: Clock) -> None:
    for _ in range(100):
        waited = 0.0
        while (wait := admission.room_in()) > 0:
            clock.now += wait
            waited += wait
            assert waited <= 2 * LINGER_S
        admission.opened()
        admission.closed()


def test_the_real_clock_runs() -> None:
    assert SocketBudget(1).room_in() == 0.0
