"""RTP streams of a call: the library's streams, their counters, and the packets that arrive for them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import msgspec
import pjsua2 as pj

from bot.agent.media_state import DIRECTIONS, HEARING, SPEAKING
from bot.agent.native_call import NativeCall
from bot.agent.reception.arrivals import Arrivals
from bot.agent.reception.statistics import Reception
from bot.agent.sources import host_of
from bot.agent.stream_stats import stream_stats, timestamp_rate
from bot.agent.withheld_media import WithheldMedia
from bot.ipc import StreamMeasured, Wired
from bot.model import MediaState

__all__ = ["CONNECTIONS", "LegStreams"]

CONNECTIONS = {"tcp", "tls"}
"""Transports that have connections."""


class LegStreams:
    """Base class of ``Leg``."""

    number: int
    transport: str
    streams: dict[int, int]
    """Addresses of the library's running streams, by the index of the m= line."""
    report: Callable[[Wired], None]
    _media: list[MediaState]
    _arrivals: Arrivals | None
    _withheld: WithheldMedia | None

    @property
    def live(self) -> NativeCall:
        """The native call; raises CommandRefused after the end of the call."""
        raise NotImplementedError

    @property
    def source(self) -> str:
        """The source address of the INVITE."""
        raise NotImplementedError

    def packets_received(self) -> int:
        """The RTP packets that the running streams have received."""
        packets = 0
        for media in self._media:
            if media.active:
                with contextlib.suppress(pj.Error):
                    packets += self.live.getStreamStat(media.index).rtcp.rxStat.pkt
        return packets

    def _has_sent(self, index: int) -> bool:
        return self.live.getStreamStat(index).rtcp.txStat.pkt > 0

    @property
    def sending_streams(self) -> list[int]:
        """The addresses of the library's streams that send."""
        return [self.streams[media.index] for media in self._speaking if media.index in self.streams]

    @property
    def _speaking(self) -> list[MediaState]:
        return [line for line in self._media if line.active and line.direction in SPEAKING]

    def measure_stream(self, index: int, *, final: bool) -> None:
        """Report one stream's counters; a line without a stream has none.

        The library's are read after the notes of packets, which it has then counted.
        """
        now = time.monotonic()
        with contextlib.suppress(pj.Error):
            reception = self._arrivals and self._arrivals.reception(self.streams.get(index, 0))
            stats = stream_stats(self.live.getStreamStat(index))
            if reception:
                stats = msgspec.structs.replace(stats, rx=reception.counters(now, stats.rx))
            foreign = self._arrivals and self._arrivals.foreign(self.streams.get(index, 0))
            if foreign:
                stats = msgspec.structs.replace(stats, rx=msgspec.structs.replace(stats.rx, foreign=foreign))
            self.report(StreamMeasured(at=now, call=self.number, index=index, stats=stats, final=final))

    def stream_began(self, index: int, stream: int) -> None:
        """The library has made a stream."""
        self.streams[index] = stream
        if self._arrivals is not None:
            info = self.live.getStreamInfo(index)
            reception = Reception(
                clock_rate=timestamp_rate(info),
                codec=info.codecName,
                payload_type=info.rxPt,
                event=info.audRxEventPt if info.audRxEventPt > 0 else None,
            )
            counted = reception if DIRECTIONS[info.dir] in HEARING else None
            self._arrivals.begin(stream, counted, info.remoteRtpAddress)
        if self._withheld is not None and not self._is_at_source(self.live.getStreamInfo(index)):
            self._withheld.hold(stream)

    def _is_at_source(self, info: pj.StreamInfo) -> bool:
        """Whether media goes to where the INVITE came from by a connection, which cannot be forged."""
        return self.transport in CONNECTIONS and host_of(info.remoteRtpAddress) == self.source

    def acknowledged(self) -> None:
        """The peer has answered to its address: media may go where it says."""
        if self._withheld is not None:
            self._withheld.release(self.streams.values())
            self._withheld = None

    def stream_ended(self, index: int) -> None:
        """The library is about to take a stream away."""
        stream = self.streams.pop(index, None)
        if self._withheld is not None and stream is not None:
            self._withheld.forget(stream)
        if self._arrivals is not None and stream is not None:
            self._arrivals.end(stream)
