"""bot.ua.inband: audio in pieces goes in; the right digits come out, dated when they began."""

from __future__ import annotations

import numpy as np
import pytest

from bot.ipc.events import AudioHeard, DtmfReceived
from bot.model import DtmfMethod
from bot.ua.inband import InbandDetector
from media.audio.wav import Audio
from media.signals.dtmf import DIGITS, synthesise
from media.signals.marker import marker
from media.signals.tones import silence, speech_like

RATE = 8000
CALL = 7
BEGUN = 1000.0
"""When the first sample was heard."""
WITHIN_S = 0.005


def joined(*parts: Audio) -> Audio:
    return Audio(np.concatenate([part.samples for part in parts]), RATE)


def pieces(audio: Audio, size: int, begun: float = BEGUN) -> list[AudioHeard]:
    """The audio as an agent hands it over, each piece at the time of its end."""
    whole = np.rint(audio.samples * 32767).astype("<i2")
    return [
        AudioHeard(
            at=begun + min(start + size, len(whole)) / RATE,
            call=CALL,
            rate=RATE,
            samples=whole[start : start + size].tobytes(),
        )
        for start in range(0, len(whole), size)
    ]


def heard(ear: InbandDetector, audio: Audio, size: int = 800) -> list[DtmfReceived]:
    return [digit for piece in pieces(audio, size) for digit in ear.hear(piece)]


@pytest.mark.parametrize("size", [160, 800, 801, 1, 100_000])
def test_digits_with_their_times(size: int) -> None:
    digits = "159#" if size == 1 else DIGITS
    audio = joined(silence(0.25, RATE), synthesise(digits, RATE, on_ms=80, off_ms=70), silence(0.2, RATE))
    found = heard(InbandDetector(CALL), audio, size)
    assert "".join(one.digit for one in found) == digits
    for number, one in enumerate(found):
        assert (one.call, one.method) == (CALL, DtmfMethod.INBAND)
        assert one.at == pytest.approx(BEGUN + 0.25 + 0.15 * number, abs=WITHIN_S)
        assert one.duration_ms == pytest.approx(80, abs=1000 * WITHIN_S)


def test_a_digit_comes_soon_after_its_end() -> None:
    audio = joined(silence(0.1, RATE), synthesise("5", RATE, on_ms=100, off_ms=400))
    ear = InbandDetector(CALL)
    came = [piece.at for piece in pieces(audio, 160) for _ in ear.hear(piece)]
    assert came == pytest.approx([BEGUN + 0.25], abs=0.05)


def test_nothing_comes_of_speech_and_markers() -> None:
    ear = InbandDetector(CALL)
    assert heard(ear, joined(speech_like(6, RATE, seed=3), marker(17, RATE), silence(0.5, RATE))) == []
    assert list(ear.finish()) == []


def test_digits_in_speech_are_told_from_it() -> None:
    audio = joined(
        speech_like(1, RATE), silence(0.1, RATE), synthesise("42", RATE), speech_like(1, RATE, seed=2)
    )
    found = heard(InbandDetector(CALL), audio)
    assert "".join(one.digit for one in found) == "42"
    assert found[0].at == pytest.approx(BEGUN + 1.1, abs=WITHIN_S)


def test_a_digit_that_the_end_cuts_off() -> None:
    whole = joined(silence(0.3, RATE), synthesise("8", RATE, on_ms=500))
    cut = Audio(whole.samples[: round(0.42 * RATE)], RATE)
    ear = InbandDetector(CALL)
    assert heard(ear, cut) == []
    (digit,) = ear.finish()
    assert (digit.digit, digit.method, digit.call) == ("8", DtmfMethod.INBAND, CALL)
    assert digit.at == pytest.approx(BEGUN + 0.3, abs=WITHIN_S)
    assert digit.duration_ms == pytest.approx(120, abs=10)
    assert list(ear.finish()) == []


def test_too_little_of_a_digit_is_none() -> None:
    whole = joined(silence(0.3, RATE), synthesise("8", RATE, on_ms=500))
    ear = InbandDetector(CALL)
    assert heard(ear, Audio(whole.samples[: round(0.315 * RATE)], RATE)) == []
    assert list(ear.finish()) == []


def test_full_scale_is_no_overflow() -> None:
    extremes = np.array([-32768, 32767] * 400, "<i2").tobytes()
    assert list(InbandDetector(CALL).hear(AudioHeard(at=1.0, call=CALL, rate=RATE, samples=extremes))) == []


def test_an_ear_that_heard_nothing() -> None:
    assert list(InbandDetector(CALL).finish()) == []
    ear = InbandDetector(CALL)
    assert list(ear.hear(AudioHeard(at=1.0, call=CALL, rate=RATE, samples=b""))) == []
    assert list(ear.finish()) == []


@pytest.mark.parametrize("size", [160, 800, 801])
def test_voice_with_its_times(size: int) -> None:
    ear = InbandDetector(CALL)
    audio = joined(silence(1, RATE), speech_like(2, RATE), silence(1, RATE))
    found = [voice for piece in pieces(audio, size) for voice in ear.follow(piece)]
    assert (found[0].speaking, found[-1].speaking) == (True, False)
    assert {voice.call for voice in found} == {CALL}
    assert [found[0].at, found[-1].at] == pytest.approx([BEGUN + 1, BEGUN + 3], abs=0.3)
