"""The path through positions on which the most symbols of a marker agree.

A jitter buffer repeats or drops frames within a marker; what follows is late or early, but was heard.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Path", "best_path"]

JUMP = 2
"""What a change of the position costs, in symbols: chance and other markers gain nothing."""


class Path(NamedTuple):
    """The best path."""

    begin: int
    """Index of the position at which it begins to agree."""
    heard: int
    """Number of symbols that agree."""
    score: int
    """The same, less the cost of the changes of the position."""


def best_path(agrees: NDArray[np.bool_]) -> Path:
    """The best path through ``agrees``, of shape (positions, symbols): which symbol is at which position."""
    positions = np.arange(len(agrees))
    score, heard, begin = np.zeros(len(agrees), int), np.zeros(len(agrees), int), positions
    for column in agrees.T:
        best = int(score.argmax())
        jumps = score[best] - JUMP > score
        begin = np.where(jumps, begin[best], np.where(heard == 0, positions, begin))
        score = np.where(jumps, score[best] - JUMP, score) + column
        heard = np.where(jumps, heard[best], heard) + column
    end = int(score.argmax())
    return Path(int(begin[end]), int(heard[end]), int(score[end]))
