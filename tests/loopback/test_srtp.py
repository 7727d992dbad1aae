"""SRTP by SDES between two endpoints: every suite, every pair of modes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import ConfigError, CryptoSuite, DtmfMethod, SrtpMode, expect
from bot.report.call_result import call_result
from tests.support import needs
from tests.support.starting import STARVED_MS, NewEndpoint, connect, until

NOT_ACCEPTABLE_HERE = 488


def test_srtp_call_carries_speech_digits_and_a_header(
    new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    suite = CryptoSuite.AES_CM_128_HMAC_SHA1_80
    callee = new_endpoint(name="callee", srtp=SrtpMode.OPTIONAL, codecs=["PCMA"])
    caller = new_endpoint(name="caller", srtp=SrtpMode.MANDATORY, codecs=["PCMA"], suites=[suite])

    with callee.expect_call(timeout=5) as incoming:
        outgoing = caller.make_call(callee.uri, headers={"X-Test": "42"})
    answered = incoming.value.answer()

    for call in (outgoing, answered):
        expect(call).to_be_confirmed()
        expect(call).to_have_active_media()
        expect(call).to_be_encrypted(suite)
        expect(call).to_use_codec("PCMA")
    expect(answered).to_have_header("X-Test", "42")
    expect(answered).to_have_header("User-Agent", matching="^srtpbot")

    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(speech).wait(timeout=10)
    outgoing.send_dtmf("42#")
    expect(answered).to_have_received_dtmf("42#", method=DtmfMethod.RFC4733)
    expect(outgoing).not_to_have_received_dtmf()
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS, min_snr_db=12)
    for call in (outgoing, answered):
        expect(call).to_have_received_packets(at_least=80)
        expect(call).to_have_sent_packets(at_least=80)

    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200, by="remote")
    expect(outgoing).to_be_disconnected(code=200, by="local")


@pytest.mark.parametrize("suite", CryptoSuite)
def test_each_suite_carries_speech(
    suite: CryptoSuite, new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    needs.suite(suite)
    callee = new_endpoint(srtp=SrtpMode.OPTIONAL)
    outgoing, answered = connect(new_endpoint(srtp=SrtpMode.MANDATORY, suites=[suite]), callee)
    for call in (outgoing, answered):
        expect(call).to_be_encrypted(suite)
        assert call.facts.profile() == "RTP/SAVP"
        assert call.facts.crypto().offered == (suite,)
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(speech).wait()
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)


def test_caller_decides_which_of_several_suites(new_endpoint: NewEndpoint) -> None:
    preferred = [CryptoSuite.AES_256_CM_HMAC_SHA1_32, CryptoSuite.AES_CM_128_HMAC_SHA1_80]
    caller = new_endpoint(srtp=SrtpMode.MANDATORY, suites=preferred)
    for call in connect(caller, new_endpoint(srtp=SrtpMode.MANDATORY, suites=preferred[::-1])):
        assert list(call.facts.crypto().offered) == preferred
        expect(call).to_be_encrypted(preferred[0])


def test_mandatory_to_off_is_refused(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(srtp=SrtpMode.OFF)
    outgoing = new_endpoint(srtp=SrtpMode.MANDATORY).make_call(callee.uri)
    expect(outgoing).to_be_disconnected(code=NOT_ACCEPTABLE_HERE, by="remote")
    assert not callee.calls


def test_off_to_mandatory_is_refused(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(srtp=SrtpMode.MANDATORY)
    outgoing = new_endpoint(srtp=SrtpMode.OFF).make_call(callee.uri)
    expect(outgoing).to_be_disconnected(code=NOT_ACCEPTABLE_HERE, by="remote")
    assert not callee.calls


@pytest.mark.parametrize(
    ("caller_mode", "callee_mode"),
    [(SrtpMode.OPTIONAL, SrtpMode.OFF), (SrtpMode.OFF, SrtpMode.OPTIONAL), (SrtpMode.OFF, SrtpMode.OFF)],
)
def test_optional_and_off_talk_in_plain(
    caller_mode: SrtpMode, callee_mode: SrtpMode, new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    outgoing, answered = connect(new_endpoint(srtp=caller_mode), new_endpoint(srtp=callee_mode))
    for call in (outgoing, answered):
        expect(call).not_to_be_encrypted()
        assert call.facts.profile() == "RTP/AVP"
        assert not call_result(call).media[0].srtp.keys_in_clear
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(speech).wait()
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)


def test_optional_and_optional_encrypt_over_the_plain_profile(new_endpoint: NewEndpoint) -> None:
    for call in connect(new_endpoint(srtp=SrtpMode.OPTIONAL), new_endpoint(srtp=SrtpMode.OPTIONAL)):
        expect(call).to_be_encrypted(CryptoSuite.AES_CM_128_HMAC_SHA1_80)
        assert call.facts.profile() == "RTP/AVP"
        assert call_result(call).media[0].srtp.keys_in_clear


def test_no_common_suite_is_refused(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(srtp=SrtpMode.MANDATORY, suites=["AES_256_CM_HMAC_SHA1_80"])
    caller = new_endpoint(srtp=SrtpMode.MANDATORY, suites=["AES_CM_128_HMAC_SHA1_80"])
    outgoing = caller.make_call(callee.uri)
    expect(outgoing).to_be_disconnected(by="remote")
    assert outgoing.facts.ended is not None
    assert outgoing.facts.ended.code in {406, NOT_ACCEPTABLE_HERE}  # the library says 406 Not Acceptable
    until(callee, lambda: not callee.calls)


def test_srtp_that_requires_tls_is_not_offered_over_udp(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(srtp=SrtpMode.OPTIONAL)
    caller = new_endpoint(srtp=SrtpMode.MANDATORY, srtp_requires="tls")
    with pytest.raises(ConfigError, match=r"--srtp-requires"):
        caller.make_call(callee.uri)
    assert not callee.calls
