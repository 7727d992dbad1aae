"""Envelope, level and spectrogram of audio, reduced to the columns of a plot."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from media.audio.wav import Audio

__all__ = ["Envelope", "envelope", "levels", "spectrogram"]

Floats = NDArray[np.float64]

WINDOW_S = 0.032  # resolves 62 Hz (Hann): shows harmonics of a voice and syllables
FRAMES = 6  # maximum number of windows per column, which shows their mean; bounds the work for long audio
BATCH = 1024  # windows processed at a time: bounds memory
FLOOR = 1e-14  # -140 dB: far below one bit


@dataclass(frozen=True, slots=True)
class Envelope:
    """The minimum and maximum sample of each column, and the time of the columns in s."""

    at_s: Floats
    low: Floats
    high: Floats


def envelope(audio: Audio, columns: int) -> Envelope:
    """The envelope in at most `columns` columns; empty for empty audio."""
    samples = audio.samples
    count = min(columns, len(samples))
    if not count:
        nothing = np.zeros(0)
        return Envelope(nothing, nothing, nothing)
    edges = _edges(len(samples), count)
    low = np.minimum.reduceat(samples, edges[:-1]).astype(np.float64)
    high = np.maximum.reduceat(samples, edges[:-1]).astype(np.float64)
    return Envelope((edges[:-1] + edges[1:]) / 2 / audio.rate, low, high)


def levels(audio: Audio, columns: int) -> tuple[Floats, Floats]:
    """The times of the columns in s, and their RMS level in dBFS (a full-scale sine is 0).

    -inf is silence.
    """
    samples = audio.samples
    count = min(columns, int(np.ceil(len(samples) / max(1, round(WINDOW_S * audio.rate)))))
    if not count:
        return np.zeros(0), np.zeros(0)
    edges = _edges(len(samples), count)
    sums = [float(np.vdot(part, part)) for part in (samples[a:b] for a, b in pairwise(edges))]
    power = 2 * np.array(sums) / np.diff(edges)
    decibels = np.full(count, -np.inf)
    np.log10(power, out=decibels, where=power > 0)
    return (edges[:-1] + edges[1:]) / 2 / audio.rate, 10 * decibels


def spectrogram(audio: Audio, columns: int, rows: int, top_hz: float) -> Floats:
    """Levels in dBFS (a full-scale sine is 0) of shape (rows, columns), from 0 Hz in row 0 to `top_hz`.

    A column is the mean power of up to six windows of 32 ms in its time; a row is the strongest frequency in
    its band. Frequencies above half the rate have the floor of -140 dB. Empty audio has no columns.
    """
    samples, rate = audio.samples, audio.rate
    size = max(16, 2 * round(WINDOW_S * rate / 2))
    hop = size // 4
    count = min(columns, -(-len(samples) // hop))
    if not count:
        return np.zeros((rows, 0))
    edges = np.linspace(0, len(samples), count + 1)
    per_column = int(np.clip(len(samples) / count / hop, 1, FRAMES))
    offsets = (np.arange(per_column) + 0.5) / per_column
    middles = (edges[:-1, None] + np.diff(edges)[:, None] * offsets).astype(np.intp)
    bands, inside = _bands(size, rate, rows, top_hz)
    power = np.empty((count, rows))
    step = max(1, BATCH // per_column)
    for start in range(0, count, step):
        part = middles[start : start + step]
        bins = _power(samples, part.reshape(-1) - size // 2, size).reshape(*part.shape, -1).mean(axis=1)
        power[start : start + step] = np.where(inside, np.maximum.reduceat(bins, bands, axis=1), 0)
    return np.asarray(10 * np.log10(power.T + FLOOR))


def _edges(samples: int, columns: int) -> NDArray[np.intp]:
    return (np.arange(columns + 1) * samples) // columns


def _power(samples: NDArray[np.float32], first: NDArray[np.intp], size: int) -> Floats:
    """Power relative to a full-scale sine, in the windows that start at `first`; silence outside."""
    window = np.hanning(size + 1)[:size]
    index = first[:, None] + np.arange(size)
    taken = samples[np.clip(index, 0, len(samples) - 1)]
    taken = np.where((index >= 0) & (index < len(samples)), taken, np.float32(0))
    spectra = np.fft.rfft(taken * window) * (2 / window.sum())
    return np.asarray(np.square(spectra.real) + np.square(spectra.imag))


def _bands(size: int, rate: int, rows: int, top_hz: float) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The first bin of each row, and whether the row is below half the rate."""
    centres = (np.arange(rows) + 0.5) * top_hz / rows
    bins = np.rint(np.arange(rows) * top_hz / rows * size / rate).astype(np.intp)
    return np.minimum(bins, size // 2), centres < rate / 2
