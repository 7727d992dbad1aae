"""bot.agent.admission: how many calls may hold sockets, with a clock in the hand."""

from __future__ import annotations

import pytest

from bot.agent.admission import CALLS_AT_ONCE, CONNECTIONS_AT_ONCE, LINGER_S, Admission


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def admission(clock: Clock) -> Admission:
    return Admission(clock=clock)


def open_calls(admission: Admission, count: int) -> None:
    for _ in range(count):
        assert admission.room_in() == 0.0
        admission.opened()


def test_the_limits_leave_a_margin() -> None:
    handles, kept = 64, 0.5
    assert handles > CALLS_AT_ONCE * 2
    assert handles > CONNECTIONS_AT_ONCE
    assert kept < LINGER_S


def test_there_is_room_at_first(admission: Admission) -> None:
    assert admission.room_in() == 0.0


def test_open_calls_fill_it(admission: Admission) -> None:
    open_calls(admission, CALLS_AT_ONCE)
    assert admission.room_in() == LINGER_S


def test_open_calls_do_not_run_out(admission: Admission, clock: Clock) -> None:
    open_calls(admission, CALLS_AT_ONCE)
    clock.now += 3600
    assert admission.room_in() > 0


def test_a_closed_call_lingers(admission: Admission, clock: Clock) -> None:
    open_calls(admission, CALLS_AT_ONCE)
    admission.closed()
    assert admission.room_in() == pytest.approx(LINGER_S)
    clock.now += LINGER_S / 2
    assert admission.room_in() == pytest.approx(LINGER_S / 2)
    clock.now += LINGER_S / 2 + 0.001
    assert admission.room_in() == 0.0


def test_the_first_that_closed_makes_room_first(admission: Admission, clock: Clock) -> None:
    open_calls(admission, CALLS_AT_ONCE)
    admission.closed()
    clock.now += 0.25
    admission.closed()
    assert admission.room_in() == pytest.approx(LINGER_S - 0.25)
    clock.now += LINGER_S - 0.25 + 0.001
    assert admission.room_in() == 0.0
    admission.opened()
    assert admission.room_in() == pytest.approx(0.25, abs=0.01)


def test_the_moment_itself_is_late_enough(admission: Admission, clock: Clock) -> None:
    open_calls(admission, CALLS_AT_ONCE)
    admission.closed()
    clock.now += admission.room_in()
    assert admission.room_in() == 0.0


def test_attempts_count_for_a_while(admission: Admission, clock: Clock) -> None:
    for _ in range(CALLS_AT_ONCE):
        assert admission.room_in() == 0.0
        admission.attempted()
    assert admission.room_in() == pytest.approx(LINGER_S)
    clock.now += LINGER_S + 0.001
    assert admission.room_in() == 0.0


def test_an_attempt_that_became_a_call_counts_once(admission: Admission) -> None:
    for _ in range(CALLS_AT_ONCE):
        assert admission.room_in() == 0.0
        admission.attempted()
        admission.opened(attempted=True)
    assert admission.open == CALLS_AT_ONCE
    assert admission.room_in() == LINGER_S


def test_a_call_without_an_attempt_takes_nobody_elses(admission: Admission, clock: Clock) -> None:
    admission.opened(attempted=True)
    admission.attempted()
    admission.opened()
    open_calls(admission, CALLS_AT_ONCE - 3)
    assert admission.room_in() == pytest.approx(LINGER_S)
    clock.now += LINGER_S
    assert admission.room_in() == 0.0


@pytest.mark.parametrize("limit", [1, 5, CONNECTIONS_AT_ONCE])
def test_the_limit_can_be_another(clock: Clock, limit: int) -> None:
    admission = Admission(limit, clock)
    open_calls(admission, limit)
    assert admission.open == limit
    assert admission.room_in() > 0
    admission.closed()
    assert admission.open == limit - 1


def test_short_calls_at_a_high_rate_never_hold_too_much(admission: Admission, clock: Clock) -> None:
    """Calls come every 10 ms and end at once; those let in within any LINGER_S must fit."""
    let_in: list[float] = []
    for _ in range(500):
        if admission.room_in() == 0.0:
            let_in.append(clock.now)
            admission.opened()
            admission.closed()
        clock.now += 0.01
        window = [at for at in let_in if at > clock.now - LINGER_S]
        assert len(window) <= CALLS_AT_ONCE
    assert len(let_in) > 5 / LINGER_S * CALLS_AT_ONCE * 0.9


def test_who_waits_as_told_gets_in(admission: Admission, clock: Clock) -> None:
    for _ in range(100):
        waited = 0.0
        while (wait := admission.room_in()) > 0:
            clock.now += wait
            waited += wait
            assert waited <= 2 * LINGER_S
        admission.opened()
        admission.closed()


def test_the_real_clock_runs() -> None:
    assert Admission().room_in() == 0.0
