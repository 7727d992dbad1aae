"""Other audio never matches, and what cannot be compared is refused with the reason."""

import dataclasses
import functools
import json

import numpy as np
import pytest

from media.audio.wav import Audio, AudioError
from media.compare.compare import Options, compare
from media.signals import dtmf, tones
from tests.support.reference_audio import (
    RATE,
    Samples,
    audio,
    noise,
    power,
    quiet,
    speech,
)

# What must never match


@functools.cache
def never() -> dict[str, Audio]:
    samples = speech().samples
    rounded = np.rint(samples * 1e-3 * 32768) / 32768
    return {
        "another speaker": speech(2),
        "another, longer": speech(5, 9),
        "the reverse": Audio(samples[::-1].copy(), RATE),
        "a tone": tones.tone([440], 4, RATE),
        "a sweep": tones.sweep(4, RATE),
        "noise": audio(noise(4, 0.01)),
        "speech in three times as much noise": Audio(samples + noise(4, 10 * power(samples)), RATE),
        "a mixture with another speaker": Audio(samples + speech(2).samples, RATE),
        "60 dB less, in 16 bits": Audio(rounded, RATE),
        "60 dB less": Audio(samples * 1e-3, RATE),
        "DC": audio(np.full(4 * RATE, 0.3)),
        "DC that comes on": audio(quiet(2), np.full(2 * RATE, 0.3)),
        "silence": audio(quiet(4)),
        "nothing": audio(quiet(0)),
        "a millisecond": audio(samples[4000:4008]),
        "a click": audio(quiet(1), np.ones(1), quiet(1)),
        "a quarter of it": Audio(samples[:RATE], RATE),
        "every other packet": Audio(np.where(np.arange(len(samples)) // 160 % 2, samples, 0), RATE),
    }


@pytest.mark.parametrize("name", never())
def test_wrong_audio_never_matches(name: str) -> None:
    result = compare(speech(), never()[name])

    assert not result.matched
    assert result.reasons


@pytest.mark.parametrize(
    ("reference", "recording"),
    [
        (tones.tone([440], 2, RATE), tones.tone([450], 2, RATE)),
        (tones.tone([440], 2, RATE), speech()),
        (tones.tone([440], 2, RATE), tones.silence(2, RATE)),
        (dtmf.synthesise("123", RATE), dtmf.synthesise("456", RATE)),
        (dtmf.synthesise("123", RATE), dtmf.synthesise("132", RATE)),
        (audio(noise(2, 0.01, 1)), audio(noise(2, 0.01, 2))),
        (tones.sweep(2, RATE), tones.sweep(2, RATE, 3400, 100)),
    ],
)
def test_wrong_signals_never_match(reference: Audio, recording: Audio) -> None:
    assert not compare(reference, recording).matched


@pytest.mark.parametrize("name", ["silence", "nothing", "DC", "60 dB less, in 16 bits"])
def test_silence_is_called_silence(name: str) -> None:
    result = compare(speech(), never()[name])

    assert result.silent
    assert "silent" in result.reasons[0] or "empty" in result.reasons[0]


@pytest.mark.parametrize("name", ["another speaker", "noise", "silence", "nothing", "DC that comes on"])
def test_unmeasured_values_are_none(name: str) -> None:
    result = compare(speech(), never()[name])

    numbers = (result.delay_ms, result.snr_db, result.correlation, result.level_db, result.inserted_ms)
    assert numbers == (None,) * 5
    missing = sum(gap.duration_ms for gap in result.gaps)
    assert missing > 2500
    assert result.missing_ms == pytest.approx(missing)


def test_numbers_are_plain_and_finite() -> None:
    for recording in never().values():
        json.dumps(dataclasses.asdict(compare(speech(), recording)), allow_nan=False)


def test_a_minimum_of_quality_can_be_asked() -> None:
    received = Audio(speech().samples + noise(4, power(speech().samples) / 100), RATE)

    assert compare(speech(), received, options=Options(min_snr_db=18)).matched
    result = compare(speech(), received, options=Options(min_snr_db=22))
    assert not result.matched
    assert "SNR is 20" in result.reasons[0]


# What cannot be compared


@pytest.mark.parametrize("reference", [quiet(2), quiet(0), np.full(RATE, 0.2), noise(1, 1e-8)])
def test_a_silent_reference_is_refused(reference: Samples) -> None:
    with pytest.raises(AudioError, match="reference is silent"):
        compare(audio(reference), speech())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(ignore=[(0, 10)]), "not ignored"),
        (Options(ignore=[(2, 1)]), "start and end"),
        (Options(window_s=0), "too short"),
    ],
)
def test_options_without_sense_are_refused(options: Options, words: str) -> None:
    with pytest.raises(AudioError, match=words):
        compare(speech(), speech(), options=options)


def test_a_rate_too_low_for_speech_is_refused() -> None:
    with pytest.raises(AudioError, match="4000 Hz"):
        compare(speech(), tones.speech_like(1, 2000, 1))
