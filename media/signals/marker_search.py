"""Search for a known signal in audio, by whitening and cross-correlation.

Whitening makes all frequencies of a band equally loud in every short stretch. Speech, music and tones, whose
energy lies in few frequencies, lose most of it, a signal that fills the band loses nothing, and the
level no longer matters. What remains is correlated with the signal by FFT, in blocks: an hour of audio
needs no more memory than half a minute.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.audio.wav import Audio, resample

__all__ = ["BESIDE", "RATE", "Block", "Peak", "blocks", "correlated", "peaks", "refined"]

Samples = NDArray[np.float32]
Complex = NDArray[np.complex64]

RATE = 8000  # Hz, the rate of all searches
BAND_HZ = (340.0, 3060.0)  # the telephone band without its edges
STEP_S = 30  # duration of a block's own part, in whole seconds: it begins on a sample at every rate
MARGIN_S = 1  # context on both sides, for resampling and whitening
BESIDE = RATE // 10  # samples next to a block's own part: what lies on its edge has neighbours
WINDOW, HOP = 512, 128  # 64 ms, a Hann window before and after the spectrum
FAINT = 1e-7  # below -140 dBFS, far under one bit: left as it is
FLOOR = (
    1e-3  # a frequency 60 dB under the strongest is not raised to it: it is the resampler's, not the sound's
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the audio at RATE, with context.

    `whole` and `white` are the samples and the whitened samples; the sample `margin` lies `start_s` seconds
    into the audio, and the `own` samples from there on belong to no other block.
    """

    whole: Samples
    white: Samples
    start_s: int
    margin: int
    own: int


@dataclass(frozen=True, slots=True)
class Peak:
    """A possible start of the signal: in samples after the first of `Block.white`; likeness is 0 to 1."""

    at: float
    likeness: float


def blocks(audio: Audio, length: int) -> Iterator[Block]:
    """Cut audio into blocks; a signal of `length` samples is whole in the block in which it begins."""
    seconds = -(-len(audio.samples) // audio.rate)
    after = -(-length // RATE) + MARGIN_S
    for start in range(0, seconds, STEP_S):
        first, last = max(0, start - MARGIN_S), min(seconds, start + STEP_S + after)
        piece = audio.samples[first * audio.rate : last * audio.rate]
        samples = resample(Audio(piece, audio.rate), RATE).samples
        before, beyond = MARGIN_S * RATE if start == 0 else 0, after * RATE if last == seconds else 0
        own = min(STEP_S * RATE, before + len(samples) - MARGIN_S * RATE)
        yield Block(
            np.pad(samples, (before, beyond)), _whitened(samples, before, beyond), start, MARGIN_S * RATE, own
        )


def peaks(block: Block, signal: Complex, used: int, *, least: float, apart: int, most: int) -> list[Peak]:
    """The positions in a block's own part, and `BESIDE` it, that resemble an analytic `signal` most.

    Of the signal `used` samples are not zero. A peak's likeness is at least `least`, there is none better
    within `apart` samples, and only the best `most` of every second are kept.
    """
    own = block.own + 2 * BESIDE
    first, count = block.margin - BESIDE - apart, own + 2 * apart
    piece = block.white[first : first + count + len(signal)]
    product = np.abs(correlated(piece, signal)[:count])
    energy = np.concatenate([[0.0], np.cumsum(np.square(piece, dtype=np.float64))])
    energy = energy[len(signal) : len(signal) + count] - energy[:count]
    expected = np.sqrt(np.maximum(energy, FAINT) / len(signal) / 2) * used
    likeness = product / expected
    found: list[Peak] = []
    for second in range(0, own, RATE):
        part = likeness[second : min(second + RATE, own) + 2 * apart]
        tops = _tops(part, least, apart)[:most]
        found += [refined(part, top, first + second) for top in tops]
    return found


def correlated(piece: Samples, signal: Complex) -> Complex:
    """The correlation with a signal at each start in a piece from which the whole signal is in the piece."""
    size = fast_size(len(piece))
    parts = np.fft.irfft(np.fft.rfft(piece, size) * _spectra(signal.tobytes(), size), size)
    real, imaginary = parts[:, : len(piece) - len(signal) + 1]
    return np.asarray(real - 1j * imaginary, np.complex64)


@functools.lru_cache(8)
def _spectra(signal: bytes, size: int) -> Complex:
    """The conjugate spectra of a signal's real and imaginary parts, the same in each recording."""
    parts = np.frombuffer(signal, np.float32).reshape(-1, 2).T
    return np.asarray(np.conj(np.fft.rfft(parts, size)))


@functools.lru_cache(64)
def fast_size(least: int) -> int:
    """The smallest size of at least so many samples whose only prime factors are 2, 3 and 5."""
    odd_sizes: list[int] = [3**three * 5**five for three, five in itertools.product(range(12), range(8))]
    return min(odd << (-(-least // odd) - 1).bit_length() for odd in odd_sizes)


def _tops(values: NDArray[np.float64], least: float, apart: int) -> list[int]:
    """Positions of values that are at least `least` and the highest within `apart`, the highest first."""
    tops = []
    for place in np.flatnonzero(values[apart : len(values) - apart] >= least) + apart:
        if values[place] == values[place - apart : place + apart + 1].max():
            tops.append(int(place))
    return sorted(tops, key=lambda place: -values[place])


def refined(values: NDArray[np.float64], place: int, first: int) -> Peak:
    """The top of the parabola through a peak and its neighbours."""
    before, top, after = values[place - 1 : place + 2]
    bend = before - 2 * top + after
    offset = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return Peak(first + place + float(offset), float(top))


def _whitened(samples: Samples, before: int, beyond: int) -> Samples:
    """The whitened samples between so many zeros before and beyond them; those need no whitening."""
    skipped = max(0, before - WINDOW) // HOP * HOP
    padded = np.pad(samples, (before - skipped + WINDOW, min(beyond, WINDOW) + 2 * WINDOW))
    padded = padded[: len(padded) // HOP * HOP]
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * window
    spectra = np.fft.rfft(frames).astype(np.complex64)
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)
    spectra[:, (frequencies < BAND_HZ[0]) | (frequencies > BAND_HZ[1])] = 0
    sizes = np.abs(spectra)
    spectra /= sizes + FLOOR * sizes.max(axis=1, keepdims=True) + np.float32(FAINT * WINDOW)
    frames = np.fft.irfft(spectra).astype(np.float32) * window
    white = np.zeros(len(padded), np.float32)
    for phase in range(WINDOW // HOP):
        every = frames[phase :: WINDOW // HOP]
        white[phase * HOP : phase * HOP + every.size] += every.ravel()
    result = np.zeros(before + len(samples) + beyond, np.float32)
    white = white[WINDOW : WINDOW + len(result) - skipped]
    result[skipped : skipped + len(white)] = white
    return result
