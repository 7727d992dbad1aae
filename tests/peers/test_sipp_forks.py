"""An INVITE that forks, and the routes that a dialog takes, played by SIPp (RFC 3261, RFC 6228).

What the RFCs say of each case and what the library does is a table in ``scenarios/README.md``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import CallState, Endpoint, expect
from tests.support.programs import LOOPBACK
from tests.support.sipp import ENDED_BY_US, Scripted, assert_exchange

pytestmark = pytest.mark.peer("sipp")


def test_two_ring_and_the_second_accepts(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 12.1, 13.2.2.4: ACK and BYE are in the dialog of the second, as they should be."""
    with Scripted("answers/fork-second-accepts", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_have_active_media()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    assert_exchange(call, "-> INVITE", *["<- 180 INVITE"] * 2, "<- 200 INVITE", "-> ACK", *ENDED_BY_US)


def test_early_media_comes_from_the_branch_that_spoke_last(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3960 3.1 leaves it to us: a 183 with another tag has an answer of its own, the last one counts."""
    with Scripted("answers/fork-early-media", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_confirmed()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    remotes = [line.remote for _, media in call.facts.media_history for line in media if line.active]
    assert remotes == [f"{LOOPBACK}:40002", f"{LOOPBACK}:40004"]


def test_the_answer_of_one_branch_was_reliable_and_another_accepts(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """RFC 3262 4, RFC 3261 13.2.2.4: PRACK in the one dialog, the media of the other, as it should be."""
    with Scripted("answers/fork-reliable-early-media", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_confirmed()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    assert call.facts.last_active[0].remote == f"{LOOPBACK}:40004"
    in_force = call.facts.negotiation.current
    assert in_force is not None
    assert in_force.answer.media[0].port == 40004


def test_two_accept(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 13.2.2.4: the later one gets ACK and BYE, the call with the first goes on, as it should be."""
    with Scripted("answers/fork-both-accept", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        ended = ("<- 200 INVITE", "-> ACK", *ENDED_BY_US)
        setup = "-> INVITE", "<- 180 INVITE", "<- 200 INVITE", "-> ACK"
        assert_exchange(call, *setup, *ended)
        assert call.state is CallState.CONFIRMED
        expect(call).to_have_active_media()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    assert_exchange(call, *setup, *ended, *ENDED_BY_US)


def test_one_branch_is_over(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 6228: a 199 ends an early dialog and not the call, as it should be; it is told as EARLY."""
    with Scripted("answers/199-then-200", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_have_active_media()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    early = [seen.code for seen in call.facts.states if seen.state is CallState.EARLY]
    assert early == [180, 199]


@pytest.mark.parametrize("router", ["loose", "strict"])
def test_requests_follow_the_recorded_route(router: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 12.1.2, 12.2.1.1: Request-URI and Route of ACK and BYE are right, for strict routers too."""
    with Scripted(f"answers/record-route-{router}", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_confirmed()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    contact, near, far = (f"sip:{user}@{LOOPBACK}:{peer.port}" for user in ("there", "near", "far"))
    sent = [one.message for one in call.facts.messages if one.sent and one.message.method in {"ACK", "BYE"}]
    assert [message.method for message in sent] == ["ACK", "BYE"]
    for message in sent:
        if router == "loose":
            assert message.uri == f"{contact};x=1"
            assert message.headers("Route") == [f"<{far};lr;hop=2>", f"<{near};lr>"]
        else:
            assert message.uri == f"sip:strict@{LOOPBACK}:{peer.port}"
            assert message.headers("Route") == [f"<{contact};x=1>"]
