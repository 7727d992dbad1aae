"""References at 16 kHz by kind and seed: voices of eSpeak NG and Flite, music, signals of our own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soxr
from numpy.random import Generator
from numpy.typing import NDArray

from media.signals import signals
from media.signals.tones import speech_like

__all__ = ["DIGITS", "KINDS", "RATE", "VOCABULARY", "Floats", "Reference", "fitted", "reference", "spoken"]

Floats = NDArray[np.float64]
Voice = tuple[str, int, int]  # name, words in a minute, pitch

RATE = 16000
TEXT = """
time year people way day man thing woman life child world school state family student group country problem
hand part place case week company system program question work government number night point home water room
mother area money story fact month lot right study book eye job word business issue side kind head house
service friend father power hour game line end member law car city community name president team minute idea
body information back parent face level office door health person art war history party result change morning
reason research moment air teacher force education boy age policy process music market sense nation plan
college interest death experience effect quick brown fox jumps over lazy dogs seven silver spoons lay near
small river please call after tone your balance is currently unavailable press pound key to continue waiting
queue next available agent will answer shortly thank for holding sunny tomorrow cloudy windy harbour bridge
yellow orange purple bottle whisper thunder gentle ocean mountain
"""
COUNTED = "zero one two three four five six seven eight nine"
VOICES = """
en-us en-gb en-gb-scotland de fr es it pl sv nl pt en-us+f2 en-us+m3 en-gb+f4 en-us+f5 de+f3 fr+m4
en-us+klatt2 en-gb+m7 es+f1
"""
VOCABULARY, DIGITS, ESPEAK = TEXT.split(), COUNTED.split(), VOICES.split()
FLITE = ("flite:kal", "flite:awb", "flite:rms", "flite:slt", "flite:kal16")
SCALE = (0, 2, 4, 5, 7, 9, 11, 12, 14, 16)  # semitones


@dataclass(frozen=True)
class Reference:
    """Samples; of words that are said one by one the first sample, the one after the last, and the word."""

    samples: Floats
    words: tuple[tuple[int, int, str], ...] = ()
    voice: Voice = ("en-us", 160, 50)


@lru_cache(4096)
def spoken(voice: Voice, text: str) -> Floats:
    """A text by a voice, without the silence around it."""
    name, speed, pitch = voice
    if name.startswith("flite:"):
        stretch = f"duration_stretch={160 / speed:.2f}"
        said = ["flite", "-voice", name[6:], "--setf", stretch, "-t", text, "-o", "/dev/stdout"]
    else:
        said = ["espeak-ng", "-v", name, "-s", str(speed), "-p", str(pitch), "--stdout", text]
    wave = subprocess.run(said, capture_output=True, check=True).stdout
    rate = int.from_bytes(wave[24:28], "little")
    pcm = np.frombuffer(wave[44 : len(wave) // 2 * 2], "<i2") / 32768
    return trimmed(soxr.resample(pcm, rate, RATE))


def trimmed(samples: Floats) -> Floats:
    heard = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max(initial=0))
    return samples[heard[0] : heard[-1] + 1] if len(heard) else samples


def levelled(samples: Floats, dbfs: float) -> Floats:
    """With an active level in dBFS, not clipped."""
    power = np.square(samples[: len(samples) // 320 * 320]).reshape(-1, 320).mean(axis=1)
    active = power[power > power.max() / 1000].mean()
    louder = samples * (10 ** (dbfs / 20) / np.sqrt(2 * active))
    return np.asarray(louder * min(1.0, 0.9 / np.abs(louder).max()))


def fitted(samples: Floats, size: int) -> Floats:
    return np.pad(samples[:size], (0, max(0, size - len(samples))))


def some_voice(random: Generator, slowest: int = 130, fastest: int = 230) -> Voice:
    name = str(random.choice(FLITE if random.random() < 0.3 else ESPEAK))
    return name, int(random.integers(slowest, fastest)), int(random.integers(25, 80))


def speech(random: Generator) -> Reference:
    text = " ".join(random.choice(VOCABULARY, int(random.integers(14, 22))))
    return Reference(levelled(spoken(some_voice(random), text), -20))


def whisper(random: Generator) -> Reference:
    voice = f"{random.choice(['en-us', 'de', 'fr', 'es', 'it'])}+whisper", 160, 50
    return Reference(levelled(spoken(voice, " ".join(random.choice(VOCABULARY, 12))), -22))


def said(random: Generator, voice: Voice, words: list[str], pause: tuple[int, int]) -> Reference:
    parts, places, at = [], [], 0
    for word in words:
        samples = spoken(voice, word)
        gap = int(random.integers(*pause))
        places.append((at, at + len(samples), word))
        parts += [samples, np.zeros(gap)]
        at += len(samples) + gap
    return Reference(levelled(np.concatenate(parts), -20), tuple(places), voice)


def words(random: Generator) -> Reference:
    some = [str(word) for word in random.choice(VOCABULARY, 8, replace=False)]
    return said(random, some_voice(random), some, (400, 2400))


def digits(random: Generator) -> Reference:
    some = [DIGITS[digit] for digit in random.integers(0, 10, 10)]
    return said(random, some_voice(random, 180, 300), some, (0, 1200))


def music(random: Generator) -> Reference:
    """Chords, melodies or melodies with drums, by additive synthesis."""
    tune, beat, style = np.zeros(7 * RATE), random.uniform(0.18, 0.5), random.integers(3)
    root = 110 * 2 ** (random.integers(0, 12) / 12)
    for at in np.arange(0, 7, beat):
        for _ in range(1 if style == 0 else int(random.integers(2, 5))):
            hertz = root * 2 ** (random.choice(SCALE) / 12 + int(random.integers(0, 3)))
            note(tune, hertz, round(at * RATE), beat * random.uniform(0.9, 3), random)
        if style == 2 and random.random() < 0.6:
            hit = random.standard_normal(RATE // 12) * np.exp(-np.arange(RATE // 12) / RATE * 50) / 2
            place = slice(round(at * RATE), round(at * RATE) + len(hit))
            tune[place] += hit[: len(tune[place])]
    return Reference(levelled(tune, -18))


def note(tune: Floats, hertz: float, at: int, seconds: float, random: Generator) -> None:
    size = min(int(seconds * RATE), len(tune) - at)
    if size < 100:
        return
    time = np.arange(size) / RATE
    shape = np.minimum(1, time / 0.008) * np.exp(-time * random.uniform(0.3, 6))
    shape *= np.minimum(1, (size / RATE - time) / 0.01) * random.uniform(0.4, 1)
    phase = 2 * np.pi * hertz * time + hertz * random.uniform(0, 0.0008) * np.sin(10 * np.pi * time)
    fall = random.uniform(0.8, 1.6)
    for harmonic in range(1, int(random.integers(3, 14)) + 1):
        if harmonic * hertz < 7000:
            tune[at : at + size] += shape * np.sin(harmonic * phase + random.uniform(0, 6)) / harmonic**fall


def own(random: Generator) -> Reference:
    return Reference(speech_like(7, RATE, int(random.integers(10000, 99999))).samples.astype(np.float64))


def signal(random: Generator) -> Reference:
    """What users play to test: tones, sweeps, digits, noise, markers, prompts."""
    hertz, length, seed = random.integers(350, 3000, 2), random.integers(3, 8), random.integers(1, 65535)
    keys = "".join(random.choice(list("0123456789*#"), 8))
    text = random.choice(
        [
            f"tone:{hertz[0]}:{length}",
            f"tone:{hertz[0]}+{hertz[1]}:{length}@-16",
            f"milliwatt:{length}",
            f"dial:us:{length}",
            f"ringback:{length + 4}",
            f"busy:{length}",
            f"reorder:{length}",
            f"dtmf:{keys}",
            "sweep",
            f"sweep:3000-300:{length}",
            f"noise:{length}:{seed}",
            f"white:{length}:{seed}",
            f"marker:{seed},silence:0.3,marker:{seed // 2}",
            f"babble:{length}:{seed}",
            f"speech:{length}",
            f"tone:{hertz[0]}:0.6,silence:0.3,speech:4,silence:0.2,busy:2",
        ]
    )
    return Reference(signals.make(str(text), RATE).samples.astype(np.float64))


def repeating(random: Generator) -> Reference:
    """A sentence that is said twice or three times, or again after another; the library's own long speech."""
    style, pause = random.integers(3), np.zeros(int(random.uniform(0.1, 0.6) * RATE))
    if style == 0:
        return Reference(signals.make(f"speech:{random.integers(8, 14)}", RATE).samples.astype(np.float64))
    one, other = (
        levelled(spoken(some_voice(random), " ".join(random.choice(VOCABULARY, 8))), -20) for _ in range(2)
    )
    again = [one, pause, one] if style == 1 else [other, pause, one]
    return Reference(np.concatenate([one, pause, *again]))


KINDS: dict[str, Callable[[Generator], Reference]] = {
    one.__name__: one for one in (speech, words, digits, music, own, whisper, signal, repeating)
}


@lru_cache(32)
def reference(kind: str, seed: int) -> Reference:
    return KINDS[kind](np.random.default_rng([seed, list(KINDS).index(kind)]))
