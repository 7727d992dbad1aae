"""Verdicts on recordings that were made from the reference, also through real codecs."""

import contextlib
import dataclasses
import functools
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from media.audio.band import in_band
from media.audio.wav import Audio, AudioError, read, resample
from media.compare.compare import Comparison, Options, compare
from media.signals import dtmf, tones
from tests.support.coverage import seeds

RATE = 8000
Samples = np.ndarray


@functools.cache
def speech(seed: int = 1, s: float = 4, rate: int = RATE) -> Audio:
    return tones.speech_like(s, rate, seed)


def audio(*parts: Samples, rate: int = RATE) -> Audio:
    return Audio(np.concatenate(parts), rate)


def quiet(s: float, rate: int = RATE) -> Samples:
    return np.zeros(round(s * rate), np.float32)


def noise(s: float, power: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, power**0.5, round(s * RATE)).astype(np.float32)


def power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def cut(reference: Audio, start: float, end: float, filler: Samples | None = None) -> Audio:
    """The reference without start..end seconds, or with something else there."""
    a, b = round(start * reference.rate), round(end * reference.rate)
    middle = [] if filler is None else [filler]
    return audio(reference.samples[:a], *middle, reference.samples[b:], rate=reference.rate)


def late(reference: Audio, samples: float) -> Audio:
    """Delayed by a part of a sample as well."""
    size = 1 << (len(reference.samples) + 4096).bit_length()
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * samples)
    moved = np.fft.irfft(np.fft.rfft(reference.samples, size) * turn, size)
    end = len(reference.samples) + round(samples) + 400
    return Audio(moved[:end].astype(np.float32), reference.rate)


def through(subtype: str) -> Callable[[Audio], Audio]:
    """A real encoder and decoder (libsndfile's), with 25 ms of delay and trailing silence."""

    def codec(reference: Audio) -> Audio:
        file = io.BytesIO()
        narrow = resample(reference, RATE)
        sent = np.concatenate([quiet(0.025), narrow.samples, quiet(0.2)])
        soundfile.write(file, sent, RATE, format="WAV", subtype=subtype)
        file.seek(0)
        return Audio(soundfile.read(file, dtype="float32")[0], RATE)

    return codec


CODECS = {name: through(name) for name in ("ALAW", "ULAW", "GSM610", "IMA_ADPCM", "G721_32", "NMS_ADPCM_16")}


def covers(comparison: Comparison, start_s: float, end_s: float, within_ms: float = 40) -> bool:
    """Whether the gaps are just that stretch."""
    first, last = comparison.gaps[0], comparison.gaps[-1]
    return (
        abs(first.start_s - start_s) * 1000 <= within_ms
        and abs(last.start_s + last.duration_ms / 1000 - end_s) * 1000 <= within_ms
        and abs((comparison.missing_ms or 0) - 1000 * (end_s - start_s)) <= within_ms
    )


# What arrived


def test_the_same_audio_matches() -> None:
    result = compare(speech(), speech())

    assert result.matched
    assert result.reasons == ()
    assert result.delay_ms == pytest.approx(0, abs=0.02)
    assert result.correlation == pytest.approx(1, abs=1e-4)
    assert result.level_db == pytest.approx(0, abs=0.01)
    assert result.snr_db is not None
    assert result.snr_db > 60
    assert (result.missing_ms, result.gaps, result.inserted_ms, result.insertions) == (0, (), 0, ())
    assert (result.clipped, result.silent, result.rate) == (0, False, 8000)


@pytest.mark.parametrize("lead", [0.0, 0.025, 0.5, 3.0])
@pytest.mark.parametrize("tail", [0.0, 2.0])
def test_silence_around_it_is_only_a_delay(lead: float, tail: float) -> None:
    result = compare(speech(), audio(quiet(lead), speech().samples, quiet(tail)))

    assert result.matched
    assert result.delay_ms == pytest.approx(1000 * lead, abs=0.02)
    assert result.missing_ms == 0


@pytest.mark.parametrize("samples", [0.25, 3.5, 200.4, 1234.75])
def test_the_delay_is_known_to_a_part_of_a_sample(samples: float) -> None:
    result = compare(speech(), late(speech(), samples))

    assert result.matched
    assert result.delay_ms == pytest.approx(samples / 8, abs=0.01)
    assert result.snr_db is not None
    assert result.snr_db > 40


