"""Floods: more calls than the library survives; the agent does, disturbs no call, and takes the next one."""

from __future__ import annotations

import select
import socket
from pathlib import Path

import psutil
import pytest

from bot import CallState, Endpoint, expect
from bot.bots.parrot import Parrot
from bot.bots.reject import Rejecter
from bot.deadline import Deadline
from bot.sip.uri import parse_uri
from media.audio.wav import read, write
from media.compare.compare import Options, compare
from media.signals.tones import speech_like
from tests.support.answering import Answering
from tests.support.calls import BUSY_HERE, RECOVERY_S, SERVICE_UNAVAILABLE, assert_next_call_works
from tests.support.programs import LOOPBACK
from tests.support.sip_peer import PLAIN_OFFER, WEBRTC_OFFER, SipPeer, sdp
from tests.support.sipp import response_codes, sipp
from tests.support.starting import NewEndpoint

RATE = 200
FLOOD_S = 4
LONG_FLOOD_S = 20
SPEECH_S = 6.0
ECHO_PACKETS = 40
LOADED_MACHINE = Options(max_missing_ms=1000, max_edge_ms=500, max_inserted_ms=1000)
"""On two busy cores the 20 ms clock of either side is late now and then, with a flood or without."""
BURST = 500
NOT_ACCEPTABLE_HERE = 488
CONNECTING_S = 3.0
TCP_RECOVERY_S = 15.0
"""The agent rests while its sockets run short, and a dropped SYN comes again after 1, 3 and 7 s."""
PATIENCE_S = 0.01
"""A SYN that the full backlog dropped is sent again after 1 s; another connection is tried sooner."""


