"""Measurement of hiss: noise-like sound whose waveform codecs do not preserve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.audio.spectra import Signal, power_spectra

__all__ = ["hiss_share"]

LOWEST_HZ, HIGHEST_HZ = 1300.0, 3500.0
"""GSM 06.10 sends every third sample of the residual, and so no waveform of it above 1.3 kHz."""

WHITE = 0.56  # the spectral flatness of white noise in a single frame: exp(-Euler's constant)
FAINT = 1e-12  # relative to the strongest bin


def hiss_share(signal: Signal, rate: int, frames: NDArray[np.intp]) -> float:
    """The share of hiss above 1.3 kHz in the power of these 10 ms frames, 0 to 1.

    The spectral flatness, the geometric mean over the arithmetic mean of a power spectrum, is 0 for tones
    and the harmonics of voices and 0.56 for white noise. The ratio to 0.56 estimates the share of noise.
    White noise has 0.66, whispering about 0.4, voices 0.01 to 0.1, music and tones none.
    """
    high = total = 0.0
    for hertz, power in power_spectra(signal, rate, frames):
        band = (
            power[:, (hertz >= LOWEST_HZ) & (hertz < HIGHEST_HZ)]
            + FAINT * float(power.max(initial=0))
            + FAINT
        )
        flatness = np.exp(np.log(band).mean(axis=1)) / band.mean(axis=1)
        high += float((np.minimum(flatness / WHITE, 1) * band.sum(axis=1)).sum())
        total += float(power.sum())
    return high / total if total > 0 else 0.0
