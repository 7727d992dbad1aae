"""Spectral similarity of two aligned signals, independent of waveform, level and timbre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from media.audio.spectra import Floats, Signal, likeness, logs
from media.compare.align import Alignment

__all__ = ["Similarity", "similarity"]

FLOOR_DB = 35.0  # inaudible below the loud frames by this much
LEAST = 10  # frames: with fewer a correlation is chance


@dataclass(frozen=True, slots=True)
class Similarity:
    """The similarity of two log-mel spectrograms, each band without its mean.

    `correlation`, -1 to 1, is meaningless for a reference with a constant spectrum, such as a tone: without
    its mean only codec noise remains. `deviation_db` is the root mean square of the difference; a codec has
    about the same deviation for any audio.
    """

    correlation: float
    deviation_db: float


def similarity(reference: Signal, recording: Signal, rate: int, alignment: Alignment) -> Similarity | None:
    """Compare the log-mel spectrograms where the reference arrived; None for too little audio.

    16 bands in frames of 10 ms, each band without its mean, so that neither a level nor an equaliser
    counts. Codecs that keep the sound but not the waveform keep it.
    """
    frames = np.flatnonzero(alignment.arrived)
    if len(frames) < LEAST:
        return None
    delay = np.rint(alignment.delays(frames, rate)).astype(np.intp)
    alike = likeness(reference, recording, rate, frames, delay)
    a, b = _shape(alike.reference), _shape(alike.recording)
    energy = float(np.einsum("ij,ij->", a, a) * np.einsum("ij,ij->", b, b))
    if energy <= 0:
        return None
    correlation = float(np.einsum("ij,ij->", a, b)) / energy**0.5
    return Similarity(correlation, float(np.sqrt(np.square(a - b).mean())))


def _shape(energies: Signal) -> Floats:
    """Energies in dB above a floor below the loud frames, each band without its mean."""
    loud = float(np.percentile(energies, 98))
    above = logs(energies.astype(np.float64), loud * 10 ** (-FLOOR_DB / 10))
    return np.asarray(above - above.mean(axis=0))
