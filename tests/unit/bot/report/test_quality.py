"""bot.report.quality: counters, and a dash for missing ones."""

from __future__ import annotations

import re

import pytest

from bot.capture.verification import WireCounters, WireResult
from bot.ipc.events import StreamMeasured
from bot.model import RtpCounters, StreamStats
from bot.report.call_result import call_result
from bot.report.quality import on_the_wire, streams
from bot.report.summary import media_figures
from bot.ua import Call
from tests.support.fakes import Rig
from tests.support.markup import macro


def drawn(call: Call) -> str:
    return macro("streams.html", "stream_table", streams(call_result(call).media))


def cells(rig: Rig, stats: StreamStats) -> list[list[str]]:
    line = rig.confirmed()
    line.driver.feed(StreamMeasured(at=1.0, call=line.number, index=0, stats=stats, final=True))
    markup = drawn(line.call)
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
    told = drawn(line.call)
    assert "MOS to listen 4.4" in told
    assert "in conversation 4.4" in told
    assert "round trip 2.0 ms; jitter buffer 40 ms" in told


def test_nothing_was_counted(rig: Rig) -> None:
    assert drawn(rig.confirmed().call).strip() == '<p class="none">No RTP was counted.</p>'


NONE = WireCounters(packets=0, authenticated=0, plain=0, failed=0)
ALL = WireCounters(packets=4812, authenticated=4812, plain=0, failed=0)
SOME = WireCounters(packets=10, authenticated=5, plain=3, failed=2)
PLAIN = WireCounters(packets=10, authenticated=0, plain=10, failed=0)


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (
            WireResult(rx=ALL, tx=NONE, suite="SUITE", reused=0),
            "received 4,812 of 4,812 packets authenticated; sent nothing; SUITE",
        ),
        (
            WireResult(rx=PLAIN, tx=SOME, suite=None, reused=2),
            "received 10 packets of plain RTP; sent 5 of 10 packets authenticated, 3 plain, 2 not authentic; "
            "2 under a key stream that was used before",
        ),
    ],
)
def test_what_was_captured(wire: WireResult, message: str, rig: Rig) -> None:
    assert on_the_wire(wire) == message
    [media] = call_result(rig.confirmed().call, {0: wire}).media
    assert f"<p>audio on the wire: {message}</p>" in macro("streams.html", "stream_table", streams([media]))
    assert dict(media_figures(media))["on the wire"] == message
