"""Calls over IPv6 (RFC 3261, RFC 5118, RFC 6157): addresses in SIP and SDP, dual stack, ICE, reports."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import Call, ConfigError, Journal, expect
from bot.report.call_result import call_result
from bot.report.sip_pcap import of_journal
from media.capture.reader import Capture
from tests.support import needs
from tests.support.certificates import Authority
from tests.support.link import linked_namespace
from tests.support.namespaces import Namespace, cannot_make_namespaces
from tests.support.starting import LOOPBACK, STARVED_MS, NewEndpoint, connect, until

HERE = "::1"
ELSEWHERE = "fd77::1"
SUITE = "AES_CM_128_HMAC_SHA1_80"
NOT_ACCEPTABLE_HERE = 488


@pytest.fixture(autouse=True)
def _with_ipv6() -> None:
    needs.ipv6()


def settings(transport: str, folder: Path) -> dict[str, object]:
    """Of an endpoint at ::1 with this transport."""
    made: dict[str, object] = {"bind": HERE, "transports": [transport], "srtp": "mandatory"}
    if transport == "tls":
        authority = Authority(folder)
        identity = authority.issue("bot", HERE)
        made |= {"tls_ca": authority.ca, "tls_cert": identity.cert, "tls_key": identity.key}
    return made


def offers(call: Call) -> list[str]:
    """The c= lines of the call's messages."""
    return re.findall(r"^c=(.+)\r$", "\n".join(traced.text for traced in call.facts.messages), re.MULTILINE)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_call_over_ipv6(new_endpoint: NewEndpoint, transport: str, speech: Path, tmp_path: Path) -> None:
    both = settings(transport, tmp_path)
    callee, caller = new_endpoint(**both), new_endpoint(**both)
    assert callee.uri.startswith("sip:bot1@[::1]:")
    outgoing, answered = connect(caller, callee)
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(speech).wait()
    outgoing.send_dtmf("4#")
    expect(answered).to_have_received_dtmf("4#")
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)
    for call in (outgoing, answered):
        expect(call).to_be_encrypted()
        expect(call).to_use_transport(transport)
        assert set(offers(call)) == {"IN IP6 ::1"}
        media = call.media[0]
        assert (media.local or "").startswith("[::1]:")
        assert (media.remote or "").startswith("[::1]:")
        for message in call.facts.messages:
            assert message.peer.startswith("[::1]:")
            assert message.local.startswith("[::1]:")
    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200, by="remote")


def test_re_invite_over_ipv6(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(bind=HERE), new_endpoint(bind=HERE))
    outgoing.hold()
    until(answered, lambda: answered.media[0].on_hold == "remote")
    outgoing.unhold()
    until(answered, lambda: answered.media[0].on_hold is None)
    expect(outgoing).to_have_received_packets(at_least=10)


def test_dual_stack_answers_and_calls_both_versions(new_endpoint: NewEndpoint) -> None:
    dual = new_endpoint(name="dual", bind=None, ipv6=True)
    ports = {listener.port for listener in dual.started.listeners}
    assert len(dual.started.listeners) == 2
    assert len(ports) == 1
    for host, version in ((LOOPBACK, "IP4"), (HERE, "IP6")):
        single = new_endpoint(bind=host)
        shown = f"[{host}]" if ":" in host else host
        for callee, caller, uri in (
            (single, dual, single.uri),
            (dual, single, f"sip:dual@{shown}:{ports.copy().pop()}"),
        ):
            with callee.expect_call() as incoming:
                outgoing = caller.make_call(uri)
            answered = incoming.value.answer()
            for call in (outgoing, answered):
                expect(call).to_be_confirmed()
                assert {line.split()[1] for line in offers(call)} == {version}
            outgoing.hangup()
            expect(answered).to_be_disconnected(code=200)


