"""media.rtp.playout: pauses, events, changes of codec and clock, jumping timestamps, the longest file."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.rtp.playout import Playout
from tests.support.rtp_stream import PTIME, SENT, START, Stream, codes, read, sent


@pytest.mark.parametrize(
    ("before", "after", "skip", "jump", "pause", "missing_ms"),
    [
        ([0, 1, 2], [10, 11], -7, 0, 7, 0),  # silence is suppressed: no sequence numbers, later timestamps
        ([0, 1, 2, 4], [10, 11], -5, 0, 5, 20),
        *(([0, 1, 2], [5, 6, 7], -2, jump, 2, 0) for jump in (3600 * 8000, -3600 * 8000, 0x7FFFFFFF)),
        *(([0, 1, 2], [5, 6, 7], -2, jump, 2, 0) for jump in (6 * 8000, -8000)),
        ([0, 1, 2], [4, 5, 6], 30000, 123456789, 1, 0),  # the sender begins anew
    ],
)
def test_after_a_pause_or_a_jump_audio_is_at_its_time_of_capture(
    before: list[int],
    after: list[int],
    skip: int,
    jump: int,
    pause: int,
    missing_ms: int,
    path: Path,
) -> None:
    with Playout(path) as playout:
        stream = Stream(playout)
        stream.send(before)
        stream.send(after, skip=skip, jump=jump)

    lost = [-1] * (before[-1] + 1 - len(before))
    assert np.array_equal(read(path), sent(*before[:3], *lost, *before[3:], *[-1] * pause, *after))
    assert playout.missing_ms == missing_ms


def test_comfort_noise_is_silence_and_a_loss_before_it_is_missing(path: Path) -> None:
    with Playout(path) as playout:
        stream = Stream(playout)
        stream.send([0, 1, 2])
        stream.other(4, "CN", b"\x40", 4 * PTIME)  # 3 is lost
        stream.send([30, 31], skip=-25)

    assert np.array_equal(read(path), sent(0, 1, 2, *[-1] * 27, 30, 31))
    assert playout.missing_ms == 20


def test_a_pause_of_minutes_keeps_its_length(path: Path) -> None:
    with Playout(path) as playout:
        stream = Stream(playout)
        stream.send([0, 1, 2])
        stream.send([3, 4], later=300, jump=300 * 8000)

    assert playout.duration_s == pytest.approx(300.1)
    assert np.array_equal(read(path)[-2 * PTIME :], sent(3, 4))


def test_telephone_events_share_the_timeline(path: Path) -> None:
    with Playout(path) as playout:
        stream = Stream(playout)
        stream.send([0, 1, 2])
        for number in range(3, 10):
            stream.other(number, "telephone-event", bytes([4, 10, 0, 160]), 3 * PTIME)
        stream.send([10, 11])

    assert np.array_equal(read(path), sent(0, 1, 2, *[-1] * 7, 10, 11))
    assert playout.missing_ms == 0


def test_timestamps_that_count_events_twice_do_not_lead_astray(path: Path) -> None:
    """PJSIP's advance by 100 ms too much with each digit of 100 ms."""
    with Playout(path) as playout:
        stream = Stream(playout)
        for digit in range(20):
            first = 10 * digit
            stream.send(range(first, first + 3), jump=digit * 800)
            for number in range(first + 3, first + 10):
                payload = bytes([4, 10, 0, 160])
                stream.other(number, "telephone-event", payload, (first + 3) * PTIME + digit * 800)

    samples = read(path)
    assert len(samples) == pytest.approx(193 * PTIME, abs=0.2 * 8000)
    assert np.array_equal(samples[-3 * PTIME :], sent(190, 191, 192))
    assert playout.missing_ms == 0


def test_a_stream_may_begin_with_an_event(path: Path) -> None:
    with Playout(path) as playout:
        stream = Stream(playout)
        for number in range(3):
            stream.other(number, "telephone-event", bytes([4, 10, 0, 160]), 0)
        stream.send([3, 4])

    assert np.array_equal(read(path), sent(3, 4))
    assert playout.started == START + 0.06


