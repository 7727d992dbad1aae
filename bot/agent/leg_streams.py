"""RTP streams of a call: the library's streams, their counters, and the packets that arrive for them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

import msgspec
import pjsua2 as pj

from bot.agent.levels import levels_of
from bot.agent.media_state import DIRECTIONS, HEARING, SPEAKING
from bot.agent.native_call import LiveCall
from bot.agent.reception.arrivals import Arrivals
from bot.agent.reception.statistics import Reception
from bot.agent.stream_stats import stream_stats, timestamp_rate
from bot.agent.withheld_media import WithheldMedia
from bot.ipc import StreamMeasured, Wired
from bot.model import AudioLevels, MediaState
from bot.rates import host_of

__all__ = ["CONNECTIONS", "LegStreams"]

CONNECTIONS = {"tcp", "tls"}
"""Transports that have connections."""


class LegStreams:
    """The streams of one call."""

    def __init__(
        self,
        number: int,
        report: Callable[[Wired], None],
        call: LiveCall,
        *,
        arrivals: Arrivals | None,
        withheld: WithheldMedia | None,
    ) -> None:
        """``withheld`` holds the media back until the peer has acknowledged something."""
        self._number, self._report, self._call = number, report, call
        self._arrivals, self._withheld = arrivals, withheld
        self.media: list[MediaState] = []
        """The m= lines, as they were reported last."""
        self.running: dict[int, int] = {}
        """Addresses of the library's running streams, by the index of the m= line."""

    def packets_received(self) -> int:
        """The RTP packets that the running streams have received."""
        packets = 0
        for media in self.media:
            if media.active:
                with contextlib.suppress(pj.Error):
                    packets += self._call.live.getStreamStat(media.index).rtcp.rxStat.pkt
        return packets

    def comfort_noise(self) -> int:
        """How many of them were comfort noise; counted after them, this is never too low."""
        if self._arrivals is None:
            return 0
        found = (
            self._arrivals.reception(self.running.get(line.index, 0)) for line in self.media if line.active
        )
        return sum(reception.comfort_noise for reception in found if reception is not None)

    @property
    def sending(self) -> list[int]:
        """The addresses of the library's streams that send."""
        return [self.running[media.index] for media in self._speaking if media.index in self.running]

    def hears_at(self, source: str) -> bool:
        """Whether RTP has come from this address, to which media goes."""
        if self._arrivals is None:
            return False
        at_source = (line.index for line in self.media if line.remote and host_of(line.remote) == source)
        return any(self._arrivals.hears_negotiated(self.running.get(index, 0)) for index in at_source)

    @property
    def _speaking(self) -> list[MediaState]:
        return [line for line in self.media if line.active and line.direction in SPEAKING]

    def sending_srtp(self) -> list[int]:
        """The m= lines with SRTP whose packets may leave, if none is held back."""
        if self._withheld is not None and self._withheld.holds(self.running.values()):
            return []
        return [media.index for media in self._speaking if media.suite is not None]

    def have_sent(self, lines: Sequence[int]) -> bool:
        """Whether a packet has left on each of these m= lines."""
        return all(self._call.live.getStreamStat(index).rtcp.txStat.pkt > 0 for index in lines)

    def measure(self, index: int, *, final: bool) -> None:
        """Report one stream's counters; a line without a stream has none.

        The library's are read after the notes of packets, which it has then counted.
        """
        now = time.monotonic()
        with contextlib.suppress(pj.Error):
            reception = self._arrivals and self._arrivals.reception(self.running.get(index, 0))
            stats = stream_stats(self._call.live.getStreamStat(index))
            if reception:
                stats = msgspec.structs.replace(stats, rx=reception.counters(now, stats.rx))
            foreign = self._arrivals and self._arrivals.foreign(self.running.get(index, 0))
            if foreign:
                stats = msgspec.structs.replace(stats, rx=msgspec.structs.replace(stats.rx, foreign=foreign))
            levels = None if final else self._levels(index)
            self._report(
                StreamMeasured(
                    at=now, call=self._number, index=index, stats=stats, final=final, levels=levels
                )
            )

    def _levels(self, index: int) -> AudioLevels | None:
        """The levels of a stream of audio."""
        with contextlib.suppress(pj.Error):
            return levels_of(self._call.live.getAudioMedia(index))
        return None

    def began(self, index: int, stream: int, proven: str) -> None:
        """The library has made a stream; ``proven`` is the peer's address if a connection proves it."""
        self.running[index] = stream
        if self._arrivals is not None:
            info = self._call.live.getStreamInfo(index)
            reception = Reception(
                clock_rate=timestamp_rate(info),
                codec=info.codecName,
                payload_type=info.rxPt,
                event=info.audRxEventPt if info.audRxEventPt > 0 else None,
            )
            counted = reception if DIRECTIONS[info.dir] in HEARING else None
            self._arrivals.begin(stream, counted, info.remoteRtpAddress)
        if self._withheld is not None:
            at = host_of(self._call.live.getStreamInfo(index).remoteRtpAddress)
            if not (proven and at == proven):
                self._withheld.hold(stream)

    def acknowledged(self) -> None:
        """The peer has answered to its address: media may go where it says."""
        if self._withheld is not None:
            self._withheld.release(self.running.values())
            self._withheld = None

    def ended(self, index: int) -> None:
        """The library is about to take a stream away."""
        stream = self.running.pop(index, None)
        if self._withheld is not None and stream is not None:
            self._withheld.forget(stream)
        if self._arrivals is not None and stream is not None:
            self._arrivals.end(stream)
