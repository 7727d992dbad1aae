"""Tones have the frequencies, times and levels that they were made with, and signals their names."""

import numpy as np
import pytest

from media.audio.wav import Audio, AudioError
from media.detect.call_progress import find_tones, signals
from media.signals import dtmf, tones
from tests.support.reference_audio import coded

Steps = list[tuple[tuple[float, ...], float, float]]


def joined(*parts: Audio) -> Audio:
    return Audio(np.concatenate([part.samples for part in parts]), parts[0].rate)


def cadence(steps: Steps, times: int, lead_s: float = 0.3, rate: int = 8000) -> Audio:
    parts = [tones.silence(lead_s, rate)]
    for frequencies, on_s, off_s in steps * times:
        parts += [tones.tone(frequencies, on_s, rate, -17), tones.silence(off_s, rate)]
    return joined(*parts)


def noisy(audio: Audio, level_dbfs: float, seed: int = 0) -> Audio:
    scale = 10 ** ((level_dbfs - 3.0103) / 20)
    noise = np.random.default_rng(seed).normal(0, scale, len(audio.samples))
    return Audio(audio.samples + noise.astype(np.float32), audio.rate)


def names(audio: Audio) -> list[tuple[str, str, int]]:
    return [(signal.name, signal.plan, len(signal.tones)) for signal in signals(audio)]


@pytest.mark.parametrize("condition", ["clean", "GSM610", "noise"])
@pytest.mark.parametrize(
    ("frequencies", "length"),
    [
        ((1004,), 1.0),
        ((950,), 0.1),
        ((425,), 0.25),
        ((1800,), 0.33),
        ((440, 480), 2.0),
        ((400, 450), 0.4),
        ((480, 620), 0.25),
        ((350, 440), 3.0),
    ],
)
def test_a_tone_is_what_it_was_made(frequencies: tuple[float, ...], length: float, condition: str) -> None:
    audio = cadence([(frequencies, length, 0.6)], 1, 0.4137)
    if condition == "noise":
        audio = noisy(audio, -29)
    elif condition != "clean":
        audio = coded(audio, condition)

    (found,) = find_tones(audio)

    slack = 0.012 if condition == "GSM610" else 0.005
    assert found.frequencies == pytest.approx(frequencies, abs=0.5)
    assert found.start_s == pytest.approx(0.4137, abs=slack)
    assert found.end_s == pytest.approx(0.4137 + length, abs=slack)
    assert found.duration_s == pytest.approx(length, abs=2 * slack)
    level = -17 + 10 * np.log10(len(frequencies))
    assert found.level_dbfs == pytest.approx(level, abs=1.5 if condition == "GSM610" else 0.4)


@pytest.mark.parametrize("rate", [11025, 96000])
def test_the_rate_does_not_matter(rate: int) -> None:
    (found,) = find_tones(cadence([((1004,), 0.5, 0.5)], 1, 0.3, rate))

    assert found.frequencies == pytest.approx([1004], abs=0.1)
    assert found.start_s == pytest.approx(0.3, abs=0.005)


@pytest.mark.parametrize(
    ("name", "plan", "steps", "times"),
    [
        ("ringback", "E.180", [((425,), 1.0, 4.0)], 2),
        ("ringback", "US", [((440, 480), 2.0, 4.0)], 2),
        ("ringback", "UK", [((400, 450), 0.4, 0.2), ((400, 450), 0.4, 2.0)], 2),
        ("busy", "E.180", [((425,), 0.5, 0.5)], 3),
        ("busy", "US", [((480, 620), 0.5, 0.5)], 3),
        ("congestion", "E.180", [((425,), 0.25, 0.25)], 4),
        ("congestion", "US", [((480, 620), 0.25, 0.25)], 4),
        ("congestion", "UK", [((400,), 0.4, 0.35), ((400,), 0.225, 0.525)], 2),
        ("dial", "E.180", [((425,), 3.0, 0.2)], 1),
        ("dial", "US", [((350, 440), 3.0, 0.2)], 1),
        (
            "special information",
            "E.180",
            [((950,), 0.33, 0.0), ((1400,), 0.33, 0.0), ((1800,), 0.33, 1.0)],
            1,
        ),
        (
            "special information",
            "E.180",
            [((985.2,), 0.38, 0), ((1370.6,), 0.274, 0), ((1776.7,), 0.38, 1)],
            1,
        ),
        ("milliwatt", "US", [((1004,), 3.0, 0.2)], 1),
        ("beep", "", [((1000,), 0.3, 0.5)], 1),
    ],
)
@pytest.mark.parametrize("condition", ["early", "noise", "GSM610"])
def test_a_cadence_has_its_name(name: str, plan: str, steps: Steps, times: int, condition: str) -> None:
    audio = cadence(steps, times, 0 if condition == "early" else 0.3)
    if condition == "noise":
        audio = noisy(audio, -35)
    elif condition == "GSM610":
        audio = coded(audio, condition)

    assert names(audio) == [(name, plan, len(steps) * times)]


