"""Calls to and from baresip with all SRTP modes, checked on both sides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot import CryptoSuite, DtmfMethod, ExpectationFailed, SrtpMode, expect
from media.audio.wav import write
from media.signals.tones import tone
from tests.support.baresip import TONE_HZ, Baresip
from tests.support.calls import finals
from tests.support.sounds import dominant_hz
from tests.support.starting import NewEndpoint, until

pytestmark = pytest.mark.peer("baresip")

AES_128 = [CryptoSuite.AES_CM_128_HMAC_SHA1_80, CryptoSuite.AES_CM_128_HMAC_SHA1_32]
ENOUGH_PACKETS = 60
OUR_TONE_HZ = 700

REFUSED, PLAIN, ENCRYPTED = "refused", "plain", "encrypted"
OUTGOING = {
    "plain": {"off": PLAIN, "optional": PLAIN, "mandatory": REFUSED},
    "srtp": {"off": PLAIN, "optional": ENCRYPTED, "mandatory": ENCRYPTED},
    "mand": {"off": REFUSED, "optional": REFUSED, "mandatory": ENCRYPTED},
}
INCOMING = {
    "plain": {"off": PLAIN, "optional": PLAIN, "mandatory": REFUSED},
    "srtp": {"off": PLAIN, "optional": ENCRYPTED, "mandatory": REFUSED},
    "mand": {"off": REFUSED, "optional": ENCRYPTED, "mandatory": ENCRYPTED},
}
"""What it offers is RTP/AVP, RTP/AVP with a crypto attribute, and RTP/SAVP."""


@pytest.mark.parametrize("account", OUTGOING)
@pytest.mark.parametrize("mode", SrtpMode)
def test_outgoing_call(
    account: str, mode: SrtpMode, baresip: Baresip, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    suites = {} if mode is SrtpMode.OFF else {"suites": AES_128}
    endpoint = new_endpoint(srtp=mode, **suites)
    call = endpoint.make_call(baresip.uri(account))
    outcome = OUTGOING[account][mode]
    if outcome is REFUSED:
        expect(call).to_be_disconnected(code=488, by="remote")
        assert not call.facts.media
        return
    expect(call).to_be_confirmed()
    expect(call).to_have_active_media()
    expect(call).to_use_codec("PCMU")
    if outcome is PLAIN:
        expect(call).not_to_be_encrypted()
    else:
        expect(call).to_be_encrypted(CryptoSuite.AES_CM_128_HMAC_SHA1_80)
    with call.record(tmp_path / "heard.wav") as recording:
        expect(call).to_have_received_packets(at_least=ENOUGH_PACKETS)
    assert dominant_hz(recording.path) == pytest.approx(TONE_HZ, abs=5)
    assert endpoint.calls == [call]
    call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")


def test_it_hears_what_is_played(baresip: Baresip, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    write(tmp_path / "tone.wav", tone([OUR_TONE_HZ], 1.0, 8000))
    call = new_endpoint(srtp="mandatory", suites=AES_128).make_call(baresip.uri("mand"))
    expect(call).to_be_encrypted(CryptoSuite.AES_CM_128_HMAC_SHA1_80)
    call.play(tmp_path / "tone.wav").wait(timeout=5)
    call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    baresip.program.wait_for_line(r"session closed|call.*(closed|terminated)|sndfile: close", timeout=5)
    [received] = baresip.heard()
    assert dominant_hz(received) == pytest.approx(OUR_TONE_HZ, abs=5)


def test_aes_256_is_refused_never_passed(baresip: Baresip, new_endpoint: NewEndpoint) -> None:
    """This baresip does not know AES-256 and answers with a suite that was not offered in that line."""
    endpoint = new_endpoint(srtp="mandatory", suites=[CryptoSuite.AES_256_CM_HMAC_SHA1_80])
    call = endpoint.make_call(baresip.uri("mand"))
    with pytest.raises(ExpectationFailed, match="crypto-suite name not match"):
        expect(call).to_be_encrypted()
    expect(call).to_be_disconnected(by="error")
    with pytest.raises(ExpectationFailed):
        expect(call).to_have_received_packets(timeout=0.1)


@pytest.mark.parametrize("account", INCOMING)
@pytest.mark.parametrize("mode", SrtpMode)
def test_incoming_call(
    account: str, mode: SrtpMode, baresip: Baresip, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    endpoint = new_endpoint(srtp=mode)
    if INCOMING[account][mode] is REFUSED:
        baresip.dial(account, endpoint.uri)
        baresip.program.wait_for_line("session closed: 488 Not Acceptable Here")
        until(endpoint, lambda: bool(finals(endpoint)))
        assert finals(endpoint) == [488]
        assert not endpoint.calls
        return
    with endpoint.expect_call() as incoming:
        baresip.dial(account, endpoint.uri)
    call = incoming.value.answer()
    expect(call).to_be_confirmed()
    expect(call).to_have_active_media()
    baresip.program.wait_for_line(f"{account}@.*: Call established")
    if INCOMING[account][mode] is PLAIN:
        expect(call).not_to_be_encrypted()
        assert "SRTP is Enabled" not in baresip.program.output
    else:
        expect(call).to_be_encrypted(CryptoSuite.AES_CM_128_HMAC_SHA1_80)
        baresip.program.wait_for_line(r"SRTP is Enabled \(cryptosuite=AES_CM_128_HMAC_SHA1_80\)")
    with call.record(tmp_path / "heard.wav") as recording:
        expect(call).to_have_received_packets(at_least=ENOUGH_PACKETS)
    assert dominant_hz(recording.path) == pytest.approx(TONE_HZ, abs=5)
    baresip.command("hangup")
    expect(call).to_be_disconnected(code=200, by="remote")
    baresip.program.wait_for_line("Call with .* terminated")


def test_its_digits_arrive_in_order(baresip: Baresip, new_endpoint: NewEndpoint) -> None:
    endpoint = new_endpoint(srtp="mandatory")
    with endpoint.expect_call() as incoming:
        baresip.dial("mand", endpoint.uri)
    call = incoming.value.answer()
    expect(call).to_be_confirmed()
    expect(call).to_have_active_media()
    expect(call).not_to_have_received_dtmf()
    baresip.program.wait_for_line("Call established")
    baresip.command("sndcode", "42#")
    expect(call).to_have_received_dtmf("42#", method=DtmfMethod.RFC4733)
    baresip.command("hangup")
    expect(call).to_be_disconnected(code=200, by="remote")
    expect(call).to_have_received_dtmf("42#", method=DtmfMethod.RFC4733)


def test_our_digits_arrive_in_order(baresip: Baresip, new_endpoint: NewEndpoint) -> None:
    call = new_endpoint(srtp="mandatory", suites=AES_128).make_call(baresip.uri("mand"))
    expect(call).to_be_encrypted()
    call.send_dtmf("42#").wait(timeout=10)
    baresip.program.wait_for_line(r"received event: '#' \(end=1\)")
    assert "".join(re.findall(r"received event: '(.)' \(end=1\)", baresip.program.output)) == "42#"
    expect(call).not_to_have_received_dtmf()
