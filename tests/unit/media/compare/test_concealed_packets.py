"""Lost packets that a receiver concealed, in comparisons: counted, limited, ignored."""

import numpy as np
import pytest

from media.audio.wav import Audio, AudioError
from media.compare.compare import Options, compare
from media.signals import tones
from tests.support.reference_audio import CODECS, RATE, audio, quiet, speech


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


def test_the_limit_of_concealed_audio_can_be_set() -> None:
    asked = Options(codec="PCMU", max_concealed=0.15)

    assert compare(speech(21, 12), lossy(speech(21, 12), 30), options=asked).matched


def test_ignored_audio_is_not_judged_for_concealment() -> None:
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
