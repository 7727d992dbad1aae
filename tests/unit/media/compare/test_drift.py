"""Clock drift between reference and recording, in ppm, and its limit."""

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from media.audio.wav import Audio
from media.compare.compare import Options, compare
from media.compare.drift import drift_ppm
from tests.support.coverage import seeds
from tests.support.reference_audio import RATE, recorded_pair, speech

HOP = 80
"""Samples of a frame."""


def drifting(given: Audio, ppm: float) -> Audio:
    """Resampled, so that its delay grows by `ppm` microseconds each second."""
    return Audio(soxr.resample(given.samples, RATE, RATE * (1 + ppm * 1e-6), "VHQ"), RATE)


def constant(samples: np.ndarray, delay: float = 0.0) -> NDArray[np.float64]:
    """The same delay, in samples, for each frame."""
    return np.full(-(-len(samples) // HOP), delay)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ppm", [-2000, -1000, -100, 0, 30, 500, 1000, 2000])
def test_the_slope_of_the_delay_is_measured(ppm: float, seed: int) -> None:
    samples = speech(seed, 6).samples
    received = drifting(speech(seed, 6), ppm).samples
    delays = constant(samples) + np.arange(len(constant(samples))) * HOP * ppm * 1e-6

    assert drift_ppm(samples, received, RATE, delays) == pytest.approx(ppm, abs=10)


@pytest.mark.parametrize("step", [-160, 80, 160])
def test_the_steps_of_a_jitter_buffer_are_no_drift(step: int) -> None:
    samples = speech(4, 8).samples
    first, second, third = np.split(samples, [20_000, 40_000])
    pause = np.zeros(max(step, 0), np.float32)
    received = np.concatenate([first, pause, second[max(-step, 0) :], pause, third[max(-step, 0) :]])
    delays = np.repeat([0.0, step, 2 * step], [250, 250, 300])

    assert drift_ppm(samples, received, RATE, delays) == pytest.approx(0, abs=10)


def test_a_delay_of_another_period_is_no_drift() -> None:
    """3 ms, every 3 s, in the same direction."""
    samples = speech(5, 9).samples
    parts = np.split(samples, [24_000, 48_000])
    received = np.concatenate([parts[0], parts[1][24:], parts[2][24:]])
    delays = np.repeat([0.0, -24.0, -48.0], 300)

    assert drift_ppm(samples, received, RATE, delays) == pytest.approx(0, abs=10)


def test_no_drift_of_unrelated_noise() -> None:
    hiss = np.random.default_rng(1).normal(0, 0.1, (2, 6 * RATE)).astype(np.float32)

    assert drift_ppm(hiss[0], hiss[1], RATE, constant(hiss[0])) is None


def test_no_drift_without_received_audio() -> None:
    samples = speech(1, 6).samples

    assert drift_ppm(samples, samples, RATE, constant(samples, np.nan)) is None


@pytest.mark.parametrize("ppm", [-1000, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_clocks_a_thousandth_apart_do_not_match(ppm: float, seed: int) -> None:
    assert not compare(speech(seed, 6), drifting(speech(seed, 6), ppm)).matched


def test_a_recording_by_a_clock_that_is_a_thousandth_too_fast() -> None:
    reference, recording = recorded_pair("1000ppm.PCMA")

    result = compare(reference, recording, options=Options(codec="PCMA"))

    assert result.drift_ppm == pytest.approx(-1000, abs=15)
    assert any("the clocks drift by -" in reason for reason in result.reasons)


@pytest.mark.parametrize("seed", seeds(4, 5, 6))
@pytest.mark.parametrize("ppm", [-200, -50, 0, 50, 200])
def test_the_drift_of_clocks_is_measured(ppm: float, seed: int) -> None:
    result = compare(speech(seed, 12), drifting(speech(seed, 12), ppm))

    assert result.matched
    assert result.drift_ppm == pytest.approx(ppm, abs=10)
    assert result.missing_ms == 0


def test_clocks_too_far_apart_are_a_reason() -> None:
    result = compare(speech(4, 12), drifting(speech(4, 12), 100), options=Options(max_drift_ppm=50))

    assert not result.matched
    assert "the clocks drift by +" in result.reasons[0]


def test_no_drift_of_short_audio() -> None:
    assert compare(speech(1, 3), speech(1, 3)).drift_ppm is None


@pytest.mark.parametrize("speed", [0.98, 1.02])
def test_another_speed_does_not_match(speed: float) -> None:
    assert not compare(speech(4, 12), drifting(speech(4, 12), 1e6 * (1 / speed - 1))).matched
