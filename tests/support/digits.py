"""DTMF digits within the limits of ITU-T Q.24, with lost packets, and sound that holds no digit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.audio.wav import Audio
from media.signals.dtmf import DIGITS, FREQUENCIES
from media.signals.tones import silence, speech_like, sweep, tone

__all__ = ["Sent", "burst", "conceal", "no_digits", "random_string"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sent:
    """A digit that was made."""

    digit: str
    start_s: float
    duration_ms: float
    level_dbfs: float
    twist_db: float


def burst(
    digit: str,
    on_ms: float,
    rate: int,
    low_dbfs: float = -12,
    high_dbfs: float = -12,
    *,
    low_off: float = 0,
    high_off: float = 0,
    fade_s: float = 0,
    phases: tuple[float, float] = (0, 0),
) -> Floats:
    """A digit with each sine's own level, relative frequency error and phase."""
    t = np.arange(round(on_ms * rate / 1000)) / rate
    low, high = FREQUENCIES[digit]
    wave = 10 ** (low_dbfs / 20) * np.sin(2 * np.pi * low * (1 + low_off) * t + phases[0])
    wave += 10 ** (high_dbfs / 20) * np.sin(2 * np.pi * high * (1 + high_off) * t + phases[1])
    if fade_s:
        edge = np.minimum(t, t[::-1]) / fade_s
        wave *= np.sin(np.pi / 2 * np.clip(edge, 0, 1)) ** 2
    return np.asarray(wave)


def random_string(rng: np.random.Generator, rate: int, snr_db: float = 15) -> tuple[Audio, list[Sent]]:
    """1 to 12 digits anywhere within Q.24's limits, in white noise `snr_db` below the faintest digit."""
    parts, sent, at = [np.zeros(round(0.06 * rate))], [], 0.06
    level = rng.uniform(-30, -9)
    for _ in range(rng.integers(1, 13)):
        digit, twist = DIGITS[rng.integers(16)], rng.uniform(-8, 4)
        loud = level + rng.uniform(0, 3)
        low, high = loud + min(0, -twist), loud + min(0, twist)
        on, off = rng.uniform(40, 150), rng.uniform(40, 150)
        wave = burst(
            digit,
            on,
            rate,
            low,
            high,
            low_off=rng.uniform(-0.015, 0.015),
            high_off=rng.uniform(-0.015, 0.015),
            fade_s=rng.choice([0, 0.005]),
            phases=tuple(rng.uniform(0, 2 * np.pi, 2)),
        )
        power = 10 * np.log10((10 ** (low / 10) + 10 ** (high / 10)) / 2)
        sent.append(Sent(digit, at, on, float(power), twist))
        parts += [wave, np.zeros(round(off * rate / 1000))]
        at += (len(parts[-2]) + len(parts[-1])) / rate
    samples = np.concatenate(parts)
    faintest = min(digit.level_dbfs for digit in sent)  # and the pair's mean square
    noise = rng.normal(0, 10 ** ((faintest - snr_db) / 20), len(samples))
    return Audio((samples + noise).astype(np.float32), rate), sent


def chord(rng: np.random.Generator, s: float, rate: int) -> Floats:
    """Two to four notes of the tempered scale with harmonics, as an organ or a string section holds them."""
    t = np.arange(round(s * rate)) / rate
    wave = np.zeros_like(t)
    for note in rng.choice(np.arange(48, 92), rng.integers(2, 5), replace=False):
        pitch = 440 * 2 ** ((note - 69) / 12)
        fall = rng.uniform(0.3, 0.8)
        for harmonic in range(1, 9):
            if harmonic * pitch < 0.45 * rate:
                wave += fall**harmonic * np.sin(2 * np.pi * harmonic * pitch * t + rng.uniform(0, 6.28))
    return np.asarray(wave * np.minimum(1, np.minimum(t, t[::-1]) / 0.01) * 0.3 / np.abs(wave).max())


def no_digits(seed: int, rate: int) -> Iterator[tuple[str, Audio]]:
    """About two minutes without a digit: speech, music, tones of the network, sweeps, noise."""
    rng = np.random.default_rng(seed)
    yield "speech-like", speech_like(60, rate, seed)
    music = [chord(rng, rng.uniform(0.1, 0.6), rate) for _ in range(60)]
    yield "chords", Audio(np.concatenate(music).astype(np.float32), rate)
    for name, pair in (("dial tone", (350, 440)), ("ringback", (440, 480)), ("busy", (480, 620))):
        cadence = [tone(pair, 0.5, rate, -13).samples, silence(0.5, rate).samples]
        yield name, Audio(np.concatenate(cadence * 3), rate)
    lines = [
        tone([f * (1 + rng.uniform(-0.02, 0.02))], 0.3, rate, rng.uniform(-30, -3)).samples
        for pair in FREQUENCIES.values()
        for f in pair
    ]
    yield "single tones", Audio(np.concatenate(lines), rate)
    yield "sweeps", sweep(rng.uniform(0.5, 8), rate, rng.uniform(100, 700), rng.uniform(1700, 3400))
    noise = rng.normal(0, 10 ** (rng.uniform(-40, -12) / 20), 10 * rate)
    yield "white noise", Audio(noise.astype(np.float32), rate)
    yield "pink-like noise", Audio((np.cumsum(noise) * 0.05 % 1 - 0.5).astype(np.float32), rate)
    t = np.arange(5 * rate) / rate
    hum = np.sum([np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 40)], axis=0)
    yield "hum", Audio((0.2 * hum).astype(np.float32), rate)


def conceal(samples: NDArray[np.float32], rate: int, lost: int, how: str) -> NDArray[np.float32]:
    """The samples with packet number `lost`, of 20 ms, silent, or that before it repeated, or it faded."""
    size = rate // 50
    here = slice(lost * size, (lost + 1) * size)
    done = samples.copy()
    before = samples[(lost - 1) * size : lost * size]
    gains = {"silence": np.zeros(size), "repeat": np.ones(size), "fade": np.linspace(1, 0, size)}
    done[here] = before * gains[how]
    return done
