"""DTLS-SRTP with other programs (RFC 5763): baresip, called and calling; rtpengine between DTLS and SDES."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import SrtpMode, expect
from bot.report.call_result import call_result
from tests.support import needs
from tests.support.baresip import TONE_HZ, Baresip
from tests.support.sounds import dominant_hz
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.peer("baresip")

SUITE = "AES_CM_128_HMAC_SHA1_80"
ENOUGH_PACKETS = 60
HANDSHAKE_S = 10.0
DTLS = {"srtp": SrtpMode.MANDATORY, "srtp_keying": ["dtls"]}
BOTH = {"srtp": SrtpMode.MANDATORY, "srtp_keying": ["sdes", "dtls"]}


@pytest.fixture
def baresip(tmp_path: Path) -> Iterator[Baresip]:
    needs.dtls()
    with Baresip(tmp_path / "baresip", accounts={"dtls": "dtls_srtp", "plain": ""}) as peer:
        yield peer


@pytest.mark.parametrize("settings", [DTLS, {**BOTH, "srtp_keying": ["dtls", "sdes"]}])
def test_outgoing_call(
    baresip: Baresip, new_endpoint: NewEndpoint, settings: dict[str, object], tmp_path: Path
) -> None:
    call = new_endpoint(**settings).make_call(baresip.uri("dtls"))
    expect(call).to_be_confirmed()
    expect(call).to_be_encrypted(SUITE, keying="DTLS", timeout=HANDSHAKE_S)
    with call.record(tmp_path / "heard.wav") as recording:
        expect(call).to_have_received_packets(at_least=ENOUGH_PACKETS, timeout=HANDSHAKE_S)
    assert dominant_hz(recording.path) == pytest.approx(TONE_HZ, abs=5)
    srtp = call_result(call).media[0].srtp
    assert srtp.disagreement is None
    assert (srtp.peer_fingerprint or "").startswith("sha-256 ")
    baresip.program.wait_for_line(r"DTLS-SRTP complete \(audio/RTP\) Profile=\S+")
    call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")


@pytest.mark.parametrize("settings", [DTLS, BOTH])
def test_incoming_call(
    baresip: Baresip, new_endpoint: NewEndpoint, settings: dict[str, object], tmp_path: Path
) -> None:
    endpoint = new_endpoint(**settings)
    with endpoint.expect_call() as incoming:
        baresip.dial("dtls", endpoint.uri)
    call = incoming.value.answer()
    expect(call).to_be_encrypted(SUITE, keying="DTLS", timeout=HANDSHAKE_S)
    with call.record(tmp_path / "heard.wav") as recording:
        expect(call).to_have_received_packets(at_least=ENOUGH_PACKETS, timeout=HANDSHAKE_S)
    assert dominant_hz(recording.path) == pytest.approx(TONE_HZ, abs=5)
    assert call.facts.role() == "active"


def test_wrong_fingerprint(baresip: Baresip, new_endpoint: NewEndpoint) -> None:
    """baresip has our certificate against the fingerprint too, and ends the call."""
    edits = [(r"fingerprint:\S+ ..:..:..", "fingerprint:sha-256 00:00:00")]
    call = new_endpoint(**DTLS).make_call(baresip.uri("dtls"), edit_sdp=edits)
    with pytest.raises(AssertionError):
        expect(call).to_have_received_packets(at_least=ENOUGH_PACKETS, timeout=3)


def test_a_peer_without_dtls_refuses(baresip: Baresip, new_endpoint: NewEndpoint) -> None:
    call = new_endpoint(**DTLS).make_call(baresip.uri("plain"))
    expect(call).to_be_disconnected(code=488, by="remote")
