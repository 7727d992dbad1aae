"""media.compare.path: the sequence of delays with the lowest cost."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from media.audio.spectra import Floats, Signal
from media.compare import path
from media.compare.path import cheapest

ABSENT = 1.0


def way(rows: Sequence[Sequence[float]], delays: Sequence[float]) -> list[int]:
    cost = np.array(rows, np.float32).reshape(len(rows), len(delays))
    return [int(one) for one in cheapest(cost, np.full(len(rows), ABSENT, np.float32), np.array(delays))]


def test_without_delays_all_is_missing() -> None:
    assert way([[]] * 3, []) == [-1, -1, -1]


def test_each_stretch_lies_where_it_costs_least() -> None:
    assert way([[0, 3]] * 5 + [[3, 0]] * 5, [0, 2]) == [0] * 5 + [1] * 5


def test_unmatched_frames_are_missing() -> None:
    assert way([[0]] * 5 + [[3]] * 5 + [[0]] * 5, [0]) == [0] * 5 + [-1] * 5 + [0] * 5


def test_a_moment_that_fits_badly_is_no_change() -> None:
    assert way([[0, 3]] * 5 + [[2, 0]] + [[0, 3]] * 5, [0, 2]) == [0] * 11


@pytest.mark.parametrize("far", [100, 1000])
def test_a_repetition_far_away_is_not_taken_for_the_first(far: float) -> None:
    """It costs a little less there at first, but then the delay would have to come back."""
    assert way([[0.1, 0]] * 20 + [[0, 3]] * 20, [0, far]) == [0] * 40


def test_removed_frames_are_missing_and_the_delay_falls() -> None:
    gap = 50
    found = way([[0, 3]] * 20 + [[3, 3]] * gap + [[3, 0]] * 20, [gap, 0])

    assert found == [0] * 20 + [-1] * gap + [1] * 20


@pytest.mark.parametrize("seed", range(20))
def test_what_is_looked_at_only_in_part_is_the_way_through_everything(seed: int) -> None:
    """Delays with stretches where they fit better or worse, pauses, and frames that fit nowhere."""
    rng = np.random.default_rng(seed)
    count, states = int(rng.integers(1, 300)), int(rng.integers(1, 6))
    worse = rng.uniform(0, 2, states) * (np.arange(states) > 0)
    cost = np.minimum(3, rng.gamma(0.5, 0.6, (count, states)) + worse).astype(np.float32)
    for _ in range(rng.integers(0, 4)):
        first = int(rng.integers(0, count))
        cost[first : first + int(rng.integers(1, 40))] = rng.uniform(0, 3, (1, states))
    pause = rng.uniform(size=count) < 0.2
    cost[pause] = 0
    missing, delays = (
        np.where(pause, 0.05, ABSENT).astype(np.float32),
        rng.permutation(9.0 * np.arange(states)),
    )

    assert cheapest(cost, missing, delays).tolist() == path._way(cost, missing, delays).tolist()


def test_only_frames_that_may_lie_elsewhere_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    whole = path._way

    def counted(cost: Signal, missing: Signal, delays: Floats) -> NDArray[np.intp]:
        looked.append(len(cost))
        return whole(cost, missing, delays)

    monkeypatch.setattr(path, "_way", counted)

    assert way([[0.2]] * 50 + [[3]] * 5 + [[0.2]] * 50, [0]) == [0] * 50 + [-1] * 5 + [0] * 50
    assert way([[0.2, 3]] * 100, [0, 2]) == [0] * 100
    assert looked[0] < 40
    assert looked[1] == 0
