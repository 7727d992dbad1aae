"""bot.agent.unproved_callers: which responses a caller gets that may be somebody else."""

from __future__ import annotations

import pytest

from bot.agent.unproved_callers import Caller


def test_retransmissions_are_bounded() -> None:
    caller = Caller(received=427)
    assert [caller.may_get(100, 240), caller.may_get(200, 743)] == [True, True]
    assert not any(caller.may_get(200, 743) for _ in range(10))
    assert caller.sent == 983
    caller.received += 427  # the INVITE comes again
    assert caller.may_get(200, 743)
    assert caller.sent <= 3 * caller.received


@pytest.mark.parametrize("code", [486, 200])
def test_the_first_final_response_is_always_sent(code: int) -> None:
    caller = Caller(received=100)
    assert not caller.may_get(100, 240)
    assert caller.may_get(code, 900)
    assert not caller.may_get(code, 900)


def test_a_proved_address_gets_all() -> None:
    caller = Caller(received=100, proved=True)
    assert all(caller.may_get(200, 743) for _ in range(10))
