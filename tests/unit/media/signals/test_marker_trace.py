"""A marker whose audio was moved in pieces is whole; what is missing stays missing."""

from __future__ import annotations

import numpy as np
import pytest

from media.audio.wav import Audio
from media.signals.marker import find_markers, marker
from media.signals.marker_trace import trace_marker
from media.signals.speech import speak

RATE = 8000
BEFORE_S = 0.5


def sent(identity: int = 77) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    speech = speak(1.5, RATE).samples
    begin = round(BEFORE_S * RATE)
    return np.concatenate([speech[:begin], marker(identity, RATE).samples, speech[begin:]])


def moved(*jumps: tuple[float, float]) -> Audio:
    """The marker; from each of these times (s) on, audio is repeated or, if negative, left out."""
    samples = sent()
    for at, seconds in reversed(jumps):
        place, count = round((BEFORE_S + at) * RATE), round(seconds * RATE)
        after = samples[place - count :] if count > 0 else samples[place + -count :]
        samples = np.concatenate([samples[:place], after])
    return Audio(samples, RATE)


@pytest.mark.parametrize(
    "jumps",
    [
        [],
        [(0.35, 0.02)],
        [(0.2, 0.01), (0.4, 0.06), (0.6, 0.02)],
        [(0.25, -0.02), (0.5, 0.04)],
    ],
)
def test_audio_that_was_moved_is_not_missing(jumps: list[tuple[float, float]]) -> None:
    found = trace_marker(moved(*jumps), 77)
    assert found is not None
    assert found.confidence >= 0.87, "a slot at each jump may be cut"
    assert found.start_s == pytest.approx(BEFORE_S, abs=0.002)


def test_audio_that_a_jitter_buffer_shrinks_all_the_time_is_not_missing() -> None:
    found = trace_marker(moved(*((0.14 * piece, -0.01) for piece in range(1, 6))), 77)
    assert found is not None
    assert found.confidence >= 0.7, "a slot at each jump is cut"
    assert found.start_s == pytest.approx(BEFORE_S, abs=0.002)


def test_one_position_fits_a_part_of_it() -> None:
    whole = [one for one in find_markers(moved((0.36, 0.02))) if one.identity == 77]
    assert max(one.confidence for one in whole) < 0.7


def test_missing_audio_stays_missing() -> None:
    samples = sent()
    samples[round((BEFORE_S + 0.3) * RATE) : round((BEFORE_S + 0.6) * RATE)] = 0
    found = trace_marker(Audio(samples, RATE), 77)
    assert found is not None
    assert 0.5 <= found.confidence <= 0.7


@pytest.mark.parametrize("other", [78, 0, 60000])
def test_another_marker_is_not_it(other: int) -> None:
    assert trace_marker(moved((0.36, 0.02)), other) is None


def test_speech_has_none() -> None:
    audio = speak(3.0, RATE)
    assert all(trace_marker(audio, identity) is None for identity in range(0, 65536, 6553))
