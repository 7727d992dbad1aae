"""End of a call: the side, the reason, and only status codes from the wire."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from bot import Call, CallFailed, ExpectationFailed, WaitTimeout, expect
from bot.report.call_result import call_result
from tests.support.registrar import Registrar
from tests.support.sip_peer import SipPeer, pcma, sdp
from tests.support.starting import LOOPBACK, NewEndpoint, until

WAIT_S = 10.0
KEY = "A" * 40
SUITE = "AES_CM_128_HMAC_SHA1_80"
OTHER_SUITE = "AES_256_CM_HMAC_SHA1_80"


def answer(peer: SipPeer, profile: str, *lines: str) -> str:
    """An answer of PCMA with these lines."""
    return sdp(pcma(peer.media.port, *lines, profile=profile))


@contextmanager
def sip_peers(count: int) -> Iterator[list[SipPeer]]:
    """Peers whose sockets are closed at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(SipPeer()) for _ in range(count)]


def disconnect(call: Call) -> tuple[int | None, str, str | None]:
    """As a result has it."""
    end = call_result(call).disconnect
    assert end is not None
    return end.code, end.reason, end.by


UNACCEPTABLE = [
    ("RTP/AVP", []),
    ("RTP/SAVP", [f"a=crypto:1 {OTHER_SUITE} inline:{KEY}{'A' * 22}=="]),
    ("RTP/SAVP", [f"a=crypto:7 {SUITE} inline:{KEY}"]),
    ("RTP/SAVP", []),
]


@pytest.mark.parametrize(("profile", "lines"), UNACCEPTABLE)
@pytest.mark.parametrize("ring", [180, 183])
def test_library_cancels_after_an_unacceptable_answer(
    ring: int, profile: str, lines: list[str], new_endpoint: NewEndpoint, sip_peer: SipPeer
) -> None:
    body = answer(sip_peer, profile, *lines)
    call = new_endpoint(srtp="mandatory", suites=[SUITE]).make_call(sip_peer.uri)
    invite = sip_peer.expect("INVITE")
    sip_peer.reply(invite, ring, "Wait", body=body)
    sip_peer.reply(sip_peer.expect("CANCEL"), 200)
    sip_peer.reply(invite, 487)
    expect(call).to_be_disconnected(code=487, by="error", timeout=WAIT_S)
    with pytest.raises(ExpectationFailed):
        expect(call).to_be_disconnected(by="remote")
    code, reason, by = disconnect(call)
    assert (code, by) == (487, "local")
    assert f"this side ended the call: the SDP in {ring} Wait is not acceptable: " in reason


