"""media.compare.level_steps: steps of the level within a recording."""

import numpy as np
import pytest
from numpy.typing import NDArray

from media.audio.wav import Audio
from media.compare.compare import Options, compare
from media.compare.level_steps import level_step_db
from media.signals import tones

RATE, HOP = 8000, 80
EVERY = RATE // 4


def speech(seed: int) -> NDArray[np.float32]:
    return tones.speech_like(6, RATE, seed).samples


def stepped(samples: NDArray[np.float32], db: float) -> NDArray[np.float32]:
    """Every other 250 ms at another level."""
    other = np.arange(len(samples)) // EVERY % 2 == 1
    return np.where(other, samples * np.float32(10 ** (db / 20)), samples)


def measured(reference: NDArray[np.float32], recording: NDArray[np.float32]) -> float | None:
    frames = len(reference) // HOP
    return level_step_db(reference, recording, RATE, np.zeros(frames), np.ones(frames, np.bool_))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("db", [-10, -6, -3, 3])
def test_a_step_is_measured(db: float, seed: int) -> None:
    assert measured(speech(seed), stepped(speech(seed), db)) == pytest.approx(abs(db), abs=0.5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("db", [-12, 0, 6])
def test_another_level_all_the_time_is_no_step(db: float, seed: int) -> None:
    assert measured(speech(seed), speech(seed) * np.float32(10 ** (db / 20))) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_no_step(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.005, len(speech(seed))).astype(np.float32)

    assert measured(speech(seed), speech(seed) + noise) == pytest.approx(0, abs=0.5)


def test_other_audio_has_no_level() -> None:
    hiss = np.random.default_rng(1).normal(0, 0.1, len(speech(1))).astype(np.float32)

    assert measured(speech(1), hiss) is None


def test_missing_audio_has_no_level() -> None:
    frames = len(speech(1)) // HOP

    assert (
        level_step_db(speech(1), speech(1), RATE, np.full(frames, np.nan), np.ones(frames, np.bool_)) is None
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_level_that_steps_is_a_reason(seed: int) -> None:
    reference, recording = Audio(speech(seed), RATE), Audio(stepped(speech(seed), -6), RATE)

    result = compare(reference, recording, options=Options(codec="PCMA"))

    assert not result.matched
    assert result.level_step_db == pytest.approx(6, abs=0.2)
    assert any("the level steps by" in reason for reason in result.reasons)
    lenient = compare(reference, recording, options=Options(codec="PCMA", max_level_step_db=7))
    assert not any("the level steps by" in reason for reason in lenient.reasons)
