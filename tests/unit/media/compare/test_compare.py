"""media.compare.compare: delay, level, SNR, rates, loops and codecs of audio that arrived."""

import numpy as np
import pytest

from media.audio.wav import Audio, resample
from media.compare.compare import Options, compare
from media.signals import tones
from tests.support.coverage import seeds
from tests.support.reference_audio import CODECS, RATE, audio, noise, power, quiet, speech


def late(reference: Audio, samples: float) -> Audio:
    """Delayed by a part of a sample as well."""
    size = 1 << (len(reference.samples) + 4096).bit_length()
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * samples)
    moved = np.fft.irfft(np.fft.rfft(reference.samples, size) * turn, size)
    end = len(reference.samples) + round(samples) + 400
    return Audio(moved[:end].astype(np.float32), reference.rate)


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
def test_the_delay_is_measured_to_a_part_of_a_sample(samples: float) -> None:
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

    received = resample(
        audio(quiet(0.2, reference_rate), reference.samples, rate=reference_rate), recording_rate
    )
    result = compare(reference, received)

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


@pytest.mark.parametrize(
    ("codec", "matched"),
    [("iLBC", True), (None, True), ("speex/8000", True), ("PCMA", False), ("GSM", False)],
)
def test_the_limits_are_those_of_the_codec(codec: str | None, matched: bool) -> None:
    spectrum = np.fft.rfft(speech().samples)
    angle = np.random.default_rng(1).normal(0, 1.1, 40)  # the sound stays, the waveform does not
    spectrum *= np.exp(1j * np.interp(np.linspace(0, 1, len(spectrum)), np.linspace(0, 1, 40), angle))
    received = audio(np.fft.irfft(spectrum, len(speech().samples)))

    result = compare(speech(), received, options=Options(codec=codec))

    assert result.correlation == pytest.approx(0.83, abs=0.01)
    assert result.matched is matched, result.reasons
