"""Bounds on calls: without ACK, silent, too long, many of one source; and room for others."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest

from bot import Endpoint
from bot.bots import bot
from bot.deadline import Deadline
from bot.ipc import CallStateChanged
from bot.model import CallState, EndedBy
from tests.support.limits import wait_for_limit
from tests.support.sip_peer import SipPeer
from tests.support.starting import NewEndpoint

COMFORT_NOISE = 13
"""The payload type (RFC 3389)."""
ROOM_S = 12.0
"""Well below the 32 s that the library would wait."""
Callers = contextlib.ExitStack


def answering(new_endpoint: NewEndpoint, **limits: Any) -> Endpoint:
    named = {f"limits_{name}": value for name, value in limits.items()}
    return new_endpoint(controller=bot("parrot"), max_calls=4, **named)


def call(callers: Callers, callee: Endpoint, *, ack: bool = True) -> tuple[SipPeer, int]:
    """The INVITE of a new peer, which does nothing afterwards; the peer and the final response."""
    peer = SipPeer(callee.uri)
    callers.callback(peer.close)
    peer.offer("m=audio {rtp} RTP/AVP 8")
    if ack:
        code = peer.answered()
        peer.dialog = None  # nobody hangs up
        return peer, code
    return peer, peer.final().status


def ends(endpoint: Endpoint) -> list[EndedBy | None]:
    """By whom each call was ended."""
    events = [entry.event for entry in endpoint.journal.recent()]
    return [
        one.by for one in events if isinstance(one, CallStateChanged) and one.state is CallState.DISCONNECTED
    ]


@pytest.mark.parametrize(("ack", "rule"), [(False, "unacknowledged"), (True, "silence")])
def test_useless_calls_give_way_to_another(
    ack: bool, rule: str, new_endpoint: NewEndpoint, callers: Callers
) -> None:
    callee = answering(new_endpoint)
    assert [call(callers, callee, ack=ack)[1] for _ in range(4)] == [200] * 4
    deadline = Deadline(ROOM_S)
    code = 0
    while code != 200 and not deadline.passed:
        callee.wait_until(lambda: False, Deadline(0.3))
        _, code = call(callers, callee)
    assert code == 200
    wait_for_limit(callee, rule)
    assert set(ends(callee)) == {EndedBy.LOCAL}


def test_without_making_room_they_stay(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint, make_room=False)
    assert [call(callers, callee, ack=False)[1] for _ in range(4)] == [200] * 4
    deadline = Deadline(2.0)
    while not deadline.passed:
        callee.wait_until(lambda: False, Deadline(0.3))
        assert call(callers, callee)[1] == 486


def test_calls_in_use_stay(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint)
    peers = [call(callers, callee)[0] for _ in range(4)]
    deadline = Deadline(3.0)
    codes = set()
    for number in itertools.count():
        for peer in peers:
            peer.media.send_audio(number, 8)
        if number % 10 == 9:
            codes.add(call(callers, callee)[1])
        if deadline.passed:
            break
        callee.wait_until(lambda: False, Deadline(0.02))
    assert codes == {486}
    assert len(callee.calls) == 4


def test_a_call_whose_bye_is_not_answered_gives_way(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint)
    assert [call(callers, callee)[1] for _ in range(4)] == [200] * 4
    for one in callee.calls:
        one.hangup()
    deadline = Deadline(ROOM_S)
    code = 0
    while code != 200 and not deadline.passed:
        callee.wait_until(lambda: False, Deadline(0.3))
        _, code = call(callers, callee)
    assert code == 200
    wait_for_limit(callee, "unanswered-bye")


@pytest.mark.parametrize(
    ("limit", "ack", "rule"),
    [
        ("unacknowledged_s", False, "unacknowledged"),
        ("silence_s", True, "silence"),
        ("call_length_s", True, "call-length"),
    ],
)
def test_a_call_is_ended_after_a_time(
    limit: str, ack: bool, rule: str, new_endpoint: NewEndpoint, callers: Callers
) -> None:
    callee = answering(new_endpoint, **{limit: 1.0})
    peer, code = call(callers, callee, ack=ack)
    assert code == 200
    if ack:
        peer.expect("BYE", timeout=5.0)
    assert callee.wait_until(lambda: not callee.calls, Deadline(5.0))
    assert wait_for_limit(callee, rule) == 1
    assert ends(callee) == [EndedBy.LOCAL]
    if not ack:  # nobody may get a BYE (RFC 3261 15), nor the response again
        assert [message.method for message in peer.messages(1.0, 1.5) if message.is_request] == []


def test_comfort_noise_is_silence(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint, silence_s=1.0)
    peer = SipPeer(callee.uri)
    callers.callback(peer.close)
    peer.offer("m=audio {rtp} RTP/AVP 8 13")
    assert peer.answered() == 200
    peer.dialog, numbers = None, itertools.count(1)

    def ended() -> bool:
        peer.media.send_audio(next(numbers), COMFORT_NOISE, b"\x4e")
        return callee.wait_until(lambda: not callee.calls, Deadline(0.1))

    deadline = Deadline(5.0)
    while not ended():
        assert not deadline.passed
    assert wait_for_limit(callee, "silence") == 1


def test_calls_of_one_source(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint, calls_per_source=2, make_room=False)
    assert [call(callers, callee)[1] for _ in range(3)] == [200, 200, 486]
    assert wait_for_limit(callee, "calls-per-source") == 1


def test_invites_of_one_source(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint, invites_per_s=1.0)
    peer = SipPeer(callee.uri)
    callers.callback(peer.close)
    responses = [peer.ask(peer.request("INVITE", body=peer.sdp)) for _ in range(5)]
    assert [response.status for response in responses[:2]] == [200, 200]
    refused = responses[-1]
    assert (refused.status, refused.header("Retry-After")) == (503, "10")
    wait_for_limit(callee, "invite-rate", 2)


def test_requests_of_one_source(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint, requests_per_s=2.0)
    peer = SipPeer(callee.uri)
    callers.callback(peer.close)
    body = "Content-Type: text/plain\r\n"
    codes = [peer.ask(peer.request("MESSAGE", headers=body, body="x")).status for _ in range(8)]
    assert codes[:4] == [200] * 4
    assert 503 in codes
    assert peer.ask(peer.request("INVITE", body=peer.sdp)).status == 200


def test_every_refusal_is_counted_once(new_endpoint: NewEndpoint, callers: Callers) -> None:
    callee = answering(new_endpoint, requests_per_s=2.0)
    peer = SipPeer(callee.uri)
    callers.callback(peer.close)
    for _ in range(60):
        peer.send(peer.request("OPTIONS"))
    answers = [message.status for message in peer.messages(1.0)]
    passed = answers.count(200)
    assert wait_for_limit(callee, "request-rate", 60 - passed) == 60 - passed
    assert answers.count(503) > 0
