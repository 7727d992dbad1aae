"""The path through positions on which the most symbols of a marker agree.

A jitter buffer repeats or drops frames within a marker; what follows is late or early, but was heard. After
a stall it drops 10 ms every 0.14 s, so that a marker is heard in six pieces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["Path", "best_path"]

JUMP = 2
"""What a change of the position costs, in symbols: chance and other markers gain nothing."""
SMALL_JUMP = 1
"""What a change by 10 ms or less costs; of 3,000 random tables of 401 positions, the best path had 10."""

NEVER = -99
"""A score that no path has."""


class Path(NamedTuple):
    """The best path."""

    begin: int
    """Index of the position at which it begins to agree."""
    heard: int
    """Number of symbols that agree."""
    score: int
    """The same, less the cost of the changes of the position."""


def best_path(agrees: NDArray[np.bool_], near: int) -> Path:
    """The best path through ``agrees``, of shape (positions, symbols): which symbol is at which position.

    ``near`` is the number of positions that are 10 ms.
    """
    positions = np.arange(len(agrees))
    score, heard, begin = np.zeros(len(agrees), int), np.zeros(len(agrees), int), positions
    for column in agrees.T:
        around = sliding_window_view(np.pad(score, near, constant_values=NEVER), 2 * near + 1)
        source = positions - near + around.argmax(axis=1)
        best, gain = int(score.argmax()), score[source] - SMALL_JUMP
        is_far = score[best] - JUMP > gain
        source, gain = np.where(is_far, best, source), np.where(is_far, score[best] - JUMP, gain)
        jumps = gain > score
        begin = np.where(jumps, begin[source], np.where(heard == 0, positions, begin))
        score = np.where(jumps, gain, score) + column
        heard = np.where(jumps, heard[source], heard) + column
    end = int(score.argmax())
    return Path(int(begin[end]), int(heard[end]), int(score[end]))