@pytest.mark.peer("sipp")
@pytest.mark.parametrize(
    "seconds",
    [pytest.param(FLOOD_S, id="short"), pytest.param(LONG_FLOOD_S, id="long", marks=pytest.mark.slow)],
)
def test_a_rejecting_program_survives(seconds: int, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    with Answering(tmp_path / "bot", "reject", "--code", "486") as bot:
        with sipp("uac", bot.uri, tmp_path, *flooding(seconds)) as flood:
            assert flood.wait(timeout=seconds + 20) == 1
        bot.assert_unharmed()
        codes = response_codes(flood, tmp_path)
        assert set(codes) <= {BUSY_HERE, SERVICE_UNAVAILABLE}
        assert codes.count(BUSY_HERE) > RATE / 10 * seconds
        call = new_endpoint().make_call(bot.uri)
        call.wait(timeout=RECOVERY_S)
        assert call.facts.ended is not None
        assert call.facts.ended.code in {BUSY_HERE, SERVICE_UNAVAILABLE}
        assert (status := bot.stop()) == 0, f"exit status {status}:\n{bot.tail}"


@pytest.mark.peer("sipp")
def test_a_call_in_progress_is_not_disturbed(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    """No packet is lost, and what the parrot sends back of our speech while it is flooded is our speech."""
    write(tmp_path / "speech.wav", speech_like(SPEECH_S, 8000, seed=1))
    caller = new_endpoint(srtp="mandatory")
    with Answering(tmp_path / "bot", "parrot") as bot:
        call = caller.make_call(bot.uri)
        expect(call).to_be_confirmed()
        expect(call).to_be_encrypted()
        with call.record(tmp_path / "echo.wav") as recording:
            playback = call.play(tmp_path / "speech.wav")
            with sipp("uac", bot.uri, tmp_path, *flooding(FLOOD_S)) as flood:
                playback.wait(timeout=SPEECH_S + 5)
                flood.wait(timeout=20)
            expect(call).to_have_received_packets(at_least=int(SPEECH_S * 50) + ECHO_PACKETS)
        assert set(response_codes(flood, tmp_path)) <= {BUSY_HERE, SERVICE_UNAVAILABLE}
        bot.assert_unharmed()
        assert call.state is CallState.CONFIRMED
        statistics = call.facts.stats(0)
        assert statistics is not None
        assert statistics.rx.lost == 0
        received = compare(read(tmp_path / "speech.wav"), read(recording.path), options=LOADED_MACHINE)
        assert received.matched, received.reasons
        assert_next_call_works(caller, bot.uri)
        call.hangup()
        expect(call).to_be_disconnected(code=200, by="local")
        assert (status := bot.stop()) == 0, f"exit status {status}:\n{bot.tail}"


def flooding(seconds: int) -> list[str]:
    """SIPp's options for a flood that does not wait for the calls that it started."""
    return ["-r", str(RATE), "-m", str(RATE * seconds), "-l", "100000", "-timeout", f"{seconds + 10}s"]


@pytest.mark.parametrize("controller", [Parrot, Rejecter])
def test_invites_cancelled_at_once(
    controller: type[Parrot] | type[Rejecter], new_endpoint: NewEndpoint
) -> None:
    endpoint, caller = new_endpoint(controller=controller()), new_endpoint()
    with SipPeer(endpoint.uri) as raw:
        for number in range(BURST):
            call_id, branch = f"cancelled-{number}-{raw.port}", f"z9hG4bK{number}x{raw.port}"
            raw.send(raw.request("INVITE", call_id=call_id, branch=branch, body=sdp(PLAIN_OFFER)))
            raw.send(raw.request("CANCEL", call_id=call_id, branch=branch))
        answers = raw.messages(quiet_s=1.0, limit_s=8)
    assert_alive(endpoint)
    invites = {message.status for message in answers if message.cseq_method == "INVITE"}
    assert invites - {100, 180, 200} <= {BUSY_HERE, 487, SERVICE_UNAVAILABLE}
    if controller is Parrot:
        assert_next_call_works(caller, endpoint.uri)
    else:
        call = caller.make_call(endpoint.uri)
        expect(call).to_be_disconnected(by="remote")


def test_webrtc_offers_by_the_hundred(new_endpoint: NewEndpoint) -> None:
    """Each alone would crash the library; each gets 488, or 503, or is lost on the way."""
    endpoint, caller = new_endpoint(controller=Parrot()), new_endpoint()
    with SipPeer(endpoint.uri) as raw:
        for _ in range(BURST):
            raw.send(raw.request("INVITE", body=sdp(WEBRTC_OFFER)))
        answers = raw.messages(quiet_s=1.0)
    assert {message.status for message in answers} <= {NOT_ACCEPTABLE_HERE, SERVICE_UNAVAILABLE}
    assert NOT_ACCEPTABLE_HERE in {message.status for message in answers}
    assert_alive(endpoint)
    assert not endpoint.calls
    assert_next_call_works(caller, endpoint.uri)


def test_tcp_connections_opened_and_closed_at_once(new_endpoint: NewEndpoint) -> None:
    endpoint, caller = new_endpoint(controller=Parrot(), transports=["tcp"]), new_endpoint(transports=["tcp"])
    made = 0
    deadline = Deadline(CONNECTING_S)
    while made < 300 and not deadline.passed and endpoint.failure is None:
        [connection] = connections(endpoint, 1, PATIENCE_S)
        made += connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        connection.close()
    assert_alive(endpoint)
    assert_next_call_works(caller, endpoint.uri, TCP_RECOVERY_S)
    assert_alive(endpoint)


def test_tcp_connections_held_open(new_endpoint: NewEndpoint) -> None:
    """More than the library has handles: the surplus is turned away, the rest is served."""
    endpoint, caller = new_endpoint(controller=Parrot(), transports=["tcp"]), new_endpoint(transports=["tcp"])
    with SipPeer(endpoint.uri) as first:
        held = connections(endpoint, 100)
        try:
            assert first.ask(first.request("OPTIONS"), TCP_RECOVERY_S).status == 200
        finally:
            for connection in held:
                connection.close()
    assert_alive(endpoint)
    assert_next_call_works(caller, endpoint.uri, TCP_RECOVERY_S)
    assert_alive(endpoint)


def connections(endpoint: Endpoint, count: int, patience_s: float = 1.0) -> list[socket.socket]:
    """TCP connections to the endpoint, begun at once, and made unless its backlog is full."""
    address = (LOOPBACK, parse_uri(endpoint.uri).port)
    begun = [socket.socket() for _ in range(count)]
    for one in begun:
        one.setblocking(False)
        one.connect_ex(address)
    deadline = Deadline(patience_s)
    waiting = set(begun)
    while waiting and not deadline.passed:
        waiting -= set(select.select([], list(waiting), [], deadline.left)[1])
    return begun


def assert_alive(endpoint: Endpoint) -> None:
    """The agent answers a command; if it is gone, say what its last words were."""
    with endpoint.journal.held():
        failure = endpoint.failure
    assert failure is None, str(failure)
    assert psutil.pid_exists(endpoint.pid)
