"""The quick form of ``make soak``: seconds of calls with a crash among them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.soak import Soak

SECONDS = 12.0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted on Linux")
def test_no_result_is_lost_beside_a_crash(tmp_path: Path) -> None:
    soak = Soak(SECONDS / 60, crash_every_s=SECONDS, flood_every_s=SECONDS)
    soak.run(tmp_path)
    assert soak.findings == []
    assert {what.partition(" ")[0] for _, _, what in soak.disturbances} == {"crash", "flood"}
    assert soak.placed
    assert soak.table().row_count > 0
