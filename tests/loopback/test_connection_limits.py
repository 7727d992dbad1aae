"""Connections that are of no use: they give way to others and end after a time."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from bot import Endpoint
from bot.agent.workarounds.socket_budget import connections_held
from bot.bots import bot
from bot.deadline import Deadline
from bot.ua import build
from tests.support import needs
from tests.support.certificates import Authority
from tests.support.limits import reached, wait_for_limit
from tests.support.sip_peer import SipPeer
from tests.support.starting import LOOPBACK, NewEndpoint

MOST = 500
"""Connections that a test makes; the open files of a process are limited too."""
PATIENCE_S = 15.0


def listening(new_endpoint: NewEndpoint, **settings: Any) -> tuple[Endpoint, int]:
    endpoint = new_endpoint(transports=["tcp"], controller=bot("parrot"), **settings)
    return endpoint, endpoint.started.listeners[0].port


def test_a_connection_without_a_message_is_closed(new_endpoint: NewEndpoint) -> None:
    endpoint, port = listening(new_endpoint, limits_first_message_s=1.0)
    with socket.create_connection((LOOPBACK, port)) as silent, SipPeer(endpoint.uri) as useful:
        assert useful.ask(useful.request("OPTIONS")).status == 200
        silent.settimeout(PATIENCE_S)
        assert silent.recv(100) == b""
        assert wait_for_limit(endpoint, "unused-connection", 1, PATIENCE_S) == 1
        assert useful.ask(useful.request("OPTIONS")).status == 200


def test_silent_connections_give_way(new_endpoint: NewEndpoint) -> None:
    many = connections_held(build().sockets) + 16
    needs.require("I/O queue of few sockets", lambda build: many <= MOST)
    endpoint, port = listening(new_endpoint, limits_connections_per_source=0)
    silent = [socket.create_connection((LOOPBACK, port)) for _ in range(many)]
    deadline = Deadline(PATIENCE_S)
    status = 0
    while status != 200 and not deadline.passed:
        with SipPeer(endpoint.uri, timeout=3.0) as peer:
            peer.send(peer.request("OPTIONS"))
            answer = peer.next(3.0)
            status = answer.status if answer is not None else 0
    assert status == 200
    assert wait_for_limit(endpoint, "connections", 1, PATIENCE_S) >= 1
    for one in silent:
        one.close()


def accepted(port: int, count: int, source: str = LOOPBACK) -> list[socket.socket]:
    return [socket.create_connection((LOOPBACK, port), PATIENCE_S, (source, 0)) for _ in range(count)]


def test_connections_of_one_source(new_endpoint: NewEndpoint) -> None:
    endpoint, port = listening(new_endpoint, limits_connections_per_source=3)
    mine = accepted(port, 6)
    assert wait_for_limit(endpoint, "connections-per-source", 3, PATIENCE_S) >= 3
    with SipPeer(endpoint.uri, source="127.0.0.2") as other:
        assert other.ask(other.request("OPTIONS")).status == 200
    endpoint.wait_until(lambda: False, Deadline(1.1))
    with SipPeer(endpoint.uri) as useful:  # in place of a silent one of the same source
        assert useful.ask(useful.request("OPTIONS")).status == 200
    for one in mine:
        one.close()


def test_an_idle_connection_is_closed(new_endpoint: NewEndpoint) -> None:
    endpoint, _ = listening(new_endpoint, limits_idle_connection_s=1.0)
    with SipPeer(endpoint.uri) as idle, SipPeer(endpoint.uri) as alive:
        for peer in (idle, alive):
            assert peer.ask(peer.request("OPTIONS")).status == 200
        deadline = Deadline(PATIENCE_S)
        while not reached(endpoint, "idle-connection") and not deadline.passed:
            alive.send("\r\n\r\n")
            endpoint.wait_until(lambda: False, Deadline(0.2))
        assert reached(endpoint, "idle-connection") == 1
        assert idle.next(PATIENCE_S) is None
        assert alive.ask(alive.request("OPTIONS")).status == 200


@pytest.mark.parametrize("needed_by", ["call", "registration"])
def test_an_idle_connection_that_is_needed_stays(needed_by: str, new_endpoint: NewEndpoint) -> None:
    endpoint, _ = listening(new_endpoint, limits_idle_connection_s=1.0, accept_registrations=True)
    with SipPeer(endpoint.uri) as peer, SipPeer(endpoint.uri) as idle:
        if needed_by == "call":
            peer.offer("m=audio {rtp} RTP/AVP 8")
            assert peer.answered() == 200
        else:
            assert peer.ask(peer.request("REGISTER", headers="Expires: 60\r\n")).status == 200
        assert idle.ask(idle.request("OPTIONS")).status == 200
        assert wait_for_limit(endpoint, "idle-connection", 1, PATIENCE_S) > 0
        endpoint.wait_until(lambda: False, Deadline(2.5))
        assert reached(endpoint, "idle-connection") == 1
        assert peer.ask(peer.request("OPTIONS")).status == 200


def test_a_connection_of_our_own_stays(new_endpoint: NewEndpoint) -> None:
    with SipPeer(transport="tcp") as callee:
        caller = new_endpoint(transports=["tcp"], limits_idle_connection_s=0.5, limits_first_message_s=0.5)
        caller.make_call(callee.uri)
        callee.accept()
        callee.expect("INVITE")
        caller.wait_until(lambda: False, Deadline(2.5))
        assert reached(caller, "idle-connection") + reached(caller, "unused-connection") == 0


def by_tls(new_endpoint: NewEndpoint, folder: Path, **settings: Any) -> tuple[Endpoint, int]:
    identity = Authority(folder).issue(LOOPBACK)
    certificate = {"tls_cert": identity.cert, "tls_key": identity.key}
    endpoint = new_endpoint(transports=["tls"], controller=bot("parrot"), **certificate, **settings)
    return endpoint, endpoint.started.listeners[0].port


def test_a_tls_handshake_takes_so_long(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    endpoint, port = by_tls(new_endpoint, tmp_path, limits_handshake_s=1.0)
    for one in accepted(port, 2):
        one.settimeout(PATIENCE_S)
        assert one.recv(100) == b""
        one.close()
    assert wait_for_limit(endpoint, "handshake", 2, PATIENCE_S) == 2


def test_tls_handshakes_of_one_source(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    endpoint, port = by_tls(new_endpoint, tmp_path, limits_connections_per_source=2)
    silent = []
    deadline = Deadline(PATIENCE_S)
    while not reached(endpoint, "connections-per-source") and not deadline.passed:
        silent += accepted(port, 1)
        endpoint.wait_until(lambda: False, Deadline(0.1))
    assert reached(endpoint, "connections-per-source") >= 1
    assert len(silent) >= 10
    for one in silent:
        one.close()
