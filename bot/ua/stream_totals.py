"""Counters of the consecutive RTP streams of an m= line, added up."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from bot.model import ForeignPackets, RtpCounters, StreamChange, StreamStats

__all__ = ["added"]

Number = TypeVar("Number", int, float)
MOST_SOURCES = 16
"""Largest number of foreign sources that are reported of a call."""


def added(parts: list[StreamStats]) -> StreamStats:
    """Totals of consecutive streams: sums, the largest maximum, means weighted by packets."""
    rtts = [part.rtt_ms for part in parts if part.rtt_ms is not None]
    delays = [(part.jitter_buffer_ms, part.rx.packets) for part in parts if part.jitter_buffer_ms is not None]
    weight = sum(packets for _, packets in delays)
    return StreamStats(
        rx=added_counters([part.rx for part in parts]),
        tx=added_counters([part.tx for part in parts]),
        rtt_ms=rtts[-1] if rtts else None,
        jitter_buffer_ms=sum(delay * packets for delay, packets in delays) / weight if weight else None,
    )


def added_counters(parts: list[RtpCounters]) -> RtpCounters:
    """Totals of one direction."""
    jitters = [(part.jitter_ms_mean, part.packets) for part in parts if part.jitter_ms_mean is not None]
    weight = sum(packets for _, packets in jitters)
    gaps = [part.longest_gap_ms for part in parts if part.longest_gap_ms is not None]
    peaks = [part.jitter_ms_max for part in parts if part.jitter_ms_max is not None]
    return RtpCounters(
        packets=sum(part.packets for part in parts),
        bytes=sum(part.bytes for part in parts),
        lost=total(part.lost for part in parts),
        discarded=total(part.discarded for part in parts),
        reordered=total(part.reordered for part in parts),
        duplicate=total(part.duplicate for part in parts),
        jitter_ms_mean=sum(mean * packets for mean, packets in jitters) / weight if weight else None,
        jitter_ms_max=max(peaks, default=None),
        loss_events=total(part.loss_events for part in parts),
        refused=tallied([part.refused for part in parts]),
        foreign=foreign_of(parts),
        changes=changes_of(parts),
        more_changes=total(part.more_changes for part in parts),
        packet_ms=next((part.packet_ms for part in reversed(parts) if part.packet_ms), None),
        longest_gap_ms=max(gaps, default=None),
        paused_ms=total(part.paused_ms for part in parts),
        silent=all_silent(parts),
        unoffered_digits=joined([part.unoffered_digits for part in parts]),
    )


def tallied(parts: list[dict[str, int] | None]) -> dict[str, int] | None:
    """Sums of the counters by name; None when no stream has them."""
    measured = [part for part in parts if part is not None]
    return dict(sum(map(Counter, measured), Counter())) if measured else None


def foreign_of(parts: list[RtpCounters]) -> ForeignPackets | None:
    """Packets of foreign sources to consecutive streams; None when no stream counted them."""
    measured = [part.foreign for part in parts if part.foreign is not None]
    sources = sorted({source for part in measured for source in part.sources})
    return (
        ForeignPackets(packets=sum(part.packets for part in measured), sources=sources[:MOST_SOURCES])
        if measured
        else None
    )


def joined(parts: list[dict[str, str] | None]) -> dict[str, str] | None:
    """Concatenated texts by name; None when no stream has them."""
    measured = [part for part in parts if part is not None]
    names = dict.fromkeys(name for part in measured for name in part)
    return {name: "".join(part.get(name, "") for part in measured) for name in names} if measured else None


def changes_of(parts: list[RtpCounters]) -> list[StreamChange] | None:
    """Changes of consecutive streams; ``packet`` counts from the first packet of the first stream."""
    if all(part.changes is None for part in parts):
        return None
    before = list(itertools.accumulate((part.packets for part in parts), initial=0))
    return [
        msgspec.structs.replace(change, packet=change.packet + count)
        for part, count in zip(parts, before, strict=False)
        for change in part.changes or []
    ]


def all_silent(parts: list[RtpCounters]) -> bool | None:
    """Whether all streams were silent; None when no stream had enough packets."""
    measured = [part.silent for part in parts if part.silent is not None]
    return all(measured) if measured else None


def total(counts: Iterable[Number | None]) -> Number | None:
    """Sum of the measured counts; None when none was measured."""
    measured = [count for count in counts if count is not None]
    return sum(measured[1:], measured[0]) if measured else None
