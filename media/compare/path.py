"""Minimum-cost path of the reference's frames through the candidate delays (Viterbi algorithm).

Each frame has one of the delays or is missing, and each change has a cost. Audio keeps its order and a
jitter buffer moves by packets. So a change costs more with its distance, above all backwards, unless the
same amount is missing in between: a missing frame stores the delay before the gap. So a repeated sentence
is not taken for its first occurrence. The algorithm is slow, and runs only where a frame may differ from
the usual delay.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.audio.levels import Flags
from media.audio.spectra import Floats, Signal
from media.compare.chain import best_sums

__all__ = ["CHANGE", "cheapest"]

CHANGE = 1.5  # the cost of one and a half missing frames
PACKETS = 6  # frames by which a jitter buffer moves, three packets of 20 ms; beyond it a change costs more:
LATER, LATER_MOST = 0.02, 10.0  # for each frame by which the delay grows, at most,
SOONER = 0.5  # and for each frame that would have to be repeated where the delay shrinks
NEVER = 1e6  # the cost of a frame at an impossible position
TINY = 1e-6


def cheapest(cost: Signal, missing: Signal, delays: Floats) -> NDArray[np.intp]:
    """The number of the delay for each frame, -1 for a missing frame.

    `cost` is that of every frame at every delay, (frames, delays); `missing` is that of a frame that did not
    arrive; `delays` are in frames.
    """
    if not all(cost.shape):
        return np.full(len(cost), -1, np.intp)
    usual = int(cost.sum(axis=0, dtype=np.float64).argmin())
    path = np.full(len(cost), usual, np.intp)
    doubtful = _doubtful(cost, missing, usual)
    near = np.convolve(doubtful, np.ones(3), "same")[: len(doubtful)] > 0
    sure = ~doubtful[near]  # the frames beside the doubtful ones, with their known delay
    cost, missing = cost[near], np.where(sure, NEVER, missing[near])
    cost[sure] = NEVER
    cost[sure, usual] = 0
    path[near] = _way(cost, missing, delays)
    return path


def _doubtful(cost: Signal, missing: Signal, usual: int) -> Flags:
    """The frames that may not have the `usual` delay.

    To leave it and come back costs two changes, one at an end: it is worth it only for frames in a row that
    are together more than one change cheaper elsewhere, each wherever it is cheapest.
    """
    others = np.where(np.arange(cost.shape[1]) == usual, np.inf, cost).min(axis=1)
    gain = cost[:, usual].astype(np.float64) - np.minimum(others, missing)
    if gain.sum() >= -TINY:  # a permanently different delay has no cost of change
        return np.ones(len(gain), np.bool_)
    before, after = best_sums(gain), best_sums(gain[::-1])[::-1]
    return np.asarray(before + after - gain > CHANGE - TINY)


def _way(cost: Signal, missing: Signal, delays: Floats) -> NDArray[np.intp]:
    """The minimum-cost path, frame by frame."""
    count, states = cost.shape
    if not count:
        return np.zeros(0, np.intp)
    later = delays[None, :] - delays[:, None]  # from each delay (row) to each other delay
    change = CHANGE + np.clip(LATER * (later - PACKETS), 0, LATER_MOST)
    sooner, numbers = np.maximum(-later - PACKETS, 0), np.arange(states)
    direct = change + SOONER * sooner
    since = np.zeros(states)  # number of missing frames after each delay
    present, absent = np.zeros(states), np.zeros(states)  # cost of having, or last having had, each delay
    origin = np.full((count, states), -1, np.int16)  # predecessor delay: -1 if it is the same
    lost = np.zeros((count, states), np.bool_)  # whether the frame before is missing, for a present frame
    left = np.zeros((count, states), np.bool_)  # whether the frame before is present, for a missing frame
    for row in range(count):
        after_gap = absent[:, None] + change + SOONER * np.maximum(sooner - since[:, None], 0)
        straight = present[:, None] + direct
        arriving = np.minimum(after_gap, straight)
        best = arriving.argmin(axis=0)
        changed = arriving[best, numbers]
        origin[row] = np.where(changed < present, best, -1)
        lost[row] = after_gap[best, numbers] < straight[best, numbers]
        left[row] = present + CHANGE < absent
        since = np.where(left[row], 1, since + 1)
        absent = np.minimum(present + CHANGE, absent) + missing[row]
        present = np.minimum(changed, present) + cost[row]
    path = np.full(count, -1, np.intp)
    there = bool(present.min() <= absent.min())
    state = int((present if there else absent).argmin())
    for row in range(count - 1, -1, -1):
        if not there:
            there = bool(left[row, state])
            continue
        path[row] = state
        if origin[row, state] >= 0:
            there = not lost[row, state]
            state = int(origin[row, state])
    return path
