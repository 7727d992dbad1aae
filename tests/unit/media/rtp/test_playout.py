"""A stream's audio is in the file where its timestamps put it, and what is missing is silent and counted."""

import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.audio.wav import AudioError
from media.rtp.codecs import A_LAW, MU_LAW, Samples
from media.rtp.playout import LONGEST_S, Playout, stereo

START = 1_700_000_000.0
PTIME = 160  # samples at 8 kHz

CODES = np.random.default_rng(1).integers(1, 255, 400 * PTIME, dtype=np.uint8).tobytes()
"""Audio that was sent, in codes of G.711; none of them is silence."""
SENT = {"PCMU": MU_LAW[np.frombuffer(CODES, np.uint8)], "PCMA": A_LAW[np.frombuffer(CODES, np.uint8)]}


class Stream:
    """Sends the codes above, packet by packet; a test says which, when, and what else."""

    def __init__(self, playout: Playout, *, sequence: int = 65500, timestamp: int = 0xFFFFF000) -> None:
        self.playout = playout
        self.sequence, self.timestamp = sequence, timestamp

    def send(self, numbers: Iterable[int], *, later: float = 0.0, skip: int = 0, jump: int = 0) -> None:
        """Packets by number; `later` in s, `skip` in sequence numbers, `jump` in ticks."""
        for number in numbers:
            self.playout.add(
                START + number * 0.02 + later,
                (self.sequence + number + skip) & 0xFFFF,
                (self.timestamp + number * PTIME + jump) & 0xFFFFFFFF,
                codes(number),
                codec="PCMA",
                clock_rate=8000,
            )

    def other(self, number: int, codec: str, payload: bytes, timestamp: int) -> None:
        """A packet of another kind in the place of one."""
        self.playout.add(
            START + number * 0.02,
            (self.sequence + number) & 0xFFFF,
            (self.timestamp + timestamp) & 0xFFFFFFFF,
            payload,
            codec=codec,
            clock_rate=8000,
        )


def codes(number: int, count: int = 1) -> bytes:
    return CODES[number * PTIME : (number + count) * PTIME]


def sent(*numbers: int) -> Samples:
    """The audio of packets, silent where the number is negative."""
    silent = np.zeros(PTIME, np.int16)
    return np.concatenate([SENT["PCMA"][n * PTIME : (n + 1) * PTIME] if n >= 0 else silent for n in numbers])


