"""How far two clocks are apart, where the delay is known roughly."""

from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from media.audio.wav import Audio, read
from media.compare.compare import Options, compare
from media.compare.drift import drift_ppm
from media.signals import tones

RATE, HOP = 8000, 80
PAIRS = Path(__file__).parents[3] / "data" / "pairs"


def slower(samples: np.ndarray, ppm: float) -> np.ndarray:
    """As a receiver records it whose clock is `ppm` millionths slower."""
    return np.asarray(soxr.resample(samples, RATE, RATE * (1 + ppm * 1e-6), "VHQ"))


def known(samples: np.ndarray, delay: float = 0.0) -> NDArray[np.float64]:
    """The delay of every frame."""
    return np.full(-(-len(samples) // HOP), delay)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ppm", [-2000, -1000, -100, 0, 30, 500, 1000, 2000])
def test_the_slope_of_the_delay_is_measured(ppm: float, seed: int) -> None:
    samples = tones.speech_like(6, RATE, seed).samples
    heard = slower(samples, ppm)
    delays = known(samples) + np.arange(len(known(samples))) * HOP * ppm * 1e-6

    assert drift_ppm(samples, heard, RATE, delays) == pytest.approx(ppm, abs=10)


@pytest.mark.parametrize("step", [-160, 80, 160])
def test_the_steps_of_a_jitter_buffer_are_no_drift(step: int) -> None:
    samples = tones.speech_like(8, RATE, 4).samples
    first, second, third = np.split(samples, [20_000, 40_000])
    pause = np.zeros(max(step, 0), np.float32)
    heard = np.concatenate([first, pause, second[max(-step, 0) :], pause, third[max(-step, 0) :]])
    delays = np.repeat([0.0, step, 2 * step], [250, 250, 300])

    assert drift_ppm(samples, heard, RATE, delays) == pytest.approx(0, abs=10)


def test_a_delay_of_another_period_is_no_drift() -> None:
    """3 ms, every 3 s, in the same direction."""
    samples = tones.speech_like(9, RATE, 5).samples
    parts = np.split(samples, [24_000, 48_000])
    heard = np.concatenate([parts[0], parts[1][24:], parts[2][24:]])
    delays = np.repeat([0.0, -24.0, -48.0], 300)

    assert drift_ppm(samples, heard, RATE, delays) == pytest.approx(0, abs=10)


def test_hiss_says_nothing_of_clocks() -> None:
    hiss = np.random.default_rng(1).normal(0, 0.1, (2, 6 * RATE)).astype(np.float32)

    assert drift_ppm(hiss[0], hiss[1], RATE, known(hiss[0])) is None


def test_what_did_not_arrive_says_nothing_of_clocks() -> None:
    samples = tones.speech_like(6, RATE, 1).samples

    assert drift_ppm(samples, samples, RATE, known(samples, np.nan)) is None


@pytest.mark.parametrize("ppm", [-1000, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_clocks_a_thousandth_apart_do_not_match(ppm: float, seed: int) -> None:
    reference = tones.speech_like(6, RATE, seed)

    assert not compare(reference, Audio(slower(reference.samples, ppm).astype(np.float32), RATE)).matched


def test_a_recording_by_a_clock_that_is_a_thousandth_too_fast() -> None:
    reference, recording = (read(PAIRS / f"1000ppm.PCMA.{one}.wav") for one in ("ref", "rec"))

    result = compare(reference, recording, options=Options(codec="PCMA"))

    assert result.drift_ppm == pytest.approx(-1000, abs=15)
    assert any("the clocks drift by -" in reason for reason in result.reasons)
