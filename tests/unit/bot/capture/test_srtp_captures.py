"""Captures of SRTP as others sent it: rollovers, MKIs, session parameters, names of suites, and plain RTP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bot.capture.analysis import analyse
from bot.capture.decrypt import decrypt
from media.rtp.srtp import SrtpContext, SrtpKey
from media.rtp.srtp_transform import transform
from tests.support.analysed import ANSWER, HERS, HIS, OFFER, A, B, counted, of, protection
from tests.support.scene import ALICE, BOB, SUITE, Scene, inline, key_of, rtp, sdp

CAPTURES = Path(__file__).parents[3] / "data" / "captures"


def test_a_rollover_counter_that_is_restarted() -> None:
    (one,) = analyse(CAPTURES / "rollover-roc.pcap").streams
    assert counted(one) == {"authenticated": 60, "failed": 60}
    assert not protection(one).intact
    assert protection(one).problems == (
        "60 packets not authentic: the sender restarted its rollover counter at packet 61 "
        "(0 where 1 was due, RFC 3711 section 3.3.1)",
    )


def test_padded_packets_are_plain_where_sdp_says_so(tmp_path: Path) -> None:
    done = decrypt(CAPTURES / "plain-rtp-padding.pcap", tmp_path / "out")
    (one,) = done.analysis.streams
    assert (one.kind, one.packets, one.lost, one.protection) == ("RTP", 40, 0, None)
    (audio,) = done.recordings
    assert audio.duration_s == pytest.approx(0.8)


@pytest.mark.parametrize("payload", [b"", b"\x20", b"\x20\x01\x02", b"x" * 10, b"x" * 14, b"x" * 171])
@pytest.mark.parametrize("first", [0x80, 0x90, 0x82], ids=["bare", "extension", "sources"])
def test_no_length_makes_plain_rtp_srtp(payload: bytes, first: int, tmp_path: Path) -> None:
    """Comfort noise, events, short frames, header extensions and contributing sources."""
    scene = Scene()
    scene.call(sdp(ALICE, profile="RTP/AVP"), sdp(BOB, profile="RTP/AVP"))
    more = {0x80: b"", 0x90: bytes.fromhex("bede0001 10ff0000"), 0x82: bytes(8)}[first]
    for number in range(30):
        packet = rtp(number, number * 160, A, payload, payload_type=13 if number % 3 else 0)
        scene.packet(ALICE.media, BOB.media, bytes([first]) + packet[1:12] + more + packet[12:])
    one = of(analyse(scene.write(tmp_path / "x.pcap")), A)
    assert (one.kind, one.packets, one.protection) == ("RTP", 30, None)


def test_encrypted_without_a_tag_as_agreed(tmp_path: Path) -> None:
    done = decrypt(CAPTURES / "unauthenticated.pcap", tmp_path / "out")
    for stream in done.analysis.streams:
        assert counted(stream) == {"untagged": 20}
        assert protection(stream).intact
        text = "20 packets encrypted without a tag, as agreed (UNAUTHENTICATED_SRTP, RFC 4568 section 6.3.3)"
        assert stream.remarks == (text,)
    for recording in done.recordings:
        samples, rate = soundfile.read(tmp_path / "out" / recording.file)
        power = np.abs(np.fft.rfft(samples)) ** 2
        assert np.argmax(power) * rate / len(samples) == pytest.approx(440, abs=3)
        assert 10 * np.log10(np.mean(samples**2)) + 3.01 == pytest.approx(-13, abs=1)


TAGLESS = f"{OFFER} UNAUTHENTICATED_SRTP", f"{ANSWER} UNAUTHENTICATED_SRTP"


def test_plain_rtp_where_encryption_without_a_tag_was_agreed(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(*(sdp(party, line) for party, line in zip((ALICE, BOB), TAGLESS, strict=True)))
    scene.talk(ALICE.media, BOB.media, None, ssrc=A)
    scene.talk(BOB.media, ALICE.media, HIS, ssrc=B)  # with tags all the same
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == {"plain": 50}
    assert not protection(of(found, A)).intact
    assert counted(of(found, B)) == {"authenticated": 50}


@pytest.mark.parametrize(
    "parameters", ["KDR=8", "UNENCRYPTED_SRTP", "WSH=512 FEC_ORDER=SRTP_FEC", "UNENCRYPTED_SRTCP KDR=1"]
)
@pytest.mark.parametrize("suite", [SUITE, "AES_192_CM_HMAC_SHA1_32", "AEAD_AES_128_GCM_8"])
def test_session_parameters(suite: str, parameters: str, tmp_path: Path) -> None:
    key = SrtpKey.from_inline(suite, inline(suite, 1), parameters.split())
    scene = Scene()
    lines = [f"1 {suite} {inline(suite, seed)} {parameters}" for seed in (1, 2)]
    scene.call(sdp(ALICE, lines[0]), sdp(BOB, lines[1]))
    scene.talk(ALICE.media, BOB.media, key, ssrc=A, first=200, count=100)
    report = bytes.fromhex("80c900010000000a")
    scene.packet(ALICE.rtcp, BOB.rtcp, SrtpContext(key).protect_rtcp(report))
    one = of(analyse(scene.write(tmp_path / "x.pcap")), A)
    assert counted(one) == {"authenticated": 100}
    assert protection(one).intact
    assert protection(one).rtcp_authenticated == 1


def test_an_mki_that_was_agreed_and_not_sent() -> None:
    for stream in analyse(CAPTURES / "mki-said-not-sent.pcap").streams:
        assert counted(stream) == {"authenticated": 60}
        assert stream.remarks == ("60 packets authentic without the MKI that was agreed",)


@pytest.mark.parametrize("suite", [SUITE, "AES_256_CM_HMAC_SHA1_32", "AEAD_AES_128_GCM"])
@pytest.mark.parametrize("length", [1, 2, 4, 17, 128])
@pytest.mark.parametrize("agreed", ["", "|2:4"], ids=["none", "another"])
def test_an_mki_that_was_not_agreed(suite: str, length: int, agreed: str, tmp_path: Path) -> None:
    key = key_of(suite, 1).with_mki((5).to_bytes(length, "big"))
    scene = Scene()
    scene.call(sdp(ALICE, f"1 {suite} {inline(suite, 1)}{agreed}"), sdp(BOB, f"1 {suite} {inline(suite, 2)}"))
    scene.talk(ALICE.media, BOB.media, key, ssrc=A)
    one = of(analyse(scene.write(tmp_path / "x.pcap")), A)
    assert counted(one) == {"failed": 50}
    shown = f"5:{length}" if length <= 8 else f"of {length} bytes"
    text = f"50 packets not authentic: they carry the MKI {shown} that was not agreed"
    assert protection(one).problems == (text,)


@pytest.mark.parametrize("length", [1, 4, 128])
def test_several_mkis_and_a_change_between_them(length: int, tmp_path: Path) -> None:
    """RFC 3711 section 8.1; the rollover counter goes on (section 3.3.1)."""
    keys = [key_of(SUITE, seed).with_mki(seed.to_bytes(length, "big")) for seed in (1, 4)]
    line = f"1 {SUITE} {inline(SUITE, 1)}|2^20|1:{length};{inline(SUITE, 4)}|2^20|4:{length}"
    scene = Scene()
    scene.call(sdp(ALICE, line), sdp(BOB, ANSWER))
    for index in range(65500, 65600):
        its = transform(keys[index >= 65560])
        scene.packet(ALICE.media, BOB.media, its.protect(rtp(index, index * 160, A), 12, A, index))
    one = of(analyse(scene.write(tmp_path / "x.pcap")), A)
    assert counted(one) == {"authenticated": 100}
    assert protection(one).problems == ()


@pytest.mark.parametrize("goes_on", [True, False], ids=["goes on", "begins anew"])
def test_rollovers_after_a_new_key(goes_on: bool, tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A, first=65500, count=100)
    scene.invite(sdp(ALICE, f"1 {SUITE} {inline(SUITE, 7)}"), cseq=2, to_tag="b")
    scene.answer(sdp(BOB, ANSWER), cseq=2)
    its = transform(key_of(SUITE, 7))
    for number in range(64, 164):
        index = number + (65536 if goes_on else 0)
        scene.packet(ALICE.media, BOB.media, its.protect(rtp(index, index * 160, A), 12, A, index))
    one = of(analyse(scene.write(tmp_path / "x.pcap")), A)
    assert counted(one) == {"authenticated": 200}


def test_an_order_around_the_wrap(tmp_path: Path) -> None:
    """Reordered, lost, late and repeated packets around two wraps; another SSRC counts for itself."""
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    its = transform(HERS)
    order = [65533, 65536, 65534, 65537, 65535, 65538, 65535, 98000, 130000, 131073, 131071, 131072, 65538]
    for index in order:
        for ssrc in (A, B):
            scene.packet(ALICE.media, BOB.media, its.protect(rtp(index, index * 160, ssrc), 12, ssrc, index))
        scene.now += 0.02
    found = analyse(scene.write(tmp_path / "x.pcap"))
    for ssrc in (A, B):
        assert counted(of(found, ssrc)) == {"authenticated": 11, "discarded": 2}


def test_the_older_names_of_suites() -> None:
    for stream in analyse(CAPTURES / "suite-names-aes-cm-256.pcap").streams:
        assert counted(stream) == {"authenticated": 20}
        assert protection(stream).suite == "AES_256_CM_HMAC_SHA1_80"


@pytest.mark.parametrize(
    ("name", "suite"),
    [
        ("AES_CM_256_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_32"),
        ("aes_cm_192_hmac_sha1_80", "AES_192_CM_HMAC_SHA1_80"),
        ("AES_192_CM_HMAC_SHA1_32", "AES_192_CM_HMAC_SHA1_32"),
        ("AES_128_CM_HMAC_SHA1_80", SUITE),
        ("aead_aes_256_gcm_8", "AEAD_AES_256_GCM_8"),
    ],
)
def test_names_of_suites(name: str, suite: str, tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, f"1 {name} {inline(suite, 1)}"), sdp(BOB, f"1 {name} {inline(suite, 2)}"))
    scene.talk(ALICE.media, BOB.media, key_of(suite, 1), ssrc=A)
    one = of(analyse(scene.write(tmp_path / "x.pcap")), A)
    assert counted(one) == {"authenticated": 50}
    assert protection(one).suite == suite


@pytest.mark.parametrize("name", ["ARIA_128_CTR_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80", "SEED_128_GCM_96"])
def test_a_suite_that_is_unknown_is_named(name: str, tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, f"1 {name} {inline(SUITE, 1)}"), sdp(BOB, f"1 {name} {inline(SUITE, 2)}"))
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A)
    one = of(analyse(scene.write(tmp_path / "x.pcap")), A)
    assert counted(one) == {"failed": 50}
    assert any(f"a=crypto:1 {name}: " in problem for problem in protection(one).problems)


def test_a_given_key_without_a_tag_is_no_proof(tmp_path: Path) -> None:
    """It would open everything; keys from a file are tried with what the packets show."""
    scene = Scene()
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A)
    path = scene.write(tmp_path / "x.pcap")
    tagless = SrtpKey.from_inline(SUITE, inline(SUITE, 9), ["UNAUTHENTICATED_SRTP"])
    assert counted(of(analyse(path, keys=[tagless]), A)) == {"failed": 50}
    assert counted(of(analyse(path, keys=[tagless, HERS]), A)) == {"authenticated": 50}
