"""Requests in the dialog of a peer that called: no connection is made to where it says."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot import Call, CallFailed, Endpoint
from bot.bots import bot
from bot.deadline import Deadline
from bot.ipc import LimitReached
from bot.model import CallState
from bot.sip import Message
from tests.support.sip_peer import Dialog, SipPeer
from tests.support.starting import LOOPBACK, NewEndpoint

PATIENCE_S, QUIET_S = 5.0, 1.5
ELSEWHERE = "127.0.0.3"


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    """A TCP server at an address that sends no SIP."""
    with socket.create_server((ELSEWHERE, 0)) as server:
        server.settimeout(QUIET_S)
        yield server


def contact(server: socket.socket) -> str:
    host, port = server.getsockname()
    return f"<sip:peer@{host}:{port};transport=tcp>"


def is_connected(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except TimeoutError:
        return False
    return True


def calling(
    new_endpoint: NewEndpoint, server: socket.socket, transport: str, **settings: Any
) -> tuple[Endpoint, SipPeer]:
    """A call by this transport, whose Contact is at the server."""
    callee = new_endpoint(transports=["udp", "tcp"], **({"controller": bot("parrot")} | settings))
    peer = SipPeer(callee.uris[transport == "tcp"])
    mine = f"Contact: <{peer.uri}>\r\n"
    invite = peer.request("INVITE", body=peer.sdp).replace(mine, f"Contact: {contact(server)}\r\n")
    response = peer.ask(invite, PATIENCE_S)
    assert response.status == 200
    peer.dialog = Dialog.of(response)
    peer.ack(response)
    assert callee.calls[0].wait(CallState.CONFIRMED, timeout=PATIENCE_S) is CallState.CONFIRMED
    return callee, peer


def reached(endpoint: Endpoint) -> int:
    events = [entry.event for entry in endpoint.journal.recent()]
    return sum(
        one.count for one in events if isinstance(one, LimitReached) and one.rule == "contact-connection"
    )


@pytest.mark.parametrize("verb", ["hangup", "hold", "options"])
def test_the_contact_of_a_call_by_udp(verb: str, new_endpoint: NewEndpoint, elsewhere: socket.socket) -> None:
    callee, peer = calling(new_endpoint, elsewhere, "udp")
    (call,) = callee.calls
    with contextlib.suppress(CallFailed):  # the library says so at once
        act(call, verb)
    assert callee.wait_until(lambda: reached(callee) >= 1, Deadline(PATIENCE_S))
    assert not is_connected(elsewhere)
    peer.close()


@pytest.mark.parametrize("verb", ["hangup", "hold", "options"])
def test_a_call_by_tcp_keeps_its_connection(
    verb: str, new_endpoint: NewEndpoint, elsewhere: socket.socket
) -> None:
    callee, peer = calling(new_endpoint, elsewhere, "tcp")
    (call,) = callee.calls
    act(call, verb)
    method = {"hangup": "BYE", "hold": "INVITE", "options": "OPTIONS"}[verb]
    request = peer.expect(method)
    assert request.uri == contact(elsewhere).strip("<>")
    answer(peer, request)
    assert not is_connected(elsewhere)
    assert reached(callee) == 0
    peer.close()


def test_when_that_connection_is_closed(new_endpoint: NewEndpoint, elsewhere: socket.socket) -> None:
    callee, peer = calling(new_endpoint, elsewhere, "tcp")
    (call,) = callee.calls
    peer.close()
    callee.wait_until(lambda: False, Deadline(0.5))
    call.hangup()
    assert callee.wait_until(lambda: reached(callee) >= 1, Deadline(PATIENCE_S))
    assert not is_connected(elsewhere)


def test_a_peer_that_connects_again(new_endpoint: NewEndpoint, elsewhere: socket.socket) -> None:
    callee, peer = calling(new_endpoint, elsewhere, "tcp")
    (call,) = callee.calls
    peer.hang_up()
    callee.wait_until(lambda: False, Deadline(0.5))
    again = SipPeer(peer.target + ";transport=tcp")
    assert again.ask(again.request("OPTIONS", dialog=peer.dialog)).status == 200
    call.hangup()
    answer(again, again.expect("BYE"))
    assert not is_connected(elsewhere)
    again.close()
    peer.close()


def test_where_connections_are_made(new_endpoint: NewEndpoint, elsewhere: socket.socket) -> None:
    callee, peer = calling(new_endpoint, elsewhere, "udp", connect_to_contacts=True)
    (call,) = callee.calls
    call.hangup()
    assert is_connected(elsewhere)
    peer.close()


def test_the_response_goes_to_where_the_request_came_from(
    new_endpoint: NewEndpoint, sip_peer: SipPeer
) -> None:
    callee = new_endpoint(controller=bot("parrot"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((ELSEWHERE, sip_peer.port))
        other.settimeout(QUIET_S)
        sip_peer.remote = (LOOPBACK, callee.started.listeners[0].port)
        request = sip_peer.request("OPTIONS", uri=callee.uri, to=f"<{callee.uri}>")
        sip_peer.send(request.replace(";branch", f" ; maddr = {ELSEWHERE};branch"))
        assert sip_peer.final().status == 200
        with pytest.raises(TimeoutError):
            other.recv(100)


def act(call: Call, verb: str) -> None:
    """Have the endpoint send a request in the dialog, without waiting for its end."""
    verbs: dict[str, Callable[[], object]] = {
        "hangup": call.hangup,
        "hold": call.hold,
        "options": call.send_options,
    }
    verbs[verb]()


def answer(peer: SipPeer, request: Message) -> None:
    peer.reply(request, 200, body=peer.sdp if request.method == "INVITE" else "")
