"""The page of a load: axes with round ends."""

from __future__ import annotations

import pytest

from bot.load.page import charts, round_above
from bot.load.tally import Sample


@pytest.mark.parametrize(
    ("value", "end"), [(0, 1), (0.3, 0.5), (1, 1), (1.2, 2), (6, 10), (10, 10), (41, 50), (1160, 2000)]
)
def test_an_axis_ends_at_a_round_number(value: float, end: float) -> None:
    assert round_above(value) == pytest.approx(end)


def test_axes_and_curves() -> None:
    samples = [Sample(at_s=second, started=6, setup_ms=310.0, mos=4.4, cpu=0.5) for second in (1.0, 2.0)]
    found = {chart.title: chart for chart in charts(samples)}
    assert found["Setup, 95th percentile"].ticks == ("0", "250", "500 ms")
    assert found["MOS"].ticks == ("1", "3", "5")
    assert [curve.name for curve in found["Calls per second"].curves] == ["began", "ended"]
    assert found["Processors of this machine"].curves[0].points == ["0.00,20.00 100.00,20.00"]