def test_nobody_answers_the_cancel_of_the_library(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    call = new_endpoint(srtp="mandatory", suites=[SUITE]).make_call(sip_peer.uri, ring_timeout=1)
    sip_peer.reply(sip_peer.expect("INVITE"), 183, "Wait", body=answer(sip_peer, "RTP/AVP"))
    sip_peer.expect("CANCEL")
    expect(call).to_be_disconnected(by="local", timeout=WAIT_S)
    code, reason, by = disconnect(call)
    assert (code, by) == (None, "local")
    assert reason.startswith("this side ended the call: the SDP in 183 Wait is not acceptable: ")
    assert "no final response" in reason


@pytest.mark.parametrize(("profile", "lines"), UNACCEPTABLE)
def test_library_hangs_up_after_an_unacceptable_answer(
    profile: str, lines: list[str], new_endpoint: NewEndpoint, sip_peer: SipPeer
) -> None:
    body = answer(sip_peer, profile, *lines)
    call = new_endpoint(srtp="mandatory", suites=[SUITE]).make_call(sip_peer.uri)
    sip_peer.reply(sip_peer.expect("INVITE"), 200, body=body)
    sip_peer.reply(sip_peer.expect("BYE"), 200)
    expect(call).to_be_disconnected(by="error", timeout=WAIT_S)
    expect(call).to_be_disconnected(by="local")
    code, reason, by = disconnect(call)
    assert (code, by) == (None, "local")
    assert "this side ended the call: the SDP in 200 OK is not acceptable: " in reason


def test_answer_that_crosses_the_cancel_of_the_library(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    body = answer(sip_peer, "RTP/AVP")
    call = new_endpoint(srtp="mandatory").make_call(sip_peer.uri)
    invite = sip_peer.expect("INVITE")
    sip_peer.reply(invite, 183, "Wait", body=body)
    cancel = sip_peer.expect("CANCEL")
    sip_peer.reply(invite, 200, body=body)
    sip_peer.reply(cancel, 200)
    sip_peer.reply(sip_peer.expect("BYE"), 200)
    expect(call).to_be_disconnected(by="error", timeout=WAIT_S)
    assert "the SDP in 183 Wait is not acceptable" in disconnect(call)[1]
    assert disconnect(call)[2] == "local"


def test_reinvite_that_ends_the_call(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    call = new_endpoint().make_call(sip_peer.uri)
    sip_peer.reply(sip_peer.expect("INVITE"), 200, body=sip_peer.sdp)
    expect(call).to_be_confirmed()
    call.hold()
    sip_peer.reply(sip_peer.expect("INVITE"), 481, "Gone")
    sip_peer.reply(sip_peer.expect("BYE"), 200)
    expect(call).to_be_disconnected(code=481, by="error")
    assert disconnect(call) == (481, "this side ended the call: Gone", "local")


# ---- no answer


def test_silence(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    call = new_endpoint().make_call(sip_peer.uri, ring_timeout=0.8)
    expect(call).to_be_disconnected(by="error", timeout=WAIT_S)
    code, reason, _ = disconnect(call)
    assert code is None
    where = f"{LOOPBACK}:{sip_peer.port}"
    assert re.fullmatch(
        rf"no answer from {where} within [\d.]+ s \(2 INVITEs sent, nothing received\)", reason
    )
    with pytest.raises(ExpectationFailed, match="no answer from"):
        expect(call).to_be_disconnected(code=408)


def test_ringing_without_end(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    call = new_endpoint().make_call(sip_peer.uri, ring_timeout=0.8)
    sip_peer.reply(sip_peer.expect("INVITE"), 180)
    expect(call).to_be_disconnected(by="error", timeout=WAIT_S)
    code, reason, _ = disconnect(call)
    assert code is None
    assert "no final response from" in reason
    assert "(1 INVITE sent, only 180 Ringing received)" in reason


def test_connection_refused(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(transports=["tcp"])
    with socket.socket() as closed:
        closed.bind((LOOPBACK, 0))
        uri = f"sip:nobody@{LOOPBACK}:{closed.getsockname()[1]};transport=tcp"
        call = caller.make_call(uri)
        expect(call).to_be_disconnected(by="error", timeout=WAIT_S)
        with pytest.raises(WaitTimeout, match=r"no connection to .*: Connection refused \(nothing was"):
            caller.send_options(uri)
        with pytest.raises(CallFailed, match=r"no connection to .*: Connection refused \(nothing was"):
            caller.send_message(uri, "hello")
    assert disconnect(call)[0] is None
    assert "Connection refused (nothing was sent)" in disconnect(call)[1]


def test_connection_that_is_closed(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(transports=["tcp"])
    with SipPeer(transport="tcp") as peer:
        call = caller.make_call(peer.uri)
        peer.accept()
        peer.expect("INVITE")
        peer.hang_up()
        expect(call).to_be_disconnected(by="error", timeout=WAIT_S)
    assert disconnect(call)[0] is None


def test_bye_without_an_answer(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    call = new_endpoint().make_call(sip_peer.uri)
    sip_peer.reply(sip_peer.expect("INVITE"), 200, body=sip_peer.sdp)
    expect(call).to_be_confirmed()
    sent = call.hangup()
    assert sent is not None
    expect(call).to_be_disconnected(by="local")
    bye = sip_peer.expect("BYE")
    until(call, lambda: "no answer from" in disconnect(call)[1])
    assert disconnect(call)[0] is None
    with pytest.raises(
        ExpectationFailed, match=r"no answer from .* BYEs? sent, nothing received.*, by local"
    ):
        expect(call).to_be_disconnected(code=200, by="local", timeout=0.1)
    sip_peer.reply(bye, 200, "Fine")
    assert sent.wait(WAIT_S) == 200
    expect(call).to_be_disconnected(code=200, by="local")
    assert disconnect(call) == (200, "Fine", "local")


def test_registrar_that_is_not_there(new_endpoint: NewEndpoint) -> None:
    with socket.socket() as closed:
        closed.bind((LOOPBACK, 0))
        registrar = f"sip:{LOOPBACK}:{closed.getsockname()[1]};transport=tcp"
        endpoint = new_endpoint(transports=["tcp"], registrar=registrar)
        with pytest.raises(CallFailed, match=r"not registered: no connection to .*\(nothing was sent"):
            endpoint.wait_registered()
        with pytest.raises(ExpectationFailed, match="not registered: no connection to"):
            expect(endpoint).to_be_registered()


def test_close_says_that_the_registration_may_remain(
    new_endpoint: NewEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    with Registrar(challenge=0) as registrar:
        endpoint = new_endpoint(**registrar.account())
        endpoint.wait_registered()
    endpoint.close()
    assert re.search(r"may still be registered: no answer from .* REGISTERs? sent, nothing", caplog.text)
    assert endpoint.registration is not None
    assert endpoint.registration.code == 0


def test_refer_without_an_answer(new_endpoint: NewEndpoint, sip_peer: SipPeer) -> None:
    call = new_endpoint().make_call(sip_peer.uri)
    sip_peer.reply(sip_peer.expect("INVITE"), 200, body=sip_peer.sdp)
    expect(call).to_be_confirmed()
    transfer = call.transfer(f"sip:third@{LOOPBACK}:9")
    sip_peer.reply(sip_peer.expect("REFER"), 202)
    with pytest.raises(WaitTimeout, match="REFER answered with 202"):
        transfer.wait(0.5)


@pytest.mark.slow
def test_requests_that_time_out(new_endpoint: NewEndpoint) -> None:
    """The 32 s of RFC 3261 17.1 pass once for all of them."""
    with ThreadPoolExecutor() as pool, sip_peers(4) as (one, two, three, four):
        endpoint = new_endpoint(registrar=f"sip:{LOOPBACK}:{one.port}", register_at_start=False)
        call = endpoint.make_call(two.uri, ring_timeout=90)
        waits: list[Future[Any]] = [
            pool.submit(endpoint.register, timeout=90),
            pool.submit(endpoint.send_options, three.uri, timeout=90),
            pool.submit(endpoint.send_message, four.uri, "hello", timeout=90),
        ]
        for wait, method in zip(waits, ("REGISTER", "OPTIONS", "MESSAGE"), strict=True):
            text = rf"no answer from {LOOPBACK}:\d+ within 3\d s \(\d+ {method}s? sent, nothing received\)"
            assert re.search(text, str(wait.exception(90)))
        expect(call).to_be_disconnected(by="error", timeout=90)
        assert re.search(r"within 3\d s \(7 INVITEs sent, nothing received\)", disconnect(call)[1])
