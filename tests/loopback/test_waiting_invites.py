"""INVITEs at a full endpoint: they wait while a call there may yet give way (RFC 3261 21.1.1)."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from bot import Endpoint
from bot.bots import bot
from bot.deadline import Deadline
from bot.ipc import CallRefused, CallStarted, CallStateChanged
from bot.model import CallState
from tests.support.sip_peer import SipPeer
from tests.support.starting import NewEndpoint

CALLS = 2
ELSEWHERE = "127.0.0.2"
PATIENCE_S = 8.0
Callers = contextlib.ExitStack


def answering(new_endpoint: NewEndpoint, **settings: Any) -> Endpoint:
    return new_endpoint(controller=bot("parrot"), max_calls=CALLS, **settings)


def silent_call(callers: Callers, callee: Endpoint, *, ack: bool = True, **peer: Any) -> SipPeer:
    """A call that is answered and never heard of again."""
    caller = waiting(callers, callee, **peer)
    response = caller.final(PATIENCE_S)
    assert response.status == 200
    if ack:
        caller.ack(response)
    return caller


def waiting(callers: Callers, callee: Endpoint, **peer: Any) -> SipPeer:
    """A caller that has sent one INVITE."""
    caller = SipPeer(callee.uri, **peer)
    callers.callback(caller.close)
    caller.send(caller.request("INVITE", body=caller.sdp))
    return caller


def full(callers: Callers, callee: Endpoint, *, ack: bool = True) -> list[SipPeer]:
    return [silent_call(callers, callee, ack=ack) for _ in range(CALLS)]


def ended(callee: Endpoint) -> list[int]:
    events = [entry.event for entry in callee.journal.recent()]
    return [
        event.call
        for event in events
        if isinstance(event, CallStateChanged) and event.state is CallState.DISCONNECTED
    ]


def refusals(callee: Endpoint) -> list[str]:
    events = [entry.event for entry in callee.journal.recent()]
    return [event.why for event in events if isinstance(event, CallRefused)]


@pytest.mark.parametrize("ack", [True, False])
@pytest.mark.parametrize("source", ["127.0.0.1", ELSEWHERE])
def test_the_oldest_useless_call_gives_way(
    source: str, ack: bool, new_endpoint: NewEndpoint, callers: Callers
) -> None:
    callee = answering(new_endpoint)
    full(callers, callee, ack=ack)
    caller = waiting(callers, callee, source=source)
    assert caller.response().status == 100
    assert caller.final(PATIENCE_S).status == 200
    punished = not ack and source == "127.0.0.1"  # the source has one call less than all from then on
    assert ended(callee) == ([1, 2] if punished else [1])


def test_a_ringing_call_gives_way_to_a_source_without_a_call(
    new_endpoint: NewEndpoint, callers: Callers
) -> None:
    callee = new_endpoint(controller=bot("ringer"), max_calls=CALLS)
    ringing = [waiting(callers, callee) for _ in range(CALLS)]
    for one in ringing:
        until_ringing(one)
    other = waiting(callers, callee, source=ELSEWHERE)
    until_ringing(other)
    assert ringing[0].final(PATIENCE_S).status == 486
    again = waiting(callers, callee, source=ELSEWHERE)  # each source has one call now
    assert again.final(PATIENCE_S).status == 486


def until_ringing(caller: SipPeer) -> None:
    while (status := caller.response(PATIENCE_S).status) < 180:
        pass
    assert status == 180


def test_more_callers_come_in_one_after_another(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint)
    full(callers, callee)
    several = [waiting(callers, callee) for _ in range(CALLS)]
    assert [one.final(PATIENCE_S).status for one in several] == [200] * CALLS


def test_another_source_comes_before_a_source_that_has_calls(
    new_endpoint: NewEndpoint, callers: Callers
) -> None:
    callee = answering(new_endpoint)
    full(callers, callee)
    same = waiting(callers, callee)
    assert same.response().status == 100
    other = waiting(callers, callee, source=ELSEWHERE)
    response = other.final(PATIENCE_S)
    assert response.status == 200
    started = [entry.event for entry in callee.journal.recent() if isinstance(entry.event, CallStarted)]
    assert started[CALLS].sip_call_id == response.call_id
    assert same.final(PATIENCE_S).status in {200, 486}


def test_the_wait_ends_when_all_calls_are_in_use(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint)
    peers = []
    for _ in range(CALLS):
        peer = SipPeer(callee.uri)
        callers.callback(peer.close)
        peer.offer("m=audio {rtp} RTP/AVP 8")
        assert peer.answered() == 200
        peer.dialog = None
        peers.append(peer)
    caller = waiting(callers, callee)
    assert caller.response().status == 100
    for number in range(3):
        for peer in peers:
            peer.media.send_audio(number, 8)
    assert caller.final(PATIENCE_S).status == 486
    assert ended(callee) == []


def test_a_retransmission_is_the_same_request(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint)
    full(callers, callee)
    caller = SipPeer(callee.uri)
    callers.callback(caller.close)
    invite = caller.request("INVITE", body=caller.sdp)
    for _ in range(3):
        caller.send(invite)
        assert caller.response().status == 100
    assert caller.final(PATIENCE_S).status == 200
    started = [entry.event for entry in callee.journal.recent() if isinstance(entry.event, CallStarted)]
    assert len(started) == CALLS + 1


def test_cancel_of_an_invite_that_waits(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint)
    full(callers, callee)
    caller = SipPeer(callee.uri)
    callers.callback(caller.close)
    invite = caller.request("INVITE", body=caller.sdp, branch="z9hG4bKwaits", call_id="waits")
    caller.send(invite)
    assert caller.response().status == 100
    caller.send(caller.request("CANCEL", branch="z9hG4bKwaits", call_id="waits", cseq=1))
    answers = {(one.cseq or (0, ""))[1]: one.status for one in (caller.final(), caller.final())}
    assert answers == {"CANCEL": 200, "INVITE": 487}
    assert not callee.wait_until(lambda: len(ended(callee)) > 0, Deadline(2.0))


def test_one_source_has_so_many_waiting_invites(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint)
    full(callers, callee)
    codes = [waiting(callers, callee).response().status for _ in range(10)]
    assert codes == [100] * 8 + [486] * 2
    assert waiting(callers, callee, source=ELSEWHERE).response().status == 100


def test_by_a_connection(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint, transports=["tcp"])
    full(callers, callee)
    gone = waiting(callers, callee)
    assert gone.response().status == 100
    gone.close()
    caller = waiting(callers, callee)
    assert caller.response().status == 100
    assert caller.final(PATIENCE_S).status == 200


def test_those_that_wait_are_refused_at_the_end(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint)
    full(callers, callee)
    caller = waiting(callers, callee)
    assert caller.response().status == 100
    callee.close()
    assert caller.final().status == 503


@pytest.mark.parametrize("waits", [False, True])
def test_a_message_that_the_gate_has_changed(
    waits: bool, new_endpoint: NewEndpoint, callers: Callers
) -> None:
    callee = answering(new_endpoint)
    if waits:
        full(callers, callee)
    caller = SipPeer(callee.uri)
    callers.callback(caller.close)
    line = "m=video 0 RTP/AVP 31\r\n"
    body = caller.sdp.replace("c=IN IP4 127.0.0.1\r\n", "").replace(
        "RTP/AVP 8\r\n", "RTP/AVP 8\r\nc=IN IP4 127.0.0.1\r\n"
    )
    caller.send(caller.request("INVITE", body=body + line))
    assert caller.final(PATIENCE_S).status == 200
    started = [entry.event for entry in callee.journal.recent() if isinstance(entry.event, CallStarted)]
    assert started[-1].transport == "udp"


def test_a_refused_offer_that_has_waited_is_told(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint)
    full(callers, callee)
    caller = SipPeer(callee.uri)
    callers.callback(caller.close)
    caller.send(
        caller.request(
            "INVITE", body=caller.sdp.replace("8 PCMA/8000", "96 opus/48000/2").replace("AVP 8", "AVP 96")
        )
    )
    assert caller.final(PATIENCE_S).status == 488
    assert callee.wait_until(
        lambda: refusals(callee) == ["no codec in common: it offers opus"], Deadline(5.0)
    )
