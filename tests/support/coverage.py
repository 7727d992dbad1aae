"""How many of the equivalent cases a test tries: a few in ``make test``, every one in ``make test-all``."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any, TypeVar

__all__ = ["combined", "seeds"]

EVERY_ONE = bool(os.environ.get("SRTPBOT_TEST_ALL"))
Item = TypeVar("Item")


def seeds(*every: Item, first: int = 1) -> list[Item]:
    """The first of these seeds, or every one."""
    return list(every if EVERY_ONE else every[:first])


def combined(*dimensions: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Every value of every dimension, with other values of the rest each time; or every combination.

    The longest dimension has to come first.
    """
    if EVERY_ONE:
        return list(itertools.product(*dimensions))
    longest, *others = dimensions
    return [
        (value, *(other[(place + place // len(other)) % len(other)] for other in others))
        for place, value in enumerate(longest)
    ]
