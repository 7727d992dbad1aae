"""Noise generator: white noise, and noise with the long-term spectrum of speech."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.audio.wav import Audio, AudioError

__all__ = ["speech_noise", "white_noise"]

BLOCK = 1 << 16  # samples generated at a time: bounds memory
FILTER_S = 0.032  # resolves 31 Hz: finer than a third of an octave at 100 Hz
LOUDEST_DBFS = -9.0  # full scale is four times the RMS, which one sample in 16,000 exceeds

# The long-term average spectrum of speech, men and women of twelve languages: level in thirds of an octave
# (Byrne et al., J. Acoust. Soc. Am. 96(4), 1994, table II). Only differences matter here.
THIRDS = (
    (63, 38.6),
    (80, 43.5),
    (100, 54.4),
    (125, 57.7),
    (160, 56.8),
    (200, 60.2),
    (250, 60.3),
    (315, 59.0),
    (400, 62.1),
    (500, 62.1),
    (630, 60.5),
    (800, 56.8),
    (1000, 53.7),
    (1250, 53.0),
    (1600, 52.0),
    (2000, 48.7),
    (2500, 48.1),
    (3150, 46.8),
    (4000, 45.6),
    (5000, 44.5),
    (6300, 44.3),
    (8000, 43.7),
    (10000, 43.4),
    (12500, 41.3),
    (16000, 40.7),
)
CENTRES_HZ, LEVELS_DB = np.array(THIRDS).T


def white_noise(s: float, rate: int, seed: int = 0, level_dbfs: float = -20) -> Audio:
    """Gaussian white noise of `s` seconds whose RMS level is `level_dbfs`; the seed decides every sample.

    0 dBFS is the level of a sine that just reaches full scale (AES17). Raises AudioError when the level
    is above -9 dBFS: peaks would be clipped.
    """
    return Audio(_scaled(_gaussian(_count(s, rate, level_dbfs), seed), level_dbfs), rate)


def speech_noise(s: float, rate: int, seed: int = 0, level_dbfs: float = -20) -> Audio:
    """Gaussian noise with the long-term average spectrum of speech, otherwise like `white_noise`."""
    count = _count(s, rate, level_dbfs)
    taps = _taps(rate)
    noise = _gaussian(count + len(taps) - 1, seed) if count else np.zeros(0, np.float32)
    return Audio(_scaled(_filtered(noise, taps, count), level_dbfs), rate)


def _count(s: float, rate: int, level_dbfs: float) -> int:
    if not (0 <= s < np.inf and rate > 0):
        raise AudioError(f"noise of {s:g} s at {rate} Hz cannot be made; both must be positive")
    if not level_dbfs <= LOUDEST_DBFS:
        raise AudioError(
            f"noise at {level_dbfs:g} dBFS exceeds full scale; use {LOUDEST_DBFS:g} dBFS or less"
        )
    return round(s * rate)


def _gaussian(count: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(count, dtype=np.float32)


def _taps(rate: int) -> NDArray[np.float64]:
    """A symmetric FIR filter whose response is the square root of the density."""
    size = 2 * round(FILTER_S * rate / 2)
    frequency = np.fft.rfftfreq(size, 1 / rate)
    density = LEVELS_DB - 10 * np.log10(CENTRES_HZ)  # the bands' widths grow with their centres
    shape = np.interp(np.log(np.maximum(frequency, 1)), np.log(CENTRES_HZ), density, left=-np.inf)
    response = np.fft.irfft(10 ** (shape / 20), size)
    return np.asarray(np.roll(response, size // 2) * np.hanning(size + 1)[:size])


def _filtered(noise: NDArray[np.float32], taps: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """The valid part of the convolution, block by block."""
    shaped = np.empty(count, np.float32)
    size = BLOCK + len(taps) - 1
    response = np.fft.rfft(taps, size)
    for start in range(0, count, BLOCK):
        spectrum = np.fft.rfft(noise[start : start + size], size) * response
        stop = min(start + BLOCK, count)
        shaped[start:stop] = np.fft.irfft(spectrum, size)[len(taps) - 1 :][: stop - start]
    return shaped


def _scaled(noise: NDArray[np.float32], level_dbfs: float) -> NDArray[np.float32]:
    """In place, to the exact RMS; the rare peak beyond full scale is clipped."""
    if len(noise):
        rms = float(np.sqrt(np.vdot(noise, noise) / len(noise)))
        noise *= np.float32(10 ** (level_dbfs / 20) / rms / np.sqrt(2))
        np.clip(noise, -1, 1, out=noise)
    return noise
