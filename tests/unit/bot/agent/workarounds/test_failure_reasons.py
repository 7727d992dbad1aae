"""failure_reasons: a failed TLS handshake says what failed; everything else passes as it is."""

from __future__ import annotations

import pytest

from bot.agent.workarounds.failure_reasons import FailureReasons
from bot.ipc.events import (
    CallStateChanged,
    MessageAnswered,
    RegistrationChanged,
    RequestEnded,
    SipSent,
    TransportChanged,
    Wired,
)
from bot.model import CallState, EndedBy

CERTIFICATE = "SSL certificate verification error (PJSIP_TLS_ECERTVERIF)"


def lost(*problems: str) -> TransportChanged:
    return TransportChanged(
        at=1, transport="tls", state="disconnected", reason=CERTIFICATE, peer="", problems=list(problems)
    )


def ended(reason: str) -> CallStateChanged:
    return CallStateChanged(
        at=2, call=1, state=CallState.DISCONNECTED, code=503, reason=reason, by=EndedBy.ERROR
    )


def passed(*events: Wired) -> list[Wired]:
    got: list[Wired] = []
    handshakes = FailureReasons(got.append)
    handshakes.newest = "1.2"
    for event in events:
        handshakes(event)
    return got


@pytest.mark.parametrize(
    "event",
    [
        ended("tlsv1 alert protocol version"),
        RegistrationChanged(at=1, active=False, code=503, reason="tlsv1 alert protocol version", expires_s=0),
        MessageAnswered(at=1, to_uri="sip:a@b", code=503, reason="tlsv1 alert protocol version"),
        RequestEnded(at=1, sip_call_id="x@h", code=503, reason="tlsv1 alert protocol version"),
    ],
)
def test_version_that_the_peer_refused_is_the_librarys_limit(
    event: CallStateChanged | RegistrationChanged | MessageAnswered | RequestEnded,
) -> None:
    [told] = passed(event)
    assert isinstance(told, type(event))
    assert told.reason.startswith("tlsv1 alert protocol version: ")
    assert "refused TLS 1.2, the newest" in told.reason
    assert told.reason.endswith("no TLS 1.3")


def test_certificate_that_was_refused_is_told_with_its_problems() -> None:
    first, second = passed(lost("The certificate is untrusted", "It has expired"), ended(CERTIFICATE))
    assert first == lost("The certificate is untrusted", "It has expired")
    assert second == ended(f"{CERTIFICATE}: The certificate is untrusted; It has expired")


def test_last_certificates_problems_count() -> None:
    events = lost("The certificate is untrusted"), lost("It has expired"), lost(), ended(CERTIFICATE)
    assert passed(*events)[-1] == ended(f"{CERTIFICATE}: It has expired")


@pytest.mark.parametrize("reason", [CERTIFICATE, "Service Unavailable", ""])
def test_nothing_more_is_known(reason: str) -> None:
    assert passed(ended(reason)) == [ended(reason)]


def sent_by(transport: str) -> SipSent:
    return SipSent(at=1, transport=transport, peer="127.0.0.1:5061", text="INVITE sip:a@b SIP/2.0\r\n\r\n")


@pytest.mark.parametrize("reason", ["End of file (PJ_EEOF)", "Connection reset by peer", "EVP lib"])
def test_connection_closed_at_the_handshake_may_want_a_certificate(reason: str) -> None:
    told = passed(sent_by("tls"), ended(reason))[-1]
    assert isinstance(told, CallStateChanged)
    assert told.reason.startswith(f"{reason}: ")
    assert "it may demand a certificate (tls.cert, tls.key)" in told.reason
    assert passed(sent_by("tcp"), ended(reason))[-1] == ended(reason)


def test_relay_that_refused_the_credentials() -> None:
    [told] = passed(ended("Media init error: Unauthorized"))
    assert isinstance(told, CallStateChanged)
    assert "the TURN server refused the user or the password of nat.turn" in told.reason
