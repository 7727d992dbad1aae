"""Echo of the sent audio in the received audio: detected with its delay, without false detections."""

import functools

import numpy as np
import pytest

from media.audio.wav import Audio, AudioError, resample
from media.compare.compare import compare
from media.compare.echo import Echo, find_echo
from media.signals import signals, tones
from tests.support.coverage import seeds
from tests.support.reference_audio import CODECS, RATE, Samples, audio, coded, quiet


@functools.cache
def speech(seed: int, s: float = 12, rate: int = RATE) -> Audio:
    return tones.speech_like(s, rate, seed)


def coming_back(sent: Audio, delay_s: float, level_db: float, over: Audio | None = None) -> Audio:
    """What is received when `sent` comes back, on top of what the other party says."""
    count = len(sent.samples)
    back = np.concatenate([np.zeros(round(delay_s * sent.rate), np.float32), sent.samples])[:count]
    received = back * np.float32(10 ** (level_db / 20))
    return Audio(received if over is None else received + over.samples[:count], sent.rate)


def found(sent: Audio, received: Audio) -> Echo:
    echo = find_echo(sent, received)
    assert echo is not None
    return echo


@pytest.mark.parametrize("level_db", [0, -10, -20, -30])
@pytest.mark.parametrize("delay_s", [0.0, 0.04, 0.3, 1.0, 1.9])
def test_an_echo_is_measured(level_db: float, delay_s: float) -> None:
    echo = found(speech(1), coming_back(speech(1), delay_s, level_db))

    assert echo.delay_ms == pytest.approx(1000 * delay_s, abs=0.2)
    assert echo.level_db == pytest.approx(level_db, abs=0.2)


@pytest.mark.parametrize("level_db", [0, -10, -20, -30])
@pytest.mark.parametrize("delay_s", [0.0, 0.12, 1.9])
@pytest.mark.parametrize("seed", [2, 3])
def test_an_echo_under_other_speech_is_measured(level_db: float, delay_s: float, seed: int) -> None:
    received = coded(coming_back(speech(1), delay_s, level_db, over=speech(seed)), "ULAW")

    echo = found(speech(1), received)

    assert echo.delay_ms == pytest.approx(1000 * delay_s, abs=0.2)
    assert echo.level_db == pytest.approx(level_db, abs=4 if level_db <= -20 else 1)


@pytest.mark.parametrize("level_db", [0, -20])
def test_an_echo_of_other_polarity_is_one(level_db: float) -> None:
    received = coming_back(speech(1), 0.2, level_db)

    echo = found(speech(1), Audio(-received.samples, RATE))

    assert echo.delay_ms == pytest.approx(200, abs=0.2)
    assert echo.level_db == pytest.approx(level_db, abs=0.2)


def test_other_speech_is_no_echo() -> None:
    received = {seed: find_echo(speech(seed, 6), speech(seed + 100, 6)) for seed in range(30)}

    assert {seed: echo for seed, echo in received.items() if echo is not None} == {}


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_no_echo(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.05, 12 * RATE).astype(np.float32)

    assert find_echo(speech(seed), Audio(noise, RATE)) is None


def test_no_echo_after_more_than_two_seconds() -> None:
    assert find_echo(speech(1), coming_back(speech(1), 2.5, 0)) is None


def test_the_stronger_echo_is_reported() -> None:
    both = coming_back(speech(1), 0.1, -20, over=coming_back(speech(1), 0.5, -10))

    assert found(speech(1), both).delay_ms == pytest.approx(500, abs=0.2)


@pytest.mark.parametrize(("sent_rate", "received_rate"), [(16000, 8000), (8000, 48000), (44100, 16000)])
def test_rates_may_differ(sent_rate: int, received_rate: int) -> None:
    sent = speech(4, 8, sent_rate)

    echo = found(sent, resample(coming_back(sent, 0.25, -12), received_rate))

    assert echo.delay_ms == pytest.approx(250, abs=0.2)
    assert echo.level_db == pytest.approx(-12, abs=0.5)


