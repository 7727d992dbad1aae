"""The segmental SNR: the mean SNR, in dB, of segments of 20 ms."""

import numpy as np
import pytest

from media.audio.band import in_band
from media.audio.wav import Audio
from media.compare.compare import compare
from tests.support.reference_audio import RATE, audio, noise, power, speech


@pytest.mark.parametrize("snr_db", [0, 10, 20, 30])
def test_the_segmental_ratio_is_the_mean_of_the_segments(snr_db: float) -> None:
    given = speech(1, 6).samples
    added = noise(6, power(given) * 10 ** (-snr_db / 10))
    signal = np.square(in_band(given, RATE)).reshape(-1, 160).mean(axis=1)
    ratio = 10 * np.log10(signal / np.square(in_band(added, RATE)).reshape(-1, 160).mean(axis=1))
    expected = np.clip(ratio, -10, 35)[signal > 1e-4 * signal.max()].mean()

    result = compare(speech(1, 6), Audio(given + added, RATE))

    assert result.segmental_snr_db == pytest.approx(expected, abs=0.5)


def test_noise_as_loud_as_each_moment_has_the_same_ratio_everywhere() -> None:
    signs = np.sign(np.random.default_rng(0).normal(size=len(speech().samples)))

    result = compare(speech(), audio(speech().samples * (1 + 0.1 * signs)))

    assert result.snr_db == pytest.approx(20.5, abs=0.5)  # what is above the band is not counted
    assert result.segmental_snr_db == pytest.approx(result.snr_db, abs=1)
