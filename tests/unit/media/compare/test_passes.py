"""Audio after two passes of a codec, as an echoing peer sends it back."""

import pytest

from media.audio.wav import Audio, AudioError
from media.compare.compare import Options, compare
from media.signals import tones
from media.signals.signals import make
from tests.support.coverage import seeds
from tests.support.reference_audio import RATE, recorded_pair

PAIR = "echo-through-iLBC.iLBC"


def test_an_echo_through_ilbc_matches_after_two_passes_and_not_after_one() -> None:
    assert compare(*recorded_pair(PAIR), options=Options(codec="iLBC", passes=2)).matched
    reasons = compare(*recorded_pair(PAIR), options=Options(codec="iLBC")).reasons
    assert "the waveforms correlate by 0.75, at least 0.75 is asked" in reasons


@pytest.mark.parametrize("codec", seeds("iLBC", "speex/16000", None, "speex/8000", "GSM", "PCMA", first=3))
def test_other_audio_does_not_match_after_two_passes_either(codec: str | None) -> None:
    asked = Options(codec=codec, passes=2)
    reference, recording = recorded_pair(PAIR)

    assert not compare(tones.speech_like(5, RATE, 3), recording, options=asked).matched
    backwards = Audio(reference.samples[::-1].copy(), RATE)
    assert not compare(backwards, recording, options=asked).matched
    half = Audio(recording.samples[: len(recording.samples) // 2], RATE)
    assert not compare(reference, half, options=asked).matched


@pytest.mark.parametrize("passes", [0, 3, -1])
def test_passes_that_were_never_measured_are_refused(passes: int) -> None:
    tone = make("tone:440:1", RATE)
    with pytest.raises(AudioError, match="were never measured; give 1 or 2"):
        compare(tone, tone, options=Options(passes=passes))
