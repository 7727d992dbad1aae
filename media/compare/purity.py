"""Tonal purity: the share of one or two sines in the power of audio."""

from __future__ import annotations

import numpy as np

from media.audio.spectra import Floats, Signal

__all__ = ["purity"]

POINTS = 512  # of the FFT
LOBE = 2.2  # half of a Hann window's main lobe and a little more, in bins of the row's length
TINY = 1e-12


def purity(rows: Signal) -> Floats:
    """The share of each row's power in its two strongest spectral peaks, 0 to 1.

    Tones, DTMF and sweeps have 0.99, voices and music about a half, noise less.
    """
    window = np.hanning(rows.shape[1]).astype(rows.dtype)
    spectra = np.fft.rfft(rows * window, max(POINTS, rows.shape[1]))
    power = np.square(spectra.real) + np.square(spectra.imag)
    total = power.sum(axis=1)
    bins, lobe = np.arange(power.shape[1]), LOBE * max(POINTS, rows.shape[1]) / rows.shape[1]
    for _ in range(2):
        power[np.abs(bins - power.argmax(axis=1)[:, None]) <= lobe] = 0
    return np.asarray(1 - power.sum(axis=1) / (total + TINY))
