"""Digits sound as ITU-T Q.23 says."""

import numpy as np
import pytest

from media.audio.wav import AudioError
from media.signals import dtmf


def test_the_keypad_is_that_of_q23() -> None:
    assert dtmf.FREQUENCIES["1"] == (697, 1209)
    assert dtmf.FREQUENCIES["5"] == (770, 1336)
    assert dtmf.FREQUENCIES["#"] == (941, 1477)
    assert dtmf.FREQUENCIES["D"] == (941, 1633)
    assert sorted(dtmf.FREQUENCIES) == sorted(dtmf.DIGITS)
    assert len(set(dtmf.FREQUENCIES.values())) == 16


@pytest.mark.parametrize("digit", dtmf.DIGITS)
@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_digit_is_its_two_frequencies(digit: str, rate: int) -> None:
    samples = dtmf.synthesise(digit, rate, on_ms=1000, off_ms=0).samples

    spectrum = np.abs(np.fft.rfft(samples))
    assert sorted(np.argsort(spectrum)[-2:].tolist()) == sorted(dtmf.FREQUENCIES[digit])
    assert np.abs(samples).max() <= 1


def test_digits_and_pauses_have_their_lengths() -> None:
    audio = dtmf.synthesise("1,2", 8000, on_ms=100, off_ms=50)

    sounds = np.abs(audio.samples.reshape(-1, 400)).max(axis=1) > 0.1
    assert audio.duration_s == pytest.approx(0.1 + 0.05 + 0.5 + 0.1 + 0.05)
    assert sounds.tolist() == [True] * 2 + [False] * 11 + [True] * 2 + [False]


def test_lower_case_letters_are_digits() -> None:
    assert np.array_equal(dtmf.synthesise("ad", 8000).samples, dtmf.synthesise("AD", 8000).samples)


def test_no_digits_are_no_audio() -> None:
    assert dtmf.synthesise("", 8000).duration_s == 0


@pytest.mark.parametrize(("digits", "digit", "position"), [("12x4", "x", 3), (" 1", " ", 1), ("1E", "E", 2)])
def test_a_bad_digit_is_named_with_its_position(digits: str, digit: str, position: int) -> None:
    with pytest.raises(AudioError, match=f"'{digit}' at position {position}"):
        dtmf.synthesise(digits, 8000)


def test_digits_louder_than_full_scale_are_refused() -> None:
    with pytest.raises(AudioError, match="full scale"):
        dtmf.synthesise("1", 8000, level_dbfs=-3)
