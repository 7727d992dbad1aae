"""The telephone band as a linear-phase band-pass filter (ITU-T G.712)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOWEST_HZ", "in_band"]

Signal = NDArray[np.float32]

LOWEST_HZ = 300.0
"""Below this frequency the high-pass filters of codecs shift the phase: same sound, another waveform."""

TAPS_S = 0.032  # falls to -50 dB within 100 Hz of the edge
HIGHEST = 0.45  # share of the rate: what resamplers pass, slightly more than telephones pass
BLOCK = 1 << 15


def in_band(signal: Signal, rate: int) -> Signal:
    """The signal between 300 Hz and 0.45 of `rate` (3.6 kHz at 8 kHz), without delay or change of phase.

    ITU-T G.712 specifies 300 to 3400 Hz for a telephone channel. DC is removed first, because its edges would
    sound like clicks. Works in blocks (overlap-save), so the memory needed is that of the result.
    """
    taps = _taps(rate)
    half = len(taps) // 2
    size = BLOCK + len(taps) - 1
    response = np.fft.rfft(taps, size)
    out = np.empty(len(signal), np.float32)
    mean = np.float32(signal.mean(dtype=np.float64)) if len(signal) else np.float32(0)
    for start in range(0, len(signal), BLOCK):
        first, after = start - half, min(start + BLOCK, len(signal)) + half
        block = np.zeros(size, np.float32)
        piece = signal[max(first, 0) : after]
        block[max(0, -first) : max(0, -first) + len(piece)] = piece - mean
        filtered = np.fft.irfft(np.fft.rfft(block) * response, size)
        out[start : start + BLOCK] = filtered[len(taps) - 1 :][: len(signal) - start]
    return out


def _taps(rate: int) -> NDArray[np.float64]:
    """A linear-phase band-pass filter by the window method, of odd length."""
    half = round(TAPS_S * rate / 2)
    t = np.arange(-half, half + 1)
    low, high = (LOWEST_HZ - 50) / rate, HIGHEST
    ideal = 2 * high * np.sinc(2 * high * t) - 2 * low * np.sinc(2 * low * t)
    return np.asarray(ideal * np.hamming(len(t)))