@pytest.mark.parametrize(("lost", "matched"), [(0.02, True), (0.1, True), (0.6, False), (1.3, False)])
def test_a_lost_beginning_is_a_negative_delay(lost: float, matched: bool) -> None:
    result = compare(speech(), Audio(speech().samples[round(lost * RATE) :], RATE))

    assert result.matched is matched
    assert result.delay_ms == pytest.approx(-1000 * lost, abs=0.02)
    assert result.missing_ms == pytest.approx(1000 * lost, abs=60)  # the reference begins with a pause
    assert matched or "beginning" in result.reasons[0]


@pytest.mark.parametrize(("lost", "matched"), [(0.1, True), (1.0, False)])
def test_a_lost_end_is_missing(lost: float, matched: bool) -> None:
    result = compare(speech(2), Audio(speech(2).samples[: -round(lost * RATE)], RATE))

    assert result.matched is matched
    assert result.missing_ms == pytest.approx(1000 * lost, abs=60)
    assert matched or "end" in result.reasons[0]


@pytest.mark.parametrize("gain_db", [-25, -6, 3])
def test_a_change_of_level_is_measured_and_matches(gain_db: float) -> None:
    result = compare(speech(), Audio(speech().samples * 10 ** (gain_db / 20), RATE))

    assert result.matched
    assert result.level_db == pytest.approx(gain_db, abs=0.05)


@pytest.mark.parametrize("snr_db", [5, 10, 20, 30])
def test_the_signal_to_noise_ratio_is_measured(snr_db: float) -> None:
    level = power(speech().samples) * 10 ** (-snr_db / 10)

    result = compare(
        speech(), audio(noise(0.3, level, 1), speech().samples + noise(4, level), noise(1, level, 2))
    )

    assert result.matched is (snr_db >= 10)  # noise that loud buries the quieter half of the sound
    assert result.snr_db == pytest.approx(snr_db, abs=1)
    assert result.delay_ms == pytest.approx(300, abs=0.1)


def test_each_window_has_its_own_numbers() -> None:
    samples = speech().samples.copy()
    samples[2 * RATE : 3 * RATE] += noise(1, power(samples) / 10)

    windows = compare(speech(), audio(quiet(0.1), samples)).windows

    assert [window.start_s for window in windows] == pytest.approx(np.arange(0, 4, 0.5).tolist())
    noisy = [w.snr_db for w in windows if 2 <= w.start_s < 3 and w.snr_db is not None]
    clean = [w.snr_db for w in windows if not 2 <= w.start_s < 3 and w.snr_db is not None]
    assert max(noisy) < 25
    assert min(clean) > 40  # what the filters' tails bring in from the noise beside it
    assert [w.delay_ms for w in windows if w.delay_ms is not None] == pytest.approx(
        [100] * len(windows), abs=0.1
    )


def test_a_pause_in_the_reference_has_no_numbers() -> None:
    reference = audio(speech().samples[:RATE], quiet(1.5), speech().samples[RATE : 2 * RATE])

    windows = compare(reference, reference).windows

    assert windows[3].start_s == 1.5
    assert (windows[3].snr_db, windows[3].correlation, windows[3].level_db, windows[3].delay_ms) == (
        None,
    ) * 4


def test_a_mostly_silent_reference_is_judged_where_it_is_not() -> None:
    reference = audio(quiet(6), speech().samples[:RATE], quiet(6))

    assert compare(reference, audio(quiet(0.1), reference.samples)).matched
    lost = compare(reference, audio(quiet(13), noise(0.1, 1e-3)))
    assert not lost.matched
    assert lost.missing_ms == pytest.approx(1000, abs=100)


@pytest.mark.parametrize(
    ("reference_rate", "recording_rate"), [(48000, 8000), (8000, 16000), (16000, 44100), (44100, 11025)]
)
def test_rates_may_differ(reference_rate: int, recording_rate: int) -> None:
    reference = speech(3, 3, reference_rate)

    heard = resample(
        audio(quiet(0.2, reference_rate), reference.samples, rate=reference_rate), recording_rate
    )
    result = compare(reference, heard)

    assert result.matched
    assert result.delay_ms == pytest.approx(200, abs=0.05)
    assert result.missing_ms == 0
    assert result.snr_db is not None
    assert result.snr_db > 30


def test_a_wideband_call_is_compared_at_sixteen_kilohertz() -> None:
    reference = speech(3, 3, 16000)

    assert compare(reference, audio(quiet(0.1, 16000), reference.samples, rate=16000)).rate == 16000


def test_a_narrowband_call_recorded_at_sixteen_kilohertz_is_compared_at_eight() -> None:
    reference = speech(3, 3, 16000)

    result = compare(reference, resample(CODECS["ALAW"](reference), 16000))

    assert result.matched
    assert result.rate == 8000
    assert result.snr_db is not None
    assert result.snr_db > 30


