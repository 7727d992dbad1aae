"""Senders that begin anew: timestamps, sequence numbers, SSRC; what is told of it and of the figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.capture.analysis import Analysis, analyse
from bot.cli.pcap_tables import streams as described
from tests.support.scene import ALICE, BOB, SUITE, Scene, inline, key_of, rtp, sdp

CAPTURES = Path(__file__).parents[3] / "data" / "captures"


def test_timestamps_that_begin_anew() -> None:
    found = analyse(CAPTURES / "restart.pcap")
    (stream,) = found.streams
    assert (stream.packets, stream.lost) == (100, 0)
    assert stream.jitter_ms_max == pytest.approx(0, abs=0.1)
    assert stream.remarks == ("timestamps restarted at packet 51",)
    assert "note: stream 1: timestamps restarted at packet 51" in described(found)


def call(scene: Scene, key: bool) -> None:
    crypto = [f"1 {SUITE} {inline(SUITE, 1)}"] if key else []
    profile = "RTP/SAVP" if key else "RTP/AVP"
    scene.call(sdp(ALICE, *crypto, profile=profile), sdp(BOB, *crypto, profile=profile))


def analysed(scene: Scene, folder: Path) -> Analysis:
    return analyse(scene.write(folder / "a.pcap"))


@pytest.mark.parametrize("key", [False, True])
def test_a_new_ssrc_is_told_and_costs_nothing(key: bool, tmp_path: Path) -> None:
    scene = Scene()
    call(scene, key)
    for ssrc, first in ((0xA, 500), (0xB, 9), (0xC, 60_000)):
        scene.talk(ALICE.media, BOB.media, key_of(SUITE, 1) if key else None, ssrc=ssrc, first=first)
    found = analysed(scene, tmp_path).streams
    assert [(one.packets, one.lost) for one in found] == [(50, 0)] * 3
    assert [one.jitter_ms_max for one in found] == pytest.approx([0] * 3, abs=0.1)
    assert [one.remarks for one in found] == [
        (),
        ("the sender changed its SSRC from 0000000A to 0000000B",),
        ("the sender changed its SSRC from 0000000B to 0000000C",),
    ]


def test_streams_at_the_same_time_and_other_ways_are_no_new_ssrc(tmp_path: Path) -> None:
    scene = Scene()
    for number in range(30):
        for ssrc in (1, 2):
            scene.packet(ALICE.media, BOB.media, rtp(number, number * 160, ssrc))
        scene.now += 0.02
    scene.talk(BOB.media, ALICE.media, None, ssrc=3)
    assert [stream.remarks for stream in analysed(scene, tmp_path).streams] == [()] * 3


def test_duplicates_hide_no_loss(tmp_path: Path) -> None:
    scene = Scene()
    for number in [n for n in range(400) if not 100 <= n < 172]:
        for _ in range(2 if 200 <= number < 231 else 1):
            scene.packet(ALICE.media, BOB.media, rtp(number, number * 160, 1))
        scene.now += 0.02
    found = analysed(scene, tmp_path)
    (stream,) = found.streams
    assert (stream.packets, stream.lost, stream.duplicates) == (359, 72, 31)
    row = described(found).splitlines()[1].split()
    assert row[8:10] == ["72", "31"]


def test_sequence_numbers_that_begin_anew(tmp_path: Path) -> None:
    scene = Scene()
    scene.talk(ALICE.media, BOB.media, None, ssrc=1, first=30_000)
    scene.talk(ALICE.media, BOB.media, None, ssrc=1, first=5)
    (stream,) = analysed(scene, tmp_path).streams
    assert (stream.packets, stream.lost, stream.duplicates) == (100, 0, 0)
    assert stream.remarks == ("sequence numbers restarted at packet 51",)
    assert stream.jitter_ms_max == pytest.approx(0, abs=0.1)
