"""A synthetic English sentence from a cascade formant synthesiser (Klatt 1980).

A source (glottal pulses, breath, hiss) passes through resonances that move from phoneme to phoneme (Klatt,
J. Acoust. Soc. Am. 67(3), 1980). The filter is applied to short overlapping spectra, so its parameters may
change every few milliseconds. No person was recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from media.audio.wav import Audio, AudioError, resample

__all__ = ["SENTENCE", "sentence", "speak"]

Signal = NDArray[np.float64]

SENTENCE = "one two three four five. this is a test call."
"""The text of `sentence`."""

RATE = 16000  # the internal sample rate
STEP = RATE // 1000  # parameters change every millisecond
HOP, WINDOW, SIZE = 80, 320, 1024  # short spectra: 5 ms, 20 ms, and room for the filter's decay
ACTIVE_RMS, PEAK = 0.1, 0.7
GLOTTIS = 10.0  # makes a vowel about as strong as a hiss of -12 dB
HIGHER_FORMANTS = ((3500.0, 220.0), (4500.0, 300.0), (5500.0, 400.0), (6500.0, 500.0), (7500.0, 600.0))


@dataclass(frozen=True, slots=True)
class Phoneme:
    """The articulation during `ms` milliseconds.

    `formants` and `bandwidths` in Hz; levels in dB, None for none: `voice` is of the glottis, `breath` is
    noise there, `hiss` is noise at the tongue or lips, around `hiss_hz` as wide as `hiss_width`.
    `nasal`: sound leaves through the nose.
    """

    ms: float
    formants: tuple[float, float, float]
    bandwidths: tuple[float, float, float] = (60, 90, 150)
    voice: float | None = 0.0
    breath: float | None = None
    hiss: float | None = None
    hiss_hz: float = 4500.0
    hiss_width: float = 2000.0
    nasal: bool = False


# Vowels: Peterson and Barney (1952), men. Consonants: after the tables of Klatt (1980).
PHONEMES = {
    "IY": Phoneme(150, (270, 2290, 3010), (45, 100, 200)),
    "IH": Phoneme(80, (390, 1990, 2550), (50, 100, 140)),
    "EH": Phoneme(120, (530, 1840, 2480)),
    "AA": Phoneme(120, (730, 1090, 2440), (90, 70, 160)),
    "AO": Phoneme(150, (570, 840, 2410), (80, 70, 120)),
    "AH": Phoneme(120, (640, 1190, 2390), (80, 70, 140)),
    "AX": Phoneme(70, (500, 1400, 2400), voice=-4),
    "UW": Phoneme(160, (300, 870, 2240), (65, 80, 140)),
    "W": Phoneme(70, (290, 610, 2150), (50, 80, 60), voice=-6),
    "R": Phoneme(80, (310, 1060, 1380), (70, 100, 120), voice=-4),
    "L": Phoneme(110, (310, 1050, 2880), (50, 100, 280), voice=-4),
    "N": Phoneme(90, (270, 1340, 2470), (60, 200, 300), voice=-7, nasal=True),
    "F": Phoneme(110, (340, 1100, 2080), (200, 120, 150), None, None, -31, 5500, 6000),
    "TH": Phoneme(100, (320, 1290, 2540), (200, 90, 200), None, None, -33, 6500, 5000),
    "S": Phoneme(120, (320, 1390, 2530), (200, 80, 200), None, None, -17, 5500, 2200),
    "V": Phoneme(70, (220, 1100, 2080), (60, 90, 120), -9, None, -40, 5500, 6000),
    "DH": Phoneme(50, (270, 1290, 2540), (60, 80, 170), -8, None, -42, 6500, 5000),
    "Z": Phoneme(80, (240, 1390, 2530), (70, 60, 180), -10, None, -24, 5500, 2200),
    "T": Phoneme(55, (400, 1800, 2600), (300, 120, 250), None),
    "T release": Phoneme(18, (400, 1800, 2600), (300, 120, 250), None, None, -14, 4500, 2500),
    "K": Phoneme(65, (300, 1300, 2300), (250, 160, 330), None),
    "K release": Phoneme(25, (300, 1300, 2300), (250, 160, 330), None, -24, -14, 1500, 500),
    "H": Phoneme(40, (450, 1500, 2500), (200, 120, 180), None, -14),
    ".": Phoneme(280, (500, 1500, 2500), voice=None),
    ",": Phoneme(150, (500, 1500, 2500), voice=None),
}

# The sentence: phonemes with their duration factors, and the pitch in Hz at its peaks.
UTTERANCE: tuple[tuple[str, float, float | None], ...] = (
    *((",", 0.5, None), ("W", 1.2, None), ("AH", 0.9, 128), ("N", 1.2, 100), (",", 1, None)),
    *(("T", 0.8, None), ("T release", 1, None), ("H", 1.0, None), ("UW", 1.3, 130), ("UW", 0.3, 102)),
    *((",", 1, None), ("TH", 1.0, None), ("R", 1.0, 128), ("IY", 1.5, 118), (",", 1, None)),
    *(("F", 1.0, None), ("AO", 1.2, 126), ("R", 1.3, 100), (",", 1, None)),
    *(("F", 1.0, None), ("AA", 1.1, 124), ("IH", 1.0, 105), ("V", 1.1, 88), (".", 1, None)),
    *(("DH", 1.0, 112), ("IH", 1.0, 122), ("S", 1.0, None), ("IH", 1.0, 112), ("Z", 0.9, 108)),
    *(("AX", 0.9, 108), ("T", 0.9, None), ("T release", 1, None), ("H", 0.8, None), ("EH", 1.1, 130)),
    *(("S", 0.9, None), ("T", 0.9, None), ("T release", 0.8, None)),
    *(("K", 1.0, None), ("K release", 1, None), ("H", 0.9, None), ("AO", 1.4, 118), ("L", 1.3, 82)),
    (",", 1, None),
)


def sentence(rate: int) -> Audio:
    """The sentence `SENTENCE`, spoken once, at an active level of about -19 dBFS; deterministic.

    Limits: a recogniser with a free vocabulary (pocketsphinx 5.1) hears all of it but "one" and "test" at
    16 kHz; at 8 kHz it hears "one two three four five", and not the second half.
    """
    return resample(Audio(_spoken(), RATE), rate)


def speak(s: float, rate: int) -> Audio:
    """The sentence repeated, cut after `s` seconds."""
    if not (0 <= s < np.inf and rate > 0):
        raise AudioError(f"speech of {s:g} s at {rate} Hz cannot be made; both must be positive")
    once = sentence(rate).samples
    return Audio(np.resize(once, round(s * rate)), rate)


@cache
def _spoken() -> NDArray[np.float32]:
    parts = [(PHONEMES[name], factor, pitch) for name, factor, pitch in UTTERANCE]
    lengths = np.array([round(phoneme.ms * factor) for phoneme, factor, _ in parts])
    tracks = _Tracks([phoneme for phoneme, _, _ in parts], lengths)
    count = int(lengths.sum()) * STEP
    rng = np.random.default_rng(1980)
    pitch = _pitch(parts, lengths)
    breath = _noise(rng, count)
    voiced = _pulses(np.repeat(pitch, STEP), rng) * np.repeat(tracks.voice, STEP)
    at_glottis = voiced + breath * np.repeat(tracks.breath, STEP)
    at_tongue = _noise(rng, count) * np.repeat(tracks.hiss, STEP)
    signal = GLOTTIS * _through(at_glottis, tracks.mouth) + _through(at_tongue, tracks.constriction)
    scaled = signal * ACTIVE_RMS / _active_rms(signal)
    return np.asarray(PEAK * np.tanh(scaled / PEAK), dtype=np.float32)


class _Tracks:
    """The trajectories of all parameters, one value per millisecond."""

    def __init__(self, phonemes: list[Phoneme], lengths: NDArray[np.intp]) -> None:
        def track(values: list[tuple[float, ...]], smooth_ms: int) -> Signal:
            steps = np.repeat(np.array(values, dtype=np.float64), lengths, axis=0)
            return np.stack([_smoothed(column, smooth_ms) for column in steps.T], axis=1)

        def gain(levels: list[float | None], smooth_ms: int) -> Signal:
            amplitudes: list[tuple[float, ...]] = [
                (0.0 if level is None else 10 ** (level / 20),) for level in levels
            ]
            return track(amplitudes, smooth_ms)[:, 0]

        self._formants = track([phoneme.formants for phoneme in phonemes], 70)
        self._bandwidths = track([phoneme.bandwidths for phoneme in phonemes], 30)
        self._nasal = track([(float(phoneme.nasal),) for phoneme in phonemes], 30)
        self._hiss_hz = track([(phoneme.hiss_hz, phoneme.hiss_width) for phoneme in phonemes], 8)
        self.voice = gain([phoneme.voice for phoneme in phonemes], 24)
        self.breath = gain([phoneme.breath for phoneme in phonemes], 16)
        self.hiss = gain([phoneme.hiss for phoneme in phonemes], 9)

    def mouth(self, ms: NDArray[np.intp]) -> NDArray[np.complex128]:
        """The response from the glottis to the listener, of shape (moments, bins)."""
        z = np.exp(-2j * np.pi * np.fft.rfftfreq(SIZE, 1 / RATE) / RATE)[None, :]
        response = np.broadcast_to(1 - z, (len(ms), z.shape[1]))  # the lips radiate changes
        response = response * _resonance(np.full(len(ms), 0.0), np.full(len(ms), 160.0), z)
        for index in range(3):
            response = response * _resonance(self._formants[ms, index], self._bandwidths[ms, index], z)
        for frequency, bandwidth in HIGHER_FORMANTS:
            response = response * _resonance(np.full(len(ms), frequency), np.full(len(ms), bandwidth), z)
        zero_hz = 270 + 180 * self._nasal[ms, 0]  # at 270 Hz it cancels the nasal pole: no effect
        wide = np.full(len(ms), 100.0)
        return np.asarray(
            response * _resonance(np.full(len(ms), 270.0), wide, z) / _resonance(zero_hz, wide, z)
        )

    def constriction(self, ms: NDArray[np.intp]) -> NDArray[np.complex128]:
        """The response from the tongue or the lips to the listener."""
        frequency = np.fft.rfftfreq(SIZE, 1 / RATE)[None, :]
        centre, width = self._hiss_hz[ms, :1], self._hiss_hz[ms, 1:]
        return np.asarray(1 / (1 + ((frequency - centre) / (width / 2)) ** 2) + 0j)


def _resonance(hertz: Signal, bandwidth: Signal, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """A digital resonator's response (Klatt 1980, eq. 1 and 2): unity at 0 Hz."""
    radius = np.exp(-np.pi * bandwidth / RATE)[:, None]
    b = 2 * radius * np.cos(2 * np.pi * hertz / RATE)[:, None]
    c = -(radius**2)
    return np.asarray((1 - b - c) / (1 - b * z - c * z * z))


