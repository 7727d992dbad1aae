"""media.audio.levels: active speech level (ITU-T P.56), levels of test signals, silences."""

import numpy as np
import pytest

from media.audio.levels import SpeechLevel, Stretch, silences, speech_level
from media.audio.wav import Audio, AudioError
from media.signals import tones


def joined(*parts: Audio) -> Audio:
    return Audio(np.concatenate([part.samples for part in parts]), parts[0].rate)


def noise(s: float, rate: int, level_dbfs: float, seed: int = 0) -> Audio:
    samples = np.random.default_rng(seed).normal(0, 10 ** ((level_dbfs - 3.0103) / 20), round(s * rate))
    return Audio(samples.astype(np.float32), rate)


def by_definition(samples: np.ndarray, rate: int) -> tuple[float, float]:
    """Active level in dBFS and activity, sample by sample as P.56 8.2 describes it."""
    keep = np.exp(-1 / (rate * 0.03))
    thresholds = 2.0 ** np.arange(-15, 0)
    active, waited = np.zeros(15), np.full(15, np.ceil(0.2 * rate))
    smooth = envelope = 0.0
    for value in np.abs(samples.astype(np.float64)):
        smooth = keep * smooth + (1 - keep) * value
        envelope = keep * envelope + (1 - keep) * smooth
        above = envelope >= thresholds
        waited = np.where(above, 0, waited + 1)
        active += waited <= np.ceil(0.2 * rate)
    energy = float(np.square(samples.astype(np.float64)).sum())
    levels = 10 * np.log10(energy / active[active > 0])
    margins = levels - 20 * np.log10(thresholds[: len(levels)]) - 15.9
    level = float(np.interp(0, -margins, levels))
    return level + 3.0103, energy / len(samples) / 10 ** (level / 10)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_active_level_is_that_of_the_definition(rate: int) -> None:
    speech = tones.speech_like(1, rate, 4).samples
    samples = np.concatenate([speech, np.zeros(rate // 2, np.float32), speech[: rate // 2]])
    samples = samples - samples.mean()

    measured = speech_level(Audio(samples, rate))

    active, activity = by_definition(samples, rate)
    assert measured.active_dbfs == pytest.approx(active, abs=0.001)
    assert measured.activity == pytest.approx(activity, abs=0.0001)


@pytest.mark.parametrize("rate", [8000, 96000])
@pytest.mark.parametrize("level_dbfs", [0, -20, -55])
def test_a_sine_is_as_active_as_it_is_loud(rate: int, level_dbfs: float) -> None:
    level = speech_level(tones.tone([1000], 4, rate, level_dbfs))

    assert level.active_dbfs == pytest.approx(level_dbfs, abs=0.06)
    assert level.active_dbfs == pytest.approx(level_dbfs, abs=0.06)
    assert level.rms_dbfs == pytest.approx(level_dbfs, abs=0.01)
    assert level.peak_dbfs == pytest.approx(level_dbfs, abs=0.01)
    assert level.noise_floor_dbfs == pytest.approx(level_dbfs, abs=0.05)
    assert level.activity == pytest.approx(1, abs=0.015)


def test_bursts_count_with_hangover_and_decay() -> None:
    # After each of the ten bursts P.56 goes on for 200 ms and for what the envelope needs to fall to the
    # threshold (15.9 dB below the active level), about 70 ms.
    burst = joined(tones.tone([1000], 1, 8000, -20), tones.silence(1, 8000))

    level = speech_level(joined(*[burst] * 10))

    assert level.activity == pytest.approx(0.635, abs=0.005)
    assert level.active_dbfs == pytest.approx(-21.05, abs=0.05)
    assert level.rms_dbfs == pytest.approx(-23.02, abs=0.05)
    assert level.noise_floor_dbfs is None


def test_pauses_change_the_activity_and_not_the_active_level() -> None:
    speech = tones.speech_like(20, 8000, 2)
    paused = joined(speech, tones.silence(20, 8000))

    dense, sparse = speech_level(speech), speech_level(paused)

    assert dense.active_dbfs is not None
    assert dense.activity is not None
    assert sparse.active_dbfs == pytest.approx(dense.active_dbfs, abs=0.1)
    assert sparse.activity == pytest.approx(dense.activity / 2, abs=0.01)
    assert sparse.rms_dbfs == pytest.approx((dense.rms_dbfs or 0) - 3.01, abs=0.01)


@pytest.mark.parametrize("gain_db", [-30, -10])
def test_gain_moves_every_level_alike(gain_db: float) -> None:
    speech = tones.speech_like(5, 8000, 1)
    quieter = Audio(speech.samples * np.float32(10 ** (gain_db / 20)), 8000)

    before, after = speech_level(speech), speech_level(quieter)

    assert before.active_dbfs is not None
    assert after.active_dbfs == pytest.approx(before.active_dbfs + gain_db, abs=0.3)
    assert after.rms_dbfs == pytest.approx((before.rms_dbfs or 0) + gain_db, abs=0.001)
    assert after.peak_dbfs == pytest.approx((before.peak_dbfs or 0) + gain_db, abs=0.001)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("floor_dbfs", [-60, -40])
def test_the_noise_floor_is_that_of_the_noise(seed: int, floor_dbfs: float) -> None:
    speech = tones.speech_like(10, 8000, seed)
    noisy = Audio(speech.samples + noise(10, 8000, floor_dbfs, seed).samples, 8000)

    assert speech_level(noisy).noise_floor_dbfs == pytest.approx(floor_dbfs, abs=0.5)


def test_silence_before_and_after_the_audio_is_no_floor() -> None:
    audio = joined(tones.silence(2, 8000), noise(3, 8000, -50), tones.silence(2, 8000))

    assert speech_level(audio).noise_floor_dbfs == pytest.approx(-50, abs=0.3)


@pytest.mark.parametrize("count", [1, 100, 8000])
def test_digital_silence_has_no_level(count: int) -> None:
    level = speech_level(Audio(np.zeros(count, np.float32), 8000))

    assert level == SpeechLevel(None, None, None, None, None, 0.0, 0.0)


def test_no_audio_has_no_level() -> None:
    assert speech_level(Audio(np.zeros(0, np.float32), 8000)) == SpeechLevel(*[None] * 7)


def test_a_constant_is_no_speech() -> None:
    level = speech_level(Audio(np.full(8000, 0.25, np.float32), 8000))

    assert (level.active_dbfs, level.rms_dbfs, level.noise_floor_dbfs) == (None, None, None)
    assert level.peak_dbfs == pytest.approx(-12.04, abs=0.01)
    assert level.dc == 0.25


def test_a_constant_does_not_count() -> None:
    speech = tones.speech_like(5, 8000, 1)
    shifted = Audio(speech.samples + np.float32(0.1), 8000)

    assert speech_level(shifted).active_dbfs == pytest.approx(speech_level(speech).active_dbfs, abs=0.001)


def test_a_click_is_no_speech() -> None:
    samples = np.zeros(8000, np.float32)
    samples[4000] = 1

    level = speech_level(Audio(samples, 8000))

    assert (level.active_dbfs, level.activity) == (None, None)
    assert level.peak_dbfs == 0


def test_clipping_is_counted() -> None:
    sine = tones.tone([997], 1, 8000, 0).samples
    clipped = Audio(np.clip(2 * sine, -0.98, 0.98), 8000)

    assert speech_level(clipped).clipped == pytest.approx(2 * np.arccos(0.49) / np.pi, abs=0.02)
    assert speech_level(tones.tone([1000], 1, 8000, -1)).clipped == 0


@pytest.mark.parametrize("rate", [8000, 48000])
@pytest.mark.parametrize("start", [0.5, 0.7137])
@pytest.mark.parametrize("length", [0.2, 0.25, 1.003])
def test_a_silence_is_where_it_was_put(rate: int, start: float, length: float) -> None:
    audio = joined(noise(start, rate, -20), tones.silence(length, rate), noise(0.5, rate, -20, 1))

    (found,) = silences(audio)

    assert found.start_s == pytest.approx(start, abs=0.001)
    assert found.end_s == pytest.approx(start + length, abs=0.001)
    assert found.duration_s == pytest.approx(length, abs=0.002)


def test_silences_have_a_threshold_and_a_shortest() -> None:
    audio = joined(noise(1, 8000, -20), noise(0.3, 8000, -45), noise(1, 8000, -20))

    assert silences(audio) == ()
    assert len(silences(audio, threshold_dbfs=-40)) == 1
    assert silences(audio, threshold_dbfs=-40, shortest_s=0.4) == ()


def test_silences_at_the_ends_reach_the_ends() -> None:
    audio = joined(tones.silence(0.3, 8000), tones.tone([440], 0.5, 8000), tones.silence(0.4001, 8000))

    first, last = silences(audio)

    assert (first.start_s, last.end_s) == (0, audio.duration_s)
    assert first.end_s == pytest.approx(0.3, abs=0.001)
    assert last.start_s == pytest.approx(0.8, abs=0.001)


def test_all_silent_is_one_silence() -> None:
    assert silences(tones.silence(3, 8000)) == (Stretch(0, 3),)
    assert silences(Audio(np.full(8000, 0.3, np.float32), 8000)) == (Stretch(0, 1),)
    assert silences(Audio(np.zeros(0, np.float32), 8000)) == ()


@pytest.mark.parametrize("shortest_s", [0, -1, float("nan")])
def test_a_silence_of_no_length_is_refused(shortest_s: float) -> None:
    with pytest.raises(AudioError, match="positive"):
        silences(tones.silence(1, 8000), shortest_s=shortest_s)
