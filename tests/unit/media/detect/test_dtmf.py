"""media.detect.dtmf: digits within the limits of ITU-T Q.24 are detected; other sound is none."""

import itertools
from typing import Any

import numpy as np
import pytest

from media.audio.wav import Audio, AudioError
from media.detect.dtmf import DigitHeard, DtmfDetector, detect
from media.signals.dtmf import DIGITS, synthesise
from media.signals.tones import speech_like, tone
from tests.support.digits import burst, conceal, no_digits, random_string

RATE = 8000
FADES = (0.0, 0.005)


def padded(*parts: np.ndarray, rate: int = RATE) -> Audio:
    edge = np.zeros(rate // 10)
    return Audio(np.concatenate([edge, *parts, edge]).astype(np.float32), rate)


def with_noise(audio: Audio, level_dbfs: float, snr_db: float = 15, seed: int = 0) -> Audio:
    """White noise that far below a pair whose sines have that level each."""
    noise = np.random.default_rng(seed).normal(0, 10 ** ((level_dbfs - snr_db) / 20), len(audio.samples))
    return Audio((audio.samples + noise).astype(np.float32), audio.rate)


def heard(audio: Audio) -> str:
    return "".join(digit.digit for digit in detect(audio))


def in_chunks(audio: Audio, sizes: list[int]) -> list[DigitHeard]:
    detector, digits, at = DtmfDetector(audio.rate), [], 0
    for size in itertools.cycle(sizes):
        digits += detector.feed(audio.samples[at : at + size])
        at += size
        if at >= len(audio.samples):
            return digits + detector.finish()
    raise AssertionError


def assert_same(one: list[DigitHeard], other: tuple[DigitHeard, ...]) -> None:
    assert [digit.digit for digit in one] == [digit.digit for digit in other]
    for a, b in zip(one, other, strict=True):
        for name in ("start_s", "duration_ms", "level_dbfs", "twist_db"):
            assert getattr(a, name) == pytest.approx(getattr(b, name), abs=1e-6)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_every_digit_is_detected_with_its_place_and_level_at_any_rate(rate: int) -> None:
    digits = detect(synthesise(DIGITS, rate, on_ms=80, off_ms=60, level_dbfs=-12))

    assert "".join(digit.digit for digit in digits) == DIGITS
    for index, digit in enumerate(digits):
        assert digit.start_s == pytest.approx(0.14 * index, abs=0.005)
        assert digit.duration_ms == pytest.approx(80, abs=10)
        assert digit.level_dbfs == pytest.approx(-12, abs=0.3)
        assert digit.twist_db == pytest.approx(0, abs=0.3)


def test_edges_without_fades_are_exact() -> None:
    (digit,) = detect(padded(burst("5", 60, RATE)))

    assert digit.start_s == pytest.approx(0.1, abs=0.001)
    assert digit.duration_ms == pytest.approx(60, abs=1.5)


@pytest.mark.parametrize("fade_s", FADES)
@pytest.mark.parametrize("level", [-3.14, -12, -30.2, -40])  # 0 dBm0, clipped; -27 dBm0; our own floor
def test_q24_40_ms_is_a_digit_and_23_ms_is_none_at_any_level(level: float, fade_s: float) -> None:
    for digit in DIGITS:
        for on_ms, expected in ((40, digit), (23, "")):
            sound = np.clip(burst(digit, on_ms, RATE, level, level, fade_s=fade_s), -1, 1)
            assert heard(padded(sound)) == expected
            assert heard(with_noise(padded(sound), level)) == expected


@pytest.mark.parametrize("twist", [-8, 0, 4])
@pytest.mark.parametrize("offs", [(-0.015, -0.015), (-0.015, 0.015), (0.015, -0.015), (0.015, 0.015)])
def test_q24_twist_and_1_5_percent_are_accepted(twist: float, offs: tuple[float, float]) -> None:
    low, high = -14 - max(0, twist), -14 + min(0, twist)
    level = 10 * np.log10((10 ** (low / 10) + 10 ** (high / 10)) / 2)
    for digit, fade_s in itertools.product(DIGITS, FADES):
        sound = burst(digit, 40, RATE, low, high, low_off=offs[0], high_off=offs[1], fade_s=fade_s)
        noisy = detect(with_noise(padded(sound), float(level)))
        assert heard(padded(sound)) == digit
        assert [one.digit for one in noisy] == [digit]
        assert noisy[0].twist_db == pytest.approx(twist, abs=1.5)


@pytest.mark.parametrize("off", [-0.035, 0.035])
@pytest.mark.parametrize("other", [-0.015, 0, 0.015])
@pytest.mark.parametrize("on_ms", [40, 200])
def test_q24_3_5_percent_is_rejected(off: float, other: float, on_ms: int) -> None:
    for digit in DIGITS:
        for low_off, high_off in ((off, other), (other, off)):
            sound = padded(burst(digit, on_ms, RATE, low_off=low_off, high_off=high_off))
            assert heard(sound) == ""
            assert heard(with_noise(sound, -12)) == ""


@pytest.mark.parametrize("digit", DIGITS)
def test_the_twist_that_gsm_makes_of_8_db_is_accepted(digit: str) -> None:
    assert heard(padded(burst(digit, 100, RATE, -12, -22.5))) == digit


@pytest.mark.parametrize("twist", [-12, 8])
def test_too_much_twist_is_no_digit(twist: float) -> None:
    assert heard(padded(burst("5", 100, RATE, -20, -20 + twist))) == ""


@pytest.mark.parametrize("fade_s", FADES)
def test_q24_a_pause_of_40_ms_separates_equal_digits(fade_s: float) -> None:
    for digit in DIGITS:
        sound = burst(digit, 40, RATE, fade_s=fade_s)
        twice = padded(sound, np.zeros(RATE // 25), sound)
        assert heard(twice) == 2 * digit
        assert heard(with_noise(twice, -12)) == 2 * digit


@pytest.mark.parametrize("at_ms", [15, 25, 35])
def test_q24_an_interruption_of_10_ms_does_not_split_a_digit(at_ms: int) -> None:
    for digit in DIGITS:
        sound = burst(digit, 60, RATE)
        sound[at_ms * RATE // 1000 : (at_ms + 10) * RATE // 1000] = 0
        (found,) = detect(with_noise(padded(sound), -12))
        assert found.digit == digit
        assert found.duration_ms == pytest.approx(60, abs=10)


@pytest.mark.parametrize("how", ["silence", "repeat", "fade"])
def test_a_digit_of_100_ms_survives_a_lost_packet_anywhere(how: str) -> None:
    for digit, lost in itertools.product(DIGITS, range(5, 10)):
        sound = padded(burst(digit, 100, RATE, fade_s=0.005)).samples
        assert heard(Audio(conceal(sound, RATE, lost, how), RATE)) == digit


def test_digits_that_touch_are_two() -> None:
    assert heard(padded(burst("1", 80, RATE), burst("2", 80, RATE), burst("4", 80, RATE))) == "124"


@pytest.mark.parametrize("rate", [8000, 16000])
def test_random_strings_within_q24_are_detected_at_15_db_snr(rate: int) -> None:
    rng = np.random.default_rng(24)
    for _ in range(40):
        audio, sent = random_string(rng, rate)
        found = detect(audio)
        assert "".join(digit.digit for digit in found) == "".join(digit.digit for digit in sent)
        for a, b in zip(sent, found, strict=True):
            assert b.start_s == pytest.approx(a.start_s, abs=0.005)
            assert b.duration_ms == pytest.approx(a.duration_ms, abs=10)
            assert b.level_dbfs == pytest.approx(a.level_dbfs, abs=1)


@pytest.mark.parametrize("seed", [3, 4])
def test_there_are_no_digits_in_speech_music_tones_and_noise(seed: int) -> None:
    for name, audio in no_digits(seed, (8000, 16000)[seed % 2]):
        assert (name, detect(audio)) == (name, ())


@pytest.mark.parametrize("frequencies", [(350, 440), (440, 480), (480, 620), (697,), (1336,), (770, 852)])
def test_other_tones_are_no_digits(frequencies: tuple[int, ...]) -> None:
    assert detect(tone(frequencies, 2, RATE, -12)) == ()


def test_three_sines_are_no_digit() -> None:
    assert detect(tone((697, 1209, 1477), 0.2, RATE, -12)) == ()


def test_a_digit_is_detected_when_speech_pauses() -> None:
    speech = speech_like(3, RATE, 5).samples
    digit = synthesise("7", RATE, 100, 50).samples

    found = detect(Audio(np.concatenate([speech, digit, speech]), RATE))
    assert [one.digit for one in found] == ["7"]
    assert found[0].start_s == pytest.approx(3, abs=0.005)


def test_a_digit_on_dc_is_detected() -> None:
    assert heard(Audio(padded(burst("9", 60, RATE)).samples + np.float32(0.3), RATE)) == "9"


def test_a_digit_may_be_long() -> None:
    (digit,) = detect(padded(burst("*", 5000, RATE)))

    assert digit.duration_ms == pytest.approx(5000, abs=2)


def test_digits_at_both_ends_of_the_audio_are_detected() -> None:
    first, last = detect(
        Audio(np.concatenate([burst("1", 50, RATE), np.zeros(800), burst("2", 50, RATE)]), RATE)
    )

    assert (first.digit, last.digit) == ("1", "2")
    assert first.start_s == pytest.approx(0, abs=0.005)
    assert last.start_s + last.duration_ms / 1000 == pytest.approx(0.2, abs=0.005)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("sizes", [[160], [1], [7, 333, 64], [10**6], [0, 801, 12, 3000]])
def test_the_chunks_do_not_matter(rate: int, sizes: list[int]) -> None:
    audio, _ = random_string(np.random.default_rng(9), rate)
    short = Audio(audio.samples[: 8000 if sizes == [1] else None], rate)

    assert_same(in_chunks(short, sizes), detect(short))


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_a_digit_is_reported_within_60_ms_of_its_end(rate: int) -> None:
    audio, sent = random_string(np.random.default_rng(2), rate, snr_db=30)
    detector, millisecond, reported = DtmfDetector(rate), rate // 1000, []
    for start in range(0, len(audio.samples), millisecond):
        digits = detector.feed(audio.samples[start : start + millisecond])
        reported += [start / rate] * len(digits)
    reported += [len(audio.samples) / rate] * len(detector.finish())

    late = [at - digit.start_s - digit.duration_ms / 1000 for at, digit in zip(reported, sent, strict=True)]
    assert max(late) <= 0.06


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_hardly_any_audio_holds_no_digit(samples: int) -> None:
    assert detect(Audio(np.ones(samples, np.float32), RATE)) == ()


def test_bad_input_is_refused() -> None:
    with pytest.raises(AudioError, match="8000"):
        DtmfDetector(7999)
    integers: Any = np.zeros(4, np.int16)
    with pytest.raises(AudioError, match="int16"):
        DtmfDetector(RATE).feed(integers)
    with pytest.raises(AudioError, match="shape"):
        DtmfDetector(RATE).feed(np.zeros((4, 2), np.float32))
    with pytest.raises(AudioError, match="NaN"):
        DtmfDetector(RATE).feed(np.array([0, np.nan], np.float32))


def test_a_finished_detector_takes_no_more() -> None:
    detector = DtmfDetector(RATE)

    assert detector.finish() == []
    assert detector.finish() == []
    with pytest.raises(AudioError, match="finished"):
        detector.feed(np.zeros(1, np.float32))
