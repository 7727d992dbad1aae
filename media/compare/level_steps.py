"""Level changes within a recording relative to its reference.

An automatic gain control or a switching mixer changes the level, not the waveform. So frames are compared
only where the waveforms are similar, and codec artefacts do not count. In clean calls through GSM, the
worst codec, consecutive intervals of 200 ms differ by at most 4 dB.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.audio.levels import Flags
from media.audio.spectra import HOP_S, Floats, Signal, coherence

__all__ = ["level_step_db"]

SIDE_S = 0.2  # before and after a step; of this interval
HEARD = 0.5  # so much has to be loud and similar
ALIKE = 0.85  # of the waveforms
LOUD_DB = -15.0  # relative to the loud frames: codec noise and line noise dominate below
CHUNK = 4096  # frames processed at a time: bounds memory
TINY = 1e-12


def level_step_db(
    reference: Signal, recording: Signal, rate: int, delays: Floats, judged: Flags
) -> float | None:
    """The largest change of the recording's level relative to the reference within 200 ms, in dB.

    Returns None if no two intervals can be compared. `delays` are those of the reference's 10 ms frames in
    samples, NaN for missing frames; only `judged` frames count.
    """
    own, received, product = _powers(reference, recording, rate, delays)
    side = round(SIDE_S / HOP_S)
    present = judged & ~np.isnan(delays)
    if len(present) < 2 * side or not present.any():
        return None
    loud = float(np.percentile(own[present], 90))
    usable = present & (coherence(product, own, received) > ALIKE) & (own > loud * 10 ** (LOUD_DB / 10))
    expected, found, count = (_sums(powers * usable, side) for powers in (own, received, np.ones(len(own))))
    enough = count >= HEARD * side
    level = 10 * np.log10((found + TINY) / (expected + TINY))
    both = enough[side:] & enough[:-side]
    return float(np.abs(level[side:] - level[:-side])[both].max()) if both.any() else None


def _sums(values: Floats, count: int) -> Floats:
    """The sums of `count` consecutive values from each position."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(sums[count:] - sums[:-count])


def _powers(reference: Signal, recording: Signal, rate: int, delays: Floats) -> tuple[Floats, Floats, Floats]:
    """The energies of both waveforms in 20 ms around each frame, and their product."""
    hop = round(HOP_S * rate)
    within = np.arange(-(hop // 2), hop + hop // 2)
    moved = np.rint(np.nan_to_num(delays)).astype(np.intp)
    parts = []
    for first in range(0, len(delays), CHUNK):
        frames = np.arange(first, min(first + CHUNK, len(delays)))
        at = (frames * hop)[:, None] + within
        a, b = _at(reference, at), _at(recording, at + moved[frames][:, None])
        parts.append([np.einsum("ij,ij->i", *two) for two in ((a, a), (b, b), (a, b))])
    own, received, product = (
        np.concatenate(column).astype(np.float64) for column in zip(*parts, strict=True)
    )
    return own, received, product


def _at(signal: Signal, places: NDArray[np.intp]) -> Signal:
    """The samples at these positions; positions beyond the ends give the first or last sample."""
    return np.asarray(signal[np.clip(places, 0, len(signal) - 1)])
