"""How late a sleeping process is woken. On a busy machine the packets of every peer come late."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.programs import Program

__all__ = ["Lateness"]

LATE_S = 0.04
STEP_S = 0.01
WATCH = f"""
import time
while True:
    due = time.monotonic() + {STEP_S}
    time.sleep({STEP_S})
    late = time.monotonic() - due
    if late > {LATE_S}:
        print(time.monotonic(), late, flush=True)
"""


class Lateness:
    """A process that watches for moments in which it was woken more than 40 ms late."""

    def __enter__(self) -> Self:
        self._program = Program([sys.executable, "-c", WATCH], folder=Path())
        self._program.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.__exit__(kind, error, trace)

    def since(self, begun: float) -> float:
        """The longest lateness since then (s of the monotonic clock), in seconds; 0 when never late."""
        moments = [tuple(map(float, line.split())) for line in self._program.output.splitlines()]
        return max((late for at, late in moments if at >= begun), default=0.0)

    @staticmethod
    def now() -> float:
        """The clock that ``since`` takes."""
        return time.monotonic()
