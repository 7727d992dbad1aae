"""An hour of a call, whose sequence numbers wrap, within a bounded time and memory."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from media.capture.reader import CaptureWriter
from media.rtp.srtp import SrtpContext
from tests.support.process import import_path
from tests.support.scene import ALICE, BOB, Scene, inline, key_of, rtp, sdp

PROJECT = Path(__file__).resolve().parents[4]
SUITE = "AES_256_CM_HMAC_SHA1_80"  # the slowest
PACKETS = 180_000
MOST_S, MOST_KB = 20, 500_000


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_an_hour(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, f"1 {SUITE} {inline(SUITE, 1)}"), sdp(BOB, f"1 {SUITE} {inline(SUITE, 2)}"))
    hers, his = (SrtpContext(key_of(SUITE, seed)) for seed in (1, 2))
    chance = random.Random(1)
    with CaptureWriter(tmp_path / "x.pcap") as writer:
        for each in scene.sent:
            writer.write(*each)
        for number in range(PACKETS):
            at = scene.now + number * 0.02
            packet = rtp(60_000 + number, number * 160, 0xA, chance.randbytes(160))
            writer.write(at, ALICE.media, BOB.media, hers.protect(packet))
            packet = rtp(65_000 + number, number * 160, 0xB, chance.randbytes(160))
            writer.write(at + 0.003, BOB.media, ALICE.media, his.protect(packet))

    command = [sys.executable, "-c", "from bot.cli.main import main; main()", "pcap", "decrypt", "x.pcap"]
    environment = {**os.environ, "PYTHONPATH": import_path()}
    began = time.monotonic()
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [*command, "--out", "out"], cwd=tmp_path, env=environment, stdout=said, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - began

    text = (tmp_path / "said").read_text()
    assert process.returncode == 0, text
    assert text.count(f"{PACKETS}/{PACKETS}") == 2, text
    for name in ("one@example-0000000A.wav", "one@example-0000000B.wav", "one@example.wav"):
        assert soundfile.info(tmp_path / "out" / name).duration == pytest.approx(3600, abs=0.01)
    resident = usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    assert resident < MOST_KB
    assert usage.ru_utime + usage.ru_stime < MOST_S, f"{took:.1f} s of wall time"