@pytest.mark.parametrize("copies", [2, 3])
def test_a_looped_reference_is_found_once(copies: int) -> None:
    result = compare(speech(), audio(quiet(0.2), *[speech().samples] * copies, speech().samples[:9000]))

    assert result.matched
    assert result.delay_ms == pytest.approx(200, abs=0.02)


def test_a_loop_that_was_under_way_is_found_at_its_next_beginning() -> None:
    result = compare(speech(), audio(speech().samples[20000:], speech().samples, speech().samples[:5000]))

    assert result.matched
    assert result.delay_ms == pytest.approx(1500, abs=0.02)


def test_clipping_is_counted() -> None:
    loud = np.clip(speech().samples * 8, -1, 1)

    result = compare(speech(), Audio(loud, RATE))

    share = float(np.mean(np.abs(loud) >= 0.98))
    assert share > 0.001
    assert result.clipped == pytest.approx(share)


def test_a_tone_is_found() -> None:
    reference = tones.tone([440], 2, RATE)

    result = compare(reference, audio(quiet(0.3), reference.samples, quiet(0.5)))

    assert result.matched
    assert result.delay_ms == pytest.approx(300, abs=10)


def test_clocks_that_differ_are_followed() -> None:
    samples = speech(4, 20).samples
    at = np.arange(len(samples)) * (1 - 2e-4)  # 200 ppm: 4 ms in 20 s

    result = compare(speech(4, 20), Audio(np.interp(at, np.arange(len(samples)), samples), RATE))

    delays = [window.delay_ms for window in result.windows if window.delay_ms is not None]
    assert result.matched
    assert delays[-1] - delays[0] == pytest.approx(3.9, abs=0.3)
    assert result.insertions == ()


# What is missing or too much


@pytest.mark.parametrize("seed", seeds(1, 3))
@pytest.mark.parametrize(("start", "end"), [(1.0, 1.2), (1.5, 2.5)])
@pytest.mark.parametrize("codec", [None, "ALAW", "GSM610"])
def test_a_gap_of_silence_is_found(seed: int, start: float, end: float, codec: str | None) -> None:
    reference = dense(seed)
    heard = cut(reference, start, end, quiet(end - start))

    result = compare(reference, CODECS[codec](heard) if codec else heard)

    assert not result.matched
    assert covers(result, start, end)
    assert result.inserted_ms == 0
    assert "ms are missing" in result.reasons[0]


@pytest.mark.parametrize("seed", seeds(1, 3))
@pytest.mark.parametrize(("start", "end"), [(1.0, 1.2), (1.5, 2.5)])
@pytest.mark.parametrize("codec", [None, "ULAW", "GSM610"])
def test_removed_audio_is_found(seed: int, start: float, end: float, codec: str | None) -> None:
    reference = dense(seed)
    heard = cut(reference, start, end)

    result = compare(reference, CODECS[codec](heard) if codec else heard)

    assert not result.matched
    assert covers(result, start, end)
    delays = [window.delay_ms for window in result.windows if window.delay_ms is not None]
    assert delays[0] - delays[-1] == pytest.approx(1000 * (end - start), abs=1)


def test_foreign_audio_in_its_place_is_a_gap() -> None:
    digits = dtmf.synthesise("42", RATE)

    result = compare(dense(1), cut(dense(1), 1.0, 1.0 + digits.duration_s, digits.samples))

    assert not result.matched
    assert covers(result, 1.0, 1.3, within_ms=120)  # the last 100 ms of the digits are a pause


def test_a_stretch_that_may_be_missing_is_not_missed() -> None:
    digits = dtmf.synthesise("42", RATE)
    heard = cut(dense(1), 1.0, 1.0 + digits.duration_s, digits.samples)

    result = compare(dense(1), heard, options=Options(ignore=[(1.0, 1.0 + digits.duration_s)]))

    assert result.matched
    assert result.missing_ms == 0
    assert compare(dense(1), heard, options=Options(max_missing_ms=500)).matched


def test_a_lost_packet_is_forgiven_and_four_are_not() -> None:
    assert compare(dense(1), cut(dense(1), 1.5, 1.52, quiet(0.02))).matched
    assert compare(dense(1), cut(dense(1), 1.5, 1.54)).matched
    assert not compare(dense(1), cut(dense(1), 1.5, 1.6, quiet(0.1))).matched