@pytest.mark.parametrize(("bind", "offered"), [(LOOPBACK, "IP6 ::1"), (HERE, "IP4 127.0.0.1")])
def test_offer_of_the_other_version_is_refused(new_endpoint: NewEndpoint, bind: str, offered: str) -> None:
    callee, caller = new_endpoint(bind=bind), new_endpoint(bind=bind)
    outgoing = caller.make_call(callee.uri, edit_sdp=[("c=IN .*", f"c=IN {offered}")])
    expect(outgoing).to_be_disconnected(code=NOT_ACCEPTABLE_HERE, by="remote")
    assert not callee.calls


@pytest.mark.parametrize(
    ("bind", "uri", "reason"),
    [
        (LOOPBACK, "sip:bob@[::1]:5060", "the endpoint has no IPv6; .*--ipv6"),
        (HERE, "sip:bob@127.0.0.1:5060", "the endpoint has no IPv4; .*--bind"),
    ],
)
def test_call_to_the_other_version(new_endpoint: NewEndpoint, bind: str, uri: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        new_endpoint(bind=bind).make_call(uri)


def test_registration_over_ipv6(new_endpoint: NewEndpoint) -> None:
    registrar = new_endpoint(bind=HERE, accept_registrations=True)
    phone = new_endpoint(bind=HERE, registrar=registrar.uri, id="sip:alice@[::1]")
    expect(phone).to_be_registered()


def test_strangers_packets_over_ipv6_are_dropped(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(bind=HERE), new_endpoint(bind=HERE))
    expect(answered).to_have_received_packets(at_least=10)
    local = outgoing.media[0].local
    assert local is not None
    port = int(local.rpartition(":")[2])
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as stranger:
        for number in range(20):
            stranger.sendto(bytes([0x80, 8, 0, number]) + bytes(168), (HERE, port))
    expect(outgoing).to_have_received_packets(at_least=40)
    rx = call_result(outgoing).media[0].rx
    assert rx is not None
    foreign = rx.foreign
    assert foreign is not None
    assert foreign.packets == 20
    assert foreign.sources[0].startswith("[::1]:")


def test_journal_as_packets(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    journal = Journal()
    outgoing, answered = connect(
        new_endpoint(bind=HERE, journal=journal), new_endpoint(bind=HERE, journal=journal)
    )
    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200)
    path = tmp_path / "sip.pcap"
    path.write_bytes(b"".join(of_journal(journal)))
    ends = {end.host for one in Capture(path) for end in (one.source, one.target)}
    assert ends == {HERE}


@pytest.fixture
def network() -> Iterator[Namespace]:
    """With an interface that has an IPv6 address and an IPv4 address, since ICE leaves loopback out."""
    if reason := cannot_make_namespaces():
        pytest.skip(reason)
    with linked_namespace(f"{ELSEWHERE}/64") as network:
        yield network


@pytest.mark.parametrize("settings", [{"bind": ELSEWHERE}, {"bind": None, "ipv6": True}])
@pytest.mark.parametrize("has_ipv4", [False, True])
def test_ice_over_ipv6(
    new_endpoint: NewEndpoint, network: Namespace, settings: dict[str, object], has_ipv4: bool
) -> None:
    if has_ipv4:
        network.ip("addr", "add", "10.77.0.1/24", "dev", "link0")
    with network.entered():
        callee, caller = (new_endpoint(**settings, nat_ice=True, srtp="mandatory") for _ in range(2))
    port = callee.started.listeners[0].port
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(f"sip:bot1@[{ELSEWHERE}]:{port}")
    answered = incoming.value.answer()
    for call in (outgoing, answered):
        expect(call).to_have_selected_candidates(local="host", remote="host")
        expect(call).to_have_received_packets(at_least=10)
        expect(call).to_be_encrypted(SUITE)
    invite = outgoing.facts.messages[0].text
    assert f"c=IN IP6 {ELSEWHERE}" in invite
    assert re.search(rf"a=candidate:\S+ 1 UDP \d+ {ELSEWHERE} \d+ typ host", invite)
    if not has_ipv4:
        pair = outgoing.media[0].ice
        assert pair is not None
        assert pair.local.startswith(f"[{ELSEWHERE}]:")
    for endpoint in (caller, callee):
        endpoint.close()  # before the namespace goes
