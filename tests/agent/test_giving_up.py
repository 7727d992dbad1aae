"""Giving up an INVITE: CANCEL (RFC 3261 9), also of a re-INVITE; BYE in an early dialog (RFC 3261 15)."""

from __future__ import annotations

import pytest

from bot import Call, CallFailed, CallState, Endpoint, ExpectationFailed, WaitTimeout, expect
from bot.deadline import Deadline
from bot.sip import Message
from tests.agent.scripted import ScriptedPeer, scripted_peer
from tests.agent.starting import LOOPBACK, NewEndpoint, connect, until
from tests.interop.raw import RawUser

__all__ = ["scripted_peer"]

T1_S = 0.5
"""When an INVITE without any response is sent again (RFC 3261 17.1.1.2)."""


def requests(call: Call, *, sent: bool) -> list[str]:
    """The methods of the requests of a call."""
    return [one.message.method for one in call.known.messages if one.sent is sent and one.message.method]


def ringing(caller: Endpoint, callee: Endpoint) -> tuple[Call, Call]:
    """A call that rings on both sides."""
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.ring()
    expect(outgoing).to_be_ringing()
    return outgoing, incoming.value


def answered(caller: Endpoint, peer: ScriptedPeer) -> Call:
    """A call that the peer has answered."""
    call = caller.make_call(peer.uri)
    peer.answer(peer.next("INVITE"), 200, "OK", sdp=True)
    peer.next("ACK")
    expect(call).to_be_confirmed()
    return call


def refused_cancel(peer: ScriptedPeer, invite: Message) -> None:
    """Play the callee that takes a CANCEL in time."""
    peer.answer(peer.next("CANCEL"), 200, "OK")
    peer.answer(invite, 487, "Request Terminated")
    peer.next("ACK")


# ---- CANCEL


def test_cancel_is_correct_on_both_sides(new_endpoint: NewEndpoint) -> None:
    outgoing, incoming = ringing(new_endpoint(), new_endpoint())
    assert outgoing.cancel().wait(timeout=5) == 487
    expect(outgoing).to_be_disconnected(code=487, by="local")
    expect(incoming).to_be_disconnected(code=487, by="remote")
    for call in (outgoing, incoming):
        expect(call).to_have_cancelled_correctly()
        assert "BYE" not in requests(call, sent=call is outgoing)
        assert call.known.reached(CallState.CONFIRMED) is None


def test_cancel_waits_for_a_provisional_response(
    new_endpoint: NewEndpoint, scripted_peer: ScriptedPeer
) -> None:
    caller = new_endpoint()
    call = caller.make_call(scripted_peer.uri)
    scripted_peer.next("INVITE")
    cancellation = call.cancel()
    again = scripted_peer.next("INVITE", timeout=2 * T1_S)  # it is sent again, and no CANCEL before it
    assert not cancellation.sent
    with pytest.raises(ExpectationFailed, match=r"(?s)has cancelled correctly.*observed: no CANCEL"):
        expect(call).to_have_cancelled_correctly(timeout=0)
    with pytest.raises(WaitTimeout, match="no provisional response let the CANCEL go"):
        cancellation.wait(timeout=0)
    scripted_peer.answer(again, 180, "Ringing")
    refused_cancel(scripted_peer, again)
    assert cancellation.wait(timeout=5) == 487
    expect(call).to_have_cancelled_correctly()
    assert requests(call, sent=True).count("CANCEL") == 1


def test_cancel_that_comes_too_late_ends_with_bye(
    new_endpoint: NewEndpoint, scripted_peer: ScriptedPeer
) -> None:
    call = new_endpoint().make_call(scripted_peer.uri)
    invite = scripted_peer.next("INVITE")
    scripted_peer.answer(invite, 180, "Ringing")
    expect(call).to_be_ringing()
    cancellation = call.cancel()
    cancel = scripted_peer.next("CANCEL")
    scripted_peer.answer(invite, 200, "OK", sdp=True)
    scripted_peer.answer(cancel, 200, "OK")
    scripted_peer.next("ACK")
    scripted_peer.answer(scripted_peer.next("BYE"), 200, "OK")
    assert cancellation.wait(timeout=5) == 200
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
    with RawUser(new_endpoint().uri) as stranger:
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


def test_only_a_caller_that_rings_may_send_bye(
    new_endpoint: NewEndpoint, scripted_peer: ScriptedPeer
) -> None:
    caller = new_endpoint()
    outgoing, incoming = ringing(caller, new_endpoint())
    unanswered = caller.make_call(scripted_peer.uri)
    for call in (incoming, unanswered):
        with pytest.raises(CallFailed, match="only a caller may send BYE before the answer"):
            call.send_bye()
    assert outgoing.state is CallState.EARLY


# ---- CANCEL of a re-INVITE


def test_reinvite_is_cancelled_and_the_call_goes_on(
    new_endpoint: NewEndpoint, scripted_peer: ScriptedPeer
) -> None:
    call = answered(new_endpoint(), scripted_peer)
    reinvite = call.reinvite()
    again = scripted_peer.next("INVITE")
    scripted_peer.answer(again, 100, "Trying")
    until(call, lambda: any(one.message.status == 100 for one in call.known.messages))
    cancellation = call.cancel()
    refused_cancel(scripted_peer, again)
    assert cancellation.wait(timeout=5) == reinvite.wait(timeout=5) == 487
    expect(call).to_have_cancelled_correctly()
    assert call.state is CallState.CONFIRMED
    hold = call.reinvite()
    scripted_peer.answer(scripted_peer.next("INVITE"), 200, "OK", sdp=True)
    assert hold.wait(timeout=5) == 200


def test_cancel_of_a_reinvite_waits_and_is_forgotten_with_it(
    new_endpoint: NewEndpoint, scripted_peer: ScriptedPeer
) -> None:
    call = answered(new_endpoint(), scripted_peer)
    call.reinvite()
    waiting = call.cancel()
    first = scripted_peer.next("INVITE")
    assert not waiting.sent
    scripted_peer.answer(first, 200, "OK", sdp=True)
    assert waiting.wait(timeout=5) == 200
    scripted_peer.next("ACK")
    second = call.reinvite()
    invite = scripted_peer.next("INVITE")
    scripted_peer.answer(invite, 100, "Trying")
    call.host.wait_until(lambda: "CANCEL" in requests(call, sent=True), Deadline(0.2))
    assert "CANCEL" not in requests(call, sent=True)
    scripted_peer.answer(invite, 200, "OK", sdp=True)
    assert second.wait(timeout=5) == 200


def test_reinvite_is_cancelled_as_soon_as_it_may_be(
    new_endpoint: NewEndpoint, scripted_peer: ScriptedPeer
) -> None:
    call = answered(new_endpoint(), scripted_peer)
    call.reinvite()
    waiting = call.cancel()
    invite = scripted_peer.next("INVITE")
    scripted_peer.answer(invite, 180, "Ringing")
    refused_cancel(scripted_peer, invite)
    assert waiting.wait(timeout=5) == 487
    expect(call).to_have_cancelled_correctly()
    assert call.state is CallState.CONFIRMED


def test_expectation_needs_a_cancel(new_endpoint: NewEndpoint) -> None:
    outgoing, incoming = connect(new_endpoint(), new_endpoint())
    for call in (outgoing, incoming):
        with pytest.raises(ExpectationFailed, match="observed: no CANCEL"):
            expect(call).to_have_cancelled_correctly(timeout=0)
    assert LOOPBACK in outgoing.remote_uri
