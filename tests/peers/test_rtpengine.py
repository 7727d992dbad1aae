"""rtpengine behind Kamailio: mandatory SDES-SRTP on one side, RTP, SDES or DTLS-SRTP on the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import Call, CryptoSuite, Endpoint, SrtpMode, expect
from media.audio.wav import write
from media.signals.tones import tone
from tests.support import needs
from tests.support.baresip import TONE_HZ, Baresip
from tests.support.calls import assert_both_hear
from tests.support.kamailio import Kamailio, passwords
from tests.support.programs import LOOPBACK
from tests.support.rtpengine import Rtpengine
from tests.support.sounds import dominant_hz
from tests.support.starting import NewEndpoint, until

pytestmark = [pytest.mark.peer("kamailio"), pytest.mark.peer("rtpengine")]

WE = "alice"
PHONES = {"bob": "", "carol": "dtls_srtp", "dave": "srtp"}
"""The users of the other phones and the encryption that each speaks, as baresip names it."""
SECURED = {
    "carol": r"DTLS-SRTP complete \(audio/RTP\) Profile=\S+",
    "dave": r"SRTP is Enabled \(cryptosuite=AES_CM_128_HMAC_SHA1_80\)",
}
OUR_TONE_HZ, TONE_S = 700, 0.7
NEW, KNOWN = CryptoSuite.AES_256_CM_HMAC_SHA1_80, CryptoSuite.AES_CM_128_HMAC_SHA1_80
"""A suite that this baresip does not know, so that rtpengine changes it, and one that it knows.

