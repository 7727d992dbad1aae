"""Test signal generators: silence, tones, sweeps, speech-like sound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from media.audio.wav import Audio, AudioError

__all__ = ["silence", "speech_like", "sweep", "tone"]

Signal = NDArray[np.float64]

BLOCK = 1 << 16  # samples generated at a time: bounds memory
RAMP_S = 0.005  # tones fade in and out to avoid clicks
ACTIVE_DBFS = -20.0  # speech level during speech
ACTIVE_RANGE_DB = 30.0  # frames within this much of the loudest count as speech
PEAK = 0.7  # -3.1 dBFS

# Probabilities: consonant before a syllable, consonant after it, pause, consonant as a burst.
ONSET_CONSONANTS, FINAL_CONSONANTS, PAUSES, BURSTS = 0.6, 0.15, 0.18, 0.4

# Formants of vowels in Hz (Peterson and Barney, 1952), and a nearly constant fourth one.
VOWELS = np.array(
    [
        (270, 2290, 3010, 3700),
        (390, 1990, 2550, 3600),
        (530, 1840, 2480, 3500),
        (660, 1720, 2410, 3500),
        (730, 1090, 2440, 3400),
        (570, 840, 2410, 3300),
        (440, 1020, 2240, 3300),
        (300, 870, 2240, 3300),
    ],
    dtype=np.float64,
)
BANDWIDTHS = np.array([70.0, 100.0, 140.0, 220.0])
GAINS = np.array([1.0, 0.6, 0.3, 0.12])


def silence(s: float, rate: int) -> Audio:
    """Digital silence of `s` seconds at `rate` Hz."""
    return Audio(np.zeros(_count(s, rate), np.float32), rate)


def tone(freqs: Sequence[float], s: float, rate: int, level_dbfs: float = -10) -> Audio:
    """Sines of the given frequencies in Hz, together, for `s` seconds, with 5 ms fades.

    Each sine has `level_dbfs`, where 0 dBFS is a sine that just reaches full scale (AES17).
    Raises AudioError when a frequency is not below half the rate or the sum exceeds full scale.
    """
    amplitude = 10 ** (level_dbfs / 20)
    if not freqs or any(not 0 < frequency < rate / 2 for frequency in freqs):
        raise AudioError(f"a tone needs frequencies between 0 and {rate / 2:g} Hz, not {list(freqs)}")
    if len(freqs) * amplitude > 1:
        raise AudioError(f"{len(freqs)} sines at {level_dbfs:g} dBFS exceed full scale; lower the level")
    samples = np.empty(_count(s, rate), np.float32)
    for start in range(0, len(samples), BLOCK):
        t = np.arange(start, min(start + BLOCK, len(samples))) / rate
        sines = (np.sin(2 * np.pi * frequency * t) for frequency in freqs)
        samples[start : start + len(t)] = amplitude * sum(sines, np.zeros_like(t))
    return Audio(_faded(samples, rate), rate)


def sweep(s: float, rate: int, start_hz: float = 100, end_hz: float = 3400, level_dbfs: float = -10) -> Audio:
    """A sine whose frequency rises (or falls) exponentially from `start_hz` to `end_hz` in `s` seconds.

    Raises AudioError when a frequency is not between 0 and half the rate or the level exceeds full scale.
    """
    if not (0 < start_hz < rate / 2 and 0 < end_hz < rate / 2):
        asked = f"{start_hz:g} to {end_hz:g}"
        raise AudioError(f"a sweep needs frequencies between 0 and {rate / 2:g} Hz, not {asked}")
    if level_dbfs > 0:
        raise AudioError(f"{level_dbfs:g} dBFS exceeds full scale; lower the level")
    samples = np.empty(_count(s, rate), np.float32)
    growth = np.log(end_hz / start_hz) / max(len(samples) - 1, 1)
    turns = 0.0
    for start in range(0, len(samples), BLOCK):
        place = np.arange(start, min(start + BLOCK, len(samples)))
        phase = turns + np.cumsum(start_hz * np.exp(growth * place)) / rate
        turns = float(phase[-1] % 1)
        samples[start : start + len(place)] = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * phase)
    return Audio(_faded(samples, rate), rate)


def speech_like(s: float, rate: int, seed: int = 0) -> Audio:
    """Sound of `s` seconds with the properties of speech that matter to codecs and comparisons.

    Voiced syllables (glottal pulses through four moving formants), unvoiced noise and pauses follow one
    another without ever repeating, so where it was heard is unambiguous. The active level is about
    -20 dBFS, peaks stay below -3 dBFS. The seed is speaker and utterance: the same at every rate
    but for the noise; other seeds are clearly different.
    """
    total = _count(s, rate)
    signal = np.zeros(total + rate)
    rng = np.random.default_rng(seed)
    speaker = _Speaker(rng)
    at, syllable = rng.uniform(0.02, 0.08), 0
    while at < s:
        noise = np.random.default_rng([seed, syllable])
        if rng.random() < ONSET_CONSONANTS:
            at += _unvoiced(signal, rate, at, rng, noise)
        at += _voiced(signal, rate, at, rng, speaker)
        if rng.random() < FINAL_CONSONANTS:
            at += _unvoiced(signal, rate, at, rng, noise)
        at += rng.uniform(0.2, 0.5) if rng.random() < PAUSES else rng.uniform(0.0, 0.06)
        syllable += 1
    return Audio(_to_level(signal[:total], rate).astype(np.float32), rate)


class _Speaker:
    """The constant properties of a speaker."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.pitch_hz = float(np.exp(rng.uniform(np.log(85), np.log(240))))
        self.formant_scale = float(rng.uniform(0.88, 1.18))
        self.tempo = float(rng.uniform(0.8, 1.25))
        self.glottal_hz = float(rng.uniform(250, 700))  # corner frequency of the pulse spectrum