@pytest.mark.parametrize(
    "received", [np.zeros(0), np.zeros(1), np.ones(1), np.zeros(RATE), np.full(RATE, 0.5)]
)
def test_nothing_comes_back_in_silence(received: Samples) -> None:
    assert find_echo(speech(1), Audio(received, RATE)) is None


@pytest.mark.parametrize("sent", [np.zeros(0), np.zeros(1), np.zeros(RATE), np.full(RATE, 0.5)])
def test_one_who_says_nothing_has_no_echo(sent: Samples) -> None:
    with pytest.raises(AudioError, match="sent is silent"):
        find_echo(Audio(sent, RATE), speech(1))


@pytest.mark.parametrize("seed", range(4))
def test_an_echo_in_the_pauses_of_loud_noise_is_found(seed: int) -> None:
    """Codec noise is as loud as what it came from: 30 dB above the echo, but not in pauses."""
    noise = np.random.default_rng(seed).normal(0, 1, 4 * RATE).astype(np.float32)
    noise *= np.where(np.arange(len(noise)) * 5 // RATE % 3 < 2, np.float32(0.03), np.float32(0.0003))

    echo = found(speech(seed, 4), coming_back(speech(seed, 4), 0.3, -42, over=Audio(noise, RATE)))

    assert echo.delay_ms == pytest.approx(300, abs=0.2)


@pytest.mark.parametrize("signal", ["milliwatt:7", "tone:425:5", "tone:1091+2880:3@-16", "busy:6", "sweep"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_tone_is_no_echo_of_another(signal: str, seed: int) -> None:
    """Where a block cuts them, the ends of both are alike."""
    other = signals.make("tone:700:8", RATE).samples
    noise = np.random.default_rng(seed).normal(0, 0.001, len(other)).astype(np.float32)

    assert find_echo(signals.make(signal, RATE), Audio((other + noise)[2000:], RATE)) is None


@pytest.mark.parametrize("level_db", [0, -12, -25])
def test_the_own_audio_coming_back_is_a_reason(level_db: float) -> None:
    own = speech(7, 12)
    back = np.concatenate([quiet(0.15), own.samples[: -round(0.15 * RATE)]]) * np.float32(
        10 ** (level_db / 20)
    )
    received = Audio(speech(8, 12).samples + back, RATE)

    result = compare(speech(8, 12), received, sent=own)

    assert not result.matched
    assert result.echo is not None
    assert result.echo.delay_ms == pytest.approx(150, abs=0.5)
    assert result.echo.level_db == pytest.approx(level_db, abs=3)
    assert f"dB after {result.echo.delay_ms:.0f} ms" in result.reasons[-1]
    assert result.reasons[-1].startswith("the own audio came back at ")


@pytest.mark.parametrize("codec", ["ALAW", "GSM610"])
@pytest.mark.parametrize("seed", seeds(*range(4), first=2))
def test_an_echo_26_db_down_is_found_in_a_short_call(seed: int, codec: str) -> None:
    own = speech(seed + 30, 6)
    back = np.concatenate([quiet(0.15), own.samples[: -round(0.15 * RATE)]]) * np.float32(0.05)
    received = CODECS[codec](Audio(speech(seed, 6).samples + back, RATE))

    result = compare(speech(seed, 6), received, sent=own)

    assert result.echo is not None
    assert result.echo.level_db == pytest.approx(-28, abs=4)
    assert compare(speech(seed, 6), CODECS[codec](speech(seed, 6)), sent=own).echo is None


def test_sent_audio_without_echo_does_not_matter() -> None:
    with_sent = compare(speech(8, 12), CODECS["ALAW"](speech(8, 12)), sent=speech(7, 12))

    assert with_sent.matched
    assert with_sent.echo is None


def test_only_the_own_audio_is_no_match_and_an_echo() -> None:
    result = compare(speech(8, 12), speech(7, 12), sent=speech(7, 12))

    assert not result.matched
    assert result.echo is not None
    assert len(result.reasons) == 2
    with pytest.raises(AudioError, match="sent is silent"):
        compare(speech(8, 12), speech(8, 12), sent=audio(quiet(3)))
