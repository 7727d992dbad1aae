"""bot.agent.workarounds.cancel_reinvite: when the CANCEL of a re-INVITE leaves, and when it does not."""

from __future__ import annotations

import pytest

from bot.agent.callbacks import CommandRefused
from bot.agent.workarounds.cancel_reinvite import OpenReinvite

FIRST, SECOND = 4711, 4712


def test_it_leaves_at_once_after_a_provisional_response() -> None:
    reinvite, sent = OpenReinvite(), list[int]()
    reinvite.observe(FIRST, 0)
    reinvite.observe(FIRST, 100)
    reinvite.cancel(sent.append)
    assert sent == [FIRST]


def test_it_waits_for_one_and_leaves_once() -> None:
    reinvite, sent = OpenReinvite(), list[int]()
    reinvite.observe(FIRST, 0)
    reinvite.cancel(sent.append)
    assert sent == []
    reinvite.observe(FIRST, 180)
    reinvite.observe(FIRST, 183)
    assert sent == [FIRST]


def test_it_is_forgotten_with_the_answer() -> None:
    reinvite, sent = OpenReinvite(), list[int]()
    reinvite.observe(FIRST, 0)
    reinvite.cancel(sent.append)
    reinvite.observe(FIRST, 200)
    reinvite.observe(SECOND, 0)
    reinvite.observe(SECOND, 100)
    assert sent == []


@pytest.mark.parametrize("codes", [[], [0, 200], [0, 100, 487]])
def test_nothing_to_cancel(codes: list[int]) -> None:
    reinvite = OpenReinvite()
    for code in codes:
        reinvite.observe(FIRST, code)
    with pytest.raises(CommandRefused, match="nothing to cancel"):
        reinvite.cancel(lambda transaction: None)


def test_the_answer_to_another_one_ends_nothing() -> None:
    reinvite, sent = OpenReinvite(), list[int]()
    reinvite.observe(SECOND, 100)
    reinvite.observe(FIRST, 200)
    reinvite.cancel(sent.append)
    assert sent == [SECOND]
