"""Guesses of the delay between two files by their spectral envelopes."""

from __future__ import annotations

import numpy as np

from media.audio.spectra import BANDS, HOP_S, Floats, Signal, band_energies, logs, smooth

__all__ = ["envelope_guesses"]

GUESSES = 3
ALIKE = 0.98  # a guess this close to the best is equal, and the earliest one counts (a looped reference)
RANGE_DB = 40.0  # of the envelope, below the loud frames


def envelope_guesses(reference: Signal, recording: Signal, rate: int) -> list[float]:
    """Delays in samples with the best match of the spectral envelopes; the earliest of equal ones first."""
    a, b = _envelope(band_energies(reference, rate)), _envelope(band_energies(recording, rate))
    if not a.any() or not b.any():
        return []
    size = smooth(len(a) + len(b))
    total = np.zeros(size)
    for band in range(BANDS):
        spectrum = np.fft.rfft(b[:, band], size) * np.conj(np.fft.rfft(a[:, band], size))
        total += np.fft.irfft(spectrum, size)
    lags = np.arange(-len(a) + 1, len(b))
    own = np.concatenate([[0.0], np.cumsum(np.einsum("ij,ij->i", b, b))])
    energy = own[np.clip(lags + len(a), 0, len(b))] - own[np.clip(lags, 0, len(b))]
    agreement = total[lags] / np.sqrt(float(np.vdot(a, a)) * np.maximum(energy, 0.05 * energy.max()))
    guesses: list[float] = []
    best = float(agreement.max())
    for _ in range(GUESSES):
        peak = int(agreement.argmax()) if guesses else _first_peak(agreement, ALIKE * best)
        guesses.append(float(lags[peak] * max(1, round(HOP_S * rate))))
        agreement[max(0, peak - 10) : peak + 11] = -1
    return guesses


def _first_peak(values: Floats, enough: float) -> int:
    """The top of the first peak that reaches `enough`."""
    at = int(np.argmax(values >= enough))
    while at + 1 < len(values) and values[at + 1] > values[at]:
        at += 1
    return at


def _envelope(energies: Signal) -> Signal:
    """Energies in dB above a floor below the loud frames of the file, never negative."""
    loud = float(np.percentile(energies.max(axis=1), 98)) if len(energies) else 0.0
    if loud <= 0:
        return np.zeros_like(energies)
    floor = loud * 10 ** (-RANGE_DB / 10)
    above = logs(energies, floor)
    above -= logs(np.zeros(1, np.float32), floor)
    return above
