"""Redirections (RFC 3261 8.1.3.4): reported, or followed by q, so far and no further, not in circles."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot import Call, Endpoint, ExpectationFailed, expect
from tests.support.sip_peer import SipPeer
from tests.support.starting import LOOPBACK, NewEndpoint, until


def arrives(callee: Endpoint, make: Callable[[], object]) -> Call:
    """The call that ``make`` brings about."""
    with callee.expect_call() as incoming:
        make()
    return incoming.value


def redirected(call: Call, *targets: str, code: int = 302) -> Callable[[], object]:
    """Answer with these Contacts."""
    return lambda: call.answer(code, headers={"Contact": ", ".join(targets)})


def invites(endpoint: Endpoint) -> int:
    """How many calls came to an endpoint."""
    return sum(type(entry.event).__name__ == "CallStarted" for entry in endpoint.journal.recent())


def test_redirection_is_reported(new_endpoint: NewEndpoint) -> None:
    caller, callee, other = new_endpoint(), new_endpoint(), new_endpoint()
    incoming = arrives(callee, lambda: caller.make_call(callee.uri))
    outgoing = caller.calls[0]
    redirected(incoming, f"<{other.uri}>")()
    expect(outgoing).to_be_disconnected(code=302, by="remote")
    expect(outgoing).to_have_header("Contact", f"<{other.uri}>")
    with pytest.raises(ExpectationFailed, match="observed: not redirected"):
        expect(outgoing).to_have_been_redirected()
    assert invites(other) == 0


def test_redirection_is_followed(new_endpoint: NewEndpoint) -> None:
    caller, callee, other = new_endpoint(follow_redirects=1), new_endpoint(), new_endpoint()
    incoming = arrives(callee, lambda: caller.make_call(callee.uri, headers={"X-Test": "7"}))
    outgoing = caller.calls[0]
    taken = arrives(other, redirected(incoming, f'"Bob, Ltd" <{other.uri}>;q=0.3'))
    expect(incoming).to_be_disconnected(code=302, by="local")
    taken.answer()
    for call in (outgoing, taken):
        expect(call).to_be_confirmed()
        expect(call).to_have_active_media()
    expect(outgoing).to_have_been_redirected(to=other.uri, hops=1)
    expect(taken).to_have_header("X-Test", "7")
    assert [(one.hop, one.code, one.target) for one in outgoing.facts.redirects] == [(1, 302, other.uri)]
    first, second = (
        one.message for one in outgoing.facts.messages if one.sent and one.message.method == "INVITE"
    )
    assert (first.call_id, first.header("From"), first.header("To")) == (
        second.call_id,
        second.header("From"),
        second.header("To"),
    )
    assert second.uri == other.uri
    assert first.cseq is not None
    assert second.cseq == (first.cseq[0] + 1, "INVITE")


def test_targets_are_tried_in_the_order_of_q(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(follow_redirects=3), new_endpoint()
    low, high, middle = (new_endpoint() for _ in range(3))
    incoming = arrives(callee, lambda: caller.make_call(callee.uri))
    outgoing = caller.calls[0]
    contacts = [f"<{low.uri}>;q=0.1", f"<{high.uri}>;q=0.9", f"<{middle.uri}>;q=0.5"]
    first = arrives(high, redirected(incoming, *contacts))
    second = arrives(middle, lambda: first.answer(486))
    third = arrives(low, lambda: second.answer(404))
    third.answer()
    expect(outgoing).to_be_confirmed()
    expect(outgoing).to_have_been_redirected(to=low.uri, hops=3)
    assert [(redirect.code, redirect.target) for redirect in outgoing.facts.redirects] == [
        (302, high.uri),
        (486, middle.uri),
        (404, low.uri),
    ]


def test_no_further_than_so_many_hops(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(follow_redirects=1), new_endpoint()
    second, third = new_endpoint(), new_endpoint()
    incoming = arrives(callee, lambda: caller.make_call(callee.uri))
    outgoing = caller.calls[0]
    moved = arrives(second, redirected(incoming, f"<{second.uri}>"))
    redirected(moved, f"<{third.uri}>", code=301)()
    expect(outgoing).to_be_disconnected(code=301, by="remote")
    assert [redirect.refused for redirect in outgoing.facts.redirects] == ["", "follow_redirects is 1"]
    assert invites(third) == 0
    with pytest.raises(
        ExpectationFailed, match=r"2\. sip:\S+ after 301, not followed: follow_redirects is 1"
    ):
        expect(outgoing).to_have_been_redirected(to=third.uri)


def test_who_was_asked_already_is_not_asked_again(new_endpoint: NewEndpoint) -> None:
    caller, callee, other = new_endpoint(follow_redirects=9), new_endpoint(), new_endpoint()
    incoming = arrives(callee, lambda: caller.make_call(callee.uri))
    outgoing = caller.calls[0]
    taken = arrives(other, redirected(incoming, f"<{other.uri}>"))
    redirected(taken, f"<{callee.uri}>", f"<{other.uri}>")()
    expect(outgoing).to_be_disconnected(code=302, by="remote")
    refusals = [redirect.refused for redirect in outgoing.facts.redirects]
    assert refusals == ["", "it was asked already"]  # of one that it knows already the library says nothing
    assert (invites(callee), invites(other)) == (1, 1)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("sip:bob@[::1]:5060", "the endpoint has no IPv6"),
        (f"sip:bob@{LOOPBACK}:5060;transport=tcp", "the endpoint has no tcp"),
    ],
)
def test_targets_that_cannot_be_reached_are_skipped(
    target: str, why: str, new_endpoint: NewEndpoint, sip_peer: SipPeer
) -> None:
    caller, other = new_endpoint(follow_redirects=1), new_endpoint()
    outgoing = caller.make_call(sip_peer.uri)
    contact = f"Contact: <{target}>;q=1.0, <{other.uri}>;q=0.5\r\n"
    with other.expect_call() as incoming:
        sip_peer.reply(sip_peer.expect("INVITE"), 300, headers=contact)
    incoming.value.answer()
    expect(outgoing).to_be_confirmed()
    expect(outgoing).to_have_been_redirected(to=other.uri, hops=1)
    assert outgoing.facts.redirects[0].refused == why


def test_redirected_call_is_cancelled(new_endpoint: NewEndpoint) -> None:
    caller, callee, other = new_endpoint(follow_redirects=1), new_endpoint(), new_endpoint()
    incoming = arrives(callee, lambda: caller.make_call(callee.uri))
    outgoing = caller.calls[0]
    taken = arrives(other, redirected(incoming, f"<{other.uri}>"))
    taken.ring()
    expect(outgoing).to_be_ringing()
    assert outgoing.cancel().wait(timeout=5) == 487
    for call in (outgoing, taken):
        expect(call).to_have_cancelled_correctly()
    until(outgoing, lambda: not caller.calls)
