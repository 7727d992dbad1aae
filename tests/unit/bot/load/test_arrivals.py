"""When the calls of a load begin."""

from __future__ import annotations

import itertools
import statistics
from typing import Literal

import pytest

from bot.load.arrivals import Arrivals, AtRate, Due, OneAfterAnother, Part, Stage

NOW = 1000.0


def times(arrivals: Arrivals, count: int) -> list[float]:
    """When the first calls are due, if a line is always free."""
    arrivals.begin(NOW)
    found = []
    now = NOW
    for _ in range(count):
        due = arrivals.take(0, now)
        if due is None:
            break
        found.append(due.at - NOW)
        now = max(now, due.at)
    return found


def test_a_constant_rate() -> None:
    assert times(AtRate([Stage(50, 0)], calls=5), 9) == pytest.approx([0, 0.02, 0.04, 0.06, 0.08])


def test_a_poisson_process_has_exponential_gaps() -> None:
    found = times(AtRate([Stage(50, 0)], pattern="poisson", seed=1), 20_000)
    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert statistics.mean(gaps) == pytest.approx(0.02, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(0.02, rel=0.03)
    assert sum(gap > 0.02 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)


def test_the_rate_grows_in_a_ramp() -> None:
    found = times(AtRate([Stage(100, 0, 4)], ramp_s=2.0), 1000)
    assert sum(one < 1.0 for one in found) == pytest.approx(25, abs=2), "a quarter of what the ramp has"
    assert sum(one < 2.0 for one in found) == pytest.approx(100, abs=2)
    assert sum(2.0 <= one < 4.0 for one in found) == pytest.approx(200, abs=2)


def test_steps_raise_the_rate() -> None:
    arrivals = AtRate([Stage(10, 0, 1), Stage(20, 1, 2)])
    arrivals.begin(NOW)
    due = [arrivals.take(0, NOW) for _ in range(40)]
    stages = [one.stage for one in due if one is not None]
    assert (stages.count(0), stages.count(1), due[-1]) == (10, 20, None)


def test_a_time_without_a_free_line_is_missed_and_not_made_up_for() -> None:
    arrivals = AtRate([Stage(10, 0)])
    arrivals.begin(NOW)
    first = arrivals.take(0, NOW)
    later = arrivals.take(0, NOW + 1.0)
    assert first is not None
    assert later is not None
    assert (first.number, later.number, round(later.at - NOW, 6)) == (1, 2, 0.8)
    assert arrivals.missed == 7


def test_the_end_of_the_time_and_a_stop() -> None:
    assert len(times(AtRate([Stage(10, 0, 1)]), 100)) == 10
    arrivals = AtRate([Stage(10, 0)])
    arrivals.begin(NOW)
    arrivals.stop()
    assert arrivals.take(0, NOW) is None


def test_lines_one_after_another() -> None:
    arrivals = OneAfterAnother([Stage(4, 0)], calls=6, ramp_s=2.0)
    arrivals.begin(NOW)
    first = [arrivals.take(line, NOW) for line in range(4)]
    assert [one.at - NOW for one in first if one] == pytest.approx([0, 0.5, 1.0, 1.5])
    again = arrivals.take(2, NOW + 7)
    assert again is not None
    assert again.at - NOW == pytest.approx(7), "at once after the earlier call"
    soon = arrivals.take(2, NOW + 7.1)
    assert soon is not None
    assert soon.at - NOW == pytest.approx(7.5), "a refused call is not repeated at once"
    assert arrivals.take(0, NOW + 9) is None


def test_steps_of_concurrent_calls() -> None:
    arrivals = OneAfterAnother([Stage(2, 0, 10), Stage(4, 10, 20)])
    arrivals.begin(NOW)
    found = [arrivals.take(line, NOW) for line in range(5)]
    assert [one and (one.stage, round(one.at - NOW, 2)) for one in found] == [
        (0, 0),
        (0, 0.05),
        (1, 10),
        (1, 10.05),
        None,
    ]


@pytest.mark.parametrize("pattern", ["constant", "poisson"])
def test_machines_share_a_schedule(pattern: Literal["constant", "poisson"]) -> None:
    def due(part: Part) -> list[Due]:
        arrivals = AtRate([Stage(50, 0)], pattern=pattern, seed=7, calls=31, ramp_s=0.3, part=part)
        arrivals.begin(NOW)
        return [one for _ in range(40) if (one := arrivals.take(0, NOW)) is not None]

    shares = [due(Part(index, 3)) for index in range(3)]
    together = sorted((one for share in shares for one in share), key=lambda one: one.number)
    assert together == due(Part())
    assert [len(share) for share in shares] == [11, 10, 10]


def test_a_machine_misses_its_own_times_only() -> None:
    arrivals = AtRate([Stage(10, 0)], part=Part(1, 2))
    arrivals.begin(NOW)
    arrivals.take(0, NOW + 2.05)
    assert arrivals.missed == 9, "0.1, 0.3 ... 1.7 s; what was due 0.25 s ago is placed"


def test_machines_share_the_lines_of_a_closed_model() -> None:
    whole, parts = OneAfterAnother([Stage(5, 0)], ramp_s=1.0), [Part(0, 2), Part(1, 2)]
    shares = [OneAfterAnother([Stage(5, 0)], ramp_s=1.0, calls=7, part=part) for part in parts]
    for each in (whole, *shares):
        each.begin(NOW)
    for part, share in zip(parts, shares, strict=True):
        for own in range(part.share(5)):
            line = part.place(own)
            due, expected = share.take(line, NOW), whole.take(line, NOW)
            assert due is not None
            assert expected is not None
            assert due.at == expected.at
    numbers = [
        one.number for share in shares for _ in range(4) if (one := share.take(0, NOW + 9)) is not None
    ]
    assert sorted(numbers) == [6, 7], "three and two were taken before"
