"""Gaps and insertions: lost, replaced, inserted and repeated audio is found, with its place and length."""

import pytest

from media.compare.compare import Comparison, Options, compare
from media.signals import dtmf
from tests.support.coverage import seeds
from tests.support.reference_audio import CODECS, RATE, audio, cut, dense, noise, power, quiet, speech


def covers(comparison: Comparison, start_s: float, end_s: float, within_ms: float = 40) -> bool:
    """Whether the gaps are just that stretch."""
    first, last = comparison.gaps[0], comparison.gaps[-1]
    return (
        abs(first.start_s - start_s) * 1000 <= within_ms
        and abs(last.start_s + last.duration_ms / 1000 - end_s) * 1000 <= within_ms
        and abs((comparison.missing_ms or 0) - 1000 * (end_s - start_s)) <= within_ms
    )


@pytest.mark.parametrize("seed", seeds(1, 3))
@pytest.mark.parametrize(("start", "end"), [(1.0, 1.2), (1.5, 2.5)])
@pytest.mark.parametrize("codec", [None, "ALAW", "GSM610"])
def test_a_gap_of_silence_is_found(seed: int, start: float, end: float, codec: str | None) -> None:
    reference = dense(seed)
    received = cut(reference, start, end, quiet(end - start))

    result = compare(reference, CODECS[codec](received) if codec else received)

    assert not result.matched
    assert covers(result, start, end)
    assert result.inserted_ms == 0
    assert "ms are missing" in result.reasons[0]


@pytest.mark.parametrize("seed", seeds(1, 3))
@pytest.mark.parametrize(("start", "end"), [(1.0, 1.2), (1.5, 2.5)])
@pytest.mark.parametrize("codec", [None, "ULAW", "GSM610"])
def test_removed_audio_is_found(seed: int, start: float, end: float, codec: str | None) -> None:
    reference = dense(seed)
    received = cut(reference, start, end)

    result = compare(reference, CODECS[codec](received) if codec else received)

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
    received = cut(dense(1), 1.0, 1.0 + digits.duration_s, digits.samples)

    result = compare(dense(1), received, options=Options(ignore=[(1.0, 1.0 + digits.duration_s)]))

    assert result.matched
    assert result.missing_ms == 0
    assert compare(dense(1), received, options=Options(max_missing_ms=500)).matched


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


@pytest.mark.parametrize("seed", seeds(1, 2, 3))
@pytest.mark.parametrize("length_ms", [20, 40, 60])
@pytest.mark.parametrize("at", [1.0, 1.5, 2.2])
def test_a_repeated_stretch_is_found(seed: int, length_ms: int, at: float) -> None:
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
def test_inserted_silence_and_noise_are_no_repeats(seed: int, length_ms: int, filler: str) -> None:
    level = 0.0 if filler == "silence" else power(dense(seed).samples) / 100
    inserted = noise(length_ms / 1000, level)

    result = compare(dense(seed), cut(dense(seed), 1.5, 1.5, inserted))

    (insertion,) = result.insertions
    assert not insertion.repeated
    assert insertion.start_s == pytest.approx(1.5, abs=0.021)
    assert insertion.duration_ms == pytest.approx(length_ms, abs=1)
