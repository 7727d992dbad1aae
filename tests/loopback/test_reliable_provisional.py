"""Reliable provisional responses (RFC 3262): PRACK, demanded and refused; an UPDATE before the answer."""

from __future__ import annotations

import pytest

from bot import Call, CallState, Endpoint, ExpectationFailed, MediaDirection, expect
from tests.support.starting import NewEndpoint, until


def call_between(caller: Endpoint, callee: Endpoint) -> tuple[Call, Call]:
    """A call that was not answered in any way."""
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    return outgoing, incoming.value


@pytest.mark.parametrize(
    ("caller_says", "callee_says"),
    [("required", "supported"), ("supported", "required"), ("supported", "preferred")],
)
def test_every_reliable_response_has_its_prack(
    caller_says: str, callee_says: str, new_endpoint: NewEndpoint
) -> None:
    caller = new_endpoint(reliable_provisional=caller_says)
    outgoing, incoming = call_between(caller, new_endpoint(reliable_provisional=callee_says))
    incoming.ring()
    until(incoming, lambda: any(traced.message.method == "PRACK" for traced in incoming.facts.messages))
    incoming.ring(183)
    for call in (outgoing, incoming):
        expect(call).to_use_reliable_provisionals(at_least=2)
    incoming.answer()
    for call in (outgoing, incoming):
        expect(call).to_be_confirmed()
        expect(call).to_have_active_media()
    outgoing.hangup()


@pytest.mark.parametrize(("caller_says", "callee_says"), [("supported", "supported"), ("preferred", "off")])
def test_nobody_needs_it(caller_says: str, callee_says: str, new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(reliable_provisional=caller_says)
    outgoing, incoming = call_between(caller, new_endpoint(reliable_provisional=callee_says))
    incoming.ring()
    expect(outgoing).to_be_ringing()
    for call in (outgoing, incoming):
        expect(call).not_to_use_reliable_provisionals()
        with pytest.raises(ExpectationFailed, match="observed: 0 reliable provisional responses"):
            expect(call).to_use_reliable_provisionals(timeout=0)


def test_caller_that_requires_it_hears_420(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(reliable_provisional="required"), new_endpoint(reliable_provisional="off")
    outgoing = caller.make_call(callee.uri)
    expect(outgoing).to_be_disconnected(code=420, by="remote")
    expect(outgoing).to_have_header("Unsupported", "100rel")
    assert not callee.calls


def test_callee_that_requires_it_says_421(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(reliable_provisional="off"), new_endpoint(reliable_provisional="required")
    outgoing = caller.make_call(callee.uri)
    expect(outgoing).to_be_disconnected(code=421, by="remote")
    expect(outgoing).to_have_header("Require", "100rel")
    sent = next(traced.message for traced in outgoing.facts.messages if traced.sent)
    assert "100rel" not in (sent.header("Supported") or "")
    assert "PRACK" not in (sent.header("Allow") or "")


def test_cancel_after_a_reliable_response(new_endpoint: NewEndpoint) -> None:
    outgoing, incoming = call_between(new_endpoint(), new_endpoint(reliable_provisional="required"))
    incoming.ring()
    expect(outgoing).to_use_reliable_provisionals()
    assert outgoing.cancel().wait(timeout=5) == 487
    for call in (outgoing, incoming):
        expect(call).to_have_cancelled_correctly()


@pytest.mark.parametrize("by_caller", [True, False])
def test_update_before_the_answer(by_caller: bool, new_endpoint: NewEndpoint) -> None:
    outgoing, incoming = call_between(new_endpoint(), new_endpoint(reliable_provisional="required"))
    incoming.ring(183)
    for call in (outgoing, incoming):
        expect(call).to_use_reliable_provisionals()
        expect(call).to_have_active_media()
    one, other = (outgoing, incoming) if by_caller else (incoming, outgoing)
    assert one.update(direction=MediaDirection.SENDONLY).wait(timeout=5) == 200
    expect(other).to_have_active_media(direction="recvonly")
    assert (outgoing.state, incoming.state) == (CallState.EARLY, CallState.EARLY)
    incoming.answer()
    for call in (outgoing, incoming):
        expect(call).to_be_confirmed()
