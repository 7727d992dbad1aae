"""Requests inside and outside of calls: MESSAGE, OPTIONS, REFER, and their outcomes."""

from __future__ import annotations

import pytest

from bot import ConfigError, DtmfMethod, Endpoint, WaitTimeout, expect
from bot.deadline import Deadline
from bot.ipc.events import SipReceived
from bot.sip.message import Message
from tests.support.registrar import Registrar
from tests.support.starting import LOOPBACK, NewEndpoint, connect, until

WAIT_S = 5.0


def bodies(endpoint: Endpoint, count: int) -> list[str]:
    """What so many MESSAGEs said; the answer may be known to its sender before they are here."""
    endpoint.wait_until(lambda: len(endpoint.messages) >= count, Deadline(WAIT_S))
    return [message.body for message in endpoint.messages]


def received(endpoint: Endpoint) -> list[Message]:
    """Every SIP message that it got."""
    events = [entry.event for entry in endpoint.journal.recent()]
    return [Message.parse(event.text) for event in events if isinstance(event, SipReceived)]


def test_message_outside_a_call(new_endpoint: NewEndpoint) -> None:
    sender, receiver = new_endpoint(), new_endpoint()
    assert sender.send_message(receiver.uri, "hello", timeout=WAIT_S) == 200
    assert bodies(receiver, 1) == ["hello"]
    assert not sender.messages


def test_password_in_a_uri_is_not_told(new_endpoint: NewEndpoint) -> None:
    with pytest.raises(WaitTimeout) as caught:
        new_endpoint().send_message(f"sip:joe:opensesame@{LOOPBACK}:9", "hello", timeout=0.2)
    assert "opensesame" not in str(caught.value)


def test_second_message_to_the_same_peer_has_an_answer_of_its_own(new_endpoint: NewEndpoint) -> None:
    sender, receiver = new_endpoint(), new_endpoint()
    codes = [sender.send_message(receiver.uri, text, timeout=WAIT_S) for text in ("one", "two")]
    assert codes == [200, 200]
    assert bodies(receiver, 2) == ["one", "two"]


