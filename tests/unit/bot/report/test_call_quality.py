"""bot.report.call_result: the MOS of a stream, by its codec, losses and delays."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from bot.ipc.events import StreamMeasured
from bot.model import RtpCounters, StreamStats
from tests.support.fakes import Rig, audio
from tests.support.results import media_of


def heard(
    rig: Rig,
    codec: str | None = "PCMA",
    clock_rate: int | None = 8000,
    *,
    rtt_ms: float | None = 0.25,
    jitter_buffer_ms: float | None = None,
    **counts: int | None,
) -> Any:
    """The media of a call in which a second of audio was received."""
    line = rig.confirmed()
    line.media(msgspec.structs.replace(audio(), codec=codec, clock_rate=clock_rate))
    counted: dict[str, Any] = {"packets": 50, "bytes": 8000, "lost": 0, "discarded": 0, **counts}
    stats = StreamStats(
        rx=RtpCounters(**counted),
        tx=RtpCounters(packets=50, bytes=8000),
        rtt_ms=rtt_ms,
        jitter_buffer_ms=jitter_buffer_ms,
    )
    rig.driver.feed(StreamMeasured(at=time.monotonic(), call=1, index=0, stats=stats, final=True))
    return media_of(line.call)


SCORES = ("mos_lq", "mos_cq", "mos_scale")


@pytest.mark.parametrize(
    ("counts", "scores"),
    [
        ({}, (4.41, 4.41, "narrowband")),
        ({"lost": 1, "loss_events": 1}, (4.24, 4.24, "narrowband")),
        ({"lost": 5, "loss_events": 5}, (3.5, 3.5, "narrowband")),
        ({"lost": 5, "loss_events": 1}, (3.17, 3.17, "narrowband")),
        ({"packets": 126, "refused": {"not authentic": 275}}, (1.0, 1.0, "narrowband")),
        ({"discarded": 1}, (4.24, 4.24, "narrowband")),
        ({"discarded": 1, "duplicate": 1}, (4.41, 4.41, "narrowband")),
        ({"duplicate": 1}, (4.41, 4.41, "narrowband")),
        ({"rtt_ms": 600}, (4.41, 3.88, "narrowband")),
        ({"rtt_ms": None}, (4.41, None, "narrowband")),
        ({"jitter_buffer_ms": 60.0}, (4.41, 4.41, "narrowband")),
        ({"jitter_buffer_ms": 300.0}, (4.41, 3.88, "narrowband")),
        ({"rtt_ms": None, "jitter_buffer_ms": 60.0}, (4.41, None, "narrowband")),
        ({"codec": "G722", "clock_rate": 16000}, (4.34, 4.34, "wideband")),
        ({"codec": "GSM"}, (3.74, 3.74, "narrowband")),
    ],
)
def test_quality(rig: Rig, counts: dict[str, Any], scores: tuple[Any, ...]) -> None:
    media = heard(rig, **counts)
    assert tuple(media[name] for name in SCORES) == scores


@pytest.mark.parametrize(
    "counts",
    [
        {"packets": 0},
        {"packets": 0, "lost": 50},
        {"lost": None},
        {"lost": 1},
        {"discarded": None},
        {"codec": None},
        {"clock_rate": None},
        {"codec": "iLBC"},
        {"codec": "speex", "clock_rate": 16000},
        {"codec": "GSM", "lost": 1},
    ],
)
def test_no_mos_without_codec_or_losses(rig: Rig, counts: dict[str, Any]) -> None:
    media = heard(rig, **counts)
    assert [media[name] for name in SCORES] == [None, None, None]
