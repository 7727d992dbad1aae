"""Detection of intervals in a sequence of evidence, by a hidden Markov model of two states.

A single moment is weak evidence; consecutive moments are strong evidence. The model adds the evidence of
consecutive moments, and weighs it against the small probability of a new interval.
"""

from __future__ import annotations

from math import log

import numpy as np

from media.audio.spectra import Floats

__all__ = ["best_sums", "chained"]


def best_sums(values: Floats) -> Floats:
    """The greatest sums of values in a row that end at each place."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(sums[1:] - np.minimum.accumulate(sums)[:-1])


def chained(evidence: Floats, begins: float, ends: float) -> tuple[Floats, float]:
    """How probable each moment is, and the logarithm of how much likelier all is than if nothing was there.

    `evidence` is the logarithm of how much likelier each moment is when something is there. `begins` is the
    probability that it begins at a moment, `ends` that it ends after one (forward-backward algorithm).
    """
    likelier = np.exp(evidence).tolist()
    absent, present = 1 - begins, begins  # the probabilities before a moment is seen
    seen: list[tuple[float, float, float]] = []
    for ratio in likelier:
        total = absent + present * ratio
        absent, present = absent / total, present * ratio / total
        seen.append((absent, present, total))
        absent, present = absent * (1 - begins) + present * ends, absent * begins + present * (1 - ends)
    probable = np.zeros(len(seen))
    without, within = 1.0, 1.0  # how likely what comes later is, after a moment without and with it
    for at in range(len(seen) - 1, -1, -1):
        absent, present, total = seen[at]
        probable[at] = present * within / (absent * without + present * within)
        none, some = without / total, within * likelier[at] / total
        without, within = (1 - begins) * none + begins * some, ends * none + (1 - ends) * some
    return probable, sum(log(total) for _, _, total in seen)
