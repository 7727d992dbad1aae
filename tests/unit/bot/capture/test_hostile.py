"""Captures that somebody made to hurt: anything may be in them, and it costs a bounded time and memory."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.capture import streams as streams_module
from bot.capture.analysis import analyse
from bot.capture.decrypt import decrypt
from bot.errors import ConfigError
from media.capture.reader import Address
from media.rtp.srtp import SrtpContext
from tests.support.scene import ALICE, BOB, SUITE, Scene, inline, key_of, rtp, sdp
from tests.support.wire import enhanced, ethernet, interface, ip4, pcap, section, udp, written

KEY = key_of(SUITE, 1)
PROTECTED = [SrtpContext(KEY).protect(rtp(n, 160 * n, 0xA, b"x" * 20)) for n in range(5)]
REPORT = bytes.fromhex("80c900010000000a")
WHERE = [ALICE.media, BOB.media, ALICE.rtcp, BOB.rtcp, Address(ALICE.host, 0), Address(BOB.host, 65535)]
PAYLOADS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([*PROTECTED, REPORT, SrtpContext(KEY).protect_rtcp(REPORT), b"", b"\x80", b"\x80\xc8"]),
    st.builds(
        rtp,
        st.integers(0, 65535),
        st.integers(0, 2**32 - 1),
        st.sampled_from([0, 0xA, 2**32 - 1]),
        st.binary(max_size=30),
        payload_type=st.sampled_from([0, 8, 13, 96, 101, 127]),
        marker=st.booleans(),
    ),
)
PACKETS = st.lists(
    st.tuples(st.sampled_from(WHERE), st.sampled_from(WHERE), PAYLOADS, st.floats(-5, 100)), max_size=30
)
LINES = st.lists(
    st.sampled_from(
        [
            f"1 {SUITE} {inline(SUITE, 1)}",
            f"2 {SUITE} {inline(SUITE, 1)};{inline(SUITE, 2)}",
            f"1 AES_256_CM_HMAC_SHA1_80 {inline(SUITE, 1)}",
            f"1 {SUITE} {inline(SUITE, 1)}|2^20|1:4 UNENCRYPTED_SRTP KDR=1",
            f"0 F8_128_HMAC_SHA1_80 {inline(SUITE, 2)}",
            "x y z",
        ]
    ),
    max_size=4,
)
PROFILES = st.sampled_from(["RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF", "x"])


@given(LINES, LINES, PROFILES, st.booleans(), PACKETS)
@settings(max_examples=150, deadline=None)
def test_anything_may_be_in_a_capture(
    tmp_path_factory: pytest.TempPathFactory,
    offered: list[str],
    answered: list[str],
    profile: str,
    is_answered: bool,
    packets: list[tuple[Address, Address, bytes, float]],
) -> None:
    folder = tmp_path_factory.mktemp("any")
    scene = Scene()
    scene.invite(sdp(ALICE, *offered, profile=profile))
    if is_answered:
        scene.answer(sdp(BOB, *answered))
    start = scene.now
    for source, target, payload, at in packets:
        scene.now = start + at
        scene.packet(source, target, payload)
    path = scene.write(folder / "x.pcap")
    analysis = analyse(path, keys=[KEY])
    for stream in analysis.streams:
        if (its := stream.protection) is not None:
            opened = its.authenticated + its.untagged + its.swapped + its.discarded
            assert opened + its.plain + its.failed + its.keyed_by_dtls == its.packets == stream.packets
            assert its.intact or its.problems
    try:
        assert decrypt(path, folder / "out", keys=[KEY]).analysis == analysis
    except ConfigError:
        assert not analysis.streams


def test_more_streams_than_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "MOST_STREAMS", 5)
    monkeypatch.setattr("bot.capture.analysis.MOST_STREAMS", 5)
    scene = Scene()
    scene.call(sdp(ALICE, profile="RTP/AVP"), sdp(BOB, profile="RTP/AVP"))
    for ssrc in range(20):
        scene.talk(ALICE.media, BOB.media, None, ssrc=ssrc, count=2)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert len(found.streams) == 5
    assert found.notes == ("only the first 5 streams were looked at",)


def test_sources_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "_MOST_PROSPECTS", 10)
    scene = Scene()
    for number in range(1000):  # like DNS queries: now and then one begins like RTP
        scene.packet(Address(ALICE.host, 1024 + number), Address(BOB.host, 53), rtp(number, 0, number))
    assert analyse(scene.write(tmp_path / "x.pcap")).streams == ()


@pytest.mark.parametrize("link_type", [0, 9, 101, 104, 113, 228, 276])
def test_a_link_type_that_is_wrong_is_suspected(link_type: int, tmp_path: Path) -> None:
    frames = [ethernet(ip4(udp(b"\x80" + bytes(171))))] * 9
    found = analyse(written(tmp_path, pcap(frames, link_type)))
    assert found.streams == ()
    assert f"no frame has an IP packet where link type {link_type} has it" in found.notes[-1]
    assert "editcap -T ether" in found.notes[-1]


def test_frames_without_ip_beside_others_are_no_wrong_link_type(tmp_path: Path) -> None:
    arp = b"\xff" * 12 + b"\x08\x06" + bytes(28)
    found = analyse(written(tmp_path, pcap([arp, ethernet(ip4(udp(b"hello")))])))
    assert found.notes == ()


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_in_the_middle_are_told_with_where_they_are(seed: int, tmp_path: Path) -> None:
    scene = Scene()
    scene.talk(ALICE.media, BOB.media, None, ssrc=1, count=50)
    content = scene.write(tmp_path / "whole.pcap").read_bytes()
    dice = random.Random(seed)
    place = 24 + 25 * (16 + 28 + 172)
    damaged = content[:place] + b"\xff" * 16 + dice.randbytes(dice.randrange(300)) + content[place:]
    found = analyse(written(tmp_path, damaged))
    (stream,) = found.streams
    assert (stream.packets, stream.lost) == (25, 0)
    (note,) = found.notes
    assert note.startswith("frame 26 claims ")
    assert note.endswith("the file is damaged there, and what follows is not read")


@pytest.mark.parametrize("seed", range(10))
def test_random_bytes_and_a_cut_in_pcapng(seed: int, tmp_path: Path) -> None:
    frames = [ethernet(ip4(udp(rtp(n, n * 160, 1)))) for n in range(50)]
    content = section() + interface() + b"".join(enhanced(one, n * 20_000) for n, one in enumerate(frames))
    dice = random.Random(seed)
    place = len(content) // 2
    found = analyse(written(tmp_path, content[:place] + dice.randbytes(200) + content[place:]))
    assert found.streams[0].packets in (24, 25)
    assert any("not read" in note or "ends within" in note for note in found.notes)
    cut = analyse(written(tmp_path, content[: place + seed]))
    assert cut.streams[0].packets in (24, 25)
    assert [note.startswith("the file ends within the block behind frame") for note in cut.notes] == [True]
