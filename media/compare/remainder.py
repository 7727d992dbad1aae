"""Residual of a recording after subtraction of the aligned reference.

In each frame of 20 ms and each of ten bands the reference is subtracted with the best gain (least squares).
Codec distortion remains, 10 to 35 dB below the signal. Other audio remains completely; it is then no longer
26 dB below the other party's speech.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.audio.spectra import HOP_S, Floats, Signal

__all__ = ["remainder"]

Spectra = NDArray[np.complex128]

BANDS = 10
POINTS = 256  # of the spectra: at least a frame of 20 ms at 8 kHz
CHUNK = 4096  # frames processed at a time: bounds memory
TINY = 1e-9


def remainder(reference: Signal, recording: Signal, rate: int, delays: Floats) -> Signal:
    """The recording without the reference.

    `delays` are those of the reference's frames of 10 ms in samples, NaN for those that did not arrive;
    the rate is 8 kHz at most.
    """
    hop = round(HOP_S * rate)
    size = 2 * hop
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)
    turn = -2j * np.pi * np.fft.rfftfreq(POINTS)
    padded, rest = (np.pad(signal, (size, size)) for signal in (reference, recording))
    given, received = (
        np.lib.stride_tricks.sliding_window_view(signal, size) for signal in (padded, rest.copy())
    )
    frames = np.flatnonzero(~np.isnan(delays))
    for first in range(0, len(frames), CHUNK):
        part = frames[first : first + CHUNK]
        whole = np.rint(delays[part]).astype(np.intp)
        begin = part * hop - hop // 2 + size
        place = np.clip(begin + whole, 0, len(received) - 1)
        expected = np.fft.rfft(given[begin] * window, POINTS)
        expected *= np.exp(turn * (delays[part] - whole)[:, None])
        explained = _explained(expected, np.fft.rfft(received[place] * window, POINTS))
        for at, piece in zip(place.tolist(), explained[:, :size] * window, strict=True):
            rest[at : at + size] -= piece
    return rest[size:-size]


def _explained(expected: Spectra, received: Spectra) -> Signal:
    """The waveforms of spectra, with the gain in each band that matches the received audio best."""
    edges = np.linspace(0, expected.shape[1], BANDS + 1).astype(np.intp)
    both = np.add.reduceat((np.conj(expected) * received).real, edges[:-1], axis=1)
    own = np.add.reduceat(np.square(np.abs(expected)), edges[:-1], axis=1)
    gain = np.repeat(both / (own + TINY), np.diff(edges), axis=1)
    return np.asarray(np.fft.irfft(gain * expected, POINTS), np.float32)
