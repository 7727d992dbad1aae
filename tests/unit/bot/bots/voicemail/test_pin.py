"""bot.bots.voicemail.pin: right, wrong, and locked."""

from __future__ import annotations

from bot.bots.voicemail.pin import LOCKED_S, WRONG_IN_A_ROW, Pin


def test_right_and_wrong() -> None:
    pin = Pin("0123")
    assert pin.accepts("0123")
    assert not pin.accepts("123")
    assert not pin.accepts("01234")
    assert not pin.accepts("")
    assert "0123" not in repr(pin)


def test_who_tries_them_all_is_locked_out() -> None:
    pin = Pin("0042")
    for number in range(WRONG_IN_A_ROW):
        assert not pin.accepts(f"9{number:03}", now=100.0)
    assert not pin.accepts("0042", now=100.0 + LOCKED_S - 1)
    assert pin.accepts("0042", now=100.0 + LOCKED_S + 1)


def test_a_right_one_forgives_the_wrong_ones() -> None:
    pin = Pin("0042")
    for _ in range(3 * WRONG_IN_A_ROW):
        for _ in range(WRONG_IN_A_ROW - 1):
            assert not pin.accepts("1", now=1.0)
        assert pin.accepts("0042", now=1.0)