@pytest.mark.parametrize(("length", "matched"), [(0.02, True), (0.1, True), (1.0, False)])
def test_inserted_audio_is_found(length: float, matched: bool) -> None:
    result = compare(dense(1), cut(dense(1), 1.5, 1.5, quiet(length)))

    assert result.matched is matched
    assert result.missing_ms == pytest.approx(0, abs=30)  # the edge may look concealed
    assert len(result.insertions) == 1
    assert result.insertions[0].start_s == pytest.approx(1.5, abs=0.02)
    assert result.inserted_ms == pytest.approx(1000 * length, abs=1)
    assert matched or "inserted" in result.reasons[0]


def test_parts_in_the_wrong_order_do_not_match() -> None:
    samples = speech().samples

    result = compare(speech(), audio(samples[2 * RATE :], samples[: 2 * RATE]))

    assert not result.matched
    assert result.missing_ms == pytest.approx(2000, abs=150)


# Codecs


@pytest.mark.parametrize(
    ("codec", "least_snr_db"),
    [("ALAW", 30), ("ULAW", 30), ("IMA_ADPCM", 12), ("G721_32", 12), ("GSM610", 4), ("NMS_ADPCM_16", 4)],
)
@pytest.mark.parametrize("seed", seeds(*range(3)))
def test_a_codec_is_seen_through(codec: str, least_snr_db: float, seed: int) -> None:
    result = compare(speech(seed), CODECS[codec](speech(seed)))

    assert result.matched, result.reasons
    assert result.delay_ms == pytest.approx(25, abs=0.3)
    assert result.missing_ms == pytest.approx(0, abs=60)  # the codec is not named, and GSM at times looks so
    assert result.snr_db is not None
    assert result.snr_db > least_snr_db


def test_no_verdict_is_wrong_in_thirty_pairs() -> None:
    wrong = []
    for seed in range(30):
        codec = CODECS[list(CODECS)[seed % len(CODECS)]]
        right = compare(speech(seed, 2), codec(speech(seed, 2)))
        other = compare(speech(seed, 2), codec(speech((seed + 7) % 30, 2)))
        if not right.matched or other.matched:
            wrong.append((seed, right.reasons, other))
    assert not wrong


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
def test_what_was_not_measured_is_none(name: str) -> None:
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
    heard = Audio(speech().samples + noise(4, power(speech().samples) / 100), RATE)

    assert compare(speech(), heard, options=Options(min_snr_db=18)).matched
    result = compare(speech(), heard, options=Options(min_snr_db=22))
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


@pytest.mark.parametrize("length", [1, 50, 79, 80, 400, 2000])
def test_short_audio_is_compared_without_a_fuss(length: int) -> None:
    piece = Audio(speech().samples[2000 : 2000 + length], RATE)

    assert compare(speech(), piece).matched is False
    with contextlib.suppress(AudioError):  # a few samples are no more than DC
        compare(piece, speech())
        compare(piece, piece)


# Clocks, quality, repeats, echo


def at_speed(given: Audio, ppm: float) -> Audio:
    """As a receiver records it whose clock is `ppm` millionths faster or slower."""
    return Audio(soxr.resample(given.samples, RATE, RATE * (1 + ppm * 1e-6), "VHQ"), RATE)


@pytest.mark.parametrize("seed", seeds(4, 5, 6))
@pytest.mark.parametrize("ppm", [-200, -50, 0, 50, 200])
def test_the_drift_of_clocks_is_measured(ppm: float, seed: int) -> None:
    result = compare(speech(seed, 12), at_speed(speech(seed, 12), ppm))

    assert result.matched
    assert result.drift_ppm == pytest.approx(ppm, abs=10)
    assert result.missing_ms == 0


def test_clocks_too_far_apart_are_a_reason() -> None:
    result = compare(speech(4, 12), at_speed(speech(4, 12), 100), options=Options(max_drift_ppm=50))

    assert not result.matched
    assert "the clocks drift by +" in result.reasons[0]


def test_what_is_too_short_says_nothing_of_clocks() -> None:
    assert compare(speech(1, 3), speech(1, 3)).drift_ppm is None


@pytest.mark.parametrize("speed", [0.98, 1.02])
def test_another_speed_does_not_match(speed: float) -> None:
    assert not compare(speech(4, 12), at_speed(speech(4, 12), 1e6 * (1 / speed - 1))).matched


