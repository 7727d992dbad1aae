"""Waits for the counters of a running call, which the library does not report itself."""

from __future__ import annotations

from collections.abc import Callable

from bot import Call, expect
from bot.deadline import Deadline
from bot.model import StreamStats

__all__ = ["counted", "measured", "more_packets"]

LOOK_EVERY_S = 0.2


def measured(call: Call, holds: Callable[[StreamStats], bool], patience: float = 15.0) -> StreamStats:
    """The figures of a call once something holds of them; RTCP comes about every 5 s (RFC 3550 6.2)."""
    deadline = Deadline(patience)
    while not deadline.passed:
        call.measure()
        stats = call.facts.stats(0)
        if stats is not None and holds(stats):
            return stats
        call.endpoint.wait_until(lambda: False, Deadline(LOOK_EVERY_S))
    raise AssertionError(f"{call}: not so within {patience:g} s: {call.facts.stats(0)}")


def counted(call: Call) -> StreamStats:
    """The figures of a running call until now."""
    call.measure()
    stats = call.facts.stats(0)
    assert stats is not None
    return stats


def more_packets(*calls: Call, at_least: int = 10) -> None:
    """RTP arrives at each, past what was counted so far; what cannot be authenticated is not counted."""
    before = [counted(call).rx.packets for call in calls]
    for call, packets in zip(calls, before, strict=True):
        expect(call).to_have_received_packets(at_least=packets + at_least)
