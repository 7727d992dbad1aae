"""Audio in a recording besides the reference."""

import numpy as np
import pytest

from media.audio.band import in_band
from media.compare.remainder import remainder
from media.signals import tones

RATE, HOP = 8000, 80
OWN = in_band(tones.speech_like(4, RATE, 1).samples, RATE)
OTHER = in_band(tones.speech_like(4, RATE, 2).samples, RATE) * np.float32(0.05)


def decibels(samples: np.ndarray, relative: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples)) / np.mean(np.square(relative))))


@pytest.mark.parametrize("delay", [0, 200, -300, 33.5])
@pytest.mark.parametrize("gain", [0.25, 1, 2])
def test_nothing_of_the_reference_is_left(delay: float, gain: float) -> None:
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(1 << 16) * delay)
    moved = np.fft.irfft(np.fft.rfft(OWN, 1 << 16) * turn)[: len(OWN)].astype(np.float32) * np.float32(gain)

    rest = remainder(OWN, moved, RATE, np.full(len(OWN) // HOP, delay))

    assert decibels(rest, moved) < -25


def test_other_audio_remains() -> None:
    rest = remainder(OWN, OWN + OTHER, RATE, np.zeros(len(OWN) // HOP))

    assert decibels(rest, OTHER) == pytest.approx(0, abs=1.5)
    assert float(np.corrcoef(rest, OTHER)[0, 1]) > 0.8


def test_where_nothing_arrived_nothing_is_taken_away() -> None:
    rest = remainder(OWN, OTHER, RATE, np.full(len(OWN) // HOP, np.nan))

    assert np.array_equal(rest, OTHER)
