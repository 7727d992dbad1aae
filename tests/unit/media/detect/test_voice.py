"""Speech is where it was put, through noise, and neither noise nor tones are speech."""

import numpy as np
import pytest

from media.audio.levels import Stretch, runs
from media.audio.spectra import frame_power
from media.audio.wav import Audio, AudioError
from media.detect.voice import Options, voice
from media.signals import dtmf, tones


def joined(*parts: Audio) -> Audio:
    return Audio(np.concatenate([part.samples for part in parts]), parts[0].rate)


def coloured(s: float, exponent: float, level_dbfs: float, seed: int = 0) -> Audio:
    """Noise whose power falls with the frequency: 0 white, 1 pink, 2 brown."""
    count = round(s * 8000)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(0, 1, count))
    shaped = np.fft.irfft(
        spectrum / np.maximum(np.fft.rfftfreq(count, 1 / 8000), 50) ** (exponent / 2), count
    )
    shaped *= 10 ** ((level_dbfs - 3.0103) / 20) / shaped.std()
    return Audio(shaped.astype(np.float32), 8000)


def over(audio: Audio, noise: Audio) -> Audio:
    return Audio(audio.samples + noise.samples[: len(audio.samples)], audio.rate)


def spoken(seed: int) -> tuple[Audio, list[Stretch]]:
    """Three utterances with pauses, and where they are: pauses under 250 ms belong to the speech."""
    parts = [tones.silence(1.0, 8000)]
    for index, length in enumerate((2.0, 0.8, 4.0)):
        parts += [tones.speech_like(length, 8000, 10 * seed + index), tones.silence(1.2, 8000)]
    audio = joined(*parts)
    power = frame_power(audio.samples, 8000)
    stretches: list[list[int]] = []
    for first, after in runs(power > np.percentile(power[power > 1e-6], 95) / 1000):
        if stretches and first - stretches[-1][1] < 25:
            stretches[-1][1] = after
        else:
            stretches.append([first, after])
    return audio, [Stretch(first / 100, after / 100) for first, after in stretches]


def frames(stretches: tuple[Stretch, ...] | list[Stretch], count: int, grown: int = 0) -> np.ndarray:
    flags = np.zeros(count, np.bool_)
    for stretch in stretches:
        flags[max(0, round(stretch.start_s * 100) - grown) : round(stretch.end_s * 100) + grown] = True
    return flags


@pytest.mark.parametrize("snr_db", [20, 10])
@pytest.mark.parametrize("exponent", [0, 1, 2])
def test_speech_is_detected_in_noise(snr_db: float, exponent: float) -> None:
    missed = active = false = pauses = 0
    for seed in range(2):
        audio, truth = spoken(seed)
        audio = over(audio, coloured(audio.duration_s, exponent, -20 - snr_db, seed))
        count = round(audio.duration_s * 100) + 1
        said, found = frames(truth, count), frames(voice(audio), count)
        missed += int((said & ~found).sum())
        active += int(said.sum())
        far = ~frames(truth, count, grown=6)
        false += int((found & far).sum())
        pauses += int(far.sum())

    assert missed < (0.03 if snr_db == 10 else 0.01) * active
    assert false < 0.03 * pauses


@pytest.mark.parametrize("snr_db", [20, 10])
def test_an_utterance_begins_and_ends_where_it_was_put(snr_db: float) -> None:
    speech = tones.speech_like(2, 8000, 5)
    audio = joined(tones.silence(1.5, 8000), speech, tones.silence(1.5, 8000))
    audio = over(audio, coloured(audio.duration_s, 1, -20 - snr_db))

    found = voice(audio)

    assert found[0].start_s == pytest.approx(1.5, abs=0.12)
    assert found[-1].end_s == pytest.approx(3.5, abs=0.12)


@pytest.mark.parametrize("level_dbfs", [-20, -50])
@pytest.mark.parametrize("exponent", [0, 1, 2])
def test_steady_noise_is_no_speech(level_dbfs: float, exponent: float) -> None:
    noise = coloured(10, exponent, level_dbfs, 3)

    assert voice(noise) == ()
    assert voice(joined(tones.silence(3, 8000), noise, tones.silence(3, 8000))) == ()


@pytest.mark.parametrize("noise_dbfs", [-80, -45])
@pytest.mark.parametrize(
    ("frequencies", "on_s", "off_s"),
    [((425,), 1, 4), ((440, 480), 2, 4), ((480, 620), 0.25, 0.25), ((425,), 0.5, 0.5), ((1000,), 0.3, 0.3)],
)
def test_tones_are_no_speech(
    frequencies: tuple[float, ...], on_s: float, off_s: float, noise_dbfs: float
) -> None:
    audio = joined(*[tones.tone(frequencies, on_s, 8000, -15), tones.silence(off_s, 8000)] * 3)
    audio = over(audio, coloured(audio.duration_s, 0, noise_dbfs))

    assert voice(audio) == ()


def test_digits_are_no_speech() -> None:
    assert voice(dtmf.synthesise("0123456789", 8000, 100, 100)) == ()


def test_speech_between_tones_is_speech() -> None:
    tone = tones.tone([425], 1, 8000, -15)
    speech = tones.speech_like(2, 8000, 3)

    found = voice(joined(tone, tones.silence(0.5, 8000), speech, tones.silence(0.5, 8000), tone))

    assert found[0].start_s == pytest.approx(1.5, abs=0.1)
    assert found[-1].end_s == pytest.approx(3.5, abs=0.1)
    assert sum(one.duration_s for one in found) > 1.5


@pytest.mark.parametrize("level_db", [-25, 0])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_the_level_and_the_rate_do_not_matter(rate: int, level_db: float) -> None:
    speech = tones.speech_like(2, rate, 1)
    quiet = Audio(speech.samples * np.float32(10 ** (level_db / 20)), rate)

    found = voice(joined(tones.silence(1, rate), quiet, tones.silence(1, rate)))

    assert found[0].start_s == pytest.approx(1.05, abs=0.1)
    assert found[-1].end_s == pytest.approx(2.95, abs=0.15)


def test_pauses_shorter_than_the_hangover_are_speech() -> None:
    speech = tones.speech_like(1, 8000, 2)
    audio = joined(
        tones.silence(0.5, 8000), speech, tones.silence(0.4, 8000), speech, tones.silence(0.5, 8000)
    )

    assert len(voice(audio, options=Options(hangover_s=1.0))) == 1
    assert len(voice(audio)) >= 2


@pytest.mark.parametrize("samples", [np.zeros(0), np.ones(1), np.zeros(16000), np.full(16000, 0.5)])
def test_nothing_is_no_speech(samples: np.ndarray) -> None:
    assert voice(Audio(samples.astype(np.float32), 8000)) == ()


def test_a_click_is_no_speech() -> None:
    samples = np.zeros(16000, np.float32)
    samples[8000] = 1

    assert voice(Audio(samples, 8000)) == ()


def test_a_negative_duration_is_refused() -> None:
    with pytest.raises(AudioError, match="negative"):
        voice(tones.silence(1, 8000), options=Options(hangover_s=-1))
