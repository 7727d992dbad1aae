"""Giving up an INVITE: CANCEL (RFC 3261 9), also of a re-INVITE; BYE in an early dialog (RFC 3261 15)."""

from __future__ import annotations

import pytest

from bot import Call, CallFailed, CallState, Endpoint, ExpectationFailed, WaitTimeout, expect
from bot.deadline import Deadline
from bot.sip.message import Message
from tests.support.sip_peer import SipPeer
from tests.support.starting import LOOPBACK, NewEndpoint, connect, until

T1_S = 0.5
"""When an INVITE without any response is sent again (RFC 3261 17.1.1.2)."""


def requests(call: Call, *, sent: bool) -> list[str]:
    """The methods of the requests of a call."""
    return [one.message.method for one in call.facts.messages if one.sent is sent and one.message.method]


def ringing(caller: Endpoint, callee: Endpoint) -> tuple[Call, Call]:
    """A call that rings on both sides."""
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.ring()
    expect(outgoing).to_be_ringing()
    return outgoing, incoming.value


def answered(caller: Endpoint, peer: SipPeer) -> Call:
    """A call that the peer has answered."""
    call = caller.make_call(peer.uri)
    peer.reply(peer.expect("INVITE"), 200, body=peer.sdp)
    peer.expect("ACK")
    expect(call).to_be_confirmed()
    return call


def refused_cancel(peer: SipPeer, invite: Message) -> None:
    """Play the callee that takes a CANCEL in time."""
    peer.reply(peer.expect("CANCEL"), 200)
    peer.reply(invite, 487)
    peer.expect("ACK")


# ---- CANCEL


def test_cancel_is_correct_on_both_sides(new_endpoint: NewEndpoint) -> None:
    outgoing, incoming = ringing(new_endpoint(), new_endpoint())
    assert outgoing.cancel().wait(timeout=5) == 487
    expect(outgoing).to_be_disconnected(code=487, by="local")
    expect(incoming).to_be_disconnected(code=487, by="remote")
    for call in (outgoing, incoming):
        expect(call).to_have_cancelled_correctly()
        assert "BYE" not in requests(call, sent=call is outgoing)
        assert call.facts.reached(CallState.CONFIRMED) is None