def test_message_in_a_call(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(), new_endpoint()
    outgoing, _ = connect(caller, callee)
    assert outgoing.send_message("in the call", headers={"X-Test": "7"}).wait(WAIT_S) == 200
    assert bodies(callee, 1) == ["in the call"]


def test_options_in_a_call_is_answered(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    assert outgoing.send_options().wait(WAIT_S) == 200
    [answer] = [one.message for one in outgoing.facts.messages if one.message.cseq_method == "OPTIONS"][1:]
    assert "INVITE" in (answer.header("Allow") or "")
    assert "application/sdp" in (answer.header("Accept") or "")
    assert "100rel" in (answer.header("Supported") or "")
    assert answered.send_options().wait(WAIT_S) == 200
    expect(answered).to_be_confirmed()


def test_blind_transfer(new_endpoint: NewEndpoint) -> None:
    caller, callee, third = new_endpoint(), new_endpoint(accept_transfers=True), new_endpoint()
    outgoing, answered = connect(caller, callee)
    with third.expect_call(timeout=WAIT_S) as incoming:
        transfer = outgoing.transfer(third.uri)
    reached = incoming.value.answer()
    assert transfer.refer.wait(WAIT_S) == 202
    assert transfer.wait(WAIT_S) == 200
    assert transfer.progress[0] == 100
    expect(reached).to_be_confirmed()
    outgoing.hangup()
    expect(answered).to_be_disconnected(by="remote")
    expect(reached).to_be_confirmed()


def test_transfer_is_refused_unless_it_is_allowed(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    assert outgoing.transfer("sip:anyone@127.0.0.1:9").wait(WAIT_S, code=603) == 603
    expect(answered).to_be_confirmed()


def test_transfer_to_somebody_who_is_busy(new_endpoint: NewEndpoint) -> None:
    caller, callee, third = new_endpoint(), new_endpoint(accept_transfers=True), new_endpoint()
    outgoing, _ = connect(caller, callee)
    with third.expect_call(timeout=WAIT_S) as incoming:
        transfer = outgoing.transfer(third.uri)
    incoming.value.answer(486)
    assert transfer.wait(WAIT_S, code=486) == 486


def test_transfer_to_what_is_no_uri(new_endpoint: NewEndpoint) -> None:
    outgoing, _ = connect(new_endpoint(), new_endpoint())
    with pytest.raises(ConfigError, match="URI"):
        outgoing.transfer("nobody")


# ---- in a call


def test_info_in_a_call(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    sent = outgoing.send_info('{"a": 1}', content_type="application/json", headers={"X-Test": "7"})
    assert sent.wait(WAIT_S) == 200
    expect(answered).to_have_received_request("INFO", matching=r'"a": \d')
    expect(answered).to_have_header("X-Test", "7")
    assert answered.send_info("", headers={"Info-Package": "x"}).wait(WAIT_S, code=469) == 469
    outgoing.send_dtmf("5", method=DtmfMethod.INFO).wait(WAIT_S)
    expect(answered).to_have_received_dtmf("5", method=DtmfMethod.INFO)
    with pytest.raises(ConfigError, match="INVITE is sent by reinvite"):
        outgoing.send_request("INVITE")
    with pytest.raises(ConfigError, match="not a SIP method"):
        outgoing.send_request("I NFO")


# ---- outside a call


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_options_outside_a_call(transport: str, new_endpoint: NewEndpoint) -> None:
    asker, asked = (
        new_endpoint(transports=[transport]),
        new_endpoint(transports=[transport], user_agent="x/1"),
    )
    for one, other in ((asker, asked), (asked, asker)):
        answer = one.send_options(other.uri, headers={"X-Test": "7"}, timeout=WAIT_S)
        assert (answer.code, answer.ok) == (200, True)
        assert answer.rtt_ms is not None
        assert 0 < answer.rtt_ms < WAIT_S * 1000
        assert {"INVITE", "OPTIONS"} <= set(answer.allow)
        assert "application/sdp" in answer.accept
        assert "100rel" in answer.supported
    assert asker.send_options(asked.uri).user_agent == "x/1"
    assert received(asked)[0].header("X-Test") == "7"
    assert not asked.calls


def test_options_that_nobody_answers(new_endpoint: NewEndpoint) -> None:
    asker = new_endpoint()
    with pytest.raises(WaitTimeout, match=r"OPTIONS to sip:127.0.0.1:9: no answer within 0.1 s"):
        asker.send_options(f"sip:{LOOPBACK}:9", timeout=0.1)


def test_options_to_a_closed_port(new_endpoint: NewEndpoint) -> None:
    asker = new_endpoint(transports=["tcp"])
    with pytest.raises(WaitTimeout, match=r"OPTIONS to .*: no connection to .*: Connection refused"):
        asker.send_options(f"sip:{LOOPBACK}:9", timeout=WAIT_S)


@pytest.mark.parametrize(
    ("method", "code"), [("PUBLISH", 405), ("INFO", 481), ("NOTIFY", 481), ("SUBSCRIBE", 400), ("FOO", 405)]
)
def test_any_request_outside_a_call(method: str, code: int, new_endpoint: NewEndpoint) -> None:
    asker, asked = new_endpoint(), new_endpoint()
    answer = asker.send_request(
        method, asked.uri, body="hello", content_type="text/plain", timeout=WAIT_S, code=code
    )
    assert answer.code == code
    until(asked, lambda: any(one.method == method for one in received(asked)))
    [got] = [one for one in received(asked) if one.method == method]
    assert (got.body, got.content_type) == ("hello", "text/plain")


def test_requests_that_have_a_verb(new_endpoint: NewEndpoint) -> None:
    asker = new_endpoint()
    for method in ("INVITE", "REGISTER", "BYE"):
        with pytest.raises(ConfigError, match=f"{method} is sent by"):
            asker.send_request(method, f"sip:{LOOPBACK}:9")
    with pytest.raises(ConfigError, match="asks for tcp"):
        asker.send_options(f"sip:{LOOPBACK}:9;transport=tcp")


@pytest.mark.parametrize("challenge", [401, 407])
def test_challenge_to_a_request_is_met(challenge: int, new_endpoint: NewEndpoint) -> None:
    with Registrar(challenge=challenge, stale=1) as peer:
        asker = new_endpoint(**peer.account(register_at_start=False))
        assert asker.send_options(peer.uri, timeout=WAIT_S).code == 200
        asked = peer.of("OPTIONS")
        assert len(asked) == 3  # without credentials, with a nonce that is stale by then, with the next one
        assert len({one.call_id for one in asked}) == 1
        numbers = [one.cseq[0] for one in asked if one.cseq]
        assert numbers == [numbers[0] + more for more in range(3)]
        wrong = new_endpoint(**peer.account(password="looking-glass", register_at_start=False))
        assert wrong.send_options(peer.uri, timeout=WAIT_S, code=challenge).code == challenge
        assert len(peer.of("OPTIONS")) == len(asked) + 2
        stranger = new_endpoint()
        assert stranger.send_options(peer.uri, timeout=WAIT_S, code=challenge).code == challenge


def test_end_while_requests_have_no_answer() -> None:
    """The library tells of their ends when it is destroyed; a crash would be raised at the block's end."""
    with (
        Registrar(deaf=True) as peer,
        Endpoint(bind=LOOPBACK, **peer.account(register_at_start=False)) as asker,
    ):
        for uri in (peer.uri, f"sip:{LOOPBACK}:9"):
            with pytest.raises(WaitTimeout):
                asker.send_options(uri, timeout=0.1)
        with pytest.raises(WaitTimeout, match=r"the registrar did not answer within 0\.1 s$"):
            asker.register(timeout=0.1)
        assert asker.failure is None


def test_answers_to_messages_are_not_kept_for_ever(new_endpoint: NewEndpoint) -> None:
    sender = new_endpoint()
    assert sender.outside.answers.maxlen == sender.messages.maxlen


def test_endpoint_that_takes_registrations(new_endpoint: NewEndpoint) -> None:
    registrar, other = new_endpoint(accept_registrations=True), new_endpoint()
    alice = new_endpoint(registrar=registrar.uri, expires_s=60)
    expect(alice).to_be_registered(expires_s=60)
    alice.unregister()
    expect(alice).not_to_be_registered()
    refused = new_endpoint(registrar=other.uri)
    expect(refused).not_to_be_registered(code=405)
