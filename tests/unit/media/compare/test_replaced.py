"""media.compare.replaced: stretches of similar but other audio in a recording."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from media.audio.band import in_band
from media.audio.wav import Audio
from media.compare import replaced as replaced_module
from media.compare.compare import Options, compare
from media.compare.replaced import Placed, replaced
from media.compare.replaced_models import weights_of
from media.signals import tones
from tests.support.reference_audio import coded, recorded_pair

RATE, HOP, PACKET = 8000, 80, 160
Samples = NDArray[np.float32]
CODECS = ("PCMA", "G722", "GSM", "iLBC", "speex/8000", "speex/16000", None)


def speech(seed: int) -> Samples:
    return tones.speech_like(6, RATE, seed).samples


def placed(reference: Samples, recording: Samples) -> Placed:
    """Both in the band that is compared, with a delay of nothing."""
    frames = len(reference) // HOP
    received = np.square(reference[: frames * HOP]).reshape(-1, HOP).mean(axis=1) > 1e-5
    bands = in_band(reference, RATE), in_band(recording, RATE)
    return Placed(*bands, np.zeros(frames, np.intp), np.zeros(frames), received)


def loud(samples: Samples, ms: int) -> int:
    """Where the loudest stretch of that length begins, away from the ends."""
    size = ms * RATE // 1000
    sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    inner = (sums[size:] - sums[:-size])[2 * size : -2 * size]
    return 2 * size + int(inner.argmax())


def replayed(samples: Samples, at: int, size: int) -> Samples:
    return samples[at - size : at]


def frozen(samples: Samples, at: int, size: int) -> Samples:
    return np.tile(samples[at - PACKET : at], size // PACKET + 1)[:size]


def reversed_(samples: Samples, at: int, size: int) -> Samples:
    return samples[at : at + size][::-1]


def interpolated(samples: Samples, at: int, size: int) -> Samples:
    rising = np.linspace(0, 1, size, dtype=np.float32)
    after = np.tile(samples[at + size : at + size + PACKET], size // PACKET + 1)[:size]
    return frozen(samples, at, size) * (1 - rising) + after * rising


WAYS = (replayed, frozen, reversed_, interpolated)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ms", [100, 200])
@pytest.mark.parametrize("seed", range(4))
def test_replaced_audio_is_found(seed: int, ms: int, way: Callable[[Samples, int, int], Samples]) -> None:
    samples = speech(seed)
    at, size = loud(samples, ms), ms * RATE // 1000
    recording = np.concatenate([samples[:at], way(samples, at, size), samples[at + size :]])

    found = replaced(placed(samples, recording), weights_of("PCMA"))

    assert found.total_s == pytest.approx(ms / 1000, abs=0.3 * ms / 1000 + 0.01)
    middle = at / RATE + ms / 2000
    assert any(stretch.start_s - 0.06 <= middle <= stretch.end_s + 0.06 for stretch in found.stretches)


@pytest.mark.parametrize("way", [replayed, frozen, reversed_])
@pytest.mark.parametrize("seed", range(8))
def test_100_ms_of_replaced_audio_are_found_through_gsm(
    seed: int, way: Callable[[Samples, int, int], Samples]
) -> None:
    """Each of its moments may be chance through such a codec; ten in a row are not.

    What fades to the audio that comes next is as a decoder that recovers from a lost packet.
    """
    samples = speech(seed)
    at, size = loud(samples, 100), RATE // 10
    other = np.concatenate([samples[:at], way(samples, at, size), samples[at + size :]])
    sent, received = Audio(samples, RATE), coded(Audio(other, RATE), "GSM610")

    result = compare(sent, received, options=Options(codec="GSM"))

    assert not result.matched
    assert any(
        gap.start_s - 0.06 <= at / RATE <= gap.start_s + gap.duration_ms / 1000 + 0.06 for gap in result.gaps
    )


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("seed", range(4))
def test_nothing_was_replaced_in_true_audio(seed: int, codec: str | None) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.002, len(speech(seed))).astype(np.float32)

    assert (
        replaced(placed(speech(seed), speech(seed) * np.float32(0.5) + noise), weights_of(codec)).total_s
        < 0.01
    )


def test_uncounted_frames_are_not_judged() -> None:
    samples = speech(1)
    at = loud(samples, 200)
    recording = samples.copy()
    recording[at : at + 1600] = 0
    given = placed(samples, recording)
    given.judged[at // HOP - 2 : (at + 1600) // HOP + 3] = False

    assert replaced(given, weights_of("PCMA")).total_s == 0


def test_hardly_any_audio_is_no_trouble() -> None:
    for count in (80, 81, 200):
        samples = np.zeros(count, np.float32)
        assert replaced(placed(samples, samples), weights_of(None)).total_s == 0


@pytest.mark.parametrize(
    ("pair", "least_ms"),
    [("200ms-replayed.PCMU", 80), ("music-10-percent-lost.PCMU", 400), ("one-digit-changed.PCMU", 80)],
)
def test_recordings_with_other_audio_in_them_do_not_match(pair: str, least_ms: float) -> None:
    reference, recording = recorded_pair(pair)

    result = compare(reference, recording, options=Options(codec="PCMU"))

    assert not result.matched
    assert result.missing_ms is not None
    assert result.missing_ms >= least_ms


@pytest.mark.parametrize(
    ("pair", "codec"),
    [
        ("digit-in-noise", "G722"),  # the alignment missed 90 ms of it
        ("music-step", "PCMU"),  # its beginning is nearly as like 12 ms later
        ("chords", "iLBC"),  # a sixth of the packets is carried a little less well
        ("hiss", "iLBC"),  # of a consonant of 190 ms: the codec keeps its sound, not its waveform
        ("sweep", "iLBC"),  # 3000 to 300 Hz: the codec carries the high ones less well
    ],
)
def test_good_audio_matches(pair: str, codec: str) -> None:
    reference, recording = recorded_pair(f"{pair}.{codec}")

    result = compare(reference, recording, options=Options(codec=codec))

    assert result.matched, result.reasons
    assert result.concealed_ms is not None
    assert result.concealed_ms < 30


def test_a_vowel_that_goes_on_in_the_pause_after_it_was_frozen() -> None:
    """100 ms through GSM, which a decoder that recovers would not end at once."""
    reference, recording = recorded_pair("vowel-frozen.GSM")

    result = compare(reference, recording, options=Options(codec="GSM"))

    assert not result.matched
    [gap] = result.gaps
    assert gap.start_s == pytest.approx(0.65, abs=0.03)
    assert gap.duration_ms == pytest.approx(100, abs=30)


def test_only_judged_frames_are_compared_with_their_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of speech in ten: the rest of the frames is measured, but not looked into."""
    looked: list[int] = []
    past = replaced_module._past

    def counted(signal: Samples, starts: NDArray[np.intp]) -> Samples:
        looked.append(len(starts))
        return past(signal, starts)

    monkeypatch.setattr(replaced_module, "_past", counted)
    sent = np.concatenate([speech(1)[:RATE], np.zeros(9 * RATE, np.float32)])

    assert not replaced(placed(sent, sent), weights_of("PCMA")).stretches
    assert 0 < max(looked) < 120
