"""Finds DTMF digits (ITU-T Q.23) and single tones in a recording, by Fourier transform alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile

__all__ = ["digits_heard", "notes_heard"]

Window = np.ndarray[tuple[int], np.dtype[np.float64]]
Found = TypeVar("Found")

ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
WINDOW_S, STEP_S = 0.04, 0.01
SHARE = 0.7
"""Of the power of a window, in the two strongest tones together."""
QUIET = 1e-4


def digits_heard(path: Path) -> str:
    """The digits whose tones are in the recording, in order; each stretch of tones counts once."""
    return "".join(key for key, _ in groupby(in_windows(path, digit_in)) if key)


def notes_heard(path: Path, notes: Sequence[int]) -> list[int]:
    """Which of some single tones, in Hz, are in the recording, in order.

    However short, and one that a jitter buffer cut in two counts once.
    """

    def note_in(window: Window, rate: int) -> int | None:
        power, width = spectrum(window), rate / len(window)
        shares = [float(power[round(note / width) - 1 : round(note / width) + 2].sum()) for note in notes]
        return notes[shares.index(max(shares))] if max(shares) > SHARE * power.sum() else None

    return [one for one, _ in groupby(one for one in in_windows(path, note_in) if one)]


def in_windows(path: Path, look: Callable[[Window, int], Found]) -> list[Found | None]:
    """What is found in each window of the recording; nothing where it is quiet."""
    samples, rate = soundfile.read(str(path), dtype="float64")
    size, step = int(WINDOW_S * rate), int(STEP_S * rate)
    windows = [samples[start : start + size] for start in range(0, len(samples) - size, step)]
    return [look(window, rate) if np.mean(window**2) >= QUIET else None for window in windows]


def spectrum(window: Window) -> Window:
    """The power of a window by its frequencies."""
    return np.asarray(np.abs(np.fft.rfft(window * np.hanning(len(window)))) ** 2)


def digit_in(window: Window, rate: int) -> str:
    """The digit of a window, or nothing."""
    power = spectrum(window)
    width = rate / len(window)

    def around(frequency: int) -> float:
        middle = round(frequency / width)
        return float(power[middle - 1 : middle + 2].sum())

    rows, columns = [around(one) for one in ROWS], [around(one) for one in COLUMNS]
    if max(rows) + max(columns) < SHARE * power.sum() or min(max(rows), max(columns)) < 0.1 * power.sum():
        return ""
    return KEYS[rows.index(max(rows))][columns.index(max(columns))]
