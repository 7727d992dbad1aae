"""Connections of SIP over TCP and TLS: made, used again (RFC 5923), kept alive (RFC 5626), made anew."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bot import Call, ConfigError, Endpoint, expect
from bot.ipc.events import TransportChanged
from tests.support.certificates import Authority
from tests.support.programs import free_ports
from tests.support.sip_peer import SipPeer
from tests.support.starting import LOOPBACK, NewEndpoint, connect, until

ALL_SUITES = None
KEEP_ALIVE_S = 2
ONE_SUITE = ["AES_CM_128_HMAC_SHA1_80"]


def made(endpoint: Endpoint, state: str = "connected") -> int:
    """How many connections the endpoint has had, or has lost."""
    events = [entry.event for entry in endpoint.journal.recent()]
    return sum(isinstance(event, TransportChanged) and event.state == state for event in events)


def ended(first: Call, second: Call) -> None:
    first.hangup()
    expect(second).to_be_disconnected(code=200, by="remote")
    expect(first).to_be_disconnected(code=200, by="local")


@pytest.mark.parametrize(
    ("suites", "transport"), [(ONE_SUITE, "udp"), (ALL_SUITES, "tcp")], ids=["small", "large"]
)
def test_large_invite_goes_by_tcp(
    suites: list[str] | None, transport: str, new_endpoint: NewEndpoint
) -> None:
    callee = new_endpoint(transports=["udp", "tcp"], suites=suites, port=free_ports())
    caller = new_endpoint(transports=["udp", "tcp"], srtp="mandatory", suites=suites)
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(
            callee.uris[0], headers={"X-Filler": "x" * (400 if transport == "tcp" else 1)}
        )
    answered = incoming.value.answer()
    size = len(outgoing.facts.messages[0].text)
    assert (size > 1300) is (transport == "tcp")
    for call in (outgoing, answered):
        expect(call).to_be_confirmed()
        expect(call).to_use_transport(transport)
    ended(answered, outgoing)
    expect(outgoing).to_use_transport("udp", method="ACK")  # the Contact of the callee says UDP
    expect(outgoing).to_use_transport("udp", method="BYE")


def test_large_invite_goes_by_udp_to_a_peer_without_tcp(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(transports=["udp"])
    caller = new_endpoint(transports=["udp", "tcp"])
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri, headers={"X-Filler": "x" * 1200})
    answered = incoming.value.answer()
    for call in (outgoing, answered):
        expect(call).to_be_confirmed()
        expect(call).to_use_transport("udp")


def test_large_invite_stays_on_udp_where_there_is_no_tcp(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(transports=["udp", "tcp"])
    caller = new_endpoint(transports=["udp"])
    outgoing, _ = connect(caller, callee, headers={"X-Filler": "x" * 1200})
    assert len(outgoing.facts.messages[0].text) > 1300
    expect(outgoing).to_use_transport("udp")


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_second_call_uses_the_connection_of_the_first(
    transport: str, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "tls")
    identity = authority.issue(LOOPBACK)
    tls = {"tls_ca": authority.ca, "tls_cert": identity.cert, "tls_key": identity.key}
    callee = new_endpoint(transports=[transport], **tls)
    caller = new_endpoint(transports=[transport], **tls)
    first = connect(caller, callee)
    ended(*first)
    second = connect(caller, callee)
    ended(*second)
    for earlier, later in zip(first, second, strict=True):
        expect(later).to_share_the_connection_of(earlier)
    assert (made(caller), made(callee)) == (1, 1)


def test_callee_answers_for_itself_on_a_connection_of_its_own(new_endpoint: NewEndpoint) -> None:
    callee, caller = (new_endpoint(transports=["tcp"]) for _ in range(2))
    outgoing, answered = connect(caller, callee)
    ended(answered, outgoing)
    expect(answered).to_use_transport("tcp", method="BYE")
    requests = {traced.message.method: (traced.local, traced.peer) for traced in outgoing.facts.messages}
    assert requests["BYE"] == requests["INVITE"]


def test_udp_has_no_connections(new_endpoint: NewEndpoint) -> None:
    callee, caller = new_endpoint(), new_endpoint()
    outgoing, answered = connect(caller, callee)
    with pytest.raises(ConfigError, match="by UDP, which has no connections"):
        expect(outgoing).to_share_the_connection_of(answered)


def test_connection_that_the_peer_closed_is_made_anew_for_bye(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(transports=["tcp"], srtp="off")
    with SipPeer(transport="tcp") as peer:
        call = caller.make_call(peer.uri)
        peer.accept()
        peer.reply(peer.expect("INVITE"), 200, body=peer.sdp)
        peer.expect("ACK")
        expect(call).to_be_confirmed()
        first = peer.remote
        peer.hang_up()
        until(caller, lambda: made(caller, "disconnected") == 1)
        call.hangup()
        peer.accept()
        assert peer.remote != first
        peer.reply(peer.expect("BYE"), 200)
        expect(call).to_be_disconnected(code=200, by="local")  # which is so before its BYE has left
        until(caller, lambda: made(caller) == 2)


def test_idle_connection_is_kept_alive(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(transports=["tcp"], nat_keep_alive_s=KEEP_ALIVE_S)
    with SipPeer(transport="tcp") as peer:
        caller.make_call(peer.uri)
        peer.accept()
        peer.expect("INVITE")
        quiet_since = time.monotonic()
        assert peer.keep_alive() == b"\r\n\r\n"
        assert time.monotonic() - quiet_since > KEEP_ALIVE_S - 0.5
