"""Our own limits: the processors of this machine. Without /proc (other systems) nothing is measured."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["FULL", "Processors"]

IDLE = (3, 4)
"""Columns of proc_stat(5): idle, and waiting for a disk."""
FULL = 0.97
"""From this share of use on, processes wait for a processor."""


class Processors:
    """How busy the processors are: with everything, and with this process and its children alone."""

    def __init__(self) -> None:
        self.count = os.cpu_count() or 1
        self.full_s = 0.0
        """How long they were full so far."""
        self.mean: float | None = None
        """Mean use, 0 to 1."""
        self.latest: float | None = None
        """Use between the last two calls of ``use``, 0 to 1."""
        self.own: float | None = None
        """Share of the processors that this process and its children used in the last second, 0 to 1."""
        self._total = self._busy = 0.0
        self._before = _ticks()
        self._own_before = _ticks_of_family()
        self._at = time.monotonic()

    def use(self) -> float | None:
        """Share in use since the last call, 0 to 1."""
        before, self._before = self._before, _ticks()
        own_before, self._own_before = self._own_before, _ticks_of_family()
        since, self._at = time.monotonic() - self._at, time.monotonic()
        if before is None or self._before is None:
            return None
        total, idle = (after - earlier for after, earlier in zip(self._before, before, strict=True))
        if total <= 0:
            return None
        self._total, self._busy = self._total + total, self._busy + total - idle
        self.mean = round(self._busy / self._total, 3)
        self.own = round(min(1.0, max(0.0, (self._own_before - own_before) / total)), 3)
        used = 1 - idle / total
        self.full_s += since if used >= FULL else 0.0
        self.latest = round(used, 3)
        return self.latest


def _ticks() -> tuple[float, float] | None:
    """Clock ticks of all processors since the boot, and those of them that were idle."""
    try:
        columns = [int(number) for number in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    return float(sum(columns)), float(sum(columns[place] for place in IDLE if place < len(columns)))


def _ticks_of_family() -> float:
    """Clock ticks of this process, its children, and theirs; those of ended ones are their parent's."""
    parents: dict[int, int] = {}
    ticks: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            columns = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        number = int(path.parent.name)
        parents[number] = int(columns[1])
        ticks[number] = sum(map(int, columns[11:15]))  # proc_pid_stat(5): utime, stime, cutime, cstime
    family = {os.getpid()}
    while more := {one for one, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(ticks.get(one, 0.0) for one in family)
