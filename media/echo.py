"""Owns finding a party's own audio in what it received; it must not know of references or calls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from media.band import in_band
from media.spectra import Floats, Signal
from media.wav import Audio, AudioError, resample

__all__ = ["Echo", "find_echo"]

RATE = 8000
BLOCK_S = 4.0  # averaged block by block: what is not the echo has another phase in each
LONGEST_S = 2.0
CLEAR = 8.0  # times the usual deviation: chance reaches 5 in 32,000 places, and 8 never did
FAINTEST_DB = -60.0


@dataclass(frozen=True, slots=True)
class Echo:
    """One's own audio came back `delay_ms` after it was sent, `level_db` relative to it (ERL, G.168)."""

    delay_ms: float
    level_db: float


def find_echo(sent: Audio, received: Audio) -> Echo | None:
    """The strongest echo of `sent` in `received`, 0 to 2 s after it; None without one.

    Both begin at the same moment. Their spectra are whitened in blocks of 4 s and their correlations
    added up, so that an echo far below other speech is found. Raises AudioError when `sent` is silent.
    """
    mine, heard = (in_band(resample(audio, RATE).samples, RATE) for audio in (sent, received))
    if not len(mine) or float(np.abs(mine).max()) < 1e-4:
        raise AudioError("what was sent is silent, so nothing of it can come back; give a file with audio")
    reach = round(LONGEST_S * RATE)
    total = _correlation(mine, heard, reach)
    peak = int(np.abs(total).argmax())
    usual = 1.4826 * float(np.median(np.abs(total)))
    if usual <= 0 or abs(total[peak]) < CLEAR * usual:
        return None
    level = _level_db(mine, heard, peak)
    return Echo(1000 * peak / RATE, level) if level is not None and level > FAINTEST_DB else None


def _correlation(mine: Signal, heard: Signal, reach: int) -> Floats:
    """The whitened correlation at delays of 0 to `reach` samples, summed over blocks."""
    size = round(BLOCK_S * RATE)
    points = 1 << (2 * size + reach - 1).bit_length()
    total = np.zeros(reach)
    for start in range(0, len(mine), size):
        a = np.fft.rfft(mine[start : start + size], points)
        b = np.fft.rfft(heard[start : start + size + reach], points)
        cross = np.conj(a) * b
        weight = np.abs(cross)
        weight += 1e-3 * weight.max() + 1e-20
        total += np.fft.irfft(cross / weight, points)[:reach]
    return total


def _level_db(mine: Signal, heard: Signal, delay: int) -> float | None:
    """The echo's gain by least squares."""
    count = min(len(mine), len(heard) - delay)
    if count <= 0:
        return None
    a, b = mine[:count].astype(np.float64), heard[delay : delay + count].astype(np.float64)
    own = float(np.einsum("i,i->", a, a))
    gain = abs(float(np.einsum("i,i->", a, b))) / own if own > 0 else 0.0
    return float(20 * np.log10(gain)) if gain > 0 else None
