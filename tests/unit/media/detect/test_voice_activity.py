"""media.detect.voice_activity: the begin and the end of speech, reported as the audio arrives."""

from __future__ import annotations

import numpy as np
import pytest

from media.audio.wav import Audio, AudioError
from media.detect.voice_activity import HANGOVER_S, VoiceActivity
from media.signals.noise import white_noise
from media.signals.tones import silence, speech_like, tone


def turns(audio: Audio, size: int) -> list[tuple[bool, float]]:
    activity = VoiceActivity(audio.rate)
    parts = [audio.samples[at : at + size] for at in range(0, len(audio.samples), size)]
    found = [(turn.speaking, turn.at_s) for part in parts for turn in activity.feed(part)]
    assert activity.heard_s == pytest.approx(audio.duration_s)
    return found


def joined(*parts: Audio) -> Audio:
    return Audio(np.concatenate([part.samples for part in parts]), parts[0].rate)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("size", [1, 160, 800, 100_000])
def test_speech_between_silences(rate: int, size: int) -> None:
    audio = joined(silence(1, rate), speech_like(0.5 if size == 1 else 3, rate), silence(3, rate))
    found = turns(audio, size)
    assert [speaking for speaking, _ in found[:1] + found[-1:]] == [True, False]
    assert found[0][1] == pytest.approx(1.0, abs=0.15)
    assert found[-1][1] == pytest.approx(audio.duration_s - 3, abs=0.3)


def test_the_end_is_reported_after_the_hangover() -> None:
    activity = VoiceActivity(8000)
    activity.feed(joined(silence(1, 8000), tone([500], 1, 8000)).samples)
    assert activity.speaking
    activity.feed(silence(HANGOVER_S - 0.05, 8000).samples)
    assert activity.speaking
    activity.feed(silence(0.1, 8000).samples)
    assert not activity.speaking


@pytest.mark.parametrize(
    "steady", [tone([440], 10, 8000), white_noise(10, 8000, 1, -30)], ids=["tone", "noise"]
)
def test_steady_sound_is_silence(steady: Audio) -> None:
    [begun, ended] = turns(joined(silence(1, 8000), steady), 800)
    assert (begun[0], ended[0]) == (True, False)
    assert [begun[1], ended[1]] == pytest.approx([1.0, 3.0], abs=0.3)


def test_speech_in_noise() -> None:
    speech = joined(silence(4, 8000), speech_like(2, 8000), silence(4, 8000))
    noise = white_noise(speech.duration_s, 8000, 1, -45)
    found = turns(Audio(speech.samples + noise.samples[: len(speech.samples)], 8000), 800)
    later = [at for speaking, at in found if speaking and at > 3]
    assert later[0] == pytest.approx(4.0, abs=0.3)
    assert found[-1][0] is False
    assert found[-1][1] == pytest.approx(6.0, abs=0.5)


def test_a_click_is_no_speech() -> None:
    click = Audio(np.ones(80, np.float32), 8000)
    assert turns(joined(silence(1, 8000), click, silence(1, 8000)), 800) == []


def test_bad_rate() -> None:
    with pytest.raises(AudioError):
        VoiceActivity(0)
