"""media.compare.search: a second search, within a gap."""

import tracemalloc

import numpy as np
import pytest

from media.compare.search import Track, find_closer, find_tracks, sharpened
from media.signals import tones

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


def test_audio_at_a_distant_delay_is_not_searched() -> None:
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


def test_a_repeated_sentence_is_found_at_its_first_place() -> None:
    """Though 40 ms of it come later, and its repetition is more like it than itself."""
    sentence, pause = tones.speech_like(4, RATE, 3).samples, np.zeros(RATE // 2, np.float32)
    reference = np.concatenate([sentence, pause, sentence])
    noise = np.random.default_rng(0).normal(0, 0.3 * sentence.std(), len(sentence)).astype(np.float32)
    first, at, slip = sentence + noise, round(1.9 * RATE), round(0.04 * RATE)
    recording = np.concatenate([first[:at], first[at - slip : at], first[at:], pause, sentence])
    active = np.ones(len(reference) // 80, np.bool_)

    found = find_tracks(reference, recording, RATE, active)

    for block, delay in ((0, 0), (round(2.5 * RATE), slip)):
        assert any(one.start <= block < one.end and abs(one.delay[0] - delay) < 1 for one in found)


def test_a_delay_is_exact_beside_its_change() -> None:
    """Blocks of a second reach across it, and those of a steady sound say something between."""
    reference = tones.tone([440, 1330], 4, RATE).samples
    recording = np.concatenate([np.zeros(1000, np.float32), reference])
    blurred = Track(np.array([4000.0, 12000.0, 16000.0]), np.array([1000.0, 1000.0, 998.5]), 3, 0, 20000)

    track = sharpened(blurred, [(0, 16800)], reference, recording, RATE)

    assert track.delays(np.arange(0.0, 16800, 80)) == pytest.approx(1000, abs=0.05)


def test_a_delay_drifts_on_beyond_its_blocks() -> None:
    """The first and the last half second lie outside the middles of blocks: at 300 ppm 1.2 samples."""
    middles = np.arange(4000.0, 52000, 4000)
    track = Track(middles, 1000 + 3e-4 * middles, 12, 0, 56000)

    assert track.delays(np.array([0.0, 28000.0, 56000.0])) == pytest.approx([1000, 1008.4, 1016.8], abs=0.01)
