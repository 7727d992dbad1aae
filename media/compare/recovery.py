"""Distinction of a decoder that recovers from a lost packet from replaced audio.

A decoder that predicts from its past (speex, G.722, GSM) is wrong for up to 150 ms after a lost packet: most
in the first 20 to 60 ms, then less and less. Replaced audio differs as much at its end as at its beginning,
and the audio after it is correct at once. Only the lost packet itself is missing audio.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from media.audio.levels import Flags
from media.audio.spectra import Floats

__all__ = ["recovering"]

LOST = 4  # frames: a lost packet with what a window smears
QUIET = 6  # frames after a stretch that are too quiet to be judged, and may still be as wrong
APART = 3  # frames: probable ones as near as that to each other are of the same stretch
BEFORE, AFTER = 4, 3  # frames: their means show a fall
SOONEST = 9  # frames from the beginning of a stretch to its end: a recovery can fall sooner
SAG = 3.0  # evidence: by how much less there may be at the end than in the beginning


def recovering(evidence: Floats, probable: Flags, fall: float, longest: int) -> Flags:
    """The probable frames that a recovering decoder explains.

    `evidence` is the logarithm of the likelihood ratio of each frame for replaced audio. A decrease of less
    than `fall` is not a sudden end. A decoder recovers within `longest` frames: what lasts longer is not
    explained.
    """
    result = np.zeros(len(probable), np.bool_)
    frames = np.flatnonzero(probable)
    borders = [0, *(np.flatnonzero(np.diff(frames) > APART) + 1).tolist(), len(frames)]
    for first, last in pairwise(borders):
        if first == last:
            continue
        begin, end = int(frames[first]), int(frames[last - 1]) + 1
        right = np.flatnonzero(evidence[end : end + QUIET] <= 0)
        whole = end + (int(right[0]) if len(right) else 0)
        if whole - begin <= LOST + longest and not _ends_at_once(evidence, begin, whole, fall):
            result[begin + LOST : end + APART] = True
    return result


def _ends_at_once(evidence: Floats, begin: int, end: int, fall: float) -> bool:
    """Whether a stretch decreases by this much at some point, not too early, from its first value or more."""
    ends = np.arange(begin + SOONEST, min(end + 2, len(evidence) - AFTER))
    if not len(ends):
        return False
    sums = np.concatenate([[0.0], np.cumsum(evidence)])
    before, after = (sums[ends] - sums[ends - BEFORE]) / BEFORE, (sums[ends + AFTER] - sums[ends]) / AFTER
    early = float(evidence[begin + 1 : begin + 1 + BEFORE].mean())
    return bool(((before - after >= fall) & (before >= early - SAG)).any())
