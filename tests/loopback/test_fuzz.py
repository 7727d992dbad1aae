"""The quick form of ``make fuzz``: some mutated messages, and no death."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz.attack import Attack, Callee, Caller
from tests.fuzz.campaign import campaign
from tests.fuzz.streams import Framing, Media


@pytest.mark.parametrize(("kind", "count"), [(Callee, 600), (Caller, 150), (Media, 1000), (Framing, 200)])
def test_no_death(kind: type[Attack], count: int, tmp_path: Path) -> None:
    result = campaign(kind, count, Random(f"quick {kind.__name__}"), tmp_path)
    assert not result.deaths
    assert not result.failures
    assert result.calls or kind is Framing
    assert result.sent >= count
