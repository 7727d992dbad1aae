"""media.compare.chain: evidence of consecutive frames, weighed against the rarity of a start."""

from itertools import pairwise

import numpy as np
import pytest

from media.compare.chain import best_sums, chained

BEGINS, ENDS = 1 / 1000, 1 / 5


def test_evidence_in_a_row_counts_and_single_frames_do_not() -> None:
    evidence = np.full(400, -3.0)
    evidence[100:110] = 2.0  # together 20, and each alone far less than it takes to begin
    evidence[200:300:10] = 2.0

    probable, score = chained(evidence, BEGINS, ENDS)

    assert probable[100:110].min() > 0.8
    assert np.delete(probable, np.arange(95, 115)).max() < 0.1
    assert score > 3


def test_the_score_of_nothing_is_low() -> None:
    assert chained(np.full(500, -2.0), BEGINS, ENDS)[1] < 0
    assert chained(np.zeros(0), BEGINS, ENDS)[1] == 0


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_sum_over_all_ways(seed: int) -> None:
    """Six moments have 64 ways, few enough to add up one by one."""
    evidence, begins, ends = np.random.default_rng(seed).normal(0, 2, 6), 0.1, 0.3
    ways = np.array([[way >> at & 1 for at in range(6)] for way in range(64)])
    weights = []
    for way in ways:
        weight = begins if way[0] else 1 - begins
        for before, now in pairwise(way):
            moved = ends if before else begins
            weight *= moved if now != before else 1 - moved
        weights.append(weight * np.exp((way * evidence).sum()))
    total = np.sum(weights)

    probable, score = chained(evidence, begins, ends)

    assert probable == pytest.approx((np.array(weights)[:, None] * ways).sum(axis=0) / total)
    assert score == pytest.approx(np.log(total))


def test_the_best_sums_in_a_row() -> None:
    assert best_sums(np.array([-1.0, 2.0, -1.0, 3.0, -9.0, 1.0])).tolist() == [-1, 2, 1, 4, -5, 1]
