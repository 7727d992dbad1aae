"""A marker of a known identity, found in pieces: a jitter buffer moves audio, and nothing is missing.

A jitter buffer that grows or shrinks within a marker inserts or removes some 10 ms, once or several times.
One position of the marker then fits only a part of it. So each slot is tried at many positions, and the path
through them is sought on which the most slots agree (``media.signals.marker_path``).

Measured with 128 markers in calls on a machine with twice the work that it can do, whose audio jumped by 10
to 60 ms, up to four times in a marker: 12 or more of the 24 slots agreed at one position in 122 of them, and
17 or more on the path in 125. It takes about 12 ms of a processor for a recording of 2 s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.audio.wav import Audio
from media.signals.marker import (
    IS_SYMBOL,
    LEAST_AGREEMENT,
    SLOT,
    SLOTS,
    SYMBOLS,
    Marker,
    best_peaks,
    symbols_of,
    values,
)
from media.signals.marker_path import best_path
from media.signals.marker_search import RATE, Block

__all__ = ["trace_marker"]

REACH = RATE // 4
"""How far a piece may lie from where the best one puts it, in samples."""
STEP = 10
"""Distance of the positions in samples, 1.25 ms: jitter buffers move audio by multiples of 5 or 10 ms."""
NEAR = RATE // 100 // STEP


def trace_marker(audio: Audio, identity: int) -> Marker | None:
    """The marker of this identity, as far as its pieces are there; its level is not measured (NaN).

    Raises AudioError for a rate below 8000 Hz.
    """
    found = [
        _traced(block, round(peak.at), identity) for block, peaks in best_peaks(audio) for peak in peaks[:1]
    ]
    return max((one for one in found if one is not None), key=lambda one: one.confidence, default=None)


def _traced(block: Block, at: int, identity: int) -> Marker | None:
    path = best_path(_agreements(block, at, symbols_of(identity)), NEAR)
    if path.score < LEAST_AGREEMENT:
        return None
    first = at - REACH + STEP * path.begin
    share = path.heard / SYMBOLS
    return Marker(identity, block.start_s + (first - block.margin) / RATE, np.nan, share, share)


def _agreements(block: Block, at: int, symbols: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which slot has its symbol at which position: (positions, SYMBOLS)."""
    padded = np.pad(block.white, (REACH + SLOT, SLOTS * SLOT + REACH))
    start = at + SLOT
    rows = []
    for shift in range(0, 2 * REACH + 1, STEP):
        slots = padded[start + shift : start + shift + SLOTS * SLOT].reshape(SLOTS, SLOT)[IS_SYMBOL]
        rows.append(np.abs(slots @ values().conj().T).argmax(axis=1) == symbols)
    return np.array(rows)
