"""bot.expectations.transfer: related calls, expected outcomes, reasons of failures."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import pytest

from bot import expect
from bot.errors import CallEnded, ConfigError, ExpectationFailed, WaitTimeout
from bot.ipc.commands import Transfer
from bot.ipc.events import TransferProgressed
from bot.model import CallState, Direction
from tests.support.fakes import LONG, PEER, Line, Rig, at_once, done, message, started, while_waiting

OTHER = "sip:other@127.0.0.1:5072"


def refer(line: Line, code: int, reason: str, cseq: int = 9) -> None:
    """This side has asked, and the peer has answered."""
    line.sent(message(f"REFER {PEER} SIP/2.0", line.dialog, f"{cseq} REFER"))
    line.received(message(f"SIP/2.0 {code} {reason}", line.dialog, f"{cseq} REFER"))


def told(line: Line, code: int, reason: str, *, final: bool = False) -> None:
    """The peer says how its call goes."""
    progress = TransferProgressed(
        at=time.monotonic(), call=line.number, code=code, reason=reason, final=final
    )
    line.driver.feed(progress)


def comes_of(rig: Rig, **cause: int) -> Line:
    """Another call begins because of that one."""
    number = rig.driver.next_call()
    line = Line(rig.driver, number, f"new-{number}@here")
    direction = Direction.INCOMING if "replaces" in cause else Direction.OUTGOING
    event = started(number, line.dialog, direction=direction, remote_uri=OTHER)
    rig.driver.feed(msgspec.structs.replace(event, **cause))
    line.attach(rig.endpoint.call(number))
    return line


def fails(assertion: Callable[[], None]) -> str:
    with at_once(), pytest.raises(ExpectationFailed) as caught:
        assertion()
    return str(caught.value)


def test_calls_know_what_they_came_of(rig: Rig) -> None:
    first = rig.confirmed()
    made, taking = comes_of(rig, transferred_from=first.number), comes_of(rig, replaces=first.number)
    assert first.call.transferred_to is made.call
    assert made.call.transferred_from is first.call
    assert first.call.replaced_by is taking.call
    assert taking.call.replaces is first.call
    assert (made.call.replaces, taking.call.transferred_from) == (None, None)


def test_transfer_to_another_call(rig: Rig) -> None:
    first, second = rig.confirmed(), rig.confirmed()
    first.call.transfer_to(second.call, headers={"X-Test": "1"})
    command = rig.driver.last(Transfer)
    assert (command.call, command.to_call, command.uri) == (first.number, second.number, "")
    assert command.headers == [("X-Test", "1")]
    with pytest.raises(ConfigError, match="expected two calls of one endpoint"):
        first.call.transfer_to(first.call)


def test_each_transfer_has_its_own_news(rig: Rig) -> None:
    line = rig.confirmed()
    rig.driver.reply_to(Transfer, lambda number, _: [done(number)])
    first = line.call.transfer(OTHER)
    refer(line, 202, "Accepted")
    told(line, 486, "Busy Here", final=True)
    second = line.call.transfer(OTHER)
    told(line, 100, "Trying")
    assert (first.wait(LONG, code=486), second.progress) == (486, [100])
    with pytest.raises(WaitTimeout):
        second.wait(0.05)
    told(line, 200, "OK", final=True)
    assert second.wait(LONG) == 200
    third = line.call.transfer(OTHER)
    line.ended()
    with (
        at_once(),
        pytest.raises(CallEnded, match=r"it ended \(200 OK, by remote\) before the outcome"),
    ):
        third.wait(LONG)


def test_to_have_transferred(rig: Rig) -> None:
    line = rig.confirmed()
    assert "observed: no REFER was sent" in fails(lambda: expect(line.call).to_have_transferred(timeout=0.05))
    refer(line, 202, "Accepted")
    told(line, 180, "Ringing")
    with while_waiting(rig.journal, lambda: told(line, 200, "OK", final=True)), at_once():
        expect(line.call).to_have_transferred(timeout=LONG)
    refer(line, 202, "Accepted", cseq=10)
    told(line, 486, "Busy Here", final=True)
    expect(line.call).to_have_transferred(code=486)
    text = fails(lambda: expect(line.call).to_have_transferred(timeout=LONG))
    assert "can no longer come true: the peer's call came to 486" in text
    assert "observed: REFER answered with 202, 202; NOTIFY 180 Ringing, 200 OK, 486 Busy Here" in text
    refer(line, 603, "Decline", cseq=11)
    expect(line.call).to_have_transferred(code=603)
    text = fails(lambda: expect(line.call).to_have_transferred(timeout=LONG))
    assert "the peer refused the REFER with 603" in text


def test_to_have_been_transferred(rig: Rig) -> None:
    line = rig.confirmed()
    text = fails(lambda: expect(line.call).to_have_been_transferred(timeout=0.05))
    assert "observed: no call was made, and no REFER came" in text
    new = comes_of(rig, transferred_from=line.number)
    with while_waiting(rig.journal, lambda: new.state(CallState.CONFIRMED)), at_once():
        expect(line.call).to_have_been_transferred(to="^sip:other@", timeout=LONG)
    text = fails(lambda: expect(line.call).to_have_been_transferred(to="sip:else@", timeout=LONG))
    assert f"it calls {OTHER}" in text
    busy = comes_of(rig, transferred_from=line.number)
    busy.ended(486, "Busy Here")
    text = fails(lambda: expect(line.call).to_have_been_transferred(timeout=0.05))
    assert "DISCONNECTED 486 Busy Here" in text
    assert "no longer" not in text  # the peer may ask for another one
    line.ended()
    text = fails(lambda: expect(line.call).to_have_been_transferred(timeout=LONG))
    assert "can no longer come true: the call that it made ended: 486 Busy Here" in text
    text = fails(lambda: expect(line.call).to_have_been_transferred(to="sip:else@", timeout=LONG))
    assert f"can no longer come true: it calls {OTHER}" in text
    with pytest.raises(ConfigError, match="not a regular expression"):
        expect(line.call).to_have_been_transferred(to="(")


def test_a_call_that_ended_is_not_transferred_any_more(rig: Rig) -> None:
    line = rig.confirmed()
    line.received(message("REFER sip:a@h SIP/2.0", line.dialog, "3 REFER"))
    line.sent(message("SIP/2.0 603 Decline", line.dialog, "3 REFER"))
    line.ended()
    text = fails(lambda: expect(line.call).to_have_been_transferred(timeout=LONG))
    assert "no call was made, and the REFER was answered with 603" in text
    assert "the call ended: 200 OK, by remote, and no call was made for it" in text


def test_to_have_been_replaced(rig: Rig) -> None:
    line = rig.confirmed()
    text = fails(lambda: expect(line.call).to_have_been_replaced(timeout=0.05))
    assert "observed: no INVITE took its place, CONFIRMED" in text
    new = comes_of(rig, replaces=line.number)
    new.state(CallState.CONFIRMED)
    with while_waiting(rig.journal, lambda: line.ended(410, "Gone")), at_once():
        expect(line.call).to_have_been_replaced(timeout=LONG)


def test_a_replacement_that_fails(rig: Rig) -> None:
    line = rig.confirmed()
    comes_of(rig, replaces=line.number).ended(488, "Not Acceptable Here")
    text = fails(lambda: expect(line.call).to_have_been_replaced(timeout=LONG))
    assert "the call that replaced it ended: 488 Not Acceptable Here" in text
    other = rig.confirmed()
    other.ended()
    text = fails(lambda: expect(other.call).to_have_been_replaced(timeout=LONG))
    assert "the call ended: 200 OK, by remote" in text