When it is offered both it chooses the second but answers with the tag of the first.
"""


@pytest.fixture(scope="module")
def kamailio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    folder = tmp_path_factory.mktemp("bridge")
    with (
        Rtpengine(folder / "rtpengine") as rtpengine,
        Kamailio(folder / "kamailio", rtpengine=rtpengine.control) as peer,
    ):
        yield peer


@pytest.fixture
def phones(kamailio: Kamailio, tmp_path: Path) -> Iterator[Baresip]:
    """A baresip that is all the other users."""
    registrar = f"{LOOPBACK}:{kamailio.port}"
    folder = tmp_path / "baresip"
    with Baresip(folder, accounts=PHONES, registrar=registrar, passwords=passwords()) as peer:
        peer.wait_registered()
        yield peer


def secure_endpoint(kamailio: Kamailio, new_endpoint: NewEndpoint, suite: CryptoSuite) -> Endpoint:
    """Our side, which will have this suite or no call."""
    settings = kamailio.account(WE)
    endpoint = new_endpoint(**settings, srtp=SrtpMode.MANDATORY, suites=[suite], codecs=["PCMA"])
    endpoint.wait_registered()
    return endpoint


def assert_encrypted(call: Call, suite: CryptoSuite) -> None:
    expect(call).to_be_confirmed()
    expect(call).to_have_active_media()
    expect(call).to_be_encrypted(suite)
    expect(call).to_use_codec("PCMA")
    assert call.facts.profile() == "RTP/SAVP"


def wait_for_acks(call: Call, count: int) -> None:
    """Wait until so many ACKs came; before that no other re-INVITE may begin (RFC 3261 14.1)."""

    def came() -> bool:
        received = [one for one in call.facts.messages if not one.sent and one.message.method == "ACK"]
        return len(received) >= count

    until(call, came)


@pytest.mark.parametrize("suite", [suite for suite in CryptoSuite if not suite.endswith("GCM_8")])
@pytest.mark.parametrize("calling", ["secure side", "plain side"])
def test_each_suite_to_plain_rtp(
    suite: CryptoSuite, calling: str, kamailio: Kamailio, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    needs.suite(suite)
    ours = secure_endpoint(kamailio, new_endpoint, suite)
    plain = new_endpoint(**kamailio.account("bob"), srtp=SrtpMode.OFF)
    plain.wait_registered()
    caller, callee = (ours, plain) if calling == "secure side" else (plain, ours)
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(kamailio.uri(callee.name))
    answered = incoming.value.answer()
    secure, other = (outgoing, answered) if caller is ours else (answered, outgoing)
    assert_encrypted(secure, suite)
    expect(other).to_be_confirmed()
    expect(other).to_have_active_media()
    expect(other).not_to_be_encrypted()
    assert other.facts.profile() == "RTP/AVP"
    assert_both_hear(secure, other, tmp_path)
    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200, by="remote")


@pytest.mark.parametrize("calling", ["SDES", "DTLS"])
def test_sdes_on_one_side_and_dtls_on_the_other(
    calling: str, kamailio: Kamailio, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    needs.dtls()
    ours = secure_endpoint(kamailio, new_endpoint, KNOWN)
    settings = kamailio.account("carol")
    other = new_endpoint(**settings, srtp=SrtpMode.MANDATORY, srtp_keying=["dtls"], codecs=["PCMA"])
    other.wait_registered()
    caller, callee = (ours, other) if calling == "SDES" else (other, ours)
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(kamailio.uri(callee.name))
    answered = incoming.value.answer()
    by_sdes, by_dtls = (outgoing, answered) if calling == "SDES" else (answered, outgoing)
    expect(by_sdes).to_be_encrypted(KNOWN, keying="SDES", timeout=10)
    expect(by_dtls).to_be_encrypted(keying="DTLS", timeout=10)
    assert_both_hear(by_sdes, by_dtls, tmp_path)
    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200, by="remote")


def test_hold_by_each_side_leaves_the_bridge_standing(
    kamailio: Kamailio, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    """A re-INVITE is bridged to what its receiver speaks, whoever made the call."""
    ours = secure_endpoint(kamailio, new_endpoint, NEW)
    plain = new_endpoint(**kamailio.account("bob"), srtp=SrtpMode.OFF)
    plain.wait_registered()
    with plain.expect_call() as incoming:
        outgoing = ours.make_call(kamailio.uri("bob"))
    answered = incoming.value.answer()
    assert_encrypted(outgoing, NEW)
    wait_for_acks(answered, 1)
    for call, peer, before in ((outgoing, answered, 1), (answered, outgoing, 0)):
        call.hold()
        expect(call).to_have_active_media(direction="sendonly")
        expect(peer).to_have_active_media(direction="recvonly")
        wait_for_acks(peer, before + 1)
        call.unhold()
        for side in (call, peer):
            expect(side).to_have_active_media()
        wait_for_acks(peer, before + 2)
    assert_encrypted(outgoing, NEW)
    expect(answered).not_to_be_encrypted()
    assert_both_hear(outgoing, answered, tmp_path)


@pytest.mark.peer("baresip")
@pytest.mark.parametrize("user", PHONES)
@pytest.mark.parametrize("calling", ["secure side", "baresip"])
def test_each_encryption_of_baresip(
    user: str,
    calling: str,
    kamailio: Kamailio,
    phones: Baresip,
    new_endpoint: NewEndpoint,
    tmp_path: Path,
) -> None:
    suite = KNOWN if (user, calling) == ("dave", "secure side") else NEW
    ours = secure_endpoint(kamailio, new_endpoint, suite)
    if calling == "baresip":
        with ours.expect_call() as incoming:
            phones.dial(user, kamailio.uri(WE))
        call = incoming.value.answer()
    else:
        call = ours.make_call(kamailio.uri(user))
    assert_encrypted(call, suite)
    if user in SECURED:
        phones.program.wait_for_line(SECURED[user])
    else:
        assert "cryptosuite" not in phones.program.output
    write(tmp_path / "tone.wav", tone([OUR_TONE_HZ], TONE_S, 8000))
    recording = call.record(tmp_path / "heard.wav")
    call.play(tmp_path / "tone.wav").wait()
    recording.stop(linger=0)
    assert dominant_hz(recording.path) == pytest.approx(TONE_HZ, abs=5)
    call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    phones.program.wait_for_line(r"Call with .* terminated|session closed")
    [received] = phones.heard()
    assert dominant_hz(received) == pytest.approx(OUR_TONE_HZ, abs=5)
