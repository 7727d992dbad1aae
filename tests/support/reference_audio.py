"""Audio for comparisons: references, and recordings of them that were cut or passed through a codec."""

import functools
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from media.audio.wav import Audio, read, resample
from media.signals import tones

__all__ = [
    "CODECS",
    "RATE",
    "Samples",
    "audio",
    "coded",
    "cut",
    "dense",
    "noise",
    "power",
    "quiet",
    "recorded_pair",
    "speech",
]

PAIRS = Path(__file__).parents[1] / "data" / "pairs"
RATE = 8000
Samples = np.ndarray


@functools.cache
def speech(seed: int = 1, s: float = 4, rate: int = RATE) -> Audio:
    return tones.speech_like(s, rate, seed)


def audio(*parts: Samples, rate: int = RATE) -> Audio:
    return Audio(np.concatenate(parts), rate)


def quiet(s: float, rate: int = RATE) -> Samples:
    return np.zeros(round(s * rate), np.float32)


def noise(s: float, power: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, power**0.5, round(s * RATE)).astype(np.float32)


def power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def cut(reference: Audio, start: float, end: float, filler: Samples | None = None) -> Audio:
    """The reference without start..end seconds, or with something else there."""
    a, b = round(start * reference.rate), round(end * reference.rate)
    middle = [] if filler is None else [filler]
    return audio(reference.samples[:a], *middle, reference.samples[b:], rate=reference.rate)


def coded(given: Audio, subtype: str) -> Audio:
    """Through an encoder and a decoder of libsndfile."""
    file = io.BytesIO()
    soundfile.write(file, given.samples, given.rate, format="WAV", subtype=subtype)
    file.seek(0)
    return Audio(soundfile.read(file, dtype="float32")[0], given.rate)


def call_through(subtype: str) -> Callable[[Audio], Audio]:
    """A call at 8 kHz through a codec, with 25 ms of delay and silence at the end."""

    def codec(reference: Audio) -> Audio:
        return coded(audio(quiet(0.025), resample(reference, RATE).samples, quiet(0.2)), subtype)

    return codec


SUBTYPES = ("ALAW", "ULAW", "GSM610", "IMA_ADPCM", "G721_32", "NMS_ADPCM_16")
CODECS = {subtype: call_through(subtype) for subtype in SUBTYPES}


def recorded_pair(name: str) -> tuple[Audio, Audio]:
    """A reference and its recording of a call, from ``tests/data/pairs``."""
    return read(PAIRS / f"{name}.ref.wav"), read(PAIRS / f"{name}.rec.wav")


@functools.cache
def dense(seed: int) -> Audio:
    """Speech without its pauses, so that a cut anywhere removes sound."""
    samples = speech(seed, 6).samples
    frames = samples.reshape(-1, 80)
    loud = np.square(frames).mean(axis=1) > 10**-3.8
    return Audio(frames[loud].reshape(-1)[: 4 * RATE], RATE)
