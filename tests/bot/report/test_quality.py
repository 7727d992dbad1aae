"""bot.report.quality: what was counted, and a dash for what was not."""

from __future__ import annotations

import re

from bot.events import StreamMeasured
from bot.model import RtpCounters, StreamStats
from bot.report.quality import streams
from bot.report.result import call_result
from tests.bot.fakes import Rig


def cells(rig: Rig, stats: StreamStats) -> list[list[str]]:
    line = rig.confirmed()
    line.driver.feed(StreamMeasured(at=1.0, call=line.number, index=0, stats=stats, final=True))
    markup = "".join(streams(call_result(line.call).media))
    rows = markup.split("<tr>")[2:]
    return [re.findall(r"<td[^>]*>([^<]*)", row) for row in rows]


def test_what_was_counted(rig: Rig) -> None:
    rx = RtpCounters(
        packets=90,
        bytes=1,
        lost=10,
        discarded=2,
        reordered=3,
        duplicate=4,
        jitter_ms_mean=0.31,
        jitter_ms_max=7,
    )
    received, sent = cells(rig, StreamStats(rx=rx, tx=RtpCounters(packets=100, bytes=1, lost=0)))
    assert received == ["audio received", "90", "10 (10.0 %)", "2", "3", "4", "0.3 ms", "7.0 ms"]
    dash = "\N{EN DASH}"
    assert sent == ["audio sent", "100", "0", dash, dash, dash, dash, dash]


def test_delay_and_scores(rig: Rig) -> None:
    line = rig.confirmed()
    rx = RtpCounters(packets=90, bytes=1, lost=0, discarded=0)
    stats = StreamStats(rx=rx, tx=rx, rtt_ms=2.04, jitter_buffer_ms=40)
    line.driver.feed(StreamMeasured(at=1.0, call=line.number, index=0, stats=stats, final=True))
    told = "".join(streams(call_result(line.call).media))
    assert "MOS to listen 4.4" in told
    assert "in conversation 4.4" in told
    assert "round trip 2.0 ms; jitter buffer 40 ms" in told


def test_nothing_was_counted(rig: Rig) -> None:
    assert "".join(streams(call_result(rig.confirmed().call).media)) == (
        "<p class=none>No RTP was counted.</p>"
    )
