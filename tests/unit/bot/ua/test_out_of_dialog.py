"""Registrations, requests and mailboxes, without an agent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import pytest

from bot.errors import CallFailed, ConfigError, ExpectationFailed, WaitTimeout
from bot.expectations import expect
from bot.ipc.commands import AnyCommand, Register, SendRequest
from bot.ipc.events import (
    MessageWaiting,
    RegistrationChanged,
    RequestEnded,
    RequestSent,
    SipReceived,
    SipSent,
    Wired,
)
from tests.support.fakes import LONG, PEER, Rig, at_once, done, message

NewRig = Callable[..., Rig]
ALICE, BOB = "sip:alice@example.org", "sip:bob@example.org"
SPEAKS = {
    "Allow": "INVITE, ACK",
    "Accept": "application/sdp,text/plain",
    "Supported": "100rel",
    "Server": "pbx/1",
}


def heard(active: bool, code: int, reason: str = "", account: str = "", expires_s: int = 60) -> Wired:
    return RegistrationChanged(
        at=0.0, active=active, code=code, reason=reason, expires_s=expires_s, account=account
    )


def sent(at: float, cseq: int, method: str = "OPTIONS") -> Wired:
    return SipSent(
        at=at,
        transport="udp",
        peer="h:1",
        text=message(f"{method} {PEER} SIP/2.0", "r@h", f"{cseq} {method}"),
    )


def received(at: float, code: int, cseq: int, headers: dict[str, str] | None = None) -> Wired:
    text = message(f"SIP/2.0 {code} Fine", "r@h", f"{cseq} OPTIONS", headers)
    return SipReceived(at=at, transport="udp", peer="h:1", text=text)


def scripted(rig: Rig, *events: Wired) -> None:
    """What comes of the next request."""

    def reply(number: int, command: AnyCommand) -> Iterable[Wired]:
        assert isinstance(command, SendRequest)
        begun = RequestSent(at=0.0, request=command.request, sip_call_id="r@h")
        return [events[0], begun, done(number), *events[1:]]

    rig.driver.reply_to(SendRequest, reply)


# ---- requests


def test_answer_is_read_from_the_wire(rig: Rig) -> None:
    over = RequestEnded(at=0.0, sip_call_id="r@h")
    scripted(rig, sent(1.0, 7), sent(1.5, 7), received(1.75, 200, 7, SPEAKS), over)
    answer = rig.endpoint.send_options(PEER, headers={"X-A": "1"}, timeout=LONG)
    assert (answer.code, answer.reason, answer.ok, answer.rtt_ms) == (200, "Fine", True, 750.0)
    assert (answer.allow, answer.accept) == (("INVITE", "ACK"), ("application/sdp", "text/plain"))
    assert (answer.supported, answer.user_agent) == (("100rel",), "pbx/1")
    command = rig.driver.last(SendRequest)
    assert (command.method, command.uri, command.headers) == ("OPTIONS", PEER, [("X-A", "1")])


def test_challenge_is_no_answer_and_counts_no_time(rig: Rig) -> None:
    over = RequestEnded(at=0.0, sip_call_id="r@h")
    scripted(rig, sent(1.0, 7), received(2.0, 401, 7), sent(3.0, 8), received(3.5, 404, 8), over)
    answer = rig.endpoint.send_options(PEER, timeout=LONG, code="any")
    assert (answer.code, answer.ok, answer.rtt_ms) == (404, False, 500.0)


@pytest.mark.parametrize(
    "words",
    [
        "no answer from 192.0.2.1:5060 within 32 s",
        "nothing was sent: Connection refused",
    ],
)
def test_request_without_an_answer(words: str, rig: Rig) -> None:
    scripted(rig, sent(1.0, 7), RequestEnded(at=0.0, sip_call_id="r@h", answered=False, reason=words))
    with pytest.raises(WaitTimeout, match=f"OPTIONS to {PEER}: {words}"), at_once():
        rig.endpoint.send_options(PEER, timeout=LONG)


def test_patience_ends(rig: Rig) -> None:
    scripted(rig, sent(1.0, 7))
    with pytest.raises(WaitTimeout, match=r"no answer within 0\.05 s"):
        rig.endpoint.send_options(PEER, timeout=0.05)


def test_library_refuses_to_send(rig: Rig) -> None:
    rig.driver.refuse(SendRequest, "config", "invalid URI")
    with pytest.raises(ConfigError, match=f"srtpbot: PUBLISH to {PEER}: invalid URI"):
        rig.endpoint.send_request("PUBLISH", PEER)


@pytest.mark.parametrize(
    ("method", "words"), [("INVITE", "make_call"), ("REGISTER", "register"), ("A B", "no")]
)
def test_methods_that_are_not_requests_alone(method: str, words: str, rig: Rig) -> None:
    with pytest.raises(ConfigError, match=words):
        rig.endpoint.send_request(method, PEER)
    assert not rig.driver.told(SendRequest)


# ---- registrations


def test_register_waits_for_the_word_that_follows(new_rig: NewRig) -> None:
    rig = new_rig(id=ALICE, accounts=[{"id": BOB}])
    rig.driver.feed(heard(True, 200, account=ALICE), heard(False, 403, "No", account=BOB))
    rig.driver.reply_to(
        Register, lambda number, command: [done(number), heard(True, 200, account=BOB, expires_s=9)]
    )
    with at_once():
        assert rig.endpoint.register("bob", timeout=LONG).expires_s == 9
    assert rig.driver.last(Register) == Register(account=BOB, on=True)
    rig.driver.reply_to(Register, lambda number, command: [done(number), heard(False, 200, account=ALICE)])
    with at_once():
        assert not rig.endpoint.unregister(timeout=LONG).active
    assert rig.driver.last(Register) == Register(account="", on=False)


def test_unregistering_is_refused(new_rig: NewRig) -> None:
    rig = new_rig(id=ALICE)
    rig.driver.reply_to(Register, lambda number, command: [done(number), heard(False, 403, "No")])
    with pytest.raises(CallFailed, match="not unregistered: 403 No"):
        rig.endpoint.unregister(timeout=LONG)


@pytest.mark.parametrize("account", ["bob", BOB, f'"Bob" <{BOB}>'])
def test_identity_by_address_or_user(account: str, new_rig: NewRig) -> None:
    rig = new_rig(accounts=[{"id": BOB}])
    assert rig.endpoint.outside.named(account) == BOB
    assert rig.endpoint.outside.named("srtpbot") == rig.endpoint.outside.named(None) == ""
    with pytest.raises(ConfigError, match=f"unknown account 'carol'; configured accounts: srtpbot, {BOB}"):
        rig.endpoint.make_call(PEER, account="carol")


# ---- expectations


def test_expecting_a_registration(new_rig: NewRig) -> None:
    rig = new_rig(accounts=[{"id": BOB}])
    known = expect(rig.endpoint)
    known.not_to_be_registered()
    with pytest.raises(ExpectationFailed, match="observed: no word from a registrar"):
        known.to_be_registered(timeout=0.05)
    rig.driver.feed(heard(True, 200, "OK", expires_s=60), heard(False, 403, "No", account=BOB))
    known.to_be_registered(expires_s=60)
    known.not_to_be_registered("bob", code=403)
    with pytest.raises(ExpectationFailed, match=r"expected: registered for 61 s\nobserved: .* for 60 s"):
        known.to_be_registered(expires_s=61, timeout=0.05)
    with at_once(), pytest.raises(ExpectationFailed, match=r"bob is registered\n.*\nobserved: not .* 403 No"):
        known.to_be_registered("bob", timeout=LONG)
    with at_once(), pytest.raises(ExpectationFailed, match="refused with 403\nobserved: registered"):
        known.not_to_be_registered(code=403, timeout=LONG)
    with pytest.raises(ExpectationFailed, match="no registration\nobserved: registered"):
        known.not_to_be_registered()


def test_expecting_messages(new_rig: NewRig) -> None:
    rig = new_rig(accounts=[{"id": BOB}])
    known = expect(rig.endpoint)
    with pytest.raises(ExpectationFailed, match="no MWI NOTIFY was received"):
        known.to_have_messages_waiting(timeout=0.05)
    event = MessageWaiting(at=time.monotonic(), account="sip:srtpbot@h", waiting=True, new=2, old=8)
    rig.driver.feed(event)
    assert rig.endpoint.mailbox == event
    known.to_have_messages_waiting()
    known.to_have_messages_waiting(new=2, old=8)
    with pytest.raises(ExpectationFailed, match="1 new\nobserved: messages waiting, 2 new and 8 old"):
        known.to_have_messages_waiting(new=1, timeout=0.05)
    with pytest.raises(ExpectationFailed, match="expected: none"):
        known.not_to_have_messages_waiting(timeout=0.05)
    rig.driver.feed(MessageWaiting(at=0.0, account=BOB, waiting=False))
    known.not_to_have_messages_waiting(account="bob")
