"""INVITE with Replaces (RFC 3891): permissions, replaceable calls, and the replaced calls."""

from __future__ import annotations

import pytest

from bot import Call, ExpectationFailed, expect
from bot.sip.message import Message
from tests.support.starting import NewEndpoint, connect, until
from tests.support.transferring import received, sent_by, tag_of

NOBODY = "nobody@nowhere;to-tag=1;from-tag=2"


def replaces(call: Call, *, early_only: bool = False) -> str:
    """The header that names the dialog of a call, for its own endpoint (RFC 3891 3)."""
    own = [one.message for one in call.facts.messages if one.sent and one.message.cseq_method == "INVITE"]
    other = [traced.message for traced in call.facts.messages if not traced.sent]
    outgoing = call.direction == "outgoing"
    local = next(tag_of(one.header("From" if outgoing else "To")) for one in own if tagged(one, outgoing))
    remote = next(
        tag_of(one.header("To" if outgoing else "From")) for one in other if tagged(one, not outgoing)
    )
    flag = ";early-only" if early_only else ""
    return f"{call.facts.sip_call_id};to-tag={local};from-tag={remote}{flag}"


def tagged(message: Message, by_from: bool) -> bool:
    return ";tag=" in (message.header("From" if by_from else "To") or "")


def test_a_confirmed_call_is_taken_over(new_endpoint: NewEndpoint) -> None:
    caller, callee, third = new_endpoint(), new_endpoint(accept_transfers=True), new_endpoint()
    outgoing, answered = connect(caller, callee)
    with callee.expect_call() as arrived:
        taking = third.make_call(callee.uri, headers={"Replaces": replaces(answered), "Require": "replaces"})
    expect(taking).to_be_confirmed()
    expect(answered).to_have_been_replaced()
    expect(outgoing).to_be_disconnected(by="remote")
    new = answered.replaced_by
    assert new is arrived.value
    assert new.facts.response_after_ms(180, 180) is None  # answered at once
    assert callee.calls == [new]
    for call in (taking, new):
        expect(call).to_have_active_media()
        expect(call).to_have_received_packets(at_least=5)


@pytest.mark.parametrize(("srtp", "codec"), [("off", "PCMA"), ("mandatory", "PCMU")])
def test_an_offer_that_cannot_be_met_replaces_nothing(
    srtp: str, codec: str, new_endpoint: NewEndpoint
) -> None:
    caller = new_endpoint(srtp="mandatory")
    callee = new_endpoint(srtp="mandatory", accept_transfers=True)
    third = new_endpoint(srtp=srtp, codecs=[codec])
    outgoing, answered = connect(caller, callee)
    taking = third.make_call(callee.uri, headers={"Replaces": replaces(answered)})
    expect(taking).to_be_disconnected(code=488)
    for call in (outgoing, answered):
        expect(call).to_have_active_media()
    assert answered.replaced_by is None
    again = third.make_call(callee.uri)  # the library has forgotten all of it, and so have we
    expect(again).to_be_disconnected(code=488)
    outgoing.hangup()
    expect(answered).to_be_disconnected(by="remote")
    callee.close()
    assert callee.failure is None


def test_an_endpoint_that_does_not_accept_transfers_declines(new_endpoint: NewEndpoint) -> None:
    caller, callee, third = new_endpoint(), new_endpoint(), new_endpoint()
    outgoing, answered = connect(caller, callee)
    taking = third.make_call(callee.uri, headers={"Replaces": replaces(answered)})
    expect(taking).to_be_disconnected(code=603, by="remote")
    with pytest.raises(ExpectationFailed, match="no INVITE took its place, CONFIRMED"):
        expect(answered).to_have_been_replaced(timeout=0.1)
    assert callee.calls == [answered]
    outgoing.hangup()
    expect(answered).to_be_disconnected(by="remote")
    with pytest.raises(ExpectationFailed, match="can no longer come true: the call ended: 200"):
        expect(answered).to_have_been_replaced()


def test_a_dialog_that_is_not_there(new_endpoint: NewEndpoint) -> None:
    callee, third = new_endpoint(accept_transfers=True), new_endpoint()
    taking = third.make_call(callee.uri, headers={"Replaces": NOBODY})
    expect(taking).to_be_disconnected(code=481)
    assert callee.calls == []


def test_early_only_is_refused_once_the_call_is_answered(new_endpoint: NewEndpoint) -> None:
    caller, callee, third = new_endpoint(), new_endpoint(accept_transfers=True), new_endpoint()
    _, answered = connect(caller, callee)
    taking = third.make_call(callee.uri, headers={"Replaces": replaces(answered, early_only=True)})
    expect(taking).to_be_disconnected(code=486)
    expect(answered).to_have_active_media()


def test_an_incoming_call_that_rings_cannot_be_taken_over(new_endpoint: NewEndpoint) -> None:
    caller, callee, third = new_endpoint(), new_endpoint(accept_transfers=True), new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    ringing = incoming.value.ring()
    expect(outgoing).to_be_ringing()
    until(ringing, lambda: bool(sent_by(ringing, "SIP/2.0 180")))
    taking = third.make_call(callee.uri, headers={"Replaces": replaces(ringing)})
    expect(taking).to_be_disconnected(code=481)  # RFC 3891 3: it was not initiated by that user agent
    ringing.answer()
    expect(outgoing).to_be_confirmed()


def test_an_outgoing_call_that_rings_is_taken_over(new_endpoint: NewEndpoint) -> None:
    caller, callee, third = new_endpoint(accept_transfers=True), new_endpoint(), new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.ring()
    expect(outgoing).to_be_ringing()
    with caller.expect_call() as arrived:
        taking = third.make_call(caller.uri, headers={"Replaces": replaces(outgoing, early_only=True)})
    expect(taking).to_be_confirmed()
    expect(outgoing).to_have_been_replaced()
    expect(incoming.value).to_be_disconnected(code=487, by="remote")
    assert received(incoming.value, "CANCEL ")
    assert arrived.value is outgoing.replaced_by
    for call in (taking, arrived.value):
        expect(call).to_have_received_packets(at_least=5)