def _voiced(signal: Signal, rate: int, at: float, rng: np.random.Generator, speaker: _Speaker) -> float:
    """Add one voiced syllable at `at` seconds, a glottal pulse at a time; its length in s."""
    length = rng.uniform(0.09, 0.28) / speaker.tempo
    pitch = speaker.pitch_hz * np.exp(rng.normal(0, 0.12)) * np.array([1.0, np.exp(rng.normal(0, 0.15))])
    vowels = VOWELS[rng.choice(len(VOWELS), 2, replace=False)] * speaker.formant_scale
    vowels = vowels * np.exp(rng.normal(0, 0.04, vowels.shape))
    gain = 10 ** (rng.uniform(-7, 0) / 20)
    steps = np.arange(int(length * pitch.max() * 1.3) + 2)
    jitter = np.random.default_rng(rng.integers(1 << 32)).normal(0, 0.01, len(steps))
    periods = (1 + jitter) / np.interp(steps / pitch.mean(), [0, length], pitch)
    moments = np.concatenate([[0.0], np.cumsum(periods)])
    moments = moments[moments < length]
    place = (moments / length)[:, None]
    glide = place**2 * (3 - 2 * place)
    formants = vowels[0] * (1 - glide) + vowels[1] * glide
    loudness = gain * np.sin(np.pi * np.clip(place, 0.04, 0.96)) ** 0.6

    window = int(0.04 * rate)
    first = (at + moments) * rate
    start = np.ceil(first).astype(np.intp)
    t = (np.arange(window) + (start - first)[:, None]) / rate
    pulses = np.zeros_like(t)
    for index in range(formants.shape[1]):
        ring = np.exp(-np.pi * BANDWIDTHS[index] * t) - np.exp(-2 * np.pi * speaker.glottal_hz * t)
        audible = formants[:, index : index + 1] < 0.45 * rate
        pulses += audible * GAINS[index] * ring * np.sin(2 * np.pi * formants[:, index : index + 1] * t)
    bump = np.hanning(window)
    pulses -= bump * (pulses.sum(axis=1, keepdims=True) / bump.sum())  # lips radiate no DC
    np.add.at(signal, start[:, None] + np.arange(window), pulses * loudness)
    return length


def _unvoiced(
    signal: Signal, rate: int, at: float, rng: np.random.Generator, noise: np.random.Generator
) -> float:
    """Add one burst or hiss at `at` seconds; its length in s."""
    length = rng.uniform(0.02, 0.05) if rng.random() < BURSTS else rng.uniform(0.06, 0.14)
    centre = min(rng.uniform(1500, 5500), 0.42 * rate)
    gain = 10 ** (rng.uniform(-18, -8) / 20)
    t = np.arange(int(0.004 * rate)) / rate
    colour = np.exp(-np.pi * 900 * t) * np.sin(2 * np.pi * centre * t)
    hiss = np.convolve(noise.normal(0, 1, int(length * rate)), colour / np.linalg.norm(colour))
    start = int(at * rate)
    signal[start : start + len(hiss)] += 0.5 * gain * hiss * np.sin(np.linspace(0, np.pi, len(hiss))) ** 0.5
    return length


def _to_level(signal: Signal, rate: int) -> Signal:
    """Scale to the active level and limit the peaks."""
    frame = rate // 50
    power = np.square(signal[: len(signal) // frame * frame]).reshape(-1, frame).mean(axis=1)
    if not len(power) or power.max() == 0:
        return signal
    active = power[power > power.max() * 10 ** (-ACTIVE_RANGE_DB / 10)]
    scaled = signal * 10 ** (ACTIVE_DBFS / 20) / np.sqrt(active.mean())
    return np.asarray(PEAK * np.tanh(scaled / PEAK))


def _count(s: float, rate: int) -> int:
    if s < 0 or rate <= 0:
        raise AudioError(f"audio of {s:g} s at {rate} Hz cannot be made; both must be positive")
    return round(s * rate)


def _faded(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The samples with fades at both ends."""
    length = min(len(samples), round(RAMP_S * rate) + 1)
    distance = np.arange(length) / (RAMP_S * rate)
    edge = (np.sin(np.pi / 2 * np.clip(distance, 0, 1)) ** 2).astype(np.float32)
    samples[:length] *= edge
    samples[len(samples) - length :] *= edge[::-1]
    return samples
