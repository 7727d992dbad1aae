"""SNR, correlation and level of aligned audio, per window and in total."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from media.audio.spectra import HOP_S, Floats, Signal, smooth, windows_at
from media.compare.align import Alignment

__all__ = ["Totals", "Window", "measure"]

T = TypeVar("T", np.bool_, np.intp)

PAD = 64  # samples on both sides, for shifts by a fraction of a sample
PASSBAND = 0.45  # of the rate: what resamplers pass (3.6 kHz at 8 kHz)
BATCH = 128  # windows processed at a time: bounds memory
STEPS, SETTLED = 6, 1e-6  # maximum steps of Newton's method; samples moved by the last step
FARTHEST = 2.0  # maximum shift of a window in samples
SEGMENT_DB = (-10.0, 35.0)  # limits of a segment of 20 ms; values beyond them sound the same
SEGMENT_RANGE = 1e-4  # of the loudest segment's power: quieter segments are pauses
TINY = 1e-12
CLEAN_DB = 120.0  # the maximum of float arithmetic; the value of identical audio


@dataclass(frozen=True, slots=True)
class Window:
    """An interval of the reference; values are None if none of it is active or arrived."""

    start_s: float
    snr_db: float | None
    correlation: float | None
    level_db: float | None
    delay_ms: float | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The same values over all matched audio."""

    snr_db: float | None
    correlation: float | None
    level_db: float | None
    segmental_snr_db: float | None = None


@dataclass(frozen=True, slots=True)
class _Sums:
    """Inner products of aligned windows, their delays in samples, the sum and number of their segmental SNRs.

    Each of shape (windows,).
    """

    reference: Floats
    recording: Floats
    both: Floats
    delay: Floats
    segmental: Floats
    segments: Floats


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two signals at `rate`, and their alignment, which was made at `aligned_rate`."""

    reference: Signal
    recording: Signal
    rate: int
    alignment: Alignment
    aligned_rate: int


def measure(
    signals: tuple[Signal, Signal], rate: int, alignment: Alignment, aligned_rate: int, window_s: float
) -> tuple[Totals, tuple[Window, ...]]:
    """Totals and windows of `window_s` seconds of a reference and a recording (`signals`) at `rate` Hz.

    `alignment` may have been found at another rate. In each window the recording is shifted by the
    part of a sample, and scaled by the gain, that fit best.
    """
    pair = _Pair(*signals, rate, alignment, aligned_rate)
    length = max(1, round(window_s / HOP_S))
    firsts = np.arange(0, len(alignment.track), length)
    clear = _undisturbed(alignment.track)
    parts = [
        _sums(pair, firsts[start : start + BATCH], length, clear) for start in range(0, len(firsts), BATCH)
    ]
    sums = _Sums(*(np.concatenate([getattr(part, name) for part in parts]) for name in _Sums.__slots__))
    arrived = alignment.arrived
    present = np.array([bool(arrived[first : first + length].any()) for first in firsts])
    windows = tuple(
        _window(round(float(first) * HOP_S, 6), sums, index, rate, bool(present[index]))
        for index, first in enumerate(firsts)
    )
    return _totals(sums, present), windows


def _sums(pair: _Pair, firsts: NDArray[np.intp], length: int, clear: NDArray[np.bool_]) -> _Sums:
    """Align and multiply consecutive windows of `length` frames that start at the frames `firsts`."""
    hop = round(HOP_S * pair.rate)
    shape = (len(firsts), length)
    track = _padded(pair.alignment.track, int(firsts[0]), shape, -1)
    main = np.array([_commonest(row) for row in track])
    delay = np.zeros(len(firsts))
    for index in np.unique(main[main >= 0]):
        here = main == index
        middles = (firsts[here] + length / 2) * HOP_S * pair.aligned_rate
        delay[here] = pair.alignment.tracks[index].delays(middles) * (pair.rate / pair.aligned_rate)
    usable = (track == main[:, None]) & _padded(clear, int(firsts[0]), shape, 0)
    mask = np.repeat(usable, hop, axis=1)
    whole = np.rint(delay).astype(np.intp)
    size = smooth(length * hop + 2 * PAD)
    a = np.fft.irfft(_banded(windows_at(pair.reference, firsts * hop - PAD, size)), size)
    a = a[:, PAD : PAD + length * hop] * mask
    received = _banded(windows_at(pair.recording, firsts * hop + whole - PAD, size))
    b, moved = _shifted(a, received, size, delay - whole)
    a, b = _centred(a, mask), _centred(b, mask)
    own, both = (a * a).sum(axis=1), (a * b).sum(axis=1)
    segmental, segments = _segmental(a, b, both / np.maximum(own, TINY), 2 * hop)
    return _Sums(own, (b * b).sum(axis=1), both, whole + moved, segmental, segments)


def _segmental(a: Floats, b: Floats, gain: Floats, size: int) -> tuple[Floats, Floats]:
    """The sum of the SNR in dB over each row's segments that are not quiet, and their number."""
    count = a.shape[1] // size
    shape = (len(a), count, size)
    signal = (gain[:, None] * a)[:, : count * size].reshape(shape)
    noise = b[:, : count * size].reshape(shape) - signal
    power = np.square(signal).mean(axis=2)
    loud = power > max(SEGMENT_RANGE * float(power.max(initial=0)), TINY)
    ratio = 10 * np.log10((power + TINY) / (np.square(noise).mean(axis=2) + TINY))
    return np.asarray((np.clip(ratio, *SEGMENT_DB) * loud).sum(axis=1)), np.asarray(
        loud.sum(axis=1, dtype=float)
    )


