"""Finds the two tones of DTMF digits (ITU-T Q.23) in a recording, by Fourier transform alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

__all__ = ["digits_heard"]

ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
WINDOW_S, STEP_S = 0.04, 0.01
SHARE = 0.7
"""Of the power of a window, in the two strongest tones together."""
QUIET = 1e-4


def digits_heard(path: Path) -> str:
    """The digits whose tones are in the recording, in order; each stretch of tones counts once."""
    samples, rate = soundfile.read(str(path), dtype="float64")
    size, step = int(WINDOW_S * rate), int(STEP_S * rate)
    heard, before = "", ""
    for start in range(0, len(samples) - size, step):
        key = digit_in(samples[start : start + size], rate)
        if key and key != before:
            heard += key
        before = key
    return heard


def digit_in(window: np.ndarray[tuple[int], np.dtype[np.float64]], rate: int) -> str:
    """The digit of a window, or nothing."""
    if np.mean(window**2) < QUIET:
        return ""
    power = np.abs(np.fft.rfft(window * np.hanning(len(window)))) ** 2
    width = rate / len(window)

    def around(frequency: int) -> float:
        middle = round(frequency / width)
        return float(power[middle - 1 : middle + 2].sum())

    rows, columns = [around(one) for one in ROWS], [around(one) for one in COLUMNS]
    if max(rows) + max(columns) < SHARE * power.sum() or min(max(rows), max(columns)) < 0.1 * power.sum():
        return ""
    return KEYS[rows.index(max(rows))][columns.index(max(columns))]
