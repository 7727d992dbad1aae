"""Messages that crash the library: a bare script dies, an endpoint continues."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from bot import CallEnded, expect
from bot.bots import bot
from bot.deadline import Deadline
from bot.ipc import CallbackFailed
from bot.ua import build
from tests.support.hostile import ANSWERS, CASES, DATA, HOST, Answerer, Peer, registers
from tests.support.programs import free_ports
from tests.support.starting import NewEndpoint

DEATH_S = 5.0
OURS = {"info-high-byte"}
"""Faults of this program's own, which the bare library does not have."""
TORTURE = sorted(path for name in ("rfc4475", "rfc5118") for path in (DATA / name).glob("*.sip"))
FAULTS = [case for case in CASES if case not in OURS]


@contextmanager
def bare_agent(*uri: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A script without a gate, and its port; it calls ``uri``."""
    port = free_ports()
    command = [sys.executable, "-m", "tests.support.bare_agent", str(port), *uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert "ready\n" in process.stdout
            yield process, port
        finally:
            process.kill()


@pytest.mark.parametrize("case", FAULTS)
def test_a_bare_agent_dies(case: str) -> None:
    if build().assertions is False:
        pytest.skip(f"this build of PJSIP {build().version} has no assertions: it goes on after an error")
    with bare_agent() as (process, port), Peer(port) as peer:
        peer.play(case)
        assert process.wait(DEATH_S) < 0


@pytest.mark.parametrize("case", ANSWERS)
def test_a_bare_agent_that_calls_dies(case: str) -> None:
    if build().assertions is False:
        pytest.skip(f"this build of PJSIP {build().version} has no assertions: it goes on after an error")
    with Answerer() as peer, bare_agent(peer.uri) as (process, _):
        peer.play(case)
        assert process.wait(DEATH_S) < 0


@pytest.mark.parametrize("case", ANSWERS)
def test_an_endpoint_that_calls_goes_on(case: str, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("parrot"))
    with Answerer() as peer:
        if registers(case):
            caller = new_endpoint(registrar=peer.uri, id=peer.uri)
            peer.play(case)
            assert caller.wait_registered().active
        else:
            caller = new_endpoint()
            outgoing = caller.make_call(peer.uri)
            peer.play(case)
            with suppress(CallEnded):
                outgoing.hangup()
        assert caller.wait_until(lambda: not caller.calls, Deadline(10.0))
    again = caller.make_call(callee.uri)
    expect(again).to_be_confirmed()
    again.hangup()
    assert not [entry for entry in caller.journal.recent() if isinstance(entry.event, CallbackFailed)]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_torture_messages_are_survived(transport: str, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("parrot"), transports=[transport])
    assert callee.ready is not None
    for message in TORTURE:
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as peer:
            peer.connect((HOST, callee.ready.listeners[0].port))
            peer.sendall(message.read_bytes())
    outgoing = new_endpoint(transports=[transport]).make_call(callee.uri)
    expect(outgoing).to_be_confirmed()
    outgoing.hangup()
    assert not [entry for entry in callee.journal.recent() if isinstance(entry.event, CallbackFailed)]


@pytest.mark.parametrize("case", CASES)
def test_an_endpoint_goes_on(case: str, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("parrot"))
    assert callee.ready is not None
    with Peer(callee.ready.listeners[0].port) as peer:
        peer.play(case)
    for call in callee.calls:
        call.hangup()
    assert callee.wait_until(lambda: not callee.calls, Deadline(10.0))
    outgoing = new_endpoint().make_call(callee.uri)
    expect(outgoing).to_be_confirmed()
    outgoing.hangup()
    assert not [entry for entry in callee.journal.recent() if isinstance(entry.event, CallbackFailed)]
