"""What a load consists of, as options say it."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pytest

from bot.errors import ConfigError
from bot.load.plan import Length, Plan, Steps, percentage


@pytest.mark.parametrize(("text", "least", "most"), [("8", 8, 8), ("2.5-10", 2.5, 10), ("exp:30", 0, 150)])
def test_lengths(text: str, least: float, most: float) -> None:
    length = Length.parse(text)
    source = random.Random(1)
    drawn = [length.draw(source) for _ in range(2000)]
    assert least <= min(drawn)
    assert max(drawn) <= most
    assert statistics.mean(drawn) == pytest.approx(length.usual_s, rel=0.1)


@pytest.mark.parametrize("text", ["", "x", "-1", "10-5", "exp:", "exp:0", "1-2-3"])
def test_a_wrong_length(text: str) -> None:
    with pytest.raises(ConfigError, match="expected seconds such as 8, 5-10 or exp:30"):
        Length.parse(text)


def test_steps() -> None:
    stages = Steps.parse("10:40:10/30s").stages
    assert [(one.target, one.begin_s, one.end_s) for one in stages] == [
        (10, 0, 30),
        (20, 30, 60),
        (30, 60, 90),
        (40, 90, 120),
    ]
    assert Steps.parse("1:1.3:0.1/5").stages[-1].target == pytest.approx(1.3)


@pytest.mark.parametrize("text", ["10:200:10", "200:10:10/30", "0:10:1/5", "10:20:0/5", "a:b:c/d"])
def test_wrong_steps(text: str) -> None:
    with pytest.raises(ConfigError, match="expected FROM:TO:BY/SECONDS"):
        Steps.parse(text)


@pytest.mark.parametrize(("text", "share"), [("0.1%", 0.001), ("50", 0.5), ("100%", 1.0), ("0%", 0.0)])
def test_percentages(text: str, share: float) -> None:
    assert percentage(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "x%", "101%", "-1%"])
def test_wrong_percentages(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a percentage"):
        percentage(text)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"steps": Steps.parse("1:2:1/1"), "rate": 1.0}, "remove --rate"),
        ({"steps": Steps.parse("1:2:1/1"), "calls": 1}, "remove --calls and --for"),
        ({"pattern": "poisson"}, "add --rate R"),
        ({"rate": 1000.0, "seconds": 60.0, "length": Length.parse("60")}, "too many for one machine"),
    ],
)
def test_contradictions(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Plan(**options)


def test_lines_suffice_for_the_rate() -> None:
    assert Plan(rate=10.0, seconds=60.0, length=Length.parse("8")).lines == 121
    assert Plan(rate=10.0, seconds=60.0, length=Length.parse("8"), pattern="poisson").lines > 140
    assert Plan(rate=10.0, seconds=60.0, concurrency=50).lines == 50
    assert Plan(rate=10.0, calls=5).lines == 5, "no more than there are calls"
    assert Plan(concurrency=30).lines == 30


def test_without_an_end_there_is_one_all_the_same() -> None:
    assert Plan(concurrency=30).most_calls == 30
    assert Plan(rate=2.0).most_calls == 100
    assert Plan(rate=2.0, seconds=5.0).most_calls is None
