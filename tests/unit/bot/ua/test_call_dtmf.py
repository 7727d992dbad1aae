"""bot.ua.call: sending DTMF digits."""

from __future__ import annotations

import pytest

from bot.errors import CallFailed, ConfigError, WaitTimeout
from bot.ipc.commands import SendDtmf
from bot.ipc.events import DtmfFinished
from bot.model import DtmfMethod
from bot.ua.call import Call
from tests.support.fakes import LONG, Rig, at_once, while_waiting


def test_digits_are_sent(rig: Rig, call: Call) -> None:
    call.send_dtmf("12,*#abCD", method=DtmfMethod.INFO, on_ms=160, off_ms=40)
    command = rig.driver.last(SendDtmf)
    assert command == SendDtmf(
        call=1,
        transmission=command.transmission,
        digits="12,*#ABCD",
        method=DtmfMethod.INFO,
        on_ms=160,
        off_ms=40,
    )


@pytest.mark.parametrize(
    ("digits", "message"),
    [("", "there is none"), ("12E", "'E' is not one"), ("1 2", "' ' is not one"), ("\u0663", "is not one")],
)
def test_invalid_digits_are_refused(rig: Rig, call: Call, digits: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call.send_dtmf(digits)
    assert rig.driver.told(SendDtmf) == []


def over(rig: Rig, call: Call, problem: str | None = None) -> None:
    number = rig.driver.told(SendDtmf)[-1].transmission
    rig.driver.feed(DtmfFinished(at=0.0, call=call.number, transmission=number, problem=problem))


def test_digits_can_be_waited_for(rig: Rig, call: Call) -> None:
    transmission = call.send_dtmf("1")
    assert not transmission.finished
    with while_waiting(rig.journal, lambda: over(rig, call)), at_once():
        assert transmission.wait(LONG) is transmission


def test_digits_that_could_not_be_sent(rig: Rig, call: Call) -> None:
    transmission = call.send_dtmf("1")
    over(rig, call, "the peer has no telephone-event")
    with pytest.raises(CallFailed, match="the peer has no telephone-event"), at_once():
        transmission.wait(LONG)


def test_digits_in_vain(call: Call) -> None:
    with pytest.raises(WaitTimeout, match=r"still dialling after 0\.05 s"):
        call.send_dtmf("1").wait(0.05)