def _padded(values: NDArray[T], first: int, shape: tuple[int, int], filler: int) -> NDArray[T]:
    """Values from `first` on in rows, padded at the end."""
    rows = np.full(shape, filler, values.dtype)
    part = values[first : first + rows.size]
    rows.reshape(-1)[: len(part)] = part
    return rows


def _banded(rows: Signal) -> NDArray[np.complex128]:
    """Spectra of rows with faded padding, limited to PASSBAND."""
    edge = np.sin(np.linspace(0, np.pi / 2, PAD // 2)) ** 2
    faded = rows.astype(np.float64)
    faded[:, : PAD // 2] *= edge
    faded[:, -(PAD // 2) :] *= edge[::-1]
    spectra = np.fft.rfft(faded)
    spectra[:, np.fft.rfftfreq(rows.shape[1]) > PASSBAND] = 0
    return np.asarray(spectra)


def _shifted(a: Floats, spectra: NDArray[np.complex128], size: int, guess: Floats) -> tuple[Floats, Floats]:
    """The signal of `spectra` shifted by about `guess` samples to match `a` best, and the shift."""
    padded = np.zeros((len(a), size))
    padded[:, PAD : PAD + a.shape[1]] = a
    cross = spectra * np.conj(np.fft.rfft(padded))
    omega = 2 * np.pi * np.fft.rfftfreq(size)
    delay = guess.copy()
    for _ in range(STEPS):
        turned = cross * np.exp(1j * omega * delay[:, None])
        slope = -(turned.imag * omega).sum(axis=1)
        bend = -(turned.real * omega**2).sum(axis=1)
        step = np.divide(slope, bend, out=np.zeros_like(slope), where=bend < 0)
        delay = np.clip(delay - np.clip(step, -0.5, 0.5), guess - FARTHEST, guess + FARTHEST)
        if np.abs(step).max(initial=0) < SETTLED:
            break
    moved = np.fft.irfft(spectra * np.exp(1j * omega * delay[:, None]), size)
    return moved[:, PAD : PAD + a.shape[1]], delay


def _centred(rows: Floats, mask: NDArray[np.bool_]) -> Floats:
    """The masked part of each row without its mean: telephone audio has no DC."""
    count = np.maximum(mask.sum(axis=1, keepdims=True), 1)
    return np.asarray((rows - (rows * mask).sum(axis=1, keepdims=True) / count) * mask)


def _undisturbed(track: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Matched frames that are not beside a gap or a change of the delay, where the boundary is inexact."""
    clear = track >= 0
    for reach in (1, 2):
        clear[reach:] &= track[reach:] == track[:-reach]
        clear[:-reach] &= track[:-reach] == track[reach:]
    return np.asarray(clear)


def _commonest(row: NDArray[np.intp]) -> int:
    """The most frequent track of a window; -1 when no frame arrived."""
    present = row[row >= 0]
    return int(np.bincount(present).argmax()) if len(present) else -1


def _window(start_s: float, sums: _Sums, index: int, rate: int, present: bool) -> Window:
    a, b, both = float(sums.reference[index]), float(sums.recording[index]), float(sums.both[index])
    if not present or a <= 0 or b <= 0:
        return Window(start_s, None, None, None, None)
    return Window(
        start_s=start_s,
        snr_db=_decibels(max(both, 0.0) ** 2 / a, b - both**2 / a),
        correlation=both / (a * b) ** 0.5,
        level_db=float(10 * np.log10(b / a)),
        delay_ms=float(1000 * sums.delay[index] / rate),
    )


def _totals(sums: _Sums, present: NDArray[np.bool_]) -> Totals:
    a, b, both = sums.reference, sums.recording, np.maximum(sums.both, 0.0)
    explained = np.divide(both**2, a, out=np.zeros_like(a), where=a > 0)
    signal, everything = float(explained.sum()), float(b.sum())
    present_a, present_b = float(a[present].sum()), float(b[present].sum())
    if present_a <= 0 or present_b <= 0:
        return Totals(None, None, None)
    segments = float(sums.segments.sum())
    active = float(explained[present].sum())
    return Totals(
        snr_db=_decibels(signal, everything - signal),
        correlation=(active / present_b) ** 0.5,
        level_db=float(10 * np.log10(present_b / present_a)),
        segmental_snr_db=float(sums.segmental.sum()) / segments if segments else None,
    )


def _decibels(signal: float, noise: float) -> float | None:
    """Signal to noise in dB; None without signal."""
    if signal <= 0:
        return None
    return float(min(CLEAN_DB, 10 * np.log10(signal / max(noise, signal * 10 ** (-CLEAN_DB / 10)))))
