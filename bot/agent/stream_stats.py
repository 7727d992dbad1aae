"""Conversion of the library's counters of a stream."""

from __future__ import annotations

import msgspec
import pjsua2 as pj

from bot.model import RtpCounters, StreamStats

__all__ = ["stream_stats", "timestamp_rate"]

TIMESTAMP_RATES = {"G722": 8000, "opus": 48000}
"""Where it is not that of the samples (RFC 3551 4.5.2, RFC 7587 4.1)."""


def stream_stats(native: pj.StreamStat) -> StreamStats:
    """The library's counters; values from RTCP are None before the first report.

    A jitter buffer's delay of 0 ms means no measurement: the library counts frames of 10 ms or more, and only
    while a recorder, a tap or the peer uses the call's audio.
    """
    rtcp = native.rtcp
    reported = rtcp.txStat.updateCount > 0
    return StreamStats(
        rx=msgspec.structs.replace(
            counters(rtcp.rxStat, heard=True), loss_events=rtcp.rxStat.lossPeriodUsec.n
        ),
        tx=counters(rtcp.txStat, heard=reported),
        rtt_ms=rtcp.rttUsec.mean / 1000 if rtcp.rttUsec.n else None,
        jitter_buffer_ms=native.jbuf.avgDelayMsec or None,
    )


def counters(native: pj.RtcpStreamStat, *, heard: bool) -> RtpCounters:
    """The counters of one direction; ``heard``: whether losses are known, from this side or from RTCP.

    The library also counts the packet after a loss as reordered, so only the excess over the losses counts.
    """
    jitter = native.jitterUsec
    return RtpCounters(
        packets=native.pkt,
        bytes=native.bytes,
        lost=native.loss if heard else None,
        discarded=native.discard if heard else None,
        reordered=max(0, native.reorder - native.loss) if heard else None,
        duplicate=native.dup if heard else None,
        jitter_ms_mean=jitter.mean / 1000 if jitter.n else None,
        jitter_ms_max=jitter.max / 1000 if jitter.n else None,
    )


def timestamp_rate(info: pj.StreamInfo) -> int:
    """The clock rate of a stream's timestamps, in Hz."""
    return TIMESTAMP_RATES.get(info.codecName, info.codecClockRate)
