"""Session timers (RFC 4028): the interval and the refresher that both ends agree on, and the 422 before it.

The library refuses intervals below 90 seconds, so that a refresh comes after 45 and an end after 60: what
waits for these is slow.
"""

from __future__ import annotations

from functools import partial

import pytest

from bot import Call, Endpoint, ExpectationFailed, expect
from bot.sip.message import Message
from tests.support.sip_peer import SipPeer
from tests.support.starting import NewEndpoint, connect, until


def hung_up(call: Call) -> None:
    call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")


def invites(call: Call, *, sent: bool) -> list[Message]:
    """The INVITEs of a call, in order."""
    return [one.message for one in call.facts.messages if one.sent is sent and one.message.method == "INVITE"]


@pytest.mark.parametrize(
    ("caller_says", "callee_says", "refresher"),
    [
        ("supported", "supported", "uac"),
        ("required", "supported", "uac"),
        ("off", "always", "uas"),
        ("always", "required", "uac"),
    ],
)
def test_both_ends_agree(
    caller_says: str, callee_says: str, refresher: str, new_endpoint: NewEndpoint
) -> None:
    caller = new_endpoint(session_timer=caller_says, session_expires_s=120)
    callee = new_endpoint(session_timer=callee_says, session_expires_s=120)
    outgoing, incoming = connect(caller, callee)
    for call in (outgoing, incoming):
        expect(call).to_use_session_timer(expires_s=120, refresher=refresher)
        with pytest.raises(ExpectationFailed, match=f"observed: 120;refresher={refresher}"):
            expect(call).not_to_use_session_timer(timeout=0)
    hung_up(outgoing)


@pytest.mark.parametrize(("caller_says", "callee_says"), [("off", "supported"), ("supported", "off")])
def test_one_end_has_none(caller_says: str, callee_says: str, new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(session_timer=caller_says), new_endpoint(session_timer=callee_says)
    for call in connect(caller, callee):
        expect(call).not_to_use_session_timer()
        with pytest.raises(ExpectationFailed, match="observed: no session timer"):
            expect(call).to_use_session_timer(timeout=0)


def test_interval_that_is_too_small_for_the_callee(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(session_expires_s=90), new_endpoint(min_se_s=200, session_expires_s=300)
    with callee.expect_call() as small:
        outgoing = caller.make_call(callee.uri)
    expect(small.value).to_be_disconnected(code=422)  # a call of its own, to the library
    with callee.expect_call() as large:
        pass
    incoming = large.value.answer()
    expect(outgoing).to_be_confirmed()
    for call in (outgoing, incoming):
        expect(call).to_use_session_timer(expires_s=200, refresher="uac")
    first, second = invites(outgoing, sent=True)
    assert [one.header("Session-Expires") for one in (first, second)] == ["90", "200"]
    assert second.header("Min-SE") == "200"
    refusal = next(traced.message for traced in outgoing.facts.messages if traced.message.status == 422)
    assert refusal.header("Min-SE") == "200"


def test_timer_is_required_and_not_there(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(session_timer="required"), new_endpoint(session_timer="off")
    refused = caller.make_call(callee.uri)
    expect(refused).to_be_disconnected(code=420, by="remote")
    expect(refused).to_have_header("Unsupported", "timer")
    refused = callee.make_call(caller.uri)
    expect(refused).to_be_disconnected(code=421, by="remote")
    expect(refused).to_have_header("Require", "timer")


def test_reinvite_keeps_the_refresher(new_endpoint: NewEndpoint) -> None:
    outgoing, incoming = connect(new_endpoint(session_expires_s=150), new_endpoint())
    assert incoming.reinvite().wait(timeout=5) == 200
    for call in (outgoing, incoming):  # the caller refreshes still, who did not send this INVITE
        expect(call).to_use_session_timer(expires_s=150, refresher="uas")


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_sessions_are_refreshed_or_end(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    """By the caller, by the callee, by nobody: three sessions at once, since each takes a minute."""
    caller_refreshes = connect(timed(new_endpoint, "supported"), timed(new_endpoint, "always"))
    callee_refreshes = connect(timed(new_endpoint, "off"), timed(new_endpoint, "always"))
    forgotten = new_endpoint(session_expires_s=90).make_call(sip_peer.uri)
    timer = "Session-Expires: 90;refresher=uas\r\nSupported: timer\r\n"
    sip_peer.reply(sip_peer.expect("INVITE"), 200, headers=timer, body=sip_peer.sdp)
    expect(forgotten).to_use_session_timer(expires_s=90, refresher="uas")

    for refresher, other in (caller_refreshes, callee_refreshes[::-1]):
        until(refresher, partial(has_refreshed, refresher), timeout=60)
        assert (refresher.facts.ended, other.facts.ended) == (None, None)
        hung_up(refresher)

    bye = sip_peer.expect("BYE", timeout=30)
    sip_peer.reply(bye, 200)
    expect(forgotten).to_be_disconnected(by="local")
    assert forgotten.facts.broken
    assert forgotten.facts.ended_text.startswith("this side ended the call: ")
    assert "No session refresh received" in (bye.header("Reason") or bye.header("Warning") or "")


def timed(new_endpoint: NewEndpoint, session_timer: str) -> Endpoint:
    return new_endpoint(session_timer=session_timer, session_expires_s=90)


def has_refreshed(call: Call) -> bool:
    return any(
        not traced.sent and traced.message.status == 200 and traced.message.cseq_method == "UPDATE"
        for traced in call.facts.messages
    )
