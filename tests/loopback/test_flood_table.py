"""The quick form of ``make flood``: a short flood of each kind leaves srtpbot and its call whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.attacks import ATTACKS
from tests.bench.flood import attacked, table

SECONDS, RATE = 1.0, 500.0


@pytest.mark.skipif(sys.platform != "linux", reason="the stranger has an address of 127.0.0.0/8")
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_flood_harms_no_call(attack: str, tmp_path: Path) -> None:
    outcome = attacked("srtpbot", attack, SECONDS, RATE, tmp_path)
    assert outcome.sent > 0
    assert outcome.survived
    assert not outcome.replaced
    assert outcome.received is not None
    assert (outcome.lost, outcome.audio) == (0, True)
    assert outcome.after_s is not None
    assert table([outcome], SECONDS, RATE).row_count == 1
