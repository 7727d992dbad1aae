"""Measurements of a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from media.audio.wav import read

__all__ = ["dominant_hz", "loudness"]


def dominant_hz(path: Path, *, skip_s: float = 0.2) -> float:
    """The frequency of the strongest component, after the beginning."""
    audio = read(path)
    samples = np.asarray(audio.samples, dtype=np.float64)[int(skip_s * audio.rate) :]
    assert len(samples) > audio.rate / 4, f"{path} holds only {audio.duration_s:.2f} s"
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    spectrum[0] = 0
    return float(np.argmax(spectrum) * audio.rate / len(samples))


def loudness(path: Path) -> float:
    """The root mean square of the samples, where 1 is full scale."""
    samples = np.asarray(read(path).samples, dtype=np.float64)
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
