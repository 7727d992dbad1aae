"""The telephone band: flat inside, silent outside, no delay, the same in every block."""

import numpy as np
import pytest

from media.audio.band import BLOCK, LOWEST_HZ, in_band

RATES = (8000, 11025, 16000, 48000)
Samples = np.ndarray


def sine(hertz: float, rate: int, s: float = 1.0) -> Samples:
    return np.sin(2 * np.pi * hertz * np.arange(round(s * rate)) / rate).astype(np.float32)


def gain_db(hertz: float, rate: int) -> float:
    """Of a sine, away from its ends."""
    given = sine(hertz, rate)
    edge = rate // 10
    middle = in_band(given, rate)[edge:-edge]
    return float(10 * np.log10(np.mean(np.square(middle)) / np.mean(np.square(given[edge:-edge])) + 1e-12))


def noise(count: int, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 0.1, count).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hertz", [300, 400, 1000, 2500, 3400])
def test_the_telephone_band_passes(rate: int, hertz: float) -> None:
    assert gain_db(hertz, rate) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hertz", [10, 50, 100, 150])
def test_mains_hum_and_below_does_not(rate: int, hertz: float) -> None:
    assert gain_db(hertz, rate) < -40


@pytest.mark.parametrize("rate", RATES)
def test_nothing_is_left_near_half_the_rate(rate: int) -> None:
    assert gain_db(0.495 * rate, rate) < -40


def test_the_edge_is_at_the_given_frequency() -> None:
    assert LOWEST_HZ == 300
    assert gain_db(LOWEST_HZ - 50, 8000) == pytest.approx(-6, abs=1)


@pytest.mark.parametrize("rate", RATES)
def test_neither_delay_nor_phase_changes(rate: int) -> None:
    click = np.zeros(rate, np.float32)
    click[rate // 2] = 1

    received = in_band(click, rate)

    assert int(np.abs(received).argmax()) == rate // 2
    assert received[rate // 2 - 400 : rate // 2] == pytest.approx(
        received[rate // 2 + 1 : rate // 2 + 401][::-1], abs=1e-4
    )


@pytest.mark.parametrize("count", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 77])
def test_blocks_do_not_show(count: int) -> None:
    given = noise(count)
    given -= given.mean()
    whole = in_band(given, 8000)

    shifted = in_band(np.concatenate([np.zeros(5000, np.float32), given]), 8000)[5000:]

    assert len(whole) == count
    assert shifted == pytest.approx(whole, abs=1e-5)


def test_dc_leaves_nothing_not_even_at_its_ends() -> None:
    assert np.abs(in_band(np.full(8000, 0.4, np.float32), 8000)).max() < 1e-6
    assert in_band(noise(8000) + np.float32(0.5), 8000) == pytest.approx(in_band(noise(8000), 8000), abs=1e-5)


def test_the_input_is_not_changed() -> None:
    given = noise(4000)
    before = given.copy()

    received = in_band(given, 8000)

    assert np.array_equal(given, before)
    assert received.dtype == np.float32


@pytest.mark.parametrize("count", [0, 1, 2, 79])
def test_hardly_any_audio_is_no_trouble(count: int) -> None:
    received = in_band(noise(count), 8000)

    assert len(received) == count
    assert np.isfinite(received).all()
