"""bot.ua.requests: which exchanges of a call are still open, read from its messages."""

from __future__ import annotations

import pytest

import bot.ua.requests
from bot.errors import CallEnded
from bot.ipc.commands import AnyCommand, Reinvite
from bot.ipc.events import SipSent, Wired
from bot.model import CallState, Direction
from bot.ua.requests import BACK_OFF_S, SentRequest, is_renegotiating
from tests.support.fakes import PEER, Rig, done, message

IN_DIALOG = {"To": f"<{PEER}>;tag=1"}


def test_our_exchange_is_open_until_its_final_response(rig: Rig) -> None:
    line = rig.confirmed()
    known = line.call.facts
    assert not is_renegotiating(known)
    for number, method in enumerate(("INVITE", "UPDATE"), start=10):
        line.sent(message(f"{method} {PEER} SIP/2.0", line.dialog, f"{number} {method}", IN_DIALOG))
        assert is_renegotiating(known)
        line.received(message("SIP/2.0 100 Trying", line.dialog, f"{number} {method}", IN_DIALOG))
        assert is_renegotiating(known)
        line.received(message("SIP/2.0 491 Request Pending", line.dialog, f"{number} {method}", IN_DIALOG))
        assert not is_renegotiating(known)


def test_the_peers_is_open_until_its_ack_or_our_refusal(rig: Rig) -> None:
    line = rig.confirmed()
    known = line.call.facts
    for number, answer in ((3, "200 OK"), (4, "488 Not Acceptable Here")):
        line.received(message("INVITE sip:a@h SIP/2.0", line.dialog, f"{number} INVITE", IN_DIALOG))
        assert is_renegotiating(known)
        line.sent(message(f"SIP/2.0 {answer}", line.dialog, f"{number} INVITE", IN_DIALOG))
        assert is_renegotiating(known) is (number == 3)
        line.received(message("ACK sip:a@h SIP/2.0", line.dialog, f"{number} ACK", IN_DIALOG))
        assert not is_renegotiating(known)


def test_after_glare_it_is_sent_again_when_that_is_wanted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bot.ua.requests.BACK_OFF_S, Direction.OUTGOING, (0.01, 0.02))
    line = rig.confirmed()
    codes = {10: "491 Request Pending", 11: "491 Request Pending", 12: "200 OK"}
    numbers = iter(codes)

    def sends(number: int, command: AnyCommand) -> list[Wired]:
        cseq = next(numbers)
        text = message(f"INVITE {PEER} SIP/2.0", line.dialog, f"{cseq} INVITE", IN_DIALOG)
        line.received(message(f"SIP/2.0 {codes[cseq]}", line.dialog, f"{cseq} INVITE", IN_DIALOG))
        return [SipSent(at=0.0, transport="udp", peer="127.0.0.1:5070", text=text), done(number)]

    rig.driver.reply_to(Reinvite, sends)
    sent = line.call.reinvite()
    assert sent.wait(5, code=491) == 491
    assert len(rig.driver.told(Reinvite)) == 1
    assert sent.wait(5, retry=True) == 200
    assert len(rig.driver.told(Reinvite)) == 3


def test_who_made_the_call_waits_longer() -> None:
    """RFC 3261 14.1."""
    assert BACK_OFF_S == {Direction.OUTGOING: (2.1, 4.0), Direction.INCOMING: (0.0, 2.0)}


def test_request_that_the_end_of_its_call_leaves_open(rig: Rig) -> None:
    line = rig.confirmed()
    line.sent(message(f"INFO {PEER} SIP/2.0", line.dialog, "10 INFO", IN_DIALOG))
    sent = SentRequest(rig.endpoint, line.call.facts, "INFO")
    line.state(CallState.DISCONNECTED, code=200, reason="OK")
    with pytest.raises(CallEnded, match=r"ended \(200 OK\) before INFO was answered"):
        sent.wait(timeout=60)
    line.received(message("SIP/2.0 200 OK", line.dialog, "10 INFO", IN_DIALOG))
    assert sent.wait() == 200
