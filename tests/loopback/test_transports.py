"""SIP over TCP and TLS, and the verification of certificates."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from bot import Call, Endpoint, NativeError, SrtpMode, expect
from bot.report.call_result import call_result
from bot.ua import build
from tests.support.certificates import Authority, Identity
from tests.support.starting import LOOPBACK, STARVED_MS, NewEndpoint, connect


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


def listener(new_endpoint: NewEndpoint, identity: Identity, **settings: Any) -> Endpoint:
    """An endpoint that answers TLS with this certificate."""
    return new_endpoint(transports=["tls"], tls_cert=identity.cert, tls_key=identity.key, **settings)


def refused(call: Call, callee: Endpoint, why: str) -> None:
    """The call ends by a transport that was not let come about, says why, and the callee never sees it."""
    expect(call).to_be_disconnected(by="error", timeout=10)
    assert call.facts.ended is not None
    assert call.facts.ended.code == 0
    assert "certificate verification error" in call.facts.ended.reason
    assert why in call.facts.ended.reason
    assert not callee.calls


@pytest.mark.parametrize("suites", [["AES_CM_128_HMAC_SHA1_80"], None], ids=["small offer", "large offer"])
def test_tcp_call(suites: list[str] | None, new_endpoint: NewEndpoint, speech: Path, tmp_path: Path) -> None:
    callee = new_endpoint(transports=["tcp"], suites=suites)
    caller = new_endpoint(transports=["tcp"], srtp=SrtpMode.MANDATORY, suites=suites)
    assert callee.uri.endswith(";transport=tcp")
    outgoing, answered = connect(caller, callee)
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(speech).wait()
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)
    for call in (outgoing, answered):
        expect(call).to_be_encrypted()
        result = call_result(call)
        assert result.transport == "tcp"
        assert result.media[0].srtp.keys_in_clear
    answered.hangup()
    expect(outgoing).to_be_disconnected(code=200, by="remote")


def test_endpoint_of_udp_and_tcp_is_reached_by_both(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(transports=["udp", "tcp"])
    assert len(callee.uris) == 2
    for uri, transport in zip(callee.uris, ("udp", "tcp"), strict=True):
        caller = new_endpoint(transports=[transport], suites=["AES_CM_128_HMAC_SHA1_80"])
        with callee.expect_call() as incoming:
            outgoing = caller.make_call(uri)
        incoming.value.answer()
        expect(outgoing).to_be_confirmed()
        for call in (outgoing, incoming.value):
            assert call_result(call).transport == transport


def test_tls_call_to_a_verified_peer_keeps_the_keys_to_itself(
    new_endpoint: NewEndpoint, authority: Authority, speech: Path, tmp_path: Path
) -> None:
    callee = listener(new_endpoint, authority.issue(LOOPBACK), srtp="mandatory", srtp_requires="tls")
    caller = new_endpoint(transports=["tls"], tls_ca=authority.ca, srtp="mandatory", srtp_requires="tls")
    outgoing, answered = connect(caller, callee)
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(speech).wait()
    outgoing.send_dtmf("7")
    expect(answered).to_have_received_dtmf("7")
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)
    for call in (outgoing, answered):
        expect(call).to_be_encrypted()
        result = call_result(call)
        assert result.transport == "tls"
        assert result.tls is not None
        assert result.tls.version == f"TLS {build().tls}"
        assert "GCM" in result.tls.cipher or "CHACHA20" in result.tls.cipher
        assert not result.media[0].srtp.keys_in_clear
    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200, by="remote")


def test_authority_that_is_not_trusted(
    new_endpoint: NewEndpoint, authority: Authority, tmp_path: Path
) -> None:
    callee = listener(new_endpoint, authority.issue(LOOPBACK))
    caller = new_endpoint(transports=["tls"], tls_ca=Authority(tmp_path / "other").ca)
    refused(caller.make_call(callee.uri), callee, "untrusted")


def test_certificate_of_another_name(new_endpoint: NewEndpoint, authority: Authority) -> None:
    callee = listener(new_endpoint, authority.issue("sip.example.org"))
    caller = new_endpoint(transports=["tls"], tls_ca=authority.ca)
    refused(caller.make_call(callee.uri), callee, "identity does not match")


def test_certificate_that_has_expired(new_endpoint: NewEndpoint, authority: Authority) -> None:
    callee = listener(new_endpoint, authority.issue(LOOPBACK, expired=True))
    caller = new_endpoint(transports=["tls"], tls_ca=authority.ca)
    refused(caller.make_call(callee.uri), callee, "expired")


def test_without_any_authority_the_systems_do_not_vouch(
    new_endpoint: NewEndpoint, authority: Authority
) -> None:
    callee = listener(new_endpoint, authority.issue(LOOPBACK))
    refused(new_endpoint(transports=["tls"]).make_call(callee.uri), callee, "untrusted")


@pytest.mark.parametrize("flaw", ["authority", "name", "expired"])
def test_insecure_accepts_any_certificate(flaw: str, new_endpoint: NewEndpoint, authority: Authority) -> None:
    identity = {
        "authority": lambda: authority.issue(LOOPBACK),
        "name": lambda: authority.issue("sip.example.org"),
        "expired": lambda: authority.issue(LOOPBACK, expired=True),
    }[flaw]()
    callee = listener(new_endpoint, identity)
    outgoing, _ = connect(new_endpoint(transports=["tls"], tls_insecure=True), callee)
    expect(outgoing).to_be_confirmed()
    assert outgoing.facts.transport == "tls"


@pytest.mark.parametrize("with_certificate", [True, False])
def test_listener_that_demands_a_certificate(
    with_certificate: bool, new_endpoint: NewEndpoint, authority: Authority
) -> None:
    identity = authority.issue(LOOPBACK)
    callee = listener(new_endpoint, identity, tls_ca=authority.ca, tls_verify_client=True)
    own = {"tls_cert": identity.cert, "tls_key": identity.key} if with_certificate else {}
    caller = new_endpoint(transports=["tls"], tls_ca=authority.ca, **own)
    if with_certificate:
        connect(caller, callee)
    else:
        outgoing = caller.make_call(callee.uri)
        expect(outgoing).to_be_disconnected(by="error", timeout=10)
        assert not callee.calls


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_nobody_listens(transport: str, new_endpoint: NewEndpoint, authority: Authority) -> None:
    caller = new_endpoint(transports=[transport], tls_ca=authority.ca)
    with socket.socket() as closed:
        closed.bind((LOOPBACK, 0))
        port = closed.getsockname()[1]
        outgoing = caller.make_call(f"sip:nobody@{LOOPBACK}:{port};transport={transport}")
        expect(outgoing).to_be_disconnected(by="error")
        assert "(nothing was sent)" in outgoing.facts.ended_text


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_port_in_use(transport: str, new_endpoint: NewEndpoint) -> None:
    first = new_endpoint(transports=[transport])
    assert first.ready is not None
    port = first.ready.listeners[0].port
    with pytest.raises(NativeError, match=rf"cannot listen on {transport} 127\.0\.0\.1:{port}: .*in use"):
        new_endpoint(transports=[transport], port=port)
    connect(new_endpoint(transports=[transport]), first)