def test_cancel_waits_for_a_provisional_response(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    caller = new_endpoint()
    call = caller.make_call(sip_peer.uri)
    sip_peer.expect("INVITE")
    cancellation = call.cancel()
    again = sip_peer.expect("INVITE", timeout=2 * T1_S)  # it is sent again, and no CANCEL before it
    assert not cancellation.sent
    with pytest.raises(ExpectationFailed, match=r"(?s)has cancelled correctly.*observed: no CANCEL"):
        expect(call).to_have_cancelled_correctly(timeout=0)
    with pytest.raises(WaitTimeout, match="no provisional response let the CANCEL go"):
        cancellation.wait(timeout=0)
    sip_peer.reply(again, 180)
    refused_cancel(sip_peer, again)
    assert cancellation.wait(timeout=5) == 487
    expect(call).to_have_cancelled_correctly()
    assert requests(call, sent=True).count("CANCEL") == 1


def test_cancel_that_comes_too_late_ends_with_bye(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    call = new_endpoint().make_call(sip_peer.uri)
    invite = sip_peer.expect("INVITE")
    sip_peer.reply(invite, 180)
    expect(call).to_be_ringing()
    cancellation = call.cancel()
    cancel = sip_peer.expect("CANCEL")
    sip_peer.reply(invite, 200, body=sip_peer.sdp)
    sip_peer.reply(cancel, 200)
    sip_peer.expect("ACK")
    sip_peer.reply(sip_peer.expect("BYE"), 200)
    assert cancellation.wait(timeout=5, code=200) == 200
    expect(call).to_have_cancelled_correctly()


def test_nothing_to_cancel(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(), new_endpoint()
    outgoing, incoming = ringing(caller, callee)
    with pytest.raises(CallFailed, match="nothing to cancel"):
        incoming.cancel()
    incoming.answer()
    for call in (outgoing, incoming):
        expect(call).to_be_confirmed()
        with pytest.raises(CallFailed, match="nothing to cancel"):
            call.cancel()
        assert call.state is CallState.CONFIRMED


def test_unknown_cancel_gets_481(new_endpoint: NewEndpoint) -> None:
    with SipPeer(new_endpoint().uri) as stranger:
        assert stranger.ask(stranger.request("CANCEL")).status == 481


# ---- BYE in an early dialog


def test_bye_before_the_answer(new_endpoint: NewEndpoint) -> None:
    outgoing, incoming = ringing(new_endpoint(), new_endpoint())
    outgoing.send_bye(headers={"Reason": "Q.850;cause=16"})
    expect(outgoing).to_be_disconnected(code=487, by="local")
    expect(incoming).to_be_disconnected(code=487, by="remote")
    expect(incoming).to_have_header("Reason", "Q.850;cause=16")
    until(incoming, lambda: "ACK" in requests(incoming, sent=False))
    assert requests(incoming, sent=False) == ["INVITE", "BYE", "ACK"]


def test_only_a_caller_that_rings_may_send_bye(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    caller = new_endpoint()
    outgoing, incoming = ringing(caller, new_endpoint())
    unanswered = caller.make_call(sip_peer.uri)
    for call in (incoming, unanswered):
        with pytest.raises(CallFailed, match="only a caller may send BYE before the answer"):
            call.send_bye()
    assert outgoing.state is CallState.EARLY


# ---- CANCEL of a re-INVITE


def test_reinvite_is_cancelled_and_the_call_goes_on(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    call = answered(new_endpoint(), sip_peer)
    reinvite = call.reinvite()
    again = sip_peer.expect("INVITE")
    sip_peer.reply(again, 100)
    until(call, lambda: any(traced.message.status == 100 for traced in call.facts.messages))
    cancellation = call.cancel()
    refused_cancel(sip_peer, again)
    assert cancellation.wait(timeout=5) == reinvite.wait(timeout=5, code=487) == 487
    expect(call).to_have_cancelled_correctly()
    assert call.state is CallState.CONFIRMED
    hold = call.reinvite()
    sip_peer.reply(sip_peer.expect("INVITE"), 200, body=sip_peer.sdp)
    assert hold.wait(timeout=5) == 200


def test_cancel_of_a_reinvite_waits_and_is_forgotten_with_it(
    new_endpoint: NewEndpoint, sip_peer: SipPeer
) -> None:
    call = answered(new_endpoint(), sip_peer)
    call.reinvite()
    waiting = call.cancel()
    first = sip_peer.expect("INVITE")
    assert not waiting.sent
    sip_peer.reply(first, 200, body=sip_peer.sdp)
    assert waiting.wait(timeout=5, code=200) == 200
    sip_peer.expect("ACK")
    second = call.reinvite()
    invite = sip_peer.expect("INVITE")
    sip_peer.reply(invite, 100)
    call.endpoint.wait_until(lambda: "CANCEL" in requests(call, sent=True), Deadline(0.2))
    assert "CANCEL" not in requests(call, sent=True)
    sip_peer.reply(invite, 200, body=sip_peer.sdp)
    assert second.wait(timeout=5) == 200


def test_reinvite_is_cancelled_as_soon_as_it_may_be(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    call = answered(new_endpoint(), sip_peer)
    call.reinvite()
    waiting = call.cancel()
    invite = sip_peer.expect("INVITE")
    sip_peer.reply(invite, 180)
    refused_cancel(sip_peer, invite)
    assert waiting.wait(timeout=5) == 487
    expect(call).to_have_cancelled_correctly()
    assert call.state is CallState.CONFIRMED


def test_expectation_needs_a_cancel(new_endpoint: NewEndpoint) -> None:
    outgoing, incoming = connect(new_endpoint(), new_endpoint())
    for call in (outgoing, incoming):
        with pytest.raises(ExpectationFailed, match="observed: no CANCEL"):
            expect(call).to_have_cancelled_correctly(timeout=0)
    assert LOOPBACK in outgoing.remote_uri
