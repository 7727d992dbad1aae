"""The figures of a load, its thresholds, and whose limit they show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.load.detail import CallDetail, Columns
from bot.load.page import charts
from bot.load.plan import Limits
from bot.load.tally import Sample, Tally, percentile
from bot.load.thresholds import checks, limited_by

STARTED = datetime(2026, 1, 31, 12, tzinfo=UTC)


def detail(number: int = 1, **facts: Any) -> CallDetail:
    return CallDetail(number=number, started=STARTED, at_s=0.0, **facts)


def tally(*details: CallDetail) -> Tally:
    counted = Tally(2)
    for one in details:
        counted.placed(one.stage)
        counted.add(one)
    return counted


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.95) == 7.0
    assert percentile([], 0.95) is None


def test_figures() -> None:
    counted = tally(
        detail(1, setup_ms=10.0, mos=4.4, rx_packets=90, rx_lost=10, tx_lost=0, markers_sent="1 2"),
        detail(2, setup_ms=30.0, mos=4.0, verdict="fail", cause="486 Busy Here", why="busy"),
        detail(3, verdict="ours", cause="no free slot", why="all taken"),
        detail(4, verdict="ended", stage=1),
    )
    figures = counted.figures()
    assert (figures.placed, figures.passed, figures.failed, figures.ours, figures.ended) == (4, 1, 1, 1, 1)
    assert (figures.failure_rate, figures.verified) == (0.5, 1)
    assert (figures.setup_p50_ms, figures.setup_p95_ms, figures.mos_mean) == (10, 30, 4.2)
    assert figures.loss == pytest.approx(10 / 190), "of both directions"
    assert [(one.cause, one.calls, one.ours) for one in counted.causes()] == [
        ("486 Busy Here", 1, False),
        ("no free slot", 1, True),
    ]
    assert counted.figures(1).placed == 1
    assert counted.unfinished(1) == 0


def test_a_step_has_causes_of_its_own() -> None:
    counted = tally(
        detail(1, verdict="fail", cause="audio missing", why="240 ms"),
        detail(2, verdict="fail", cause="503 Service Unavailable", why="503", stage=1),
        detail(3, verdict="fail", cause="503 Service Unavailable", why="503", stage=1),
    )
    assert [(one.cause, one.calls) for one in counted.causes()] == [
        ("503 Service Unavailable", 2),
        ("audio missing", 1),
    ]
    assert [(one.cause, one.calls) for one in counted.causes(0)] == [("audio missing", 1)]
    assert [(one.cause, one.calls) for one in counted.causes(1)] == [("503 Service Unavailable", 2)]


def test_a_second_has_what_happened_in_it() -> None:
    counted = tally(detail(1, setup_ms=10.0, mos=4.4))
    first = counted.sample(1.0, target=5.0, up=3, missed=0, cpu=0.5)
    assert (first.started, first.finished, first.setup_ms, first.mos) == (1, 1, 10, 4.4)
    second = counted.sample(2.0, target=5.0, up=3, missed=0, cpu=0.5)
    assert (second.started, second.finished, second.setup_ms, second.mos) == (0, 0, None, None)


def test_thresholds() -> None:
    counted = tally(
        detail(1, setup_ms=100.0, mos=4.4, rx_packets=100, rx_lost=1),
        detail(2, setup_ms=300.0, mos=4.2, rx_packets=100, rx_lost=0),
    )
    limits = Limits(max_failures=0.0, p95_setup_ms=200.0, min_mos=4.0, max_loss=0.01)
    found = {check.name: check for check in checks(limits, counted.figures())}
    assert [name for name, check in found.items() if not check.held] == ["setup time, 95th percentile"]
    assert found["setup time, 95th percentile"].observed == "300 ms"
    assert found["packet loss"].observed == "0.498%"


def test_what_was_not_measured_does_not_hold() -> None:
    limits = Limits(p95_setup_ms=200.0, min_mos=4.0, max_loss=0.01)
    assert [check.held for check in checks(limits, Tally().figures())] == [False] * 4


def broken(*causes: str) -> list[Any]:
    counted = tally(*(detail(verdict="fail", cause=cause, why=cause) for cause in causes))
    return checks(Limits(), counted.figures(), counted.causes())


@pytest.mark.parametrize(
    ("causes", "is_ours"),
    [
        (["audio missing", "gap"], True),
        (["silence", "marker not heard"], True),
        (["audio missing", "486 Busy Here"], False),
        (["wrong marker"], False),
    ],
)
def test_a_busy_machine_explains_late_audio_alone(causes: list[str], is_ours: bool) -> None:
    reasons = limited_by(
        tally(detail()).figures(), missed=0, late=0, full_s=9.0, seconds=10.0, broken=broken(*causes)
    )
    assert bool(reasons) is is_ours


def test_a_machine_with_room_explains_nothing() -> None:
    figures = tally(detail()).figures()
    assert not limited_by(figures, missed=0, late=0, full_s=1.0, seconds=10.0, broken=broken("gap"))


def test_calls_that_were_not_placed_are_our_limit() -> None:
    figures = tally(*(detail(number) for number in range(98))).figures()
    [reason] = limited_by(figures, missed=2, late=0, full_s=0.0, seconds=10.0, broken=[])
    assert reason.startswith("2 of 100 calls were not placed")
    lost = tally(detail(verdict="ours", cause="agent died", why="it died")).figures()
    assert limited_by(lost, missed=0, late=0, full_s=0.0, seconds=1.0, broken=[]) == [
        "1 calls failed on this side"
    ]


def test_the_first_failure_is_the_cause() -> None:
    one = detail()
    one.fail("encryption", "no SRTP")
    one.fail("silence", "nothing was heard")
    assert (one.verdict, one.cause, one.why) == ("fail", "encryption", "no SRTP; nothing was heard")


def test_a_cause_that_a_busy_machine_explains_gives_way() -> None:
    one = detail()
    one.fail("gap", "no packet for 600 ms")
    one.fail("silence", "all was silent")
    one.fail("audio missing", "240 ms")
    assert (one.cause, one.why) == ("silence", "no packet for 600 ms; all was silent; 240 ms")
    one.fail("wrong marker", "another call's")
    assert one.cause == "wrong marker"


def test_a_line_of_the_file_is_no_formula() -> None:
    line = Columns.line(detail(reason='=HYPERLINK("http://example")', why="a, b"))
    assert "\"'=HYPERLINK(" in line
    assert '"a, b"' in line
    assert Columns.head().startswith("number,stage,started,")
    assert Columns.head().count(",") == line.replace('"a, b"', "").count(",")


def test_a_curve_is_divided_where_nothing_was_measured() -> None:
    samples = [
        Sample(at_s=second, up=second, setup_ms=None if second == 3 else 10.0) for second in range(1, 7)
    ]
    by_title = {chart.title: chart for chart in charts(samples)}
    assert len(by_title["Setup, 95th percentile"].curves[0].points) == 2
    assert by_title["Calls up"].curves[0].points[0].endswith("100.00,16.00"), "6 of 10"
    assert not list(charts(samples[:1]))
