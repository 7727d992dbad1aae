"""media.rtp.statistics: loss, reordering, jitter and gaps of modified streams."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.rtp.packet import RtpPacket
from media.rtp.statistics import StreamStatistics

many = settings(max_examples=300, deadline=None, derandomize=True)

FRAME, RATE = 160, 8000
START = 1_700_000_000.0


def packet(sequence: int, timestamp: int | None = None) -> RtpPacket:
    ticks = sequence * FRAME if timestamp is None else timestamp
    return RtpPacket(False, 8, sequence % 65536, ticks % (1 << 32), 1, b"", 12, 0)


def counted(sequences: list[int]) -> StreamStatistics:
    """Of packets that arrive 20 ms apart; their numbers may go beyond 16 bits."""
    statistics = StreamStatistics()
    for place, sequence in enumerate(sequences):
        statistics.add(START + place * 0.02, packet(sequence), RATE)
    return statistics


def figures(statistics: StreamStatistics) -> tuple[int, int, int, int, int]:
    """Packets, expected, lost, duplicates, reordered."""
    return (
        statistics.packets,
        statistics.expected,
        statistics.lost,
        statistics.duplicates,
        statistics.reordered,
    )


def test_of_nothing_nothing_is_expected() -> None:
    statistics = StreamStatistics()
    assert figures(statistics) == (0, 0, 0, 0, 0)
    assert (statistics.jitter_ms_mean, statistics.jitter_ms_max) == (0.0, 0.0)
    assert (statistics.duration_s, statistics.longest_gap_ms) == (0.0, 0.0)


def test_one_packet_is_all_that_was_expected() -> None:
    assert figures(counted([7])) == (1, 1, 0, 0, 0)


def test_a_whole_stream_over_the_wrap() -> None:
    statistics = counted(list(range(65000, 65000 + 70000)))
    assert figures(statistics) == (70000, 70000, 0, 0, 0)
    assert statistics.jitter_ms_max == pytest.approx(0, abs=0.001)
    assert statistics.started == START
    assert statistics.duration_s == pytest.approx(69999 * 0.02)
    assert statistics.longest_gap_ms == pytest.approx(20, abs=0.001)


@pytest.mark.parametrize("first", [100, 65530])
def test_missing_sequence_numbers_are_lost(first: int) -> None:
    assert figures(counted([first + n for n in (0, 1, 2, 5, 6, 9)])) == (6, 10, 4, 0, 0)


@pytest.mark.parametrize("first", [100, 65534])
def test_late_packets_are_not_lost(first: int) -> None:
    assert figures(counted([first + n for n in (0, 2, 1, 3, 5, 4)])) == (6, 6, 0, 0, 2)


def test_a_packet_from_before_the_first_is_late_too() -> None:
    assert figures(counted([65536, 65535, 65537])) == (3, 3, 0, 0, 1)


def test_duplicates_are_counted_and_hide_no_loss() -> None:
    statistics = counted([1, 2, 2, 4, 5, 1])
    assert figures(statistics) == (6, 5, 1, 2, 0)
    assert statistics.cumulative_lost == -1  # as RTCP reports it


def test_72_lost_and_31_duplicates_are_counted_separately() -> None:
    sent = [n for n in range(400) if not 100 <= n < 172]
    statistics = counted(sorted(sent + sent[200:231]))
    assert (statistics.lost, statistics.duplicates, statistics.cumulative_lost) == (72, 31, 41)


def test_a_late_packet_that_comes_twice_is_a_duplicate_once() -> None:
    assert figures(counted([1, 3, 2, 2])) == (4, 3, 0, 1, 1)


def test_a_long_outage_is_loss() -> None:
    statistics = counted([*range(100), *range(10000, 10100)])
    assert figures(statistics) == (200, 10100, 9900, 0, 0)
    assert statistics.restarts == 0


def test_an_outage_longer_than_half_a_cycle_is_loss() -> None:
    assert figures(counted([*range(100), *range(50000, 50100)])) == (200, 50100, 49900, 0, 0)


def test_a_packet_much_too_late_is_late() -> None:
    assert figures(counted([*range(500), *range(501, 1000), 500])) == (1000, 1000, 0, 0, 1)


def test_an_outage_after_packets_that_share_a_timestamp_is_loss() -> None:
    statistics = StreamStatistics()
    for n in [*range(103), *range(10000, 10100)]:
        timestamp = 99 * FRAME if 99 <= n < 103 else n * FRAME  # an event of RFC 4733
        statistics.add(START + n * 0.02, packet(n, timestamp), RATE)
    assert figures(statistics) == (203, 10100, 9897, 0, 0)


@pytest.mark.parametrize(
    ("step", "expected", "restarts"), [(3000, 3001, 0), (3001, 2, 1), (-100, 101, 0), (-101, 2, 1)]
)
def test_how_far_a_number_may_be_from_the_one_before(step: int, expected: int, restarts: int) -> None:
    statistics = StreamStatistics()
    statistics.add(START, packet(20000, 0), RATE)
    statistics.add(START + 0.02, packet(20000 + step, 1_000_000_000), RATE)
    assert (statistics.expected, statistics.restarts) == (expected, restarts)


def test_a_very_late_packet_is_no_duplicate() -> None:
    assert figures(counted([*range(1000), *range(1001, 3000), 1000])) == (3000, 3000, 0, 0, 1)
    assert figures(counted([*range(3000), 1000, *range(3000, 3100)])) == (3101, 3100, 0, 0, 1)


@pytest.mark.parametrize("timestamp", [3_000_000_000, 100 * FRAME])  # a new one, or the clock's
def test_a_sender_that_begins_anew_has_lost_nothing(timestamp: int) -> None:
    statistics = StreamStatistics()
    for n in range(100):
        statistics.add(START + n * 0.02, packet(n), RATE)
    for n in range(100):
        statistics.add(START + (100 + n) * 0.02, packet(40000 + n, timestamp + n * FRAME), RATE)
    assert figures(statistics) == (200, 200, 0, 0, 0)
    assert statistics.restarts == 1
    assert statistics.jitter_ms_max == pytest.approx(0, abs=0.001)


def test_a_stray_packet_loses_nothing() -> None:
    statistics = StreamStatistics()
    for place, (sequence, timestamp) in enumerate([(1, 160), (2, 320), (30000, 77), (3, 640), (4, 800)]):
        statistics.add(START + place * 0.02, packet(sequence, timestamp), RATE)
    assert figures(statistics) == (5, 5, 0, 0, 0)
    assert statistics.restarts == 2


def test_jitter_is_that_of_the_rfc() -> None:
    statistics = StreamStatistics()
    arrivals = [0.0, 0.020, 0.050, 0.060, 0.080]  # the third is 10 ms late
    for n, arrival in enumerate(arrivals):
        statistics.add(START + arrival, packet(n), RATE)
    first = 10 / 16
    second = first + (10 - first) / 16
    third = second - second / 16
    assert statistics.jitter_ms_max == pytest.approx(second, abs=0.001)
    assert statistics.jitter_ms_mean == pytest.approx((0 + first + second + third) / 4, abs=0.001)
    assert statistics.longest_gap_ms == pytest.approx(30, abs=0.001)


def test_a_timestamp_that_wraps_is_no_jitter() -> None:
    statistics = StreamStatistics()
    for n in range(10):
        statistics.add(START + n * 0.02, packet(n, (1 << 32) - 5 * FRAME + n * FRAME), RATE)
    assert statistics.jitter_ms_max == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("rate", [None, 0])
def test_packets_without_a_clock_take_no_part_in_the_jitter(rate: int | None) -> None:
    statistics = StreamStatistics()
    for n in range(10):
        event = 3 <= n < 6  # RFC 4733: the packets of an event share a timestamp
        statistics.add(
            START + n * 0.02, packet(n, 3 * FRAME if event else n * FRAME), rate if event else RATE
        )
    assert figures(statistics) == (10, 10, 0, 0, 0)
    assert statistics.jitter_ms_max == pytest.approx(0, abs=0.001)


def test_another_clock_is_not_compared_with_the_one_before() -> None:
    statistics = StreamStatistics()
    for n in range(10):
        statistics.add(START + n * 0.02, packet(n, n * (FRAME if n < 5 else 960)), RATE if n < 5 else 48000)
    assert statistics.jitter_ms_max == pytest.approx(0, abs=0.001)


@many
@given(st.integers(0, 65535), st.integers(0, 1 << 30), st.floats(0, 0.2), st.floats(0, 0.2))
def test_loss_duplicates_and_order_are_counted_apart(
    first: int, seed: int, loss: float, duplication: float
) -> None:
    dice = random.Random(seed)
    kept = [n for n in range(300) if n in (0, 299) or dice.random() >= loss]
    again = {n for n in kept[1:-1] if dice.random() < duplication}
    sent = [n for n in kept for _ in range(2 if n in again else 1)]
    order = sorted(range(len(sent)), key=lambda at: at + dice.random() * 5 if 0 < at < len(sent) - 1 else at)
    arrived = [sent[at] for at in order]
    late = sum(n < max(arrived[:at]) and n not in arrived[:at] for at, n in enumerate(arrived) if at)
    statistics = counted([first + n for n in arrived])
    assert statistics.expected == 300
    assert statistics.duplicates == len(again)
    assert statistics.lost == 300 - len(kept)
    assert statistics.reordered == late


@many
@given(st.lists(st.tuples(st.floats(0, 1e10), st.integers(0, 65535), st.integers(0, (1 << 32) - 1))))
def test_hostile_streams_are_counted_too(packets: list[tuple[float, int, int]]) -> None:
    statistics = StreamStatistics()
    for at, sequence, timestamp in packets:
        statistics.add(at, packet(sequence, timestamp), RATE)
    assert statistics.packets == len(packets)
    assert 0 <= statistics.duplicates + statistics.reordered <= max(0, len(packets) - 1)
    assert 0 <= statistics.expected <= len(packets) * 65536


def runs(
    *starts: tuple[int, int], count: int = 60, payload: bool = True, step_s: float = 0.02
) -> StreamStatistics:
    """Runs of packets, 20 ms apart, each from a sequence number and a timestamp on."""
    statistics = StreamStatistics()
    place = 0
    for run, (sequence, timestamp) in enumerate(starts):
        for n in range(count):
            one = packet(sequence + n, timestamp + n * FRAME)
            content = bytes([run, n]) if payload else b""
            statistics.add(START + place * step_s, one._replace(payload=content), RATE)
            place += 1
    return statistics


@pytest.mark.parametrize(
    "second", [(0, 0), (0, 9600), (20, 0), (50, 3_000_000_000), (40_000, 0), (1000, 0), (2900, 77_777)]
)
def test_numbers_that_begin_anew_under_the_same_ssrc(second: tuple[int, int]) -> None:
    statistics = runs((0, 0), second)
    assert figures(statistics) == (120, 120, 0, 0, 0)
    assert (statistics.restarts, statistics.restarted_at) == (1, [61])
    assert statistics.jitter_ms_max == pytest.approx(0, abs=0.001)


def test_packets_that_come_again_a_second_later_are_duplicates() -> None:
    assert figures(runs((0, 0), (0, 0), payload=False)) == (120, 60, 0, 60, 0)


def test_restarted_timestamps_are_reported_with_their_place() -> None:
    statistics = runs((0, 354_240), (60, 0))
    assert (statistics.timestamp_restarts, statistics.timestamps_restarted_at) == (1, [61])
    assert (statistics.restarts, statistics.lost) == (0, 0)
    assert statistics.jitter_ms_max == pytest.approx(0, abs=0.001)


def test_a_burst_of_loss_is_no_new_beginning() -> None:
    statistics = StreamStatistics()
    for n in [*range(60), *range(1000, 1060)]:
        statistics.add(START + n * 0.02, packet(n), RATE)
    assert figures(statistics) == (120, 1060, 940, 0, 0)
    assert statistics.restarts == 0


@pytest.mark.parametrize("behind", [1, 6, 40, 90])
def test_packets_that_are_sent_again_are_no_jitter_and_no_restart(behind: int) -> None:
    statistics = StreamStatistics()
    for n in range(200):
        statistics.add(START + n * 0.02, packet(n), RATE)
        if n >= behind:
            statistics.add(START + n * 0.02 + 0.001, packet(n - behind), RATE)
    assert statistics.timestamp_restarts == 0
    assert statistics.jitter_ms_max == pytest.approx(0, abs=0.001)
    assert (statistics.lost, statistics.duplicates) == (0, 200 - behind)
