"""The E-model against figures that others published or computed, and what a call's counters make of it."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.audio.wav import AudioError
from media.quality.emodel import (
    CODECS,
    R_NARROWBAND,
    Band,
    Quality,
    burst_ratio,
    codec_of,
    delay_impairment,
    effective_impairment,
    mos,
    mos_wideband,
    quality,
)

DELAYS = st.floats(0, 2000)
LOSSES = st.floats(0, 100)


def call(codec: str = "PCMA", clock_rate: int = 8000, **others: Any) -> Quality:
    found = quality(codec, clock_rate, **{"expected": 1000, **others})
    assert found is not None
    return found


# ---- G.107


def test_the_default_connection_is_that_of_the_recommendation() -> None:
    assert round(R_NARROWBAND, 1) == 93.2  # G.107, 7.7
    assert round(mos(R_NARROWBAND), 2) == 4.41


@pytest.mark.parametrize(
    ("r", "score"),
    [
        (93.2, 4.41),
        (90, 4.34),
        (80, 4.02),
        (70, 3.60),
        (60, 3.10),
        (50, 2.58),
        (100, 4.5),
        (140, 4.5),
        (-3, 1.0),
    ],
)
def test_scores_of_annex_b(r: float, score: float) -> None:
    assert mos(r) == pytest.approx(score, abs=0.0051)  # 2.575 is printed as 2.58


def test_score_is_never_below_one() -> None:
    assert min(mos(r / 10) for r in range(-50, 100)) == 1.0
    assert mos(6.5) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("ms", "idd"), [(0, 0), (100, 0), (150, 0.16), (177.3, 1.17), (200, 3.04), (300, 14.76), (400, 24.07)]
)
def test_delay_impairment(ms: float, idd: float) -> None:
    assert delay_impairment(ms) == pytest.approx(idd, abs=0.006)
    assert delay_impairment(ms, Band.WIDEBAND) == pytest.approx(1.29 * delay_impairment(ms))


@pytest.mark.parametrize(
    ("ie", "bpl", "ppl", "burst", "expected"),
    [
        (0, 25.1, 0, 1, 0),
        (0, 25.1, 1, 1, 3.6398),
        (0, 25.1, 3, 1, 10.1423),
        (0, 25.1, 5, 1, 15.7807),
        (0, 25.1, 5, 2, 17.2101),
        (0, 4.3, 1, 1, 17.92),
        (0, 4.3, 2, 1, 30.16),
        (0, 4.3, 2, 2, 35.85),
        (11, 19, 2, 1, 19.0),
        (11, 19, 8, 1, 35.9),
        (5, 10, 5, 1, 35.0),
    ],
)
def test_loss(ie: float, bpl: float, ppl: float, burst: float, expected: float) -> None:
    assert effective_impairment(ie, bpl, ppl, burst) == pytest.approx(expected, abs=0.06)


def test_worked_example_of_a_lossy_path() -> None:
    """G.729A with VAD, 2 % loss, 150 ms one way: R is 93.2 - 19, and 0.16 less with the delay."""
    found = call("G729", lost=20, network_ms=125)
    assert found.r == pytest.approx(74.2, abs=0.05)
    assert found.mos_cq == pytest.approx(mos(found.r - delay_impairment(150)))


@settings(derandomize=True)
@given(DELAYS, DELAYS)
def test_more_delay_is_never_better(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert 0 <= delay_impairment(less) <= delay_impairment(more) + 1e-9


@settings(derandomize=True)
@given(LOSSES, LOSSES, st.floats(1, 8))
def test_more_loss_is_never_better(one: float, other: float, burst: float) -> None:
    less, more = sorted((one, other))
    for bpl in (4.3, 25.1):
        impairments = [effective_impairment(0, bpl, ppl, burst) for ppl in (less, more)]
        assert 0 <= impairments[0] <= impairments[1] + 1e-9
        assert impairments[1] >= effective_impairment(0, bpl, more) - 1e-9


@pytest.mark.parametrize("ms", [-1, math.nan, math.inf])
def test_a_delay_that_cannot_be(ms: float) -> None:
    with pytest.raises(AudioError, match=r"the one-way delay is \S+ ms; expected 0 ms or more"):
        delay_impairment(ms)


@pytest.mark.parametrize(
    ("lost", "bursts", "ratio"), [(0, 0, 1), (10, 10, 1), (10, 2, 4.5), (10, 1, 9), (50, 25, 1)]
)
def test_burst_ratio(lost: int, bursts: int, ratio: float) -> None:
    assert burst_ratio(100, lost, bursts) == pytest.approx(ratio)


# ---- wideband


@pytest.mark.parametrize(("r", "score"), [(129, 4.5), (116.1, 4.339), (64.5, 2.575), (0, 1), (200, 4.5)])
def test_scores_of_a_wideband_rating(r: float, score: float) -> None:
    assert mos_wideband(r) == pytest.approx(score, abs=1e-6)


def test_g722() -> None:
    for clock_rate in (8000, 16000):
        found = call("G722", clock_rate, network_ms=20)
        assert (found.band, found.r) == (Band.WIDEBAND, 116)
        assert found.mos_lq == pytest.approx(4.3371, abs=1e-4)
        assert found.mos_cq == found.mos_lq


def test_wideband_delay_counts_129_hundredths() -> None:
    found = call("L16", 16000, network_ms=180, ptime_ms=20)
    assert found.mos_cq == pytest.approx(mos_wideband(129 - 3.927294), abs=1e-6)


def test_a_clean_narrowband_rating_on_the_wideband_scale() -> None:
    assert round(mos_wideband(R_NARROWBAND), 2) == 3.70


# ---- codecs


@pytest.mark.parametrize(
    ("name", "clock_rate", "ie", "bpl"),
    [
        ("PCMU", 8000, 0, 25.1),
        ("PCMA", 8000, 0, 25.1),
        ("G729", 8000, 11, 19.0),
        ("GSM-EFR", 8000, 5, 10.0),
        ("GSM", 8000, 20, None),
        ("G726-32", 8000, 7, None),
        ("G722", 16000, 13, None),
        ("L16", 8000, 0, None),
    ],
)
def test_published_figures(name: str, clock_rate: int, ie: float, bpl: float | None) -> None:
    for spelling in (name, name.lower()):
        found = codec_of(spelling, clock_rate)
        assert found is not None
        assert (found.ie, found.bpl) == (ie, bpl)


@pytest.mark.parametrize(
    ("name", "clock_rate"),
    [
        ("iLBC", 8000),
        ("speex", 8000),
        ("speex", 16000),
        ("opus", 48000),
        ("AMR", 8000),
        ("L16", 44100),
        ("", 0),
    ],
)
def test_codecs_without_published_figures_have_no_quality(name: str, clock_rate: int) -> None:
    assert codec_of(name, clock_rate) is None
    assert quality(name, clock_rate, expected=100, network_ms=10) is None


@pytest.mark.parametrize("key", CODECS)
def test_every_codec_can_be_rated(key: tuple[str, int]) -> None:
    found = call(*key, network_ms=10)
    assert 2 < found.mos_lq <= 4.5
    assert found.mos_cq == found.mos_lq
    assert found.loss_pct == 0


# ---- a call's counters


def test_clean_g711() -> None:
    found = call("PCMA", network_ms=0.1)
    assert round(found.mos_lq, 2) == round(found.mos_cq or 0, 2) == 4.41
    assert round(found.r, 1) == 93.2
    assert found.band is Band.NARROWBAND


@pytest.mark.parametrize(
    ("lost", "discarded", "mos_lq"),
    [(10, 0, 4.33), (0, 10, 4.33), (25, 25, 3.92), (50, 0, 3.92), (30, 0, 4.13)],
)
def test_lost_and_late_packets_count_alike(lost: int, discarded: int, mos_lq: float) -> None:
    found = call(lost=lost, discarded=discarded)
    assert found.mos_lq == pytest.approx(mos_lq, abs=0.006)
    assert found.loss_pct == (lost + discarded) / 10


def test_concealment_helps() -> None:
    bare, bursty = call(lost=20, concealed=False), call(lost=20, burst_r=2)
    assert bare.r == pytest.approx(93.206 - 30.159, abs=0.01)
    assert bare.mos_lq < bursty.mos_lq < call(lost=20).mos_lq


def test_delay_counts_in_conversation_only() -> None:
    near, far = call(network_ms=10), call(network_ms=230)
    assert near.mos_lq == far.mos_lq == near.mos_cq
    assert far.mos_cq == pytest.approx(mos(93.206 - 8.9167), abs=1e-4)  # 230 ms and a packet


def test_everything_on_the_way_is_delay() -> None:
    whole = call("G729", network_ms=150, ptime_ms=40, jitter_buffer_ms=60).mos_cq
    assert whole == pytest.approx(mos(82.206 - delay_impairment(255)), abs=1e-4)


def test_unknown_delay_leaves_the_conversation_open() -> None:
    assert call().mos_cq is None
    assert call().mos_lq > 4.4


@pytest.mark.parametrize("codec", ["GSM", "G722", "G726-32"])
def test_no_rating_of_a_codec_without_loss_data(codec: str) -> None:
    assert quality(codec, 8000, expected=100) is not None
    assert quality(codec, 8000, expected=100, lost=1) is None
    assert quality(codec, 8000, expected=100, discarded=1) is None


@pytest.mark.parametrize("expected", [0, 10])
def test_nothing_received_has_no_quality(expected: int) -> None:
    assert quality("PCMU", 8000, expected=expected, lost=expected) is None


def test_more_discarded_than_sent_is_no_more_than_all() -> None:
    assert call(discarded=5000).loss_pct == 100
    assert 1 <= call(discarded=5000).mos_lq < 1.3


@pytest.mark.parametrize("wrong", [{"expected": -1}, {"lost": -1}, {"discarded": -1}, {"lost": 1001}])
def test_impossible_counts(wrong: dict[str, Any]) -> None:
    with pytest.raises(AudioError, match="cannot be right"):
        quality("PCMA", 8000, **{"expected": 1000, **wrong})


def test_a_negative_delay_is_refused() -> None:
    with pytest.raises(AudioError, match="the one-way delay is -80 ms"):
        call(network_ms=-100)


@settings(derandomize=True)
@given(st.integers(1, 10**7), LOSSES, LOSSES, st.floats(0, 1e5))
def test_any_call_is_rated(expected: int, lost_pct: float, late_pct: float, ms: float) -> None:
    lost, late = int(expected * lost_pct / 100), int(expected * late_pct / 100)
    found = quality("PCMU", 8000, expected=expected, lost=lost, discarded=late, network_ms=ms)
    if lost == expected:
        assert found is None
        return
    assert found is not None
    assert found.mos_cq is not None
    assert 1 <= found.mos_cq <= found.mos_lq <= 4.41
