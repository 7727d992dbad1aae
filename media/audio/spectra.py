"""Short-time spectra and the similarity of two aligned signals, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = [
    "BANDS",
    "HOP_S",
    "Floats",
    "Likeness",
    "Signal",
    "band_energies",
    "coherence",
    "frame_count",
    "frame_power",
    "likeness",
    "logs",
    "mel_bands",
    "power_spectra",
    "smooth",
    "windows_at",
]

Signal = NDArray[np.float32]
Floats = NDArray[np.float64]

Number = TypeVar("Number", np.float32, np.float64)

HOP_S = 0.01  # one frame every 10 ms ...
WINDOW_S = 0.032  # ... in a Hann window of 32 ms around its middle
BANDS = 16  # triangular, equally wide in mel, from 100 Hz to 3.8 kHz
LOWEST_HZ, HIGHEST_HZ = 100.0, 3800.0
CHUNK = 4096  # frames processed at a time: bounds memory
TINY = 1e-12  # -120 dB: below one bit of any codec


@dataclass(frozen=True, slots=True)
class Likeness:
    """The similarity of two signals, frame by frame.

    `product` is the inner product of the two windowed waveforms, `reference_power` and `recording_power`
    are the energies of the two, all of shape (frames,); `reference` and `recording` are band energies
    of shape (frames, BANDS). `lost` is by how many dB the recording is below the reference in each
    frame's own 10 ms: a lost packet shows there, while its neighbours fill the longer window.
    """

    product: Signal
    reference_power: Signal
    recording_power: Signal
    reference: Signal
    recording: Signal
    lost: Signal

    @property
    def coherence(self) -> Floats:
        """The normalised correlation of the two waveforms of each frame."""
        return coherence(self.product, self.reference_power, self.recording_power)


def coherence(
    product: NDArray[np.floating], first: NDArray[np.floating], second: NDArray[np.floating]
) -> Floats:
    """The normalised correlation of waveforms by their product and powers, -1 to 1; 0 if either is silent."""
    return np.asarray(product / np.sqrt(first.astype(np.float64) * second + TINY**2))


def frame_count(samples: int, rate: int) -> int:
    """The number of frames in that many samples."""
    return -(-samples // _hop(rate))


def frame_power(signal: Signal, rate: int) -> Floats:
    """Mean power of each frame's own 10 ms, of shape (frames,)."""
    hop = _hop(rate)
    count = frame_count(len(signal), rate)
    whole = len(signal) // hop
    power = np.zeros(count)
    frames = signal[: whole * hop].reshape(-1, hop)
    power[:whole] = np.einsum("ij,ij->i", frames, frames) / hop
    if whole < count:
        power[whole] = float(np.square(signal[whole * hop :]).sum(dtype=np.float64)) / hop
    return power


def band_energies(signal: Signal, rate: int) -> Signal:
    """Band energies of every frame, of shape (frames, BANDS)."""
    frames = np.arange(frame_count(len(signal), rate))
    weights = _bands(rate)
    parts = [_power(_spectra(signal, part, rate)[0]) @ weights for part in _chunks(frames * _hop(rate))]
    return np.concatenate(parts) if parts else np.zeros((0, BANDS), np.float32)


def likeness(
    reference: Signal, recording: Signal, rate: int, frames: NDArray[np.intp], delay: NDArray[np.intp]
) -> Likeness:
    """Compare frames of the reference (one or more) with the recording, each `delay` samples later."""
    weights = _bands(rate)
    parts: list[tuple[Signal, ...]] = []
    for part in _chunks(np.arange(len(frames))):
        starts = frames[part] * _hop(rate)
        a, core_a = _spectra(reference, starts, rate)
        b, core_b = _spectra(recording, starts + delay[part], rate)
        power_a, power_b = _power(a), _power(b)
        product = (a.real * b.real + a.imag * b.imag).sum(axis=1)
        powers = power_a.sum(axis=1), power_b.sum(axis=1)
        lost = 10 * np.log10((core_a + TINY) / (core_b + TINY))
        parts.append((product, *powers, power_a @ weights, power_b @ weights, lost))
    return Likeness(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def power_spectra(signal: Signal, rate: int, frames: NDArray[np.intp]) -> Iterator[tuple[Floats, Floats]]:
    """The frequencies of the bins in Hz and the power spectra of frames, (frames, bins), block by block."""
    hertz = np.fft.rfftfreq(round(WINDOW_S * rate), 1 / rate).astype(np.float64)
    for part in _chunks(frames * _hop(rate)):
        yield hertz, _power(_spectra(signal, part, rate)[0]).astype(np.float64)


def logs(energies: NDArray[Number], floor: float) -> NDArray[Number]:
    """Energies in dB, at least `floor` (a power)."""
    return np.asarray(10 * np.log10(energies + max(floor, TINY)), dtype=energies.dtype)


def mel_bands(low_hz: float, high_hz: float, count: int, size: int, rate: int) -> Floats:
    """Triangular weights, equally wide in mel, of the bins of an FFT over `size` samples: (bins, count)."""
    bins = np.fft.rfftfreq(size, 1 / rate)[:, None]
    low, high = (1127 * np.log1p(edge / 700) for edge in (low_hz, high_hz))
    edges = 700 * np.expm1(np.linspace(low, high, count + 2) / 1127)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None))


def smooth(size: int) -> int:
    """The next size with a fast FFT: a power of two times 1, 3, 5, 9 or 15."""
    return min(m << max(0, (-(-size // m) - 1).bit_length()) for m in (1, 3, 5, 9, 15))


def windows_at(signal: Signal, starts: NDArray[np.intp], size: int) -> Signal:
    """`size` samples in a row from each start, of shape (starts, size); outside the signal is silence."""
    if not len(starts):
        return np.zeros((0, size), np.float32)
    low, high = int(starts.min()), int(starts.max()) + size
    piece = signal[max(low, 0) : max(high, 0)]
    if len(piece) < high - low:
        before = min(max(0, -low), high - low - len(piece))
        piece = np.pad(piece, (before, high - low - len(piece) - before))
    return np.asarray(sliding_window_view(piece, size)[starts - low])


def _hop(rate: int) -> int:
    return max(1, round(HOP_S * rate))


def _window(rate: int) -> Signal:
    return np.hanning(round(WINDOW_S * rate)).astype(np.float32)


def _spectra(signal: Signal, starts: NDArray[np.intp], rate: int) -> tuple[NDArray[np.complex64], Signal]:
    """The spectra of the windows around the hops at `starts`, and the power of the hops; silence outside."""
    window = _window(rate)
    margin = (len(window) - _hop(rate)) // 2
    samples = windows_at(signal, starts - margin, len(window))
    core = samples[:, margin : margin + _hop(rate)]
    spectra = np.asarray(np.fft.rfft(samples * window), dtype=np.complex64)
    return spectra, np.asarray(np.einsum("ij,ij->i", core, core) / _hop(rate), dtype=np.float32)


def _power(spectra: NDArray[np.complex64]) -> Signal:
    return np.asarray(np.square(spectra.real) + np.square(spectra.imag))


def _bands(rate: int) -> Signal:
    """Weights of shape (bins, BANDS), each band scaled so that its energy is comparable to a mean power."""
    size = round(WINDOW_S * rate)
    triangles = mel_bands(LOWEST_HZ, min(HIGHEST_HZ, 0.475 * rate), BANDS, size, rate)
    scale = 2 / (size * float(np.square(_window(rate)).sum()))
    return np.asarray(triangles * scale, dtype=np.float32)


def _chunks(values: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]
