"""Packets to the source of an INVITE over UDP before its first acknowledgement."""

from __future__ import annotations

from typing import Any

import pytest

from bot import Endpoint
from bot.bots import bot
from bot.deadline import Deadline
from bot.ipc import LimitReached
from tests.support.sip_peer import Dialog, SipPeer
from tests.support.starting import NewEndpoint

LONG_S = 9.0
RETRANSMISSIONS_S = 4.0
"""Three of them: after 0.5, 1.5 and 3.5 s (RFC 3261 13.3.1.4)."""


def reached(endpoint: Endpoint) -> int:
    events = [entry.event for entry in endpoint.journal.recent()]
    return sum(
        one.count for one in events if isinstance(one, LimitReached) and one.rule == "unproved-address"
    )


def codes_within(peer: SipPeer, seconds: float = RETRANSMISSIONS_S) -> list[int]:
    """The status codes within some seconds."""
    deadline, found = Deadline(seconds), []
    while (message := peer.next(deadline.left)) is not None:
        found.append(message.status)
    return found


@pytest.mark.parametrize(
    ("role", "options"),
    [("parrot", {}), ("reject", {"code": 486}), ("redirect", {"contact": "sip:a@192.0.2.1"})],
)
def test_retransmissions_are_bounded(role: str, options: dict[str, Any], new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot(role, **options))
    with SipPeer(callee.uri) as peer:
        invite = peer.request("INVITE", body=peer.sdp)
        peer.send(invite)
        assert 0 < peer.bytes_within(LONG_S) <= 3 * len(invite)
        assert callee.wait_until(lambda: reached(callee) >= 1, Deadline(RETRANSMISSIONS_S))


@pytest.mark.parametrize("by", ["INVITE again", "RTP"])
def test_the_response_comes_again_to_a_caller_that_is_there(by: str, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("parrot"))
    with SipPeer(callee.uri) as peer:
        invite = peer.request("INVITE", body=peer.sdp)
        response = peer.ask(invite)
        peer.media.target = int((response.sdp or "").partition("m=audio ")[2].split()[0])
        if by == "RTP":
            peer.media.send_audio(0, 8)
        else:
            peer.send(invite)
        assert peer.final(RETRANSMISSIONS_S).status == 200
        peer.dialog = Dialog.of(response)
        peer.ack(response)


def test_without_a_controller_they_are_not_bounded(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    with SipPeer(callee.uri) as peer:
        with callee.expect_call() as incoming:
            peer.send(peer.request("INVITE", body=peer.sdp))
        incoming.value.answer()
        assert codes_within(peer).count(200) >= 3
