"""DTLS-SRTP between two endpoints (RFC 5763, 5764): offered, answered, wrong, and not in the build."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot import Call, ConfigError, CryptoSuite, Endpoint, SrtpMode, expect
from bot.report.call_result import call_result
from bot.report.ladder import brief
from bot.sip import parse_sdp
from bot.ua import build
from tests.support import needs
from tests.support.sip_peer import WEBRTC_OFFER, SipPeer, sdp
from tests.support.starting import STARVED_MS, NewEndpoint, connect, until

NOT_ACCEPTABLE_HERE = 488
PROFILES = [
    CryptoSuite.AES_CM_128_HMAC_SHA1_80,
    CryptoSuite.AES_CM_128_HMAC_SHA1_32,
    CryptoSuite.AEAD_AES_128_GCM,
    CryptoSuite.AEAD_AES_256_GCM,
]
OTHER_FINGERPRINT = r"fingerprint:\S+ ..:..:..", "fingerprint:sha-256 00:00:00"
Edits = Sequence[tuple[str, str]]
DTLS = {"srtp": SrtpMode.MANDATORY, "srtp_keying": ["dtls"]}
BOTH = {"srtp": SrtpMode.MANDATORY, "srtp_keying": ["sdes", "dtls"]}


@pytest.fixture
def with_dtls() -> None:
    needs.dtls()


def test_a_build_without_dtls_refuses_the_setting(new_endpoint: NewEndpoint) -> None:
    if "DTLS" in build().keyings:
        pytest.skip(f"PJSIP {build().version} as it is built here has DTLS-SRTP")
    with pytest.raises(ConfigError, match=r"srtp_keying\[0\]: .* has no DTLS-SRTP and would send plain RTP"):
        new_endpoint(**DTLS)


@pytest.mark.usefixtures("with_dtls")
def test_call_with_audio_and_digits(new_endpoint: NewEndpoint, speech: Path, tmp_path: Path) -> None:
    outgoing, answered = connect(new_endpoint(**DTLS), new_endpoint(**BOTH))
    for call in (outgoing, answered):
        expect(call).to_be_encrypted("AES_CM_128_HMAC_SHA1_80", keying="DTLS")
        assert call.facts.profile() == "UDP/TLS/RTP/SAVP"
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(speech).wait()
    outgoing.send_dtmf("7#")
    expect(answered).to_have_received_dtmf("7#")
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)
    ours, theirs = (call_result(call).media[0].srtp for call in (outgoing, answered))
    assert (ours.active, ours.keying, ours.keys_in_clear, ours.role) == (True, "DTLS", False, "passive")
    assert theirs.role == "active"
    assert (ours.fingerprint, ours.peer_fingerprint) == (theirs.peer_fingerprint, theirs.fingerprint)
    assert (ours.fingerprint or "").startswith("sha-256 ")
    assert ours.fingerprint != ours.peer_fingerprint
    invite = outgoing.facts.messages[0].message.sdp
    assert invite is not None
    assert "UDP/TLS/RTP/SAVP PCMA; DTLS actpass; sendrecv" in brief(parse_sdp(invite))
    with pytest.raises(AssertionError, match="keyed by SDES"):
        expect(outgoing).to_be_encrypted(keying="sdes")


@pytest.mark.usefixtures("with_dtls")
@pytest.mark.parametrize("suite", PROFILES)
def test_each_profile(new_endpoint: NewEndpoint, suite: CryptoSuite) -> None:
    needs.suite(suite)
    outgoing, answered = connect(new_endpoint(**DTLS, suites=[suite]), new_endpoint(**BOTH))
    for call in (outgoing, answered):
        expect(call).to_be_encrypted(suite, keying="DTLS")
        expect(call).to_have_received_packets(at_least=10)


@pytest.mark.usefixtures("with_dtls")
def test_no_profile_in_common_ends_the_call(new_endpoint: NewEndpoint) -> None:
    needs.gcm()
    caller = new_endpoint(**DTLS, suites=["AEAD_AES_128_GCM"])
    callee = new_endpoint(**BOTH, suites=["AES_CM_128_HMAC_SHA1_80"])
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.answer()
    for call in (outgoing, incoming.value):
        with pytest.raises(AssertionError):
            expect(call).to_be_encrypted(timeout=1)


@pytest.mark.usefixtures("with_dtls")
def test_suites_that_are_no_profile(new_endpoint: NewEndpoint) -> None:
    with pytest.raises(ConfigError, match="suites: none of them is a profile of DTLS-SRTP"):
        new_endpoint(**DTLS, suites=["AES_256_CM_HMAC_SHA1_80"])


@pytest.mark.usefixtures("with_dtls")
@pytest.mark.parametrize(
    ("offering", "answering", "keying"),
    [
        (["sdes", "dtls"], ["dtls", "sdes"], "SDES"),
        (["dtls", "sdes"], ["sdes", "dtls"], "DTLS"),
        (["sdes"], ["dtls", "sdes"], "SDES"),
        (["dtls"], ["sdes"], None),
        (["sdes"], ["dtls"], None),
    ],
)
def test_the_offer_has_the_first_key_exchange(
    new_endpoint: NewEndpoint, offering: list[str], answering: list[str], keying: str | None
) -> None:
    callee = new_endpoint(srtp="mandatory", srtp_keying=answering)
    caller = new_endpoint(srtp="mandatory", srtp_keying=offering)
    if keying is None:
        outgoing = caller.make_call(callee.uri)
        expect(outgoing).to_be_disconnected(code=NOT_ACCEPTABLE_HERE, by="remote")
        return
    for call in connect(caller, callee):
        expect(call).to_be_encrypted(keying=keying)


@pytest.mark.usefixtures("with_dtls")
def test_sdes_and_dtls_in_one_offer(new_endpoint: NewEndpoint) -> None:
    """The answerer chooses one of them, in its own order of preference."""
    callee = new_endpoint(srtp="mandatory", srtp_keying=["dtls", "sdes"])
    caller = new_endpoint(**DTLS)
    key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c3J0cGJvdCBzYXlzIHRoaXMgaXMgbm8gc2VjcmV0"
    edits = [(r"UDP/TLS/RTP/SAVP", "RTP/SAVP"), (r"(?=^a=setup)", f"{key}\r\n")]
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri, edit_sdp=edits)
    answered = incoming.value.answer()
    for call in (outgoing, answered):
        expect(call).to_be_encrypted(keying="DTLS")


@pytest.mark.usefixtures("with_dtls")
def test_hold_and_resume_keep_the_keys(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(**DTLS), new_endpoint(**BOTH))
    expect(answered).to_be_encrypted(keying="DTLS")
    outgoing.hold()
    until(answered, lambda: answered.media[0].on_hold == "remote")
    outgoing.unhold()
    until(answered, lambda: answered.media[0].on_hold is None)
    for call in (outgoing, answered):
        expect(call).to_be_encrypted(keying="DTLS")
        expect(call).to_have_received_packets(at_least=20)


@pytest.mark.usefixtures("with_dtls")
def test_dtls_over_ipv6(new_endpoint: NewEndpoint) -> None:
    needs.ipv6()
    for call in connect(new_endpoint(bind="::1", **DTLS), new_endpoint(bind="::1", **BOTH)):
        expect(call).to_be_encrypted(keying="DTLS")
        expect(call).to_have_received_packets(at_least=10)


# ---- what is wrong


def called(caller: Endpoint, callee: Endpoint, *, offer: Edits = (), answer: Edits = ()) -> tuple[Call, Call]:
    """A call that is answered, with these edits of its descriptions."""
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri, edit_sdp=offer)
    return outgoing, incoming.value.answer(edit_sdp=answer)


@pytest.mark.usefixtures("with_dtls")
def test_wrong_fingerprint_in_the_answer(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = called(new_endpoint(**DTLS), new_endpoint(**BOTH), answer=[OTHER_FINGERPRINT])
    with pytest.raises(AssertionError):
        expect(outgoing).to_be_encrypted()
    expect(outgoing).to_be_disconnected(by="error")
    expect(answered).to_be_disconnected(by="remote")


@pytest.mark.usefixtures("with_dtls")
def test_wrong_fingerprint_in_the_offer(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = called(new_endpoint(**DTLS), new_endpoint(**BOTH), offer=[OTHER_FINGERPRINT])
    with pytest.raises(
        AssertionError, match="the peer's certificate has another fingerprint than its SDP says"
    ):
        expect(answered).to_be_encrypted()
    expect(answered).to_be_disconnected(by="error")
    expect(outgoing).to_be_disconnected(by="remote")


@pytest.mark.usefixtures("with_dtls")
def test_fingerprints_of_several_hashes(new_endpoint: NewEndpoint) -> None:
    """The library would compare the first one alone (RFC 8122 section 5)."""
    before = [(r"(?=^a=fingerprint:)", f"a=fingerprint:sha-512 {':'.join(['AB'] * 64)}\r\n")]
    for call in called(new_endpoint(**DTLS), new_endpoint(**BOTH), offer=before, answer=before):
        expect(call).to_be_encrypted(keying="DTLS")
        expect(call).to_have_received_packets(at_least=10)


@pytest.mark.usefixtures("with_dtls")
def test_fingerprint_of_a_hash_that_is_not_compared(new_endpoint: NewEndpoint) -> None:
    alone = [(r"^a=fingerprint:.*$", f"a=fingerprint:sha-384 {':'.join(['AB'] * 48)}")]
    callee, caller = new_endpoint(**BOTH), new_endpoint(**DTLS)
    outgoing = caller.make_call(callee.uri, edit_sdp=alone)
    expect(outgoing).to_be_disconnected(code=NOT_ACCEPTABLE_HERE, by="remote")
    with pytest.raises(AssertionError, match="of the hash in the peer's SDP; sha-256 it does"):
        expect(called(caller, callee, answer=alone)[0]).to_be_encrypted()


@pytest.mark.usefixtures("with_dtls")
@pytest.mark.parametrize(
    ("edit", "wrong"),
    [
        ((r"a=setup:.*\r\n", ""), "the answer has no a=setup"),
        ((r"a=setup:active", "a=setup:actpass"), "the answer says a=setup:actpass"),
        ((r"a=fingerprint:.*\r\n", ""), "the answer has no fingerprint"),
    ],
)
def test_answer_without_a_role_or_a_fingerprint(
    new_endpoint: NewEndpoint, edit: tuple[str, str], wrong: str
) -> None:
    outgoing, _ = called(new_endpoint(**DTLS), new_endpoint(**BOTH), answer=[edit])
    expect(outgoing).to_be_disconnected(by="error")
    dtls = outgoing.facts.dtls()
    if "fingerprint" not in edit[0]:
        assert dtls is not None
        assert (dtls.disagreement or "").startswith(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        (r"a=setup:.*\r\n", ""),
        (r"a=setup:actpass", "a=setup:holdconn"),
        (r"a=fingerprint:.*\r\n", ""),
        (r"fingerprint:sha-256 AB:", "fingerprint:sha-256 "),
        (r"fingerprint:sha-256 ", "fingerprint:"),
    ],
)
@pytest.mark.parametrize("profile", ["UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"])
@pytest.mark.parametrize("keying", [["sdes"], ["dtls"], ["sdes", "dtls"]])
def test_offer_that_cannot_be_keyed_is_refused(
    new_endpoint: NewEndpoint, wrong: tuple[str, str], profile: str, keying: list[str]
) -> None:
    """Without the gate the library goes on with a call that it has given up."""
    if "dtls" in keying:
        needs.dtls()
    callee = new_endpoint(srtp="optional", srtp_keying=keying, codecs=["PCMU"])
    offer = WEBRTC_OFFER.replace("UDP/TLS/RTP/SAVP", profile)
    with SipPeer(callee.uri) as peer:
        request = peer.request("INVITE", body=sdp(re.sub(wrong[0], wrong[1], offer)))
        assert peer.ask(request).status == NOT_ACCEPTABLE_HERE
        assert peer.ask(peer.request("OPTIONS")).status == 200  # it is alive
    assert not callee.calls


@pytest.mark.usefixtures("with_dtls")
def test_re_invite_without_a_fingerprint(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(**DTLS), new_endpoint(**BOTH)
    outgoing, answered = connect(caller, callee)
    expect(answered).to_be_encrypted(keying="DTLS")
    sent = outgoing.reinvite(edit_sdp=[(r"a=fingerprint:.*\r\n", "")])
    until(outgoing, lambda: bool(sent.code))
    assert sent.code == NOT_ACCEPTABLE_HERE
    expect(answered).to_be_encrypted(keying="DTLS")


@pytest.mark.usefixtures("with_dtls")
def test_web_rtc_offer_is_answered(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(srtp="optional", srtp_keying=["sdes", "dtls"], codecs=["PCMU"])
    lines = "a=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
    offer = WEBRTC_OFFER.replace("SAVP ", "SAVPF ") + lines
    with SipPeer(callee.uri) as peer:
        peer.send(peer.request("INVITE", body=sdp(offer)))
        with callee.expect_call() as incoming:
            pass
        incoming.value.answer()
        until(callee, lambda: incoming.value.facts.dtls() is not None)
        dtls = incoming.value.facts.dtls()
        assert dtls is not None
        assert dtls.disagreement is None
        assert incoming.value.facts.profile() == "UDP/TLS/RTP/SAVPF"
        assert incoming.value.facts.role() == "active"
