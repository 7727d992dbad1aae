"""Steps of the delay by a jitter buffer: audio at another delay is not missing."""

import numpy as np
import pytest

from media.audio.wav import Audio
from media.compare.compare import Options, compare
from tests.support.reference_audio import RATE, audio, noise, quiet, speech


def slipped(reference: Audio, start: float, end: float, by_ms: int) -> Audio:
    """Between start and end at another delay than before and after, with what a receiver repeats or drops."""
    a, b = round(start * reference.rate), round(end * reference.rate)
    by, samples = by_ms * reference.rate // 1000, reference.samples
    middle = np.concatenate([samples[a - by : a], samples[a:b]]) if by > 0 else samples[a - by : b]
    after = samples[b + by :] if by > 0 else np.concatenate([samples[b + by : b], samples[b:]])
    return audio(quiet(0.025), samples[:a], middle, after, quiet(0.4))


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
    samples, parts, at, dropped = reference.samples, [quiet(0.1)], 0, 0
    while at < len(samples):
        end = at + int(rng.integers(30, 90)) * 80
        by = int(rng.choice([-20, -10, 10, 20])) * RATE // 1000
        parts += [samples[at:end], samples[end - by : end] if by > 0 and end < len(samples) else samples[:0]]
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
    samples = np.concatenate([quiet(0.3, rate), speech(seed, 1.6, rate).samples, quiet(0.5, rate)])
    received = np.concatenate([quiet(0.1, rate), samples[:at], samples[at - by : at] / 2, samples[at:]])
    result = compare(Audio(samples, rate), Audio(received, rate))
    assert result.matched, result.reasons
    assert result.inserted_ms == pytest.approx(40, abs=10)


def test_reversed_audio_beside_a_slip_does_not_match() -> None:
    """150 ms played backwards: at some delay nearby, half of a voice's waveform is as it should be."""
    said = speech(8, 4).samples
    at, after, slip = 7200, 8400, 10000
    received = audio(quiet(0.1), said[:at], said[at:after][::-1], said[after:slip], said[slip - 160 :])
    assert not compare(speech(8, 4), received).matched


def resembling(reference: Audio, share: float, seed: int) -> Audio:
    """Noise of the same spectrum and level of which so much, by amplitude, is the reference."""
    spectrum = np.abs(np.fft.rfft(reference.samples))
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(spectrum))
    other = np.fft.irfft(spectrum * np.exp(1j * phases), len(reference.samples)).astype(np.float32)
    mixed = np.float32(share) * reference.samples + np.float32((1 - share**2) ** 0.5) * other
    return audio(quiet(0.3), mixed)


def test_hiss_matches_after_two_passes_of_gsm() -> None:
    """A whisper keeps 0.34 of its waveform, which in seconds of other noise does not happen."""
    reference = audio(noise(4, 0.003, seed=1))
    options = Options(codec="GSM", passes=2)

    assert compare(reference, resembling(reference, 0.36, seed=2), options=options).matched
    assert not compare(reference, resembling(reference, 0.1, seed=2), options=options).matched