def test_a_signal_may_have_begun_before_and_be_cut_off() -> None:
    busy = cadence([((425,), 0.5, 0.5)], 4, 0)

    assert names(Audio(busy.samples[2000:27000], 8000)) == [("busy", "E.180", 4)]


def test_a_tone_in_the_middle_of_nothing_is_no_busy() -> None:
    assert names(cadence([((425,), 0.5, 3.0)], 1)) == []


def test_signals_follow_one_another() -> None:
    audio = joined(
        cadence([((425,), 1.0, 4.0)], 2), tones.speech_like(3, 8000, 1), cadence([((425,), 0.5, 0.5)], 3)
    )

    found = signals(audio)

    assert [one.name for one in found] == ["ringback", "busy"]
    assert (found[0].start_s, found[0].end_s) == pytest.approx((0.3, 6.3), abs=0.005)
    assert found[1].start_s == pytest.approx(13.6, abs=0.005)


@pytest.mark.parametrize("on_ms", [50, 80, 100, 300])
def test_dtmf_is_no_progress_signal(on_ms: float) -> None:
    assert signals(dtmf.synthesise(dtmf.DIGITS, 8000, on_ms, 100)) == ()


def test_dtmf_is_two_tones() -> None:
    (found,) = find_tones(dtmf.synthesise("5", 8000, 200))

    assert found.frequencies == pytest.approx((770, 1336), abs=0.5)


def test_a_lost_packet_does_not_split_a_tone() -> None:
    samples = tones.tone([425], 1, 8000, -10).samples.copy()
    samples[4000:4160] = 0

    (found,) = find_tones(Audio(samples, 8000))

    assert found.duration_s == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_speech_and_noise_are_no_signals(seed: int) -> None:
    speech = tones.speech_like(15, 8000, seed)

    assert signals(speech) == ()
    assert signals(noisy(tones.silence(10, 8000), -20, seed)) == ()


def test_a_sweep_is_no_tone() -> None:
    assert find_tones(tones.sweep(3, 8000, 300, 3000)) == ()


@pytest.mark.parametrize(
    "samples", [np.zeros(0), np.zeros(1), np.ones(1), np.zeros(8000), np.full(8000, 0.5)]
)
def test_nothing_holds_no_tone(samples: np.ndarray) -> None:
    assert find_tones(Audio(samples.astype(np.float32), 8000)) == ()


def test_clipped_tones_are_tones() -> None:
    clipped = np.clip(3 * tones.tone([425], 1, 8000, 0).samples, -1, 1)

    (found,) = find_tones(Audio(clipped, 8000))

    assert found.frequencies[0] == pytest.approx(425, abs=0.2)


def test_quiet_and_short_tones_are_left_out() -> None:
    audio = cadence([((1000,), 0.2, 0.5)], 1)

    assert find_tones(audio, shortest_s=0.3) == ()
    assert find_tones(audio, quietest_dbfs=-10) == ()
    assert len(find_tones(audio)) == 1


@pytest.mark.parametrize("shortest_s", [0.05, -1, float("nan")])
def test_too_short_a_tone_is_refused(shortest_s: float) -> None:
    with pytest.raises(AudioError, match="too short"):
        find_tones(tones.silence(1, 8000), shortest_s=shortest_s)
