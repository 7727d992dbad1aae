"""How much audio is plausible in a call, by the time in which it was due."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from bot.ipc.events import CallStarted, CallStateChanged, MediaStateChanged, StreamMeasured
from bot.model import CallState, Direction, MediaDirection, MediaState, RtpCounters, StreamStats
from bot.ua.call_record import CallRecord
from bot.ua.media_flow import heard_of, received_plausibly, unheard_packets

BEGIN, PACKETS_A_SECOND = 100.0, 50
Stretch = tuple[float, MediaDirection]
TALK, HELD = MediaDirection.SENDRECV, MediaDirection.SENDONLY


def line(direction: MediaDirection, *, active: bool = True) -> MediaState:
    return MediaState(index=0, type="audio", active=active, direction=direction, codec="PCMA", ptime_ms=20)


def judged(
    packets: int, seconds: float, stretches: Iterable[Stretch] = ((0, TALK),), **facts: Any
) -> tuple[bool, int, str]:
    """Whether so many packets are plausible, how many were due besides, and what is told of them."""
    record = CallRecord.of(
        CallStarted(
            at=BEGIN,
            call=1,
            direction=Direction.OUTGOING,
            sip_call_id="x",
            local_uri="",
            remote_uri="",
            transport="udp",
        )
    )
    record.observe(CallStateChanged(at=BEGIN, call=1, state=CallState.CONFIRMED, code=200, reason="OK"))
    for after, direction in stretches:
        record.observe(MediaStateChanged(at=BEGIN + after, call=1, media=[line(direction)]))
    rx = RtpCounters(packets=packets, bytes=160 * packets, **{"lost": 0, **facts})
    stats = StreamStats(rx=rx, tx=RtpCounters(packets=400, bytes=64_000))
    record.observe(StreamMeasured(at=BEGIN + seconds, call=1, index=0, stats=stats, final=True))
    audio = line(TALK)
    return (
        received_plausibly(record, audio, rx),
        unheard_packets(record, audio, rx),
        heard_of(record, audio, stats),
    )


@pytest.mark.parametrize(
    ("packets", "seconds", "plausible"),
    [
        *[(400, 8, True), (200, 8, True), (50, 8, False), (1, 8, False), (0, 8, False)],
        *[(1, 0.4, True), (0, 0.4, False)],
    ],
)
def test_half_of_what_was_due_is_plausible(packets: int, seconds: float, plausible: bool) -> None:
    assert judged(packets, seconds)[0] is plausible


def test_nothing_is_due_while_the_call_is_on_hold() -> None:
    assert judged(100, 8, [(0, TALK), (2, HELD)])[:2] == (True, 0)


def test_what_was_suppressed_as_silence_was_not_due() -> None:
    assert judged(100, 8, paused_ms=6000.0)[:2] == (True, 0)


def test_packets_of_another_length() -> None:
    assert judged(134, 8, packet_ms=60.0)[:2] == (True, 0)
    assert not judged(134, 8, packet_ms=10.0)[0]


def test_what_was_due_and_never_came_is_lost() -> None:
    assert judged(50, 8)[1] == pytest.approx(7.5 * PACKETS_A_SECOND - 50, abs=1)
    assert judged(400, 8)[1] == 0
    assert judged(126, 8, refused={"not authentic": 275})[1] == 275


def test_what_is_told() -> None:
    *_, told = judged(50, 8, longest_gap_ms=7000.0, silent=True, refused={"replayed": 3})
    assert told == (
        "received 50 packets (1.0 of 8.0 s), 3 refused (replayed), a gap of 7.0 s, all of it silence; "
        "sent 400 packets (8.0 of 8.0 s)"
    )
