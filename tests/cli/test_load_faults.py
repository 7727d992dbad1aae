"""``srtpbot load`` among good and bad peers: exactly the bad calls fail, each for its own cause."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.load.detail import NO_BYE, TIMELY
from tests.bench.bad_calls import Judged, judged, placed
from tests.bench.faults import FAULTS, Fault, Peers

pytestmark = pytest.mark.timeout(300)
END_S = 200.0
"""A loaded machine starts agents slowly; a wait proves no speed."""
GOOD = 4
WHEN_STARVED = {*TIMELY, "no answer", "agent"}
"""What happens to good calls when the echo begins a second late."""


def test_exactly_the_bad_calls_fail_each_with_its_cause(tmp_path: Path) -> None:
    bad = [fault for fault in FAULTS if NO_BYE not in fault.causes]  # it takes 5 s more: make bad-calls
    faults: list[Fault | None] = [*bad, *[None] * GOOD]
    with Peers(len(faults), patience=END_S) as peers:
        at_once = ("--concurrency", len(faults), "--length", 2.5, "--keep", "none")
        bot = placed(tmp_path, peers, faults, *at_once, lasts_s=END_S)
    found = judged(tmp_path, faults)
    assert len(found) == len(faults), bot.said
    wrong = [one for one in found if not one.is_right]
    if json.loads((tmp_path / "out" / "result.json").read_text())["own"]["cpu_full_s"]:
        wrong = [one for one in wrong if not is_explained(one)]
    assert not wrong, f"{wrong}\n{bot.said}"
    assert not list((tmp_path / "out" / "calls").glob("*/*")), "nothing is kept"


def is_explained(one: Judged) -> bool:
    """Whether a machine without a free processor explains that; a bad call never passes."""
    return one.verdict != "pass" and (one.fault is not None or one.cause in WHEN_STARVED)