@pytest.mark.parametrize("snr_db", [0, 10, 20, 30])
def test_the_segmental_ratio_is_the_mean_of_the_segments(snr_db: float) -> None:
    given = speech(1, 6).samples
    added = noise(6, power(given) * 10 ** (-snr_db / 10))
    signal = np.square(in_band(given, RATE)).reshape(-1, 160).mean(axis=1)
    ratio = 10 * np.log10(signal / np.square(in_band(added, RATE)).reshape(-1, 160).mean(axis=1))
    expected = np.clip(ratio, -10, 35)[signal > 1e-4 * signal.max()].mean()

    result = compare(speech(1, 6), Audio(given + added, RATE))

    assert result.segmental_snr_db == pytest.approx(expected, abs=0.5)


def test_noise_as_loud_as_each_moment_has_the_same_ratio_everywhere() -> None:
    signs = np.sign(np.random.default_rng(0).normal(size=len(speech().samples)))

    result = compare(speech(), audio(speech().samples * (1 + 0.1 * signs)))

    assert result.snr_db == pytest.approx(20.5, abs=0.5)  # what is above the band is not counted
    assert result.segmental_snr_db == pytest.approx(result.snr_db, abs=1)


@pytest.mark.parametrize("seed", seeds(1, 2, 3))
@pytest.mark.parametrize("length_ms", [20, 40, 60])
@pytest.mark.parametrize("at", [1.0, 1.5, 2.2])
def test_a_stretch_that_is_heard_twice_is_a_repeat(seed: int, length_ms: int, at: float) -> None:
    end, size = round(at * RATE), length_ms * RATE // 1000
    again = dense(seed).samples[end - size : end]

    result = compare(dense(seed), cut(dense(seed), at, at, again))

    (insertion,) = result.insertions
    assert insertion.repeated
    assert insertion.duration_ms == pytest.approx(length_ms, abs=1)
    assert at - length_ms / 1000 - 0.011 <= insertion.start_s <= at + 0.011


@pytest.mark.parametrize("length_ms", [20, 40, 60])
@pytest.mark.parametrize("seed", seeds(1, 2, 3))
def test_a_codec_does_not_hide_a_repeat(seed: int, length_ms: int) -> None:
    again = dense(seed).samples[12000 - length_ms * 8 : 12000]

    result = compare(dense(seed), CODECS["ALAW"](cut(dense(seed), 1.5, 1.5, again)))

    assert [insertion.repeated for insertion in result.insertions] == [True]


@pytest.mark.parametrize("length_ms", [20, 40, 60, 180, 1500])
@pytest.mark.parametrize("filler", ["silence", "noise"])
@pytest.mark.parametrize("seed", seeds(1, 2, 3))
def test_what_else_is_inserted_is_no_repeat(seed: int, length_ms: int, filler: str) -> None:
    level = 0.0 if filler == "silence" else power(dense(seed).samples) / 100
    inserted = noise(length_ms / 1000, level)

    result = compare(dense(seed), cut(dense(seed), 1.5, 1.5, inserted))

    (insertion,) = result.insertions
    assert not insertion.repeated
    assert insertion.start_s == pytest.approx(1.5, abs=0.021)
    assert insertion.duration_ms == pytest.approx(length_ms, abs=1)


@pytest.mark.parametrize("level_db", [0, -12, -25])
def test_the_own_audio_coming_back_is_a_reason(level_db: float) -> None:
    own = speech(7, 12)
    back = np.concatenate([quiet(0.15), own.samples[: -round(0.15 * RATE)]]) * np.float32(
        10 ** (level_db / 20)
    )
    heard = Audio(speech(8, 12).samples + back, RATE)

    result = compare(speech(8, 12), heard, sent=own)

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
    heard = CODECS[codec](Audio(speech(seed, 6).samples + back, RATE))

    result = compare(speech(seed, 6), heard, sent=own)

    assert result.echo is not None
    assert result.echo.level_db == pytest.approx(-28, abs=4)
    assert compare(speech(seed, 6), CODECS[codec](speech(seed, 6)), sent=own).echo is None


def test_without_echo_what_was_sent_does_not_matter() -> None:
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


# Concealed packets


