"""Pieces of a signal, and what is beyond its ends."""

import numpy as np
import pytest

from media.audio.spectra import windows_at


@pytest.mark.parametrize(
    ("starts", "size", "expected"),
    [
        ([0, 2, 1], 2, [[1, 2], [3, 4], [2, 3]]),
        ([-1, 3], 2, [[0, 1], [4, 0]]),
        ([-2], 8, [[0, 0, 1, 2, 3, 4, 0, 0]]),
        ([-9, 9], 2, [[0, 0], [0, 0]]),
        ([-9], 2, [[0, 0]]),
        ([9], 2, [[0, 0]]),
    ],
)
def test_outside_of_a_signal_is_silence(starts: list[int], size: int, expected: list[list[int]]) -> None:
    signal = np.arange(1, 5, dtype=np.float32)

    assert windows_at(signal, np.array(starts), size).tolist() == expected


def test_no_places_are_no_pieces() -> None:
    assert windows_at(np.ones(4, np.float32), np.zeros(0, np.intp), 3).shape == (0, 3)


def test_an_empty_signal_is_silent() -> None:
    assert windows_at(np.zeros(0, np.float32), np.array([-3, 0, 5]), 2).tolist() == [[0, 0]] * 3