def read(path: Path) -> Samples:
    samples, _ = soundfile.read(path, dtype="int16")
    return np.asarray(samples, np.int16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.wav"


# What was sent


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_audio_without_loss_is_what_was_sent_sample_for_sample(codec: str, path: Path) -> None:
    with Playout(path) as playout:
        for number in range(400):
            at, timestamp = START + number * 0.02, (0xFFFFF000 + number * PTIME) & 0xFFFFFFFF
            playout.add(at, (65500 + number) & 0xFFFF, timestamp, codes(number), codec=codec, clock_rate=8000)

    assert np.array_equal(read(path), SENT[codec])
    info = soundfile.info(path)
    assert (info.format, info.subtype, info.channels, info.samplerate) == ("WAV", "PCM_16", 1, 8000)
    assert (playout.started, playout.duration_s, playout.missing_ms) == (START, 8.0, 0)
    assert (playout.undecoded, playout.problems) == (0, ())


def test_packets_may_be_of_any_length(path: Path) -> None:
    with Playout(path) as playout:
        at = 0
        for index, length in enumerate([80, 160, 240, 1, 480, 39, 160] * 5):
            data = CODES[at : at + length]
            playout.add(START + at / 8000, index, at, data, codec="PCMA", clock_rate=8000)
            at += length

    assert np.array_equal(read(path), SENT["PCMA"][:at])
    assert playout.missing_ms == 0


def test_g722_has_two_samples_a_tick(path: Path) -> None:
    with Playout(path) as playout:
        for number in (0, 1, 2, 3, 5, 6):
            at = START + number * 0.02
            playout.add(at, number, number * PTIME, codes(number), codec="G722", clock_rate=8000)

    samples = read(path)
    assert soundfile.info(path).samplerate == 16000
    assert len(samples) == 7 * 320
    assert not samples[4 * 320 : 5 * 320].any()
    assert playout.missing_ms == 20


def test_nothing_makes_no_file(path: Path) -> None:
    with Playout(path) as playout:
        pass
    playout.close()

    assert not path.exists()
    assert (playout.started, playout.duration_s, playout.missing_ms) == (None, 0, 0)


def test_closing_twice_is_closing_once(path: Path) -> None:
    with Playout(path) as playout:
        Stream(playout).send([0])
    playout.close()

    assert playout.duration_s == 0.02
    assert np.array_equal(read(path), sent(0))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    playout = Playout(tmp_path / "gone" / "a.wav")
    Stream(playout).send([0])
    with pytest.raises(AudioError, match=r"gone.*cannot be written"):
        playout.close()


# What the network does


def test_lost_packets_are_silent_and_missing(path: Path) -> None:
    with Playout(path) as playout:
        Stream(playout).send([0, 1, 2, 5, 6, 8])

    assert np.array_equal(read(path), sent(0, 1, 2, -1, -1, 5, 6, -1, 8))
    assert playout.missing_ms == 60


def test_reordered_and_repeated_packets_are_put_right(path: Path) -> None:
    with Playout(path) as playout:
        Stream(playout).send([1, 0, 2, 2, 5, 4, 3, 4, 6, 6, 1, 7])

    assert np.array_equal(read(path), sent(*range(8)))
    assert playout.missing_ms == 0
    assert playout.started == START


def test_a_packet_that_comes_after_the_window_is_missing(path: Path) -> None:
    with Playout(path) as playout:
        Stream(playout).send([0, 1, 2, *range(4, 60), 3, *range(60, 70)])

    assert np.array_equal(read(path), sent(0, 1, 2, -1, *range(4, 70)))
    assert playout.missing_ms == 20


def test_a_damaged_payload_is_missing(path: Path) -> None:
    with Playout(path) as playout:
        for number, data in enumerate([b"\xd0" + bytes(32)] * 3 + [b"\0" * 33] + [b"\xd0" + bytes(32)] * 2):
            playout.add(START + number * 0.02, number, number * 160, data, codec="GSM", clock_rate=8000)

    assert len(read(path)) == 6 * 160
    assert (playout.undecoded, playout.missing_ms) == (1, 20)


def test_an_overlap_is_heard_once(path: Path) -> None:
    """Each packet repeats the one before it."""
    with Playout(path) as playout:
        for number in range(10):
            at = START + number * 0.02
            playout.add(at, number, number * PTIME, codes(number, 2), codec="PCMA", clock_rate=8000)
            playout.add(at, number + 100, number * PTIME, codes(number), codec="PCMA", clock_rate=8000)

    assert np.array_equal(read(path), sent(*range(11)))


# What the sender does


def test_suppressed_silence_is_silent_and_not_missing(path: Path) -> None:
    with Playout(path) as playout:
        stream = Stream(playout)
        stream.send([0, 1, 2])
        stream.send([10, 11], skip=-7)

    assert np.array_equal(read(path), sent(0, 1, 2, *[-1] * 7, 10, 11))
    assert playout.missing_ms == 0


def test_what_was_lost_before_is_not_missing_in_a_later_silence(path: Path) -> None:
    with Playout(path) as playout:
        stream = Stream(playout)
        stream.send([0, 1, 2, 4])
        stream.send([10, 11], skip=-5)

    assert np.array_equal(read(path), sent(0, 1, 2, -1, 4, *[-1] * 5, 10, 11))
    assert playout.missing_ms == 20


def test_comfort_noise_is_silence_and_what_is_lost_before_it_is_missing(path: Path) -> None:
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


@pytest.mark.parametrize("jump", [3600 * 8000, -3600 * 8000, 0x7FFFFFFF, 6 * 8000, -8000])
def test_timestamps_that_jump_go_on_by_the_time_of_capture(jump: int, path: Path) -> None:
    with Playout(path) as playout:
        stream = Stream(playout)
        stream.send([0, 1, 2])
        stream.send([5, 6, 7], skip=-2, jump=jump)

    assert np.array_equal(read(path), sent(0, 1, 2, -1, -1, 5, 6, 7))
    assert playout.missing_ms == 0


def test_a_sender_that_begins_anew_goes_on_by_the_time_of_capture(path: Path) -> None:
    with Playout(path) as playout:
        stream = Stream(playout)
        stream.send([0, 1, 2])
        stream.send([4, 5, 6], skip=30000, jump=123456789)

    assert np.array_equal(read(path), sent(0, 1, 2, -1, 4, 5, 6))


def test_a_file_that_would_be_too_long_is_cut_and_says_so(path: Path) -> None:
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
def test_a_time_of_capture_that_is_none(at: float, path: Path) -> None:
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


# Two sides


def tracks(
    tmp_path: Path, left: tuple[int, int], right: tuple[int, int]
) -> tuple[Path, Path, Samples, Samples]:
    """Two files of (samples, rate), with what is in them."""
    rng = np.random.default_rng(2)
    paths, contents = [], []
    for name, (count, rate) in (("left", left), ("right", right)):
        samples = rng.integers(-3000, 3000, count, dtype=np.int16)
        soundfile.write(tmp_path / f"{name}.wav", samples, rate, subtype="PCM_16")
        paths.append(tmp_path / f"{name}.wav")
        contents.append(samples)
    return paths[0], paths[1], contents[0], contents[1]


@pytest.mark.parametrize("offset_s", [0.0, 12.5, -12.5, 0.00125])
def test_two_sides_stand_beside_each_other_at_their_times(offset_s: float, tmp_path: Path) -> None:
    left, right, one, other = tracks(tmp_path, (150_000, 8000), (90_000, 8000))
    stereo(left, right, offset_s, tmp_path / "both.wav")

    both, rate = soundfile.read(tmp_path / "both.wav", dtype="int16")
    info = soundfile.info(tmp_path / "both.wav")
    shift = round(abs(offset_s) * 8000)
    before = (shift, 0) if offset_s < 0 else (0, shift)
    expected = np.zeros((max(before[0] + len(one), before[1] + len(other)), 2), np.int16)
    expected[before[0] : before[0] + len(one), 0] = one
    expected[before[1] : before[1] + len(other), 1] = other
    assert (rate, info.subtype) == (8000, "PCM_16")
    assert np.array_equal(both, expected)


def test_sides_of_two_rates_meet_at_the_higher(tmp_path: Path) -> None:
    left, right, one, _ = tracks(tmp_path, (160_000, 16000), (80_000, 8000))
    stereo(left, right, 0.0, tmp_path / "both.wav")

    both, rate = soundfile.read(tmp_path / "both.wav", dtype="int16")
    assert rate == 16000
    assert len(both) == pytest.approx(160_000, abs=4)
    assert np.array_equal(both[:160_000, 0], one)
    assert np.abs(both[1000:-1000, 1].astype(int)).mean() > 500


@pytest.mark.parametrize("offset_s", [LONGEST_S + 1, -1e300, float("nan"), float("inf")])
def test_sides_that_are_days_apart_are_refused(offset_s: float, tmp_path: Path) -> None:
    left, right, _, _ = tracks(tmp_path, (8, 8000), (8, 8000))

    with pytest.raises(AudioError, match="apart"):
        stereo(left, right, offset_s, tmp_path / "both.wav")
    assert not (tmp_path / "both.wav").exists()


def test_sides_that_are_too_long_for_a_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right, _, _ = tracks(tmp_path, (9000, 8000), (8, 8000))
    monkeypatch.setattr("media.rtp.playout.MOST_FRAMES", 8999)

    with pytest.raises(AudioError, match="more than a WAV file can hold"):
        stereo(left, right, 0, tmp_path / "both.wav")


def test_a_side_that_is_not_there_is_named(tmp_path: Path) -> None:
    left, _, _, _ = tracks(tmp_path, (8, 8000), (8, 8000))

    with pytest.raises(AudioError, match=r"gone\.wav: cannot be read"):
        stereo(left, tmp_path / "gone.wav", 0, tmp_path / "both.wav")
