from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from bot.garbage import set_modules_aside


@pytest.fixture(autouse=True)
def thaw() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_exists_is_not_looked_at_again_and_what_comes_later_is() -> None:
    set_modules_aside()
    assert gc.get_freeze_count() > len(gc.get_objects())
    ring: list[object] = []
    ring.append(ring)
    assert any(one is ring for one in gc.get_objects())