def lossy(given: Audio, lost: int, seed: int = 0) -> Audio:
    """`lost` packets of 20 ms replaced by the packet before them."""
    samples = given.samples.copy()
    packets = np.random.default_rng(seed).choice(np.arange(5, len(samples) // 160 - 1), lost, replace=False)
    for packet in sorted(packets):
        samples[packet * 160 : (packet + 1) * 160] = samples[(packet - 1) * 160 : packet * 160]
    return audio(quiet(0.033), samples)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", None])
def test_concealed_packets_are_counted_and_a_reason(codec: str | None) -> None:
    result = compare(speech(21, 12), lossy(speech(21, 12), 30), options=Options(codec=codec))

    assert not result.matched
    assert result.concealed_ms == pytest.approx(480, abs=120)  # of 600, the fifth in pauses is not heard
    assert "were lost and concealed" in " ".join(result.reasons)
    listed = [gap for gap in result.gaps if gap.concealed]
    assert len(listed) >= 12
    silent = sum(gap.duration_ms for gap in result.gaps if not gap.concealed)
    assert result.missing_ms == pytest.approx(silent + (result.concealed_ms or 0), abs=0.2)


def test_how_much_may_be_concealed_can_be_said() -> None:
    asked = Options(codec="PCMU", max_concealed=0.15)

    assert compare(speech(21, 12), lossy(speech(21, 12), 30), options=asked).matched


def test_what_is_ignored_is_not_judged_for_concealment() -> None:
    heard = lossy(speech(21, 12), 30).samples.copy()
    half = len(speech(21, 12).samples) // 2
    heard[264 + half :] = speech(21, 12).samples[half:]  # after a lead of 33 ms

    result = compare(
        speech(21, 12), Audio(heard, RATE), options=Options(codec="PCMU", ignore=[(0.0, half / RATE + 0.05)])
    )

    assert result.matched
    assert result.concealed_ms == 0


@pytest.mark.parametrize("packet_ms", [10, 20, 30, 60])
def test_clean_audio_is_clean_for_packets_of_any_length(packet_ms: float) -> None:
    result = compare(
        speech(21, 12), CODECS["ULAW"](speech(21, 12)), options=Options(codec="PCMU", packet_ms=packet_ms)
    )

    assert result.matched
    assert result.concealed_ms == 0


@pytest.mark.parametrize("packet_ms", [0, 4.9, 201, float("nan")])
def test_packets_of_no_length_in_use_are_refused(packet_ms: float) -> None:
    with pytest.raises(AudioError, match="not used in telephony"):
        compare(speech(), speech(), options=Options(packet_ms=packet_ms))


def test_at_odd_rates_concealment_is_not_judged() -> None:
    slow = tones.speech_like(4, 6000, 1)

    result = compare(slow, slow)

    assert result.matched
    assert result.concealed_ms is None
    assert result.missing_ms == 0


@pytest.mark.parametrize(
    ("codec", "matched"),
    [("iLBC", True), (None, True), ("speex/8000", True), ("PCMA", False), ("GSM", False)],
)
def test_a_codec_is_held_to_what_it_can_do(codec: str | None, matched: bool) -> None:
    spectrum = np.fft.rfft(speech().samples)
    angle = np.random.default_rng(1).normal(0, 1.1, 40)  # the sound stays, the waveform does not
    spectrum *= np.exp(1j * np.interp(np.linspace(0, 1, len(spectrum)), np.linspace(0, 1, 40), angle))
    heard = audio(np.fft.irfft(spectrum, len(speech().samples)))

    result = compare(speech(), heard, options=Options(codec=codec))

    assert result.correlation == pytest.approx(0.83, abs=0.01)
    assert result.matched is matched, result.reasons


# Little, loud and odd audio


@pytest.mark.parametrize("length", [1, 79, 80, 400, 1000])
def test_a_reference_too_short_to_be_told_from_chance_is_refused(length: int) -> None:
    loud = int(np.abs(dense(1).samples).argmax())
    piece = Audio(dense(1).samples[loud : loud + length], RATE)

    with pytest.raises(AudioError, match=r"reference (has only|is silent)"):
        compare(piece, dense(1))


def test_short_pieces_are_found_in_their_own_speech_only() -> None:
    rng = np.random.default_rng(3)
    for seed in range(1, 9):
        at = int(rng.integers(0, 2 * RATE))
        piece = Audio(dense(seed).samples[at : at + 2400], RATE)
        assert compare(piece, dense(seed)).matched
        assert not compare(piece, speech(seed % 8 + 1, 12)).matched


@pytest.mark.parametrize("level", [1e4, 1e18, 1e38])
def test_samples_far_beyond_full_scale_are_refused(level: float) -> None:
    loud = Audio(speech().samples / np.abs(speech().samples).max() * level, RATE)

    with pytest.raises(AudioError, match="the recording has samples beyond"):
        compare(speech(), loud)
    with pytest.raises(AudioError, match="the reference has samples beyond"):
        compare(loud, speech())


@functools.cache
def odd() -> dict[str, Audio]:
    samples = speech().samples
    rng = np.random.default_rng(0)
    return {
        "empty": audio(quiet(0)),
        "one sample": audio(np.ones(1)),
        "one sample at 96 kHz": audio(np.ones(1), rate=96000),
        "silence": audio(quiet(2)),
        "less than a float can square": audio(np.full(RATE, 1e-39)),
        "the last bit": audio(rng.integers(-1, 2, 2 * RATE) / 32768),
        "full scale": audio(np.ones(RATE)),
        "clipped to a square": audio(np.sign(samples)),
        "eight bits": audio(np.round(samples * 127) / 127),
        "a click at the start": audio(np.ones(1), quiet(2)),
        "a click at the end": audio(quiet(2), np.ones(1)),
        "a square wave": audio(np.tile([1.0, -1.0], RATE)),
        "a burst": audio(rng.normal(0, 0.1, 160), quiet(2)),
        "4000 Hz": tones.speech_like(2, 4000, 1),
        "7350 Hz": tones.speech_like(2, 7350, 1),
        "96 kHz": tones.speech_like(2, 96000, 1),
    }


@pytest.mark.parametrize("name", odd())
def test_odd_audio_is_compared_or_refused(name: str) -> None:
    """Warnings are errors here, so neither divides by zero."""
    for reference, recording in [
        (speech(), odd()[name]),
        (odd()[name], speech()),
        (odd()[name], odd()[name]),
    ]:
        with contextlib.suppress(AudioError):
            json.dumps(dataclasses.asdict(compare(reference, recording, sent=speech(3))), allow_nan=False)


@pytest.mark.parametrize("name", ["clipped to a square", "eight bits", "4000 Hz", "7350 Hz", "96 kHz"])
def test_odd_audio_matches_itself(name: str) -> None:
    assert compare(odd()[name], odd()[name]).matched


@pytest.mark.parametrize(
    ("channels", "rate", "subtype"),
    [(6, 8000, "PCM_16"), (2, 96000, "FLOAT"), (1, 8000, "PCM_U8"), (1, 44100, "PCM_24"), (1, 8000, "ULAW")],
)
def test_files_of_any_kind_match_what_they_hold(
    tmp_path: Path, channels: int, rate: int, subtype: str
) -> None:
    given = speech(1, 4, rate)
    soundfile.write(tmp_path / "heard.wav", np.stack([given.samples] * channels, axis=1), rate, subtype)

    result = compare(speech(1, 4, rate), read(tmp_path / "heard.wav"))

    assert result.matched, result.reasons


def test_a_recording_that_breaks_off_misses_its_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "whole.wav", dense(1).samples, RATE, "PCM_16")
    whole = (tmp_path / "whole.wav").read_bytes()
    (tmp_path / "broken.wav").write_bytes(whole[: len(whole) // 2])

    result = compare(dense(1), read(tmp_path / "broken.wav"))

    assert not result.matched
    assert "of the end are missing" in result.reasons[0]
    assert result.missing_ms == pytest.approx(2000, abs=40)


QUARTER = """
import resource
import numpy as np
from media.audio.wav import Audio
from media.compare.compare import compare
from media.signals import tones

rate = 48000
minutes = [tones.speech_like(60, rate, seed).samples for seed in range(3)]
sent = np.empty(900 * rate, np.float32)
for index, turn in enumerate(np.random.default_rng(0).integers(0, 60 * rate, 15)):
    sent[index * 60 * rate : (index + 1) * 60 * rate] = np.roll(minutes[index % 3], turn)
heard = np.zeros(len(sent) + rate, np.float32)
heard[rate:] = sent
before = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
result = compare(Audio(sent, rate), Audio(heard, rate))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(result.matched, round(result.delay_ms), (peak - before) // 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_quarter_of_an_hour_at_48_khz_needs_little_beside_its_samples() -> None:
    """An hour takes four times that, 0.5 GB."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUARTER],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[4],
        timeout=55,
    )

    matched, delay_ms, megabytes = done.stdout.split()
    assert (matched, delay_ms) == ("True", "1000")
    assert int(megabytes) < 256


@functools.cache
def dense(seed: int) -> Audio:
    """Speech without its pauses, so that whatever is cut out is missed."""
    samples = speech(seed, 6).samples
    frames = samples.reshape(-1, 80)
    loud = np.square(frames).mean(axis=1) > 10**-3.8
    return Audio(frames[loud].reshape(-1)[: 4 * RATE], RATE)


# ---- a jitter buffer that slips and slips back


def slipped(reference: Audio, start: float, end: float, by_ms: int) -> Audio:
    """Between start and end at another delay than before and after, with what a receiver repeats or drops."""
    a, b = round(start * reference.rate), round(end * reference.rate)
    by, said = by_ms * reference.rate // 1000, reference.samples
    middle = np.concatenate([said[a - by : a], said[a:b]]) if by > 0 else said[a - by : b]
    after = said[b + by :] if by > 0 else np.concatenate([said[b + by : b], said[b:]])
    return audio(quiet(0.025), said[:a], middle, after, quiet(0.4))


@pytest.mark.parametrize(
    ("seed", "start", "length", "by_ms"),
    [
        (7, 1.48, 0.38, -20),
        (31, 2.17, 0.63, -20),
        (15, 2.28, 0.34, -10),
        (25, 1.80, 0.38, -10),
        (4, 2.87, 0.30, 10),
        (5, 0.39, 0.60, 20),
    ],
)
def test_a_stretch_at_another_delay_is_not_missing(
    seed: int, start: float, length: float, by_ms: int
) -> None:
    recording = slipped(speech(seed), start, start + length, by_ms)
    result = compare(speech(seed), recording, options=Options(max_missing_ms=100))
    assert result.matched, result.reasons
    assert sum(gap.duration_ms for gap in result.gaps if not gap.concealed) <= 60


def slipping(reference: Audio, seed: int) -> tuple[Audio, float]:
    """As a busy machine's jitter buffer leaves it: every 0.3 to 0.9 s, 10 or 20 ms repeated or dropped.

    Returns it with the milliseconds that were dropped.
    """
    rng = np.random.default_rng(seed)
    said, parts, at, dropped = reference.samples, [quiet(0.1)], 0, 0
    while at < len(said):
        end = at + int(rng.integers(30, 90)) * 80
        by = int(rng.choice([-20, -10, 10, 20])) * RATE // 1000
        parts += [said[at:end], said[end - by : end] if by > 0 and end < len(said) else said[:0]]
        dropped += max(0, -by)
        at = end + max(0, -by)
    return audio(*parts, quiet(0.4)), 1000 * dropped / RATE


@pytest.mark.parametrize("seed", [4, 10, 14, 40, 49, 84, 89, 91, 93, 127])
def test_slip_after_slip_is_not_missing(seed: int) -> None:
    reference = speech(seed % 40, 8)
    recording, dropped_ms = slipping(reference, seed)
    result = compare(reference, recording)
    assert sum(gap.duration_ms for gap in result.gaps if not gap.concealed) <= dropped_ms + 60


@pytest.mark.parametrize(("seed", "after_ms"), [(5, 120), (0, 140), (5, 140), (1, 160), (5, 160)])
def test_a_slip_soon_after_the_start(seed: int, after_ms: int) -> None:
    """Too soon for a delay of its own; the spectra are alike at the next delay as well."""
    rate = 16000
    at, by = (300 + after_ms) * rate // 1000, 40 * rate // 1000
    said = np.concatenate([quiet(0.3, rate), speech(seed, 1.6, rate).samples, quiet(0.5, rate)])
    heard = np.concatenate([quiet(0.1, rate), said[:at], said[at - by : at] / 2, said[at:]])
    result = compare(Audio(said, rate), Audio(heard, rate))
    assert result.matched, result.reasons
    assert result.inserted_ms == pytest.approx(40, abs=10)


def test_what_sounds_alike_beside_a_slip_is_not_the_audio() -> None:
    """150 ms played backwards: at some delay nearby, half of a voice's waveform is as it should be."""
    said = speech(8, 4).samples
    at, after, slip = 7200, 8400, 10000
    heard = audio(quiet(0.1), said[:at], said[at:after][::-1], said[after:slip], said[slip - 160 :])
    assert not compare(speech(8, 4), heard).matched


def resembling(reference: Audio, share: float, seed: int) -> Audio:
    """Noise of the same spectrum and level of which so much, by amplitude, is the reference."""
    spectrum = np.abs(np.fft.rfft(reference.samples))
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(spectrum))
    other = np.fft.irfft(spectrum * np.exp(1j * phases), len(reference.samples)).astype(np.float32)
    mixed = np.float32(share) * reference.samples + np.float32((1 - share**2) ** 0.5) * other
    return audio(quiet(0.3), mixed)


def test_hiss_is_found_for_what_little_gsm_keeps_of_it_twice() -> None:
    """A whisper keeps 0.34 of its waveform, which in seconds of other noise does not happen."""
    reference = audio(noise(4, 0.003, seed=1))
    options = Options(codec="GSM", passes=2)

    assert compare(reference, resembling(reference, 0.36, seed=2), options=options).matched
    assert not compare(reference, resembling(reference, 0.1, seed=2), options=options).matched
