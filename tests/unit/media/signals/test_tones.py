"""Test signals have the frequencies, levels and lengths that they are asked for."""

import numpy as np
import pytest

from media.audio.wav import AudioError
from media.signals import tones


def dbfs(samples: np.ndarray) -> float:
    """Level where a full-scale sine is 0 dBFS (AES17)."""
    return float(10 * np.log10(2 * np.mean(np.square(samples, dtype=np.float64))))


def active_db(samples: np.ndarray, rate: int) -> float:
    power = np.square(samples[: len(samples) // (rate // 50) * (rate // 50)].astype(float))
    power = power.reshape(-1, rate // 50).mean(axis=1)
    return float(10 * np.log10(power[power > power.max() / 1000].mean()))


def test_silence_is_silent() -> None:
    audio = tones.silence(0.5, 8000)

    assert audio.duration_s == 0.5
    assert not audio.samples.any()


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize("frequency", [300, 440, 3400])
def test_a_tone_has_its_frequency_and_level(rate: int, frequency: int) -> None:
    audio = tones.tone([frequency], 1.0, rate, -20)

    spectrum = np.abs(np.fft.rfft(audio.samples))
    assert audio.duration_s == 1.0
    assert spectrum.argmax() == frequency
    assert dbfs(audio.samples[rate // 10 : -rate // 10]) == pytest.approx(-20, abs=0.05)


def test_each_of_two_tones_has_the_level() -> None:
    spectrum = np.abs(np.fft.rfft(tones.tone([697, 1209], 1.0, 8000, -10).samples)) / 4000

    assert spectrum[[697, 1209]] == pytest.approx([10**-0.5, 10**-0.5], rel=0.02)


def test_tones_fade_in_and_out() -> None:
    samples = tones.tone([1000], 0.1, 8000, 0).samples

    assert abs(samples[0]) < 0.001
    assert abs(samples[-1]) < 0.02


@pytest.mark.parametrize(
    ("frequencies", "level"), [([], -10), ([4000], -10), ([0], -10), ([440], 1), ([440, 880], -3)]
)
def test_impossible_tones_are_refused(frequencies: list[float], level: float) -> None:
    with pytest.raises(AudioError):
        tones.tone(frequencies, 1.0, 8000, level)


@pytest.mark.parametrize(("s", "rate"), [(-1, 8000), (1, 0)])
def test_impossible_lengths_are_refused(s: float, rate: int) -> None:
    with pytest.raises(AudioError):
        tones.silence(s, rate)


def test_a_sweep_goes_from_start_to_end() -> None:
    audio = tones.sweep(2, 8000, 200, 3200, -12)

    parts = [np.abs(np.fft.rfft(part)).argmax() * 10 for part in np.split(audio.samples, 20)]
    assert parts[0] == pytest.approx(230, abs=40)
    assert parts[10] == pytest.approx(857, abs=80)
    assert parts[-1] == pytest.approx(2980, abs=200)
    assert dbfs(audio.samples) == pytest.approx(-12, abs=0.1)


@pytest.mark.parametrize(("start", "end", "level"), [(0, 3000, -10), (100, 4000, -10), (100, 3000, 1)])
def test_impossible_sweeps_are_refused(start: float, end: float, level: float) -> None:
    with pytest.raises(AudioError):
        tones.sweep(1, 8000, start, end, level)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rate", [8000, 16000])
def test_speech_has_speech_level_and_pauses(seed: int, rate: int) -> None:
    audio = tones.speech_like(6, rate, seed)

    frames = np.square(audio.samples.reshape(-1, rate // 50)).mean(axis=1)
    speaking = np.mean(frames > frames.max() / 1000)
    assert audio.duration_s == 6
    assert active_db(audio.samples, rate) == pytest.approx(-20, abs=1)
    assert np.abs(audio.samples).max() < 10 ** (-3 / 20)
    assert 0.5 < speaking < 0.97
    assert abs(audio.samples.mean()) < 1e-3


def test_speech_is_the_same_every_time() -> None:
    assert np.array_equal(tones.speech_like(1, 8000, 5).samples, tones.speech_like(1, 8000, 5).samples)


def test_a_longer_utterance_begins_like_a_shorter_one() -> None:
    short, long = tones.speech_like(2, 8000, 3).samples, tones.speech_like(4, 8000, 3).samples

    assert np.corrcoef(short, long[: len(short)])[0, 1] > 0.99


def test_speech_never_repeats() -> None:
    samples = tones.speech_like(6, 8000, 1).samples.astype(np.float64)
    piece = samples[8000:16000]

    size = 1 << 17
    product = np.fft.irfft(np.fft.rfft(samples, size) * np.conj(np.fft.rfft(piece, size)), size)[:40001]
    energy = np.cumsum(np.concatenate([[0], samples**2]))
    correlation = product / np.sqrt(energy[8000:48001] - energy[:40001] + 1e-3) / np.linalg.norm(piece)
    assert correlation.argmax() == 8000
    correlation[7960:8041] = 0
    assert correlation.max() < 0.6


def test_seeds_differ() -> None:
    voices = [tones.speech_like(4, 8000, seed).samples for seed in range(6)]

    for index, voice in enumerate(voices):
        for other in voices[:index]:
            product = np.fft.irfft(np.fft.rfft(voice, 1 << 16) * np.conj(np.fft.rfft(other, 1 << 16)))
            assert np.abs(product).max() < 0.4 * np.linalg.norm(voice) * np.linalg.norm(other)
