"""media.compare.similarity: differences that count, and differences that do not."""

import functools

import numpy as np
import pytest

from media.audio.band import in_band
from media.compare.align import Alignment, active_frames
from media.compare.search import Track
from media.compare.similarity import similarity
from media.signals import tones

RATE = 8000
Samples = np.ndarray


@functools.cache
def speech(seed: int = 1, s: float = 4) -> Samples:
    return in_band(tones.speech_like(s, RATE, seed).samples, RATE)


def aligned(reference: Samples, delay: int = 0, frames: slice = slice(None)) -> Alignment:
    """All of it arrived `delay` samples later, or only some frames."""
    active = active_frames(reference, RATE)
    count = len(active)
    track = np.full(count, -1)
    track[frames] = 0
    middle = np.array([len(reference) / 2])
    return Alignment(
        tracks=(Track(middle, np.array([float(delay)]), 1.0, 0, len(reference)),),
        track=track,
        judged=active,
        distance_db=np.zeros(count),
        gaps=(),
        insertions=(),
    )


def alike(reference: Samples, recording: Samples, delay: int = 0) -> float:
    found = similarity(reference, recording, RATE, aligned(reference, delay))
    assert found is not None
    return found.correlation


def test_the_same_is_one() -> None:
    assert alike(speech(), speech()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("gain_db", [-30, -10, 10])
def test_the_level_does_not_count(gain_db: float) -> None:
    assert alike(speech(), speech() * np.float32(10 ** (gain_db / 20))) > 0.999


def test_polarity_does_not_count() -> None:
    assert alike(speech(), -speech()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("tilt", [0.5, -0.5])
def test_an_equaliser_hardly_counts(tilt: float) -> None:
    given = speech()
    coloured = given.copy()
    coloured[1:] += np.float32(tilt) * given[:-1]  # 9.5 dB between low and high

    assert alike(given, coloured) > 0.97


@pytest.mark.parametrize("delay", [1, 80, 777])
def test_the_alignment_is_used(delay: int) -> None:
    late = np.concatenate([np.zeros(delay, np.float32), speech()])

    assert alike(speech(), late, delay) > 0.999
    assert alike(speech(), late, delay + 400) < 0.8


@pytest.mark.parametrize("seed", range(2, 12))
def test_other_speech_is_not_alike(seed: int) -> None:
    assert alike(speech(), speech(seed)) < 0.5


@pytest.mark.parametrize("seed", range(4))
def test_noise_and_tones_are_not_alike(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.1, len(speech())).astype(np.float32)

    assert alike(speech(), noise) < 0.3
    assert alike(speech(), tones.tone([440 + 100 * seed], 4, RATE).samples) < 0.3


def test_the_more_noise_the_less_alike() -> None:
    noise = np.random.default_rng(0).normal(0, 1, len(speech())).astype(np.float32)
    powers = float(np.mean(np.square(speech())))
    found = [
        alike(speech(), speech() + noise * np.float32((powers / 10 ** (snr / 10)) ** 0.5))
        for snr in (40, 20, 10, 0)
    ]

    assert found == sorted(found, reverse=True)
    assert found[0] > 0.98
    assert found[-1] < 0.85


@pytest.mark.parametrize("frames", [0, 1, 9])
def test_a_few_frames_say_nothing(frames: int) -> None:
    first = int(np.flatnonzero(active_frames(speech(), RATE))[0])

    assert similarity(speech(), speech(), RATE, aligned(speech(), 0, slice(first, first + frames))) is None


def test_a_silent_recording_has_nothing_in_common() -> None:
    assert similarity(speech(), np.zeros_like(speech()), RATE, aligned(speech())) is None
    assert similarity(speech(), np.zeros(0, np.float32), RATE, aligned(speech())) is None


def test_a_spectrum_that_does_not_change_has_no_correlation_and_little_deviation() -> None:
    rng = np.random.default_rng(1)
    tone = tones.tone([440.0], 4, RATE, -10).samples[80:-80]
    noisy = tone + rng.normal(0, 0.005, len(tone)).astype(np.float32)  # 33 dB below

    found = similarity(tone, noisy, RATE, aligned(tone, frames=slice(2, -2)))

    assert found is not None
    assert found.correlation < 0.5
    assert found.deviation_db < 2.5