@pytest.mark.parametrize("rate", [None, 16000])
def test_a_codec_may_change_and_the_file_keeps_its_rate(rate: int | None, path: Path) -> None:
    """A second of PCMA, one of G722 (16 kHz) and one of PCMU, with a loss in the second."""
    with Playout(path, rate=rate) as playout:
        for number in range(150):
            codec = ("PCMA", "G722", "PCMU")[number // 50]
            if number != 70:
                at, data = START + number * 0.02, codes(number)
                playout.add(at, number, number * PTIME, data, codec=codec, clock_rate=8000)

    file_rate = rate or 8000
    assert soundfile.info(path).samplerate == file_rate
    samples = read(path)
    assert len(samples) == pytest.approx(3 * file_rate, abs=2)
    assert playout.duration_s == pytest.approx(3.0, abs=0.001)
    assert playout.missing_ms == 20
    if rate is None:
        assert np.array_equal(samples[:8000], SENT["PCMA"][:8000])
        assert np.array_equal(samples[-8000:], SENT["PCMU"][100 * PTIME : 150 * PTIME])


def test_each_packet_is_decoded_by_its_own_law(path: Path) -> None:
    laws = ("PCMU", "PCMA", "PCMA", "PCMU", "PCMU", "PCMA")
    with Playout(path) as playout:
        for number, law in enumerate(laws):
            at, data = START + number * 0.02, codes(number)
            playout.add(at, number, number * PTIME, data, codec=law, clock_rate=8000)

    due = [SENT[law][number * PTIME : (number + 1) * PTIME] for number, law in enumerate(laws)]
    assert np.array_equal(read(path), np.concatenate(due))


def test_a_clock_that_changes_goes_on_by_the_time_of_capture(path: Path) -> None:
    with Playout(path) as playout:
        for number in range(3):
            at, data = START + number * 0.02, codes(number)
            playout.add(at, number, number * PTIME, data, codec="PCMA", clock_rate=8000)
        for number in range(5, 8):
            at, data = START + number * 0.02, bytes([1, 0]) * 320
            playout.add(at, number - 2, number * 320 + 77777, data, codec="L16", clock_rate=16000)

    samples = read(path)
    assert len(samples) == pytest.approx(8 * PTIME, abs=2)
    between = samples[3 * PTIME + 20 : 5 * PTIME - 20]
    assert np.abs(between.astype(int)).max() < 10  # the resampler's dither
    assert playout.missing_ms == 0


def test_a_codec_that_cannot_be_decoded_is_a_problem_and_missing(path: Path) -> None:
    with Playout(path) as playout:
        stream = Stream(playout)
        stream.send([0, 1, 2])
        for number in range(3, 6):
            stream.other(number, "AMR", bytes(32), number * PTIME)
        stream.send([6])

    assert np.array_equal(read(path), sent(0, 1, 2, -1, -1, -1, 6))
    assert (playout.undecoded, playout.missing_ms) == (3, 60)
    assert len(playout.problems) == 1
    assert "AMR/8000 cannot be decoded" in playout.problems[0]


# What nobody should do


def test_too_long_a_file_is_cut_and_reported(path: Path) -> None:
    with Playout(path, longest_s=1.0) as playout:
        Stream(playout).send(range(80))

    assert np.array_equal(read(path), sent(*range(50)))
    assert playout.problems == ("the audio is cut after 1 s: it would be too long a file",)


def test_a_file_has_no_more_frames_than_a_wav_can_have(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.rtp.playout.MOST_FRAMES", 8000)
    with Playout(path) as playout:
        Stream(playout).send(range(80))

    assert playout.duration_s == 1.0
    assert "too long" in playout.problems[0]


def test_a_pause_of_days_writes_no_days(path: Path) -> None:
    with Playout(path) as playout:
        stream = Stream(playout)
        stream.send([0, 1, 2])
        stream.send([3, 4], later=1e9)
        stream.send([5])

    assert np.array_equal(read(path), sent(0, 1, 2))
    assert "too long" in playout.problems[0]


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -1e300, 0.0])
def test_an_invalid_time_of_capture(at: float, path: Path) -> None:
    with Playout(path) as playout:
        for number in range(6):
            playout.add(at, number, number**9 & 0xFFFFFFFF, codes(number), codec="PCMA", clock_rate=8000)

    assert playout.duration_s < 60


PACKETS = st.tuples(
    st.floats(-10, 10) | st.sampled_from([0.02, 1e12]),
    st.integers(0, 0xFFFF) | st.integers(0, 40),
    st.integers(0, 0xFFFFFFFF) | st.integers(0, 40).map(lambda number: number * 160),
    st.binary(max_size=400),
    st.sampled_from(
        [
            ("PCMA", 8000),
            ("G722", 8000),
            ("GSM", 8000),
            ("CN", 8000),
            ("telephone-event", 8000),
            ("L16", 16000),
            ("L16", 11025),
            ("nonsense", 8000),
            ("PCMU", 0),
            ("speex", 16000),
            ("opus", 48000),
            ("iLBC", 8000),
        ]
    ),
)


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(packets=st.lists(PACKETS, max_size=60))
def test_any_packets_make_a_file_that_is_bounded(
    packets: list[tuple[float, int, int, bytes, tuple[str, int]]], path: Path
) -> None:
    with Playout(path, longest_s=20) as playout:
        for at, sequence, timestamp, data, (codec, clock_rate) in packets:
            playout.add(at, sequence, timestamp, data, codec=codec, clock_rate=clock_rate)

    assert playout.duration_s <= 20.1
    assert 0 <= playout.missing_ms <= 20_000
    assert len(playout.problems) <= 8
    if playout.started is not None:
        info = soundfile.info(path)
        assert info.frames == pytest.approx(playout.duration_s * info.samplerate, abs=1)


# An hour


def test_an_hour_is_played_in_seconds_and_little_memory(path: Path) -> None:
    """Measured: 0.9 s for the hour; the test allows a busy machine six times that for a tenth of it."""
    with Playout(path) as playout:
        stream = Stream(playout)
        started = time.process_time()
        for round_ in range(45):
            stream.send(range(400), later=round_ * 8.0, skip=round_ * 400, jump=round_ * 400 * PTIME)
        took = time.process_time() - started
        tracemalloc.start()
        stream.send(range(400), later=360.0, skip=18000, jump=18000 * PTIME)
        stream.send([398, 399], later=3600.0, skip=180000, jump=180000 * PTIME)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert took < 0.6
    assert peak < 4_000_000
    assert playout.duration_s == pytest.approx(3608.0)
