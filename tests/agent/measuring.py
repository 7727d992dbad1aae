"""Waits for the figures of a running call, which the library counts and tells nobody of."""

from __future__ import annotations

from collections.abc import Callable

from bot import Call
from bot.deadline import Deadline
from bot.model import StreamStats

__all__ = ["measured"]

LOOK_EVERY_S = 0.2


def measured(call: Call, holds: Callable[[StreamStats], bool], patience: float = 15.0) -> StreamStats:
    """The figures of a call once something holds of them; RTCP comes about every 5 s (RFC 3550 6.2)."""
    deadline = Deadline(patience)
    while not deadline.passed:
        call.measure()
        stats = call.known.stats(0)
        if stats is not None and holds(stats):
            return stats
        call.host.wait_until(lambda: False, Deadline(LOOK_EVERY_S))
    raise AssertionError(f"{call}: not so within {patience:g} s: {call.known.stats(0)}")
