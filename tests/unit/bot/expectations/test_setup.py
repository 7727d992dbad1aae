"""bot.expectations.setup: redirections, session timers, PRACK and CANCEL."""

from __future__ import annotations

import time

import pytest

from bot import expect
from bot.errors import CallFailed, ConfigError, ExpectationFailed, WaitTimeout
from bot.ipc.commands import Cancel, Hangup
from bot.ipc.events import Redirected
from tests.support.fakes import LONG, Line, Rig, at_once, message, response, while_waiting

BOB, CAROL = "sip:bob@127.0.0.1:5071", "sip:carol@127.0.0.1:5072"


def redirected(line: Line, target: str, hop: int, refused: str = "") -> None:
    line.driver.feed(
        Redirected(at=time.monotonic(), call=line.number, target=target, code=302, hop=hop, refused=refused)
    )


def test_redirection_is_waited_for(rig: Rig, line: Line) -> None:
    with while_waiting(rig.journal, lambda: redirected(line, BOB, 1)), at_once():
        expect(line.call).to_have_been_redirected(to=f"<{BOB};transport=udp>", timeout=LONG)
    redirected(line, CAROL, 2)
    expect(line.call).to_have_been_redirected(to=CAROL, hops=2)
    with pytest.raises(ExpectationFailed, match=r"expected: to sip:bob\S+ by 2 hops"):
        expect(line.call).to_have_been_redirected(to=BOB, hops=2, timeout=0)


def test_targets_that_were_refused_do_not_count(line: Line) -> None:
    redirected(line, BOB, 1, "it was asked already")
    line.ended(302, "Moved Temporarily")
    observed = "observed: 1. sip:bob@127.0.0.1:5071 after 302, not followed: it was asked already"
    with at_once(), pytest.raises(ExpectationFailed, match=observed):
        expect(line.call).to_have_been_redirected(timeout=LONG)
    with pytest.raises(ConfigError):
        expect(line.call).to_have_been_redirected(to="bob")


def test_session_timer(line: Line) -> None:
    timer = {"Session-Expires": "120;refresher=uas"}
    line.received(response(line.dialog, 200, "OK", headers=timer))
    expect(line.call).to_use_session_timer(expires_s=120, refresher="uas")
    with at_once(), pytest.raises(ExpectationFailed, match=r"can no longer come true: 120;refresher=uas"):
        expect(line.call).not_to_use_session_timer(timeout=LONG)
    with pytest.raises(ConfigError, match="refresher 'me' is unknown; expected uac or uas"):
        expect(line.call).to_use_session_timer(refresher="me")


def test_no_session_timer(line: Line) -> None:
    with pytest.raises(ExpectationFailed, match="observed: no answer"):
        expect(line.call).not_to_use_session_timer(timeout=0)
    line.received(response(line.dialog, 200, "OK"))
    expect(line.call).not_to_use_session_timer()
    line.ended()
    with at_once(), pytest.raises(ExpectationFailed, match=r"expected: 90 s, refreshed by the uac"):
        expect(line.call).to_use_session_timer(expires_s=90, refresher="uac", timeout=LONG)


def test_reliable_provisional_responses(line: Line) -> None:
    reliable = {"Require": "100rel", "RSeq": "7"}
    line.received(response(line.dialog, 180, "Ringing", headers=reliable))
    with pytest.raises(
        ExpectationFailed, match="observed: 1 reliable provisional responses; no PRACK for RSeq 7"
    ):
        expect(line.call).to_use_reliable_provisionals(timeout=0)
    line.sent(message("PRACK sip:b SIP/2.0", line.dialog, "2 PRACK", {"RAck": "7 1 INVITE"}))
    line.received(message("SIP/2.0 200 OK", line.dialog, "2 PRACK"))
    expect(line.call).to_use_reliable_provisionals()
    with at_once(), pytest.raises(ExpectationFailed, match="there is one"):
        expect(line.call).not_to_use_reliable_provisionals(timeout=LONG)


def test_unreliable_provisional_responses(line: Line) -> None:
    line.received(response(line.dialog, 100, "Trying"))
    with pytest.raises(ExpectationFailed):
        expect(line.call).not_to_use_reliable_provisionals(timeout=0)
    line.received(response(line.dialog, 180, "Ringing"))
    expect(line.call).not_to_use_reliable_provisionals()


def test_cancel_is_asked_for_and_waited_for(rig: Rig, line: Line) -> None:
    cancellation = line.call.cancel()
    assert rig.driver.last(Cancel) == Cancel(call=line.number)
    with pytest.raises(WaitTimeout, match="no provisional response let the CANCEL go"):
        cancellation.wait(timeout=0)
    line.sent(message("CANCEL sip:peer@127.0.0.1:5070 SIP/2.0", line.dialog, "1 CANCEL"))
    assert cancellation.sent
    with pytest.raises(WaitTimeout, match="the CANCEL was sent"):
        cancellation.wait(timeout=0)

    def refused() -> None:
        line.received(response(line.dialog, 487, "Request Terminated"))

    with while_waiting(rig.journal, refused), at_once():
        assert cancellation.wait(timeout=LONG) == 487


def test_cancel_that_differs_is_told_at_once(line: Line) -> None:
    line.received(response(line.dialog, 180, "Ringing"))
    line.sent(message("CANCEL sip:other@127.0.0.1:5070 SIP/2.0", line.dialog, "1 CANCEL"))
    fault = "Request-URI is 'sip:other@127.0.0.1:5070', the INVITE's is 'sip:peer@127.0.0.1:5070'"
    with at_once(), pytest.raises(ExpectationFailed, match=f"observed: {fault}"):
        expect(line.call).to_have_cancelled_correctly(timeout=LONG)


def test_what_the_agent_refuses(rig: Rig, line: Line) -> None:
    rig.driver.refuse(Cancel, "call", "it was answered before, so there is nothing to cancel")
    with pytest.raises(CallFailed, match="nothing to cancel"):
        line.call.cancel()


def test_bye_before_the_answer(rig: Rig, line: Line) -> None:
    line.call.send_bye(headers={"Reason": "Q.850;cause=16"})
    command = rig.driver.last(Hangup)
    assert (command.bye, command.headers) == (True, [("Reason", "Q.850;cause=16")])
