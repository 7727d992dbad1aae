"""media.compare.verdict: the reasons for values beyond the limits, and the default limits."""

import dataclasses
from typing import Any

import pytest

from media.compare.calibration import Limits, limits_of
from media.compare.measure import Totals
from media.compare.similarity import Similarity
from media.compare.verdict import Findings, Gap, Insertion, Options, faults

GOOD = Findings(
    edges=(0.105, 9.895),
    gaps=(),
    insertions=(),
    totals=Totals(snr_db=30.0, correlation=0.99, level_db=0.0, segmental_snr_db=25.0),
    similarity=Similarity(0.99, 1.0),
    hiss=0.0,
    distance_db=1.0,
    drift_ppm=0.0,
    level_step_db=0.5,
    concealed_ms=0.0,
    judged_ms=8000.0,
    arrived_ms=9000.0,
    active_ms=9000.0,
)


def reasons(options: Options | None = None, **changes: Any) -> tuple[str, ...]:
    """Of good findings, but for some."""
    return faults(dataclasses.replace(GOOD, **changes), options or Options())


def alike(correlation: float) -> Similarity:
    """Of a voice: the spectrum deviates by more than any codec makes it."""
    return Similarity(correlation, 5.0)


def totals(**changes: Any) -> Totals:
    return dataclasses.replace(GOOD.totals, **changes)


def only(found: tuple[str, ...]) -> str:
    assert len(found) == 1, found
    return found[0]


def test_good_values_have_no_fault() -> None:
    assert reasons() == ()


@pytest.mark.parametrize(("lost_ms", "faulty"), [(200, False), (210, True)])
def test_the_beginning_and_the_end_may_miss_a_little(lost_ms: float, faulty: bool) -> None:
    head, tail = Gap(0.1, lost_ms), Gap(9.9 - lost_ms / 1000, lost_ms)

    assert bool(reasons(gaps=(head,))) is faulty
    assert bool(reasons(gaps=(tail,))) is faulty
    if faulty:
        first, last = reasons(gaps=(head, tail))
        assert "210 ms of the beginning are missing, at most 200 ms may be" in first
        assert "210 ms of the end are missing" in last


@pytest.mark.parametrize(("lost_ms", "faulty"), [(60, False), (70, True)])
def test_three_packets_may_be_missing_between(lost_ms: float, faulty: bool) -> None:
    assert bool(reasons(gaps=(Gap(2.0, lost_ms),))) is faulty
    assert bool(reasons(gaps=(Gap(2.0, 20), Gap(5.0, lost_ms - 20)))) is faulty


def test_a_reason_says_where() -> None:
    gaps = tuple(Gap(float(at), 20.0) for at in range(1, 9))

    text = only(reasons(gaps=gaps))

    assert text.startswith("160 ms are missing (20 ms at 1.00 s, ")
    assert "20 ms at 5.00 s and 3 more)" in text
    assert "6.00" not in text


def test_edges_and_middle_are_counted_apart() -> None:
    gaps = (Gap(0.1, 200), Gap(4.0, 60), Gap(9.7, 200))

    assert reasons(gaps=gaps) == ()
    assert len(reasons(Options(max_edge_ms=100, max_missing_ms=50), gaps=gaps)) == 3


def test_concealed_stretches_are_not_missing_twice() -> None:
    concealed = (Gap(2.0, 200, concealed=True),)

    assert reasons(gaps=concealed, concealed_ms=60.0) == ()
    text = only(reasons(gaps=concealed, concealed_ms=220.0))
    assert "about 220 ms were lost and concealed (200 ms at 2.00 s), 2.8% of the audio" in text
    assert text.endswith("at most 160 ms may be")


@pytest.mark.parametrize(
    ("codec", "judged_ms", "allowed_ms"),
    [
        ("PCMU", 1000, 60),
        ("PCMU", 20000, 200),
        ("GSM", 20000, 200),
        ("iLBC", 20000, 200),
        (None, 20000, 400),
        ("PCMU", 0, 60),
    ],
)
def test_how_much_may_be_concealed_depends_on_codec_and_length(
    codec: str | None, judged_ms: float, allowed_ms: float
) -> None:
    options = Options(codec=codec)

    assert reasons(options, judged_ms=judged_ms, concealed_ms=allowed_ms) == ()
    assert "concealed" in only(reasons(options, judged_ms=judged_ms, concealed_ms=allowed_ms + 1))


def test_a_share_of_concealed_audio_can_be_asked_for() -> None:
    assert reasons(Options(max_concealed=0.1), concealed_ms=800.0) == ()
    assert reasons(Options(codec="iLBC", max_concealed=0), concealed_ms=61.0)
    assert reasons(Options(max_concealed=0, max_missing_ms=0), concealed_ms=1.0)


def test_where_concealment_cannot_be_seen_it_is_no_fault() -> None:
    assert reasons(concealed_ms=None, judged_ms=0.0) == ()


@pytest.mark.parametrize(("inserted_ms", "faulty"), [(200, False), (220, True)])
def test_a_jitter_buffer_may_grow(inserted_ms: float, faulty: bool) -> None:
    found = reasons(insertions=(Insertion(3.0, inserted_ms - 20), Insertion(5.0, 20.0, repeated=True)))

    assert bool(found) is faulty
    assert not faulty or "220 ms were inserted (200 ms at 3.00 s, 20 ms at 5.00 s)" in only(found)


