"""The streams of a capture as tshark counts them: the same ones, the same loss, the same jitter."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from bot.capture.analysis import StreamReport, analyse
from bot.capture.decrypt import decrypt
from bot.capture.split import split
from media.capture.reader import Address
from media.rtp.srtp import SrtpContext, SrtpKey
from tests.support.scene import ALICE, BOB, SUITE, Scene, inline, key_of, rtp, sdp

pytestmark = pytest.mark.peer("tshark")

ROW = re.compile(
    r"^\s*[\d.]+\s+[\d.]+\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s+0x([0-9A-F]{8})\s+(.+?)\s+(\d+)\s+(-?\d+) "
    r"\([-\d.]+%\)\s+[\d.]+\s+[\d.]+\s+[\d.]+\s+[\d.]+\s+([\d.]+)\s+([\d.]+)"
)
HEURISTIC = ["--enable-heuristic", "rtp_udp"]
"""For captures without signalling, where nothing says that the packets are RTP."""


class Counted(NamedTuple):
    """A stream's figures."""

    source: str
    target: str
    ssrc: int
    packets: int
    lost: int
    jitter_ms_mean: float
    jitter_ms_max: float


def by_tshark(capture: Path, *arguments: str) -> list[Counted]:
    command = ["tshark", "-n", "-q", "-r", str(capture), *arguments, "-z", "rtp,streams"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = [ROW.match(line) for line in done.stdout.splitlines()]
    return sorted(
        Counted(
            f"{one[1]}:{one[2]}", f"{one[3]}:{one[4]}", int(one[5], 16), int(one[7]), int(one[8]),
            float(one[9]), float(one[10]),
        )
        for one in found
        if one is not None
    )  # fmt: skip


def by_us(capture: Path) -> list[Counted]:
    return sorted(counted(stream) for stream in analyse(capture).streams)


def counted(one: StreamReport) -> Counted:
    assert one.jitter_ms_mean is not None
    assert one.jitter_ms_max is not None
    return Counted(
        one.source, one.target, one.ssrc, one.packets, one.lost, one.jitter_ms_mean, one.jitter_ms_max
    )


def assert_agree(capture: Path, *arguments: str, count: int) -> None:
    ours, theirs = by_us(capture), by_tshark(capture, *arguments)
    assert len(ours) == len(theirs) == count
    for one, other in zip(ours, theirs, strict=True):
        assert one[:5] == other[:5]
        assert one.jitter_ms_mean == pytest.approx(other.jitter_ms_mean, abs=0.01)
        assert one.jitter_ms_max == pytest.approx(other.jitter_ms_max, abs=0.01)


def rough(
    scene: Scene, ends: tuple[Address, Address], key: SrtpKey | None, *, ssrc: int, lost: float, first: int
) -> None:
    """A minute over a bad network: jitter, packets that are lost, that come late."""
    chance = random.Random(ssrc)
    context = SrtpContext(key) if key else None
    packets = [rtp(n, n * 160, ssrc, chance.randbytes(160)) for n in range(first, first + 3000)]
    arrivals = []
    for number, packet in enumerate(packets):
        protected = context.protect(packet) if context else packet
        if chance.random() >= lost:
            arrivals.append((scene.now + number * 0.02 + chance.random() * 0.03, protected))
    for at, packet in sorted(arrivals):
        scene.sent.append((at, *ends, packet))


@pytest.mark.parametrize("secure", [True, False])
def test_streams_loss_and_jitter(secure: bool, tmp_path: Path) -> None:
    scene = Scene()
    lines = [f"1 {SUITE} {inline(SUITE, seed)}" for seed in (1, 2)] if secure else []
    profile = "RTP/SAVP" if secure else "RTP/AVP"
    scene.call(sdp(ALICE, *lines[:1], profile=profile), sdp(BOB, *lines[1:], profile=profile))
    keys = [key_of(SUITE, seed) if secure else None for seed in (1, 2)]
    rough(scene, (ALICE.media, BOB.media), keys[0], ssrc=0xA, lost=0.05, first=65000)  # the sequence wraps
    rough(scene, (BOB.media, ALICE.media), keys[1], ssrc=0xB, lost=0.0, first=1)
    scene.sent.sort(key=lambda one: one[0])
    capture = scene.write(tmp_path / "x.pcap")
    assert_agree(capture, count=2)
    assert any(one.lost for one in by_us(capture))

    decrypt(capture, tmp_path / "out")
    assert_agree(tmp_path / "out" / "rtp.pcap", *HEURISTIC, count=2)
    split(capture, tmp_path / "parts")
    assert_agree(tmp_path / "parts" / "0000000A.pcap", *HEURISTIC, count=1)


def test_many_calls(tmp_path: Path) -> None:
    scene = Scene()
    for number in range(10):
        scene.call_id = f"call-{number}"
        scene.call(sdp(ALICE, profile="RTP/AVP"), sdp(BOB, profile="RTP/AVP"))
        scene.talk(ALICE.media, BOB.media, None, ssrc=2 * number)
        scene.talk(BOB.media, ALICE.media, None, ssrc=2 * number + 1)
        scene.bye()
    assert_agree(scene.write(tmp_path / "x.pcap"), count=20)
