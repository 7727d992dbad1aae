"""What the library counts of a stream, in this project's words."""

from __future__ import annotations

import pjsua2 as pj

from bot.model import RtpCounters, StreamStats

__all__ = ["stream_stats"]


def stream_stats(native: pj.StreamStat) -> StreamStats:
    """The library's counters; what only RTCP tells is None until a report came.

    A jitter buffer's delay of 0 ms is none: the library counts frames of 10 ms or more, the one that
    leaves included, and only when a recorder, a tap or the peer takes the call's audio.
    """
    rtcp = native.rtcp
    reported = rtcp.txStat.updateCount > 0
    return StreamStats(
        rx=counters(rtcp.rxStat, heard=True),
        tx=counters(rtcp.txStat, heard=reported),
        rtt_ms=rtcp.rttUsec.mean / 1000 if rtcp.rttUsec.n else None,
        jitter_buffer_ms=native.jbuf.avgDelayMsec or None,
    )


def counters(native: pj.RtcpStreamStat, *, heard: bool) -> RtpCounters:
    """One direction; ``heard`` when this side saw the losses or the peer reported them.

    The library counts the packet after a loss as reordered too, so no more than what is beyond the
    losses surely is.
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
