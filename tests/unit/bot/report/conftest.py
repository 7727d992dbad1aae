"""A call of a fake agent with everything that a result can have."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bot.ipc.commands import SendDtmf
from bot.ipc.events import DtmfReleased, DtmfSent, StreamMeasured
from bot.model import DtmfMethod, EndedBy, RtpCounters, StreamStats
from tests.support.fakes import Line, Rig, response


@pytest.fixture
def whole(rig: Rig, tmp_path: Path) -> Line:
    """A call in which everything happened."""
    from media.audio.wav import write
    from media.compare.compare import compare
    from media.signals.tones import speech_like

    line = rig.outgoing()
    line.received(response(line.dialog, 100, "Trying"))
    line.received(response(line.dialog, 180, "Ringing"))
    line.answered()
    line.received(response(line.dialog, 200, "OK"))
    speech = speech_like(1.0, 8000)
    recording = line.call.record(tmp_path / "rx.wav")
    write(recording.path, speech)
    line.call.facts.comparison = compare(speech, speech)
    line.call.send_dtmf("1")
    now, transmission = time.monotonic(), rig.driver.last(SendDtmf).transmission
    rig.driver.feed(DtmfSent(at=now, call=1, transmission=transmission, digit="1", method=DtmfMethod.RFC4733))
    line.digits("2")
    rig.driver.feed(DtmfReleased(at=now + 0.1, call=1, digit="2", method=DtmfMethod.RFC4733, duration_ms=100))
    one_way = RtpCounters(
        packets=300,
        bytes=48000,
        lost=0,
        discarded=0,
        reordered=0,
        duplicate=0,
        jitter_ms_mean=0.5,
        jitter_ms_max=1.0,
    )
    stats = StreamStats(rx=one_way, tx=one_way, rtt_ms=0.25, jitter_buffer_ms=60.0)
    rig.driver.feed(StreamMeasured(at=now, call=1, index=0, stats=stats, final=True))
    line.ended(200, "OK", EndedBy.LOCAL)
    return line
