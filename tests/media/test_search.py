"""Looking once more for what is in a gap: what is found, and what is left alone."""

import tracemalloc

import numpy as np
import pytest

from media import tones
from media.search import find_closer

RATE = 8000
MINUTE = 60 * RATE


@pytest.mark.parametrize("slip", [-160, 80, 400])
def test_a_stretch_near_the_delays_beside_it(slip: int) -> None:
    reference = tones.speech_like(4, RATE, 3).samples
    recording = np.concatenate([np.zeros(1000 + slip, np.float32), reference])
    start, end = round(1.5 * RATE), round(2.1 * RATE)
    track = find_closer(reference, recording, RATE, [(start, end, 1000.0, 1000.0)])[0]
    assert track.delay[0] == pytest.approx(1000 + slip, abs=0.1)
    assert track.start < start
    assert track.end > end


def test_two_delays_in_one_gap() -> None:
    """Neither holds for the gap as a whole."""
    reference = tones.speech_like(4, RATE, 3).samples
    first, second, start, end = 80, 320, round(1.5 * RATE), round(2.3 * RATE)
    middle = (start + end) // 2
    parts = [np.zeros(1000 + first, np.float32), reference[:middle], np.zeros(second - first, np.float32)]
    recording = np.concatenate([*parts, reference[middle:]])
    found = find_closer(reference, recording, RATE, [(start, end, 1000.0, 1000.0)])
    for slip in (first, second):
        assert any(track.delay[0] == pytest.approx(1000 + slip, abs=0.1) for track in found)


def test_what_lies_elsewhere_is_left_alone() -> None:
    reference = tones.speech_like(4, RATE, 3).samples
    recording = np.concatenate([np.zeros(2000, np.float32), reference])
    gap = (round(1.5 * RATE), round(2.1 * RATE), 1000.0, 1000.0)
    assert find_closer(reference, recording, RATE, [gap]) == []


@pytest.mark.parametrize(
    "gap",
    [(MINUTE, 9 * MINUTE, 0.0, 0.0), (MINUTE, MINUTE + RATE, 0.0, 8.0 * MINUTE)],
    ids=["a long gap", "a long pause"],
)
def test_no_memory_for_what_no_jitter_buffer_does(gap: tuple[int, int, float, float]) -> None:
    reference = np.ones(10 * MINUTE, np.float32)
    tracemalloc.start()
    try:
        assert find_closer(reference, reference, RATE, [gap]) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * reference.nbytes
