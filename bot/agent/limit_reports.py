"""Reports of limits that were reached: the first of each at once, then their number twice a second.

A flood of messages must not become a flood of reports.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.agent.loop import Loop
from bot.ipc import LimitReached, Wired

__all__ = ["LimitReports"]

EVERY_S = 0.5


class LimitReports:
    """Counts by rule; every case is in exactly one report."""

    def __init__(self, loop: Loop, report: Callable[[Wired], None]) -> None:
        self._loop = loop
        self._report = report
        self._waiting: dict[str, tuple[str, str, int]] = {}
        self._timed: set[str] = set()

    def reached(self, rule: str, peer: str, why: str, call: int | None = None) -> None:
        """A limit was reached by a peer, ``host:port``; ``call`` was ended for it."""
        if call is not None or rule not in self._timed:
            self._tell(rule, peer, why, 1, call)
        else:
            _, _, count = self._waiting.get(rule, ("", "", 0))
            self._waiting[rule] = peer, why, count + 1
        if rule not in self._timed:
            self._timed.add(rule)
            self._loop.after(EVERY_S, lambda: self._again(rule))

    def flush(self) -> None:
        """Report the counts that were not reported."""
        for rule in list(self._waiting):
            self._tell(rule, *self._waiting.pop(rule))

    def _again(self, rule: str) -> None:
        waiting = self._waiting.pop(rule, None)
        if waiting is None:
            self._timed.discard(rule)
            return
        self._tell(rule, *waiting)
        self._loop.after(EVERY_S, lambda: self._again(rule))

    def _tell(self, rule: str, peer: str, why: str, count: int, call: int | None = None) -> None:
        self._report(LimitReached(at=time.monotonic(), rule=rule, peer=peer, why=why, count=count, call=call))
