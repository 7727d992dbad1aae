"""Owns how alike two aligned signals sound, apart from waveform, level and timbre; it must not judge that."""

from __future__ import annotations

import numpy as np

from media.align import Alignment
from media.spectra import Floats, Signal, likeness, logs

__all__ = ["similarity"]

FLOOR_DB = 35.0  # below the loud frames nothing is heard
LEAST = 10  # frames: with fewer a correlation is chance


def similarity(reference: Signal, recording: Signal, rate: int, alignment: Alignment) -> float | None:
    """The correlation of the log-mel spectrograms where the reference arrived, -1 to 1; None for too little.

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
    return float(np.einsum("ij,ij->", a, b) / energy**0.5) if energy > 0 else None


def _shape(energies: Signal) -> Floats:
    """Energies in dB above a floor below their own loud frames, each band without its mean."""
    loud = float(np.percentile(energies, 98))
    above = logs(energies.astype(np.float64), loud * 10 ** (-FLOOR_DB / 10))
    return np.asarray(above - above.mean(axis=0))
