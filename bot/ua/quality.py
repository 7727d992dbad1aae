"""The quality of the audio that a media line received, by the E-model (ITU-T G.107)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model import MediaState, StreamStats
from bot.ua.call_record import CallRecord
from bot.ua.media_flow import unheard_packets

if TYPE_CHECKING:
    from media.quality.emodel import Quality

__all__ = ["quality_of"]


def quality_of(facts: CallRecord, line: MediaState, stats: StreamStats) -> Quality | None:
    """The quality of the audio that ``line`` received; None without its counters or the codec's figures.

    Packets that were due and did not arrive, or that could not be read, are lost too. A duplicate is counted
    as discarded, but no audio is lost with it. None also when the number of lost packets is known and the
    number of loss events is not.
    """
    from media.quality.emodel import burst_ratio, quality

    rx = stats.rx
    if line.codec is None or line.clock_rate is None or rx.lost is None or rx.discarded is None:
        return None
    unheard = unheard_packets(facts, line, rx)
    lost, events = rx.lost + unheard, (rx.loss_events or 0) + (1 if unheard else 0)
    expected = rx.packets + lost
    if lost and not events:
        return None
    return quality(
        line.codec,
        line.clock_rate,
        expected=expected,
        lost=lost,
        discarded=max(0, rx.discarded - (rx.duplicate or 0)),
        burst_r=burst_ratio(expected, lost, events),
        network_ms=None if stats.rtt_ms is None else stats.rtt_ms / 2,
        ptime_ms=line.ptime_ms or 0,
        jitter_buffer_ms=stats.jitter_buffer_ms or 0,
    )
