"""Captures of calls that DTLS keys (RFC 5763): packets are counted, and plain RTP among them is found."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bot.capture.analysis import analyse, is_dtls
from bot.capture.report import Analysis, StreamReport, is_kept, is_open
from bot.capture.verification import MediaLine, prove
from tests.support.scene import ALICE, BOB, Scene, sdp

FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
PROFILE = "UDP/TLS/RTP/SAVP"
HANDSHAKE = bytes([22, 0xFE, 0xFD]) + bytes(60)
TAG = 10


def dtls_call(path: Path, *, plain: int = 0, handshake: bool = True) -> Analysis:
    """100 packets each way after a handshake; the last ones of Alice may be plain."""
    scene = Scene()
    offer = sdp(ALICE, profile=PROFILE, extra=("a=setup:actpass", FINGERPRINT))
    answer = sdp(BOB, profile=PROFILE, extra=("a=setup:active", FINGERPRINT))
    scene.call(offer, answer)
    if handshake:
        scene.packet(BOB.media, ALICE.media, HANDSHAKE)
        scene.packet(ALICE.media, BOB.media, HANDSHAKE)
        scene.packet(BOB.media, ALICE.media, HANDSHAKE)
    chance = random.Random(1)
    for number in range(1, 101):
        for source, target, ssrc in ((ALICE.media, BOB.media, 1), (BOB.media, ALICE.media, 2)):
            is_plain = ssrc == 1 and number > 100 - plain
            payload = b"\xff" * 160 if is_plain else chance.randbytes(160 + TAG)
            scene.talk(source, target, None, ssrc=ssrc, first=number, count=1, payload=payload)
    scene.bye()
    return analyse(scene.write(path))


def stream_of(analysis: Analysis, ssrc: int) -> StreamReport:
    return next(stream for stream in analysis.streams if stream.ssrc == ssrc)


LINE = MediaLine(own={str(ALICE.media)}, secure=True, dtls=True)


def test_protected_packets_are_counted_and_not_decrypted(tmp_path: Path) -> None:
    analysis = dtls_call(tmp_path / "x.pcap")
    for ssrc, handshakes in ((1, 1), (2, 2)):
        one = stream_of(analysis, ssrc)
        protection = one.protection
        assert protection is not None
        assert (protection.keyed_by_dtls, protection.failed, protection.plain) == (100, 0, 0)
        assert (protection.authenticated, protection.dtls_packets) == (0, handshakes)
        assert protection.problems == ()
        assert "keys of DTLS-SRTP, which no capture holds: not decrypted without a key log" in one.remarks[0]
    assert is_kept(analysis)
    assert not is_open(analysis)
    verdict = prove("one@example", 0, LINE, analysis.streams)
    assert verdict.passed
    assert verdict.observed.startswith("200 of 200 packets protected by DTLS-SRTP, 3 packets of DTLS")
    assert (verdict.wire.rx.protected, verdict.wire.tx.protected, verdict.wire.dtls) == (100, 100, 3)


def test_plain_rtp_among_them_is_a_failure(tmp_path: Path) -> None:
    analysis = dtls_call(tmp_path / "x.pcap", plain=5)
    assert not is_kept(analysis)
    verdict = prove("one@example", 0, LINE, analysis.streams)
    assert not verdict.passed
    assert "5 packets plain RTP where the description (UDP/TLS/RTP/SAVP) demands SRTP" in verdict.observed
    assert (verdict.wire.tx.protected, verdict.wire.tx.plain) == (95, 5)


def test_a_capture_without_the_handshake(tmp_path: Path) -> None:
    verdict = prove("one@example", 0, LINE, dtls_call(tmp_path / "x.pcap", handshake=False).streams)
    assert not verdict.passed
    assert "the capture has no DTLS handshake" in verdict.observed


@pytest.mark.parametrize(
    ("payload", "yes"),
    [
        (HANDSHAKE, True),
        (bytes([20, 0xFE, 0xFF]) + bytes(11), True),
        (bytes([63, 0xFE, 0xFD]) + bytes(40), True),
        (bytes([22, 3, 3]) + bytes(60), False),  # TLS
        (bytes([19, 0xFE, 0xFD]) + bytes(60), False),
        (bytes([64, 0xFE, 0xFD]) + bytes(60), False),
        (b"\x00\x01\x00\x00" + bytes(16), False),  # STUN
        (HANDSHAKE[:13], False),
        (b"", False),
    ],
)
def test_dtls_records(payload: bytes, yes: bool) -> None:
    assert is_dtls(payload) is yes
