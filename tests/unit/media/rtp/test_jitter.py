"""media.rtp.jitter: what the network did to packets is jitter; what the sender did to timestamps is none."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.jitter import Jitter

FRAME, RATE = 160, 8000


def measured(packets: Iterable[tuple[float, int, int]], rate: int = RATE) -> Jitter:
    """Of packets: arrival in s, sequence number, timestamp."""
    jitter = Jitter()
    for number, (at, sequence, timestamp) in enumerate(packets, start=1):
        jitter.add(at, sequence % 65536, timestamp % (1 << 32), rate, number)
    return jitter


def even(
    count: int, *, at: float = 0.0, sequence: int = 0, timestamp: int = 0
) -> list[tuple[float, int, int]]:
    return [(at + n * 0.02, sequence + n, timestamp + n * FRAME) for n in range(count)]


@pytest.mark.parametrize("timestamp", [0, 8, 50 * FRAME + 16_000, 1 << 31, 3_000_000_000, (1 << 32) - 160])
@pytest.mark.parametrize("pause", [0.0, 0.5, 7.0])
def test_restarted_timestamps_are_reported_and_are_no_jitter(timestamp: int, pause: float) -> None:
    second = even(50, at=1.0 + pause, sequence=50, timestamp=timestamp)
    found = measured([*even(50), *second])
    assert found.max_ms == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("timestamp", [0, 8, 2_000_000, 1 << 31, 3_000_000_000])
def test_where_they_begin_anew(timestamp: int) -> None:
    found = measured([*even(50, timestamp=400), *even(50, at=1.0, sequence=50, timestamp=timestamp)])
    assert (found.restarts, found.restarted_at) == (1, [51])


def test_many_restarts_are_counted_and_the_first_named() -> None:
    packets = [one for n in range(30) for one in even(20, at=n * 0.4, sequence=n * 20, timestamp=n * 10**8)]
    found = measured(packets)
    assert found.restarts == 29
    assert found.restarted_at == [21 + 20 * n for n in range(10)]


@pytest.mark.parametrize("pause", [0.3, 1.0, 30.0])
def test_silence_that_is_not_sent_is_no_jitter_and_no_restart(pause: float) -> None:
    ticks = int(pause * RATE)
    found = measured([*even(50), *even(50, at=1.0 + pause, sequence=50, timestamp=50 * FRAME + ticks)])
    assert found.restarts == 0
    assert found.max_ms == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("pause", [0.6, 10.0])
def test_a_sender_that_paused_without_counting_is_no_jitter(pause: float) -> None:
    found = measured([*even(50), *even(50, at=1.0 + pause, sequence=50, timestamp=50 * FRAME)])
    assert found.restarts == 0
    assert found.max_ms == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("outage", [0.6, 3.0])
def test_packets_that_come_at_once_after_an_outage_are_jitter(outage: float) -> None:
    packets = [
        (at if n < 50 else max(at, 1.0 + outage + n * 1e-4), n, ts) for n, (at, n, ts) in enumerate(even(300))
    ]
    found = measured(packets)
    assert found.restarts == 0
    assert found.max_ms == pytest.approx(1000 * outage / 16, rel=0.2)


def test_lost_packets_are_no_restart() -> None:
    packets = even(500)
    found = measured(packets[:100] + packets[300:])
    assert found.restarts == 0
    assert found.max_ms == pytest.approx(0, abs=0.01)


def test_late_packets_are_no_restart() -> None:
    packets = even(100)
    at = [packet[0] for packet in packets]
    order = [*range(10), 13, 10, 11, 12, *range(14, 100)]
    found = measured([(at[place], *packets[n][1:]) for place, n in enumerate(order)])
    assert found.restarts == 0
    assert found.max_ms > 1


@pytest.mark.parametrize("late", [6, 40, 200])
def test_a_packet_that_comes_very_late_does_not_set_the_clock_back(late: int) -> None:
    packets = even(300)
    packets.insert(20 + late, (packets[20 + late][0], *packets.pop(20)[1:]))
    assert measured(packets).restarts == 0


def test_frames_of_video_in_another_order_are_no_restart() -> None:
    shown = [0, 3, 1, 2, 6, 4, 5]
    packets = [(n / 25, n, frame * 3600) for n, frame in enumerate(shown)]
    assert measured(packets, rate=90_000).restarts == 0


def test_ordinary_jitter_is_no_restart() -> None:
    dice = random.Random(1)
    found = measured([(at + dice.random() * 0.2, n, ts) for at, n, ts in even(1000)])
    assert found.restarts == 0
    assert 20 < found.mean_ms < 100


@given(st.lists(st.tuples(st.floats(0, 1e10), st.integers(0, 65535), st.integers(0, (1 << 32) - 1))))
def test_anything_is_measured(packets: list[tuple[float, int, int]]) -> None:
    found = measured(packets)
    assert found.mean_ms >= 0
    assert found.restarts <= len(packets)
