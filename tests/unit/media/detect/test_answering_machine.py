"""media.detect.answering_machine: the answerer by the greeting, and the position of a beep."""

import numpy as np
import pytest

from media.audio.wav import Audio, AudioError
from media.detect.answering_machine import Options, hear_greeting
from media.signals import tones


def joined(*parts: Audio) -> Audio:
    return Audio(np.concatenate([part.samples for part in parts]), parts[0].rate)


def line(*parts: Audio, noise_dbfs: float = -60.0, seed: int = 0) -> Audio:
    audio = joined(*parts)
    noise = np.random.default_rng(seed).normal(0, 10 ** ((noise_dbfs - 3.0103) / 20), len(audio.samples))
    return Audio(audio.samples + noise.astype(np.float32), audio.rate)


def pause(s: float) -> Audio:
    return tones.silence(s, 8000)


def speech(s: float, seed: int = 1) -> Audio:
    return tones.speech_like(s, 8000, seed)


@pytest.mark.parametrize("noise_dbfs", [-60, -40])
@pytest.mark.parametrize(("frequency", "seed"), [(440, 0), (700, 1), (1000, 2), (1400, 3)])
def test_a_beep_gives_a_machine_away(frequency: float, seed: int, noise_dbfs: float) -> None:
    beep = tones.tone([frequency], 0.4, 8000, -15)
    audio = line(pause(0.6), speech(4, seed), pause(0.5), beep, pause(1), noise_dbfs=noise_dbfs, seed=seed)

    found = hear_greeting(audio)

    assert found.judgement == "machine"
    assert "beep" in found.reason
    assert found.beep is not None
    assert found.beep.frequencies == pytest.approx([frequency], abs=1)
    assert found.beep.start_s == pytest.approx(5.1, abs=0.01)
    assert found.beep.end_s == pytest.approx(5.5, abs=0.01)
    assert found.voice_start_s == pytest.approx(0.6, abs=0.15)
    assert found.end_s == pytest.approx(4.6, abs=0.3)


@pytest.mark.parametrize("seed", range(4))
def test_a_long_greeting_is_a_machine_s(seed: int) -> None:
    found = hear_greeting(line(pause(0.5), speech(5, seed), pause(2), seed=seed))

    assert found.judgement == "machine"
    assert "longer than" in found.reason
    assert found.beep is None
    assert found.end_s == pytest.approx(5.5, abs=0.6)


@pytest.mark.parametrize("noise_dbfs", [-60, -40])
@pytest.mark.parametrize(("length", "seed"), [(0.5, 0), (0.5, 1), (1.2, 2), (1.2, 3)])
def test_a_short_greeting_and_silence_is_a_person(length: float, seed: int, noise_dbfs: float) -> None:
    found = hear_greeting(line(pause(0.8), speech(length, seed), pause(2), noise_dbfs=noise_dbfs, seed=seed))

    assert found.judgement == "human"
    assert "silence" in found.reason
    assert found.voice_start_s == pytest.approx(0.85, abs=0.15)
    assert found.end_s == pytest.approx(0.8 + length, abs=0.3)
    assert found.beep is None


def test_a_person_who_asks_again_is_a_person() -> None:
    found = hear_greeting(line(pause(0.5), speech(0.8), pause(1.8), speech(0.8, 2), pause(1.5)))

    assert found.judgement == "human"
    assert found.end_s == pytest.approx(1.3, abs=0.2)


def test_a_greeting_with_pauses_ends_at_the_beep() -> None:
    beep = tones.tone([1000], 0.3, 8000, -15)
    audio = line(pause(0.5), speech(1), pause(1.5), speech(2, 2), pause(1), beep, pause(0.5))

    found = hear_greeting(audio)

    assert found.judgement == "machine"
    assert found.end_s == pytest.approx(5.0, abs=0.3)


@pytest.mark.parametrize("noise_dbfs", [-80, -50, -30])
def test_no_voice_is_silence(noise_dbfs: float) -> None:
    found = hear_greeting(line(pause(6), noise_dbfs=noise_dbfs))

    assert (found.judgement, found.voice_start_s, found.end_s) == ("silence", None, None)


@pytest.mark.parametrize("s", [0, 1 / 8000, 2])
def test_too_short_a_silence_is_unknown(s: float) -> None:
    assert hear_greeting(pause(s)).judgement == "unknown"


def test_a_truncated_greeting_is_unknown() -> None:
    found = hear_greeting(line(pause(0.5), speech(1), pause(0.4)))

    assert (found.judgement, found.end_s) == ("unknown", None)
    assert found.voice_start_s == pytest.approx(0.55, abs=0.15)


def test_progress_tones_are_no_beep() -> None:
    busy = joined(*[tones.tone([425], 0.5, 8000, -15), pause(0.5)] * 3)

    found = hear_greeting(line(pause(0.5), speech(1), pause(1.5), busy))

    assert (found.judgement, found.beep) == ("human", None)


def test_only_a_beep_is_a_machine() -> None:
    found = hear_greeting(line(pause(1), tones.tone([1000], 0.5, 8000, -15), pause(3)))

    assert (found.judgement, found.voice_start_s, found.end_s) == ("machine", None, None)
    assert found.beep is not None


def test_the_rules_are_options() -> None:
    audio = line(pause(0.5), speech(2), pause(2))
    beep = line(pause(0.5), speech(1), pause(0.5), tones.tone([1000], 0.4, 8000, -15), pause(2))

    assert hear_greeting(audio).judgement == "human"
    assert hear_greeting(audio, options=Options(longest_person_s=1)).judgement == "machine"
    assert hear_greeting(audio, options=Options(hears_s=2.6)).judgement == "unknown"
    assert hear_greeting(beep).judgement == "machine"
    assert hear_greeting(beep, options=Options(beep_hz=(1200, 1500))).judgement == "human"


@pytest.mark.parametrize(
    "options",
    [Options(longest_person_s=0), Options(hears_s=-1), Options(beep_hz=(900, 400)), Options(beep_s=(0, 1))],
)
def test_rules_that_make_no_sense_are_refused(options: Options) -> None:
    with pytest.raises(AudioError):
        hear_greeting(pause(1), options=options)
