"""The redirecting front: which response each message gets, and what it never answers."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.config import LimitsConfig
from bot.front import RedirectFront, WorkerPool
from bot.sip import Message
from tests.support.sip_peer import SipPeer

WORKER = "sip:parrot-2@127.0.0.1:40002"
SHORT_S = 0.2
"""How long nothing comes where nothing is to come."""


class Pool:
    """A number of free slots."""

    def __init__(self) -> None:
        self.free = 1
        self.reserved: dict[str, str] = {}

    def reserve(self, call_id: str, source: str) -> Any:
        if call_id not in self.reserved and len(self.reserved) >= self.free:
            return None
        self.reserved[call_id] = source
        return SimpleNamespace(endpoint=SimpleNamespace(uri=WORKER))

    def calls_of(self, source: str) -> int:
        return [*self.reserved.values()].count(source)


@pytest.fixture
def pool() -> Pool:
    return Pool()


def new_front(pool: Pool, **limits: Any) -> RedirectFront:
    settings = LimitsConfig(**limits)
    return RedirectFront(cast(WorkerPool, pool), name="parrot", bind="127.0.0.1", port=0, limits=settings)


@pytest.fixture
def front(pool: Pool) -> Iterator[RedirectFront]:
    with new_front(pool) as front:
        yield front


@pytest.fixture
def peer(front: RedirectFront) -> Iterator[SipPeer]:
    with SipPeer(front.uris[0]) as peer:
        yield peer


def ask(peer: SipPeer, method: str, **request: Any) -> Message:
    return peer.ask(peer.request(method, **request))


def test_an_invite_is_redirected_with_its_user(peer: SipPeer) -> None:
    response = ask(peer, "INVITE", uri="sip:reject-486@127.0.0.1")
    assert response.status == 302
    assert response.header("Contact") == "<sip:reject-486@127.0.0.1:40002;transport=udp>"
    assert response.to_tag
    assert response.header("Content-Length") == "0"


def test_the_same_invite_gets_the_same_response(peer: SipPeer) -> None:
    text = peer.request("INVITE")
    first, second = peer.ask(text), peer.ask(text)
    assert first == second
    peer.send(text.replace("INVITE", "ACK"))
    assert peer.next(SHORT_S) is None


def test_503_when_all_are_taken(peer: SipPeer) -> None:
    assert ask(peer, "INVITE").status == 302
    full = ask(peer, "INVITE")
    assert (full.status, full.header("Retry-After")) == (503, "2")


def test_503_while_it_drains(front: RedirectFront, peer: SipPeer, pool: Pool) -> None:
    front.drain()
    assert ask(peer, "INVITE").status == 503
    assert ask(peer, "OPTIONS").status == 200
    assert not pool.reserved


@pytest.mark.parametrize(
    ("method", "code"), [("OPTIONS", 200), ("REGISTER", 405), ("MESSAGE", 405), ("BYE", 481), ("CANCEL", 481)]
)
def test_other_requests(method: str, code: int, peer: SipPeer) -> None:
    assert ask(peer, method).status == code


def test_a_request_in_a_dialog_is_at_the_wrong_place(peer: SipPeer, pool: Pool) -> None:
    assert ask(peer, "INVITE", to="<sip:parrot@127.0.0.1>;tag=other").status == 481
    assert not pool.reserved


def test_what_the_checker_refuses(peer: SipPeer, pool: Pool) -> None:
    assert ask(peer, "INVITE", headers="Max-Forwards: many\r\n").status == 400
    peer.send("INVITE sip:x@127.0.0.1 SIP/2.0\r\nVia: nonsense\r\n\r\n")
    peer.send("\r\n\r\n")
    peer.send("SIP/2.0 200 OK\r\n\r\n")
    assert peer.next(SHORT_S) is None
    assert not pool.reserved


def test_calls_of_a_source_are_counted_for_all(pool: Pool) -> None:
    pool.free = 9
    with new_front(pool, calls_per_source=2) as front, SipPeer(front.uris[0]) as peer:
        assert [ask(peer, "INVITE").status for _ in range(3)] == [302, 302, 486]


def test_invites_of_a_source_are_bounded(pool: Pool) -> None:
    pool.free = 99
    with new_front(pool, invites_per_s=1) as front, SipPeer(front.uris[0]) as peer:
        assert [ask(peer, "INVITE").status for _ in range(3)] == [302, 302, 503]


def test_messages_of_a_source_are_bounded(pool: Pool) -> None:
    with new_front(pool, messages_per_s=0.01) as front, SipPeer(front.uris[0]) as peer:
        assert ask(peer, "OPTIONS").status == 200
        peer.send(peer.request("OPTIONS"))
        assert peer.next(SHORT_S) is None


def test_no_response_is_much_longer_than_its_request(peer: SipPeer) -> None:
    text = peer.request("INVITE", headers="X-Long: " + "x" * 2000 + "\r\n")
    assert "X-Long" not in str(peer.ask(text))