@pytest.mark.parametrize("codec", ["PCMU", "G722", "GSM", "iLBC", "speex/8000", None, "unknown"])
def test_every_codec_has_its_limits(codec: str | None) -> None:
    limits, options = limits_of(codec), Options(codec=codec)
    least, below = limits.correlation, limits.correlation - 0.01

    assert reasons(options, totals=totals(correlation=least), similarity=alike(limits.similarity)) == ()
    assert f"correlate by {below:.2f}, at least {least:g}" in only(
        reasons(options, totals=totals(correlation=below))
    )
    assert "the sound is similar by" in only(reasons(options, similarity=alike(limits.similarity - 0.01)))


def test_a_spectrum_that_deviates_no_more_than_the_codec_makes_it_is_similar_enough() -> None:
    limits = limits_of("GSM")

    assert reasons(Options(codec="GSM"), similarity=Similarity(0.3, limits.deviation_db)) == ()
    assert only(reasons(Options(codec="GSM"), similarity=Similarity(0.3, limits.deviation_db + 0.01)))
    assert only(reasons(Options(codec="GSM", min_similarity=0.4), similarity=Similarity(0.3, 0.5)))


def test_hiss_need_not_keep_its_waveform_where_the_codec_does_not() -> None:
    weak = totals(correlation=0.5)

    assert reasons(Options(codec="GSM"), totals=weak, hiss=0.4) == ()
    assert only(reasons(Options(codec="GSM"), totals=weak, hiss=0.05))
    assert only(reasons(Options(codec="PCMA"), totals=weak, hiss=0.4))
    assert only(reasons(Options(codec="GSM", min_correlation=0.6), totals=weak, hiss=0.4))


def test_options_replace_the_default_limits() -> None:
    asked = Options(codec="GSM", min_correlation=0.5, min_similarity=0.4, max_concealed=0.3)

    assert asked.limits == Limits(0.5, 0.4, deviation_db=0.0, concealed=0.3, hiss_loss=0.0)
    assert Options(codec="GSM").limits == limits_of("GSM")
    assert Options(min_correlation=0.0).limits.correlation == 0
    assert reasons(asked, totals=totals(correlation=0.51), similarity=alike(0.41), concealed_ms=2400.0) == ()


@pytest.mark.parametrize(
    ("options", "changes", "words"),
    [
        (Options(max_distance_db=3), {"distance_db": 3.5}, "the spectra differ by 3.5 dB, at most 3 dB"),
        (Options(min_snr_db=31), {}, "the SNR is 30.0 dB, at least 31 dB"),
        (Options(min_snr_db=1), {"totals": totals(snr_db=None)}, "the SNR could not be measured"),
        (Options(), {"level_step_db": 6.0}, "steps by 6.0 dB within the recording, at most 4.5 dB may be"),
        (Options(max_level_step_db=1), {"level_step_db": 1.1}, "steps by 1.1 dB"),
        (Options(), {"drift_ppm": 501.0}, "drift by +501 ppm, at most 500 ppm"),
        (Options(max_drift_ppm=20), {"drift_ppm": -21.0}, "drift by -21 ppm, at most 20 ppm"),
        (Options(), {"totals": totals(level_db=-31.0)}, "changed by -31.0 dB, -30 to +20 dB"),
        (Options(), {"totals": totals(level_db=21.0)}, "changed by +21.0 dB"),
        (Options(level_db=(-1, 1)), {"totals": totals(level_db=2.0)}, "-1 to +1 dB are allowed"),
        (Options(), {"totals": Totals(None, None, None)}, "too weak to be measured"),
    ],
)
def test_quality_has_its_reasons(options: Options, changes: dict[str, Any], words: str) -> None:
    assert words in only(reasons(options, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"similarity": None},
        {"drift_ppm": None},
        {"level_step_db": None},
        {"distance_db": 50.0},
        {"totals": totals(snr_db=None)},
    ],
)
def test_unmeasured_values_are_no_fault(changes: dict[str, Any]) -> None:
    assert reasons(**changes) == ()


@pytest.mark.parametrize(
    ("arrived_ms", "active_ms", "faulty"),
    [(150, 150, False), (120, 250, True), (200, 250, False), (280, 4000, True), (300, 4000, False)],
)
def test_too_little_that_arrived_may_be_chance(arrived_ms: float, active_ms: float, faulty: bool) -> None:
    found = reasons(
        Options(max_missing_ms=1e6, max_edge_ms=1e6), arrived_ms=float(arrived_ms), active_ms=float(active_ms)
    )

    assert bool(found) is faulty
    assert not faulty or f"only {arrived_ms} of {active_ms} ms were recognised" in only(found)


def test_all_reasons_are_reported() -> None:
    found = reasons(
        gaps=(Gap(0.1, 500), Gap(4.0, 500), Gap(9.4, 500)),
        insertions=(Insertion(2.0, 500),),
        totals=totals(correlation=0.1, level_db=-40.0),
        similarity=alike(0.1),
        drift_ppm=900.0,
        level_step_db=9.0,
        concealed_ms=900.0,
    )

    assert len(found) == 10
    assert len(set(found)) == 10