def _through(source: Signal, response: Callable[[NDArray[np.intp]], NDArray[np.complex128]]) -> Signal:
    """Filter a source with a filter that changes every hop, by overlapping short spectra."""
    window = np.hanning(WINDOW + 1)[:WINDOW] * (2 * HOP / WINDOW)  # overlapping windows add up to one
    padded = np.concatenate([np.zeros(WINDOW), source, np.zeros(WINDOW)])
    starts = np.arange(0, len(padded) - WINDOW, HOP)
    frames = padded[starts[:, None] + np.arange(WINDOW)] * window
    middle = np.clip((starts - WINDOW // 2) // STEP, 0, len(source) // STEP - 1)
    filtered = np.fft.irfft(np.fft.rfft(frames, SIZE) * response(middle), SIZE)
    result = np.zeros(len(padded) + SIZE)
    np.add.at(result, starts[:, None] + np.arange(SIZE), filtered)
    return np.asarray(result[WINDOW : WINDOW + len(source)])


def _pulses(pitch: Signal, rng: np.random.Generator) -> Signal:
    """An impulse at each glottal closure, divided between the two nearest samples; 1 % jitter."""
    cycles = np.cumsum(pitch) / RATE
    crossings = np.flatnonzero(np.diff(np.floor(cycles)) > 0)
    moments = crossings + rng.normal(0, 0.008, len(crossings)) * RATE / pitch[crossings]
    moments = moments[(moments >= 0) & (moments < len(pitch) - 1)]
    pulses = np.zeros(len(pitch))
    whole = moments.astype(np.intp)
    strength = np.sqrt(RATE / pitch[whole])  # the same power at every pitch
    np.add.at(pulses, whole, strength * (1 - (moments - whole)))
    np.add.at(pulses, whole + 1, strength * (moments - whole))
    return pulses


def _pitch(parts: list[tuple[Phoneme, float, float | None]], lengths: NDArray[np.intp]) -> Signal:
    """The pitch in Hz interpolated between its peaks, one value per millisecond."""
    middles = np.cumsum(lengths) - lengths / 2
    peaks = [
        (float(middle), pitch)
        for middle, (_, _, pitch) in zip(middles, parts, strict=True)
        if pitch is not None
    ]
    at, hertz = zip(*peaks, strict=True)
    return _smoothed(np.interp(np.arange(lengths.sum()), at, hertz), 60)


def _noise(rng: np.random.Generator, count: int) -> Signal:
    return rng.normal(0, 1, count)


def _smoothed(values: Signal, ms: int) -> Signal:
    """Steps become smooth transitions of about `ms` milliseconds."""
    kernel = np.hanning(ms + 2)
    padded = np.pad(values, len(kernel) // 2, mode="edge")
    return np.asarray(
        np.convolve(padded, kernel / kernel.sum(), mode="same")[len(kernel) // 2 :][: len(values)]
    )


def _active_rms(signal: Signal) -> float:
    """RMS over the frames of 20 ms within 30 dB of the loudest."""
    power = np.square(signal[: len(signal) // WINDOW * WINDOW]).reshape(-1, WINDOW).mean(axis=1)
    return float(np.sqrt(power[power > power.max() / 1000].mean()))
