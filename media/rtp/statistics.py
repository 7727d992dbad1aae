"""Statistics of one RTP stream (RFC 3550 section 6.4.1, A.1, A.3): loss, order, restarts, gaps.

Source: RFC 3550 section 6.4.1 and its appendices A.1 (restarts) and A.3 (loss).
"""

from __future__ import annotations

from array import array

from media.rtp.jitter import Jitter, ticks_between
from media.rtp.packet import RtpPacket

__all__ = ["StreamStatistics"]

CYCLE = 1 << 16  # sequence numbers
MAX_DROPOUT = 3000  # RFC 3550 A.1: a forward jump up to this is loss
MAX_MISORDER = 100  # RFC 3550 A.1: a backward step up to this is a late packet
MIN_SKIP = 100  # a forward jump up to this is loss even if the time for it has not passed
MOST_NAMED = 10  # maximum number of stored restart positions
WINDOW = 1024  # sequence numbers whose arrival is stored; longer than any network delay
ALL = (1 << WINDOW) - 1
TOLERANCE = 0.1  # maximum deviation of timestamps from the sequence numbers, for packets of varying duration


class StreamStatistics:
    """The packet statistics of one SSRC; feed it packets in order of arrival; constant memory.

    A jump of the sequence numbers (more than 3000 ahead, more than 100 back) is loss or lateness if the
    timestamps jumped as well, as after an outage. Otherwise the sender restarted, or the packet is astray:
    nothing is lost between the runs, and the counts of all runs are added. The same holds for a shorter
    jump when the time for it cannot have passed, and for a repeated number with other content.
    """

    def __init__(self) -> None:
        self.packets = 0
        """Every packet that arrived, late ones and duplicates too."""
        self.duplicates = 0
        """Packets with a repeated sequence number among the last 1024 numbers."""
        self.reordered = 0
        """Packets that came after one with a higher number, and for the first time."""
        self.restarts = 0
        """How often the sequence numbers began anew."""
        self.restarted_at: list[int] = []
        """Which packets, counted from 1, were the first of a new run; no more than the first ten."""
        self.started = 0.0
        """When the first packet arrived, in seconds since 1970."""
        self.longest_gap_ms = 0.0
        """The longest time between two consecutive arrivals."""
        self._jitter = Jitter()
        self._ended = 0.0
        self._expected_before = 0  # totals of the finished runs
        self._base = 0  # extended sequence numbers of the current run
        self._highest = 0
        self._seen = 0  # bit n: the number n below the highest one was received
        self._timestamp = 0  # of the highest number
        self._step = 0  # ticks between consecutive packets
        self._clock_rate = 0  # of the last packet that has one
        self._contents = array("i")  # of the last packets, by the low bits of their number
        self._astray: int | None = None  # the number that follows the last very late packet

    @property
    def expected(self) -> int:
        """Number of packets sent, according to the sequence numbers (RFC 3550 A.3)."""
        return self._expected_before + self._highest - self._base + 1 if self.packets else 0

    @property
    def lost(self) -> int:
        """Number of sequence numbers that never arrived."""
        return max(0, self.cumulative_lost + self.duplicates)

    @property
    def cumulative_lost(self) -> int:
        """Expected minus received packets, as in RTCP: duplicates hide loss (RFC 3550 A.3)."""
        return self.expected - self.packets

    @property
    def jitter_ms_mean(self) -> float:
        """The mean interarrival jitter over all packets except the first, in ms."""
        return self._jitter.mean_ms

    @property
    def jitter_ms_max(self) -> float:
        """The maximum interarrival jitter, in ms."""
        return self._jitter.max_ms

    @property
    def timestamp_restarts(self) -> int:
        """Number of timestamp restarts while the sequence numbers continued."""
        return self._jitter.restarts

    @property
    def timestamps_restarted_at(self) -> list[int]:
        """The packets, counted from 1, at which timestamps restarted; at most the first ten."""
        return self._jitter.restarted_at[:MOST_NAMED]

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last arrival."""
        return self._ended - self.started

    def add(self, at: float, packet: RtpPacket, clock_rate: int | None) -> None:
        """Count a packet that arrived at ``at`` (seconds since 1970).

        ``clock_rate`` is that of its payload type in Hz. It is None if the timestamp is no sampling time
        (an unknown codec, or a telephone-event, whose packets share one timestamp); the packet is then
        excluded from the jitter.
        """
        sequence, duplicates = packet.sequence, self.duplicates
        if not self.packets:
            self.started = self._ended = at
            self._begin_run(packet)
        else:
            elapsed_s = at - self._ended
            self.longest_gap_ms = max(self.longest_gap_ms, elapsed_s * 1000)
            if (sequence - self._highest) % CYCLE == 1:  # as most are
                self._advance(1, packet)
            else:
                self._count(packet, elapsed_s)
        self.packets += 1
        self._ended = at
        if self.duplicates > duplicates and (sequence - self._highest) % CYCLE:
            return  # a copy of an older packet measures no transit time
        if clock_rate and (self._astray is None or self._astray != (sequence + 1) % CYCLE):
            self._clock_rate = clock_rate
            self._jitter.add(at, sequence, packet.timestamp, clock_rate, self.packets)

    def _begin_run(self, packet: RtpPacket) -> None:
        self._base = self._highest = packet.sequence
        self._timestamp = packet.timestamp
        self._seen = 1
        self._astray = None
        self._contents = array("i", bytes(4 * WINDOW))
        self._keep(packet)

    def _keep(self, packet: RtpPacket) -> None:
        self._contents[packet.sequence % WINDOW] = content_of(packet)

    def _count(self, packet: RtpPacket, elapsed_s: float) -> None:
        ahead = (packet.sequence - self._highest) % CYCLE
        behind = -ahead % CYCLE
        if self._is_another(behind, packet) or self._is_skip(ahead, elapsed_s, packet.timestamp):
            self._restart(packet, self.packets + 1)
        elif 0 < ahead <= MAX_DROPOUT:
            self._advance(ahead, packet)
        elif behind <= MAX_MISORDER:
            self._late(behind, packet)
        elif self._jumped_together(ahead, packet.timestamp):
            self._advance(ahead, packet)
        elif self._jumped_together(-behind, packet.timestamp):
            self._very_late(behind, packet)
        else:
            self._restart(packet, self.packets + 1)

    def _is_another(self, behind: int, packet: RtpPacket) -> bool:
        """Whether a packet with a repeated number has another content, and is not a duplicate."""
        stored = behind < WINDOW and self._seen >> behind & 1
        return bool(stored) and self._contents[packet.sequence % WINDOW] != content_of(packet)

    def _is_skip(self, ahead: int, elapsed_s: float, timestamp: int) -> bool:
        """Whether the number jumps further than the packets of that time."""
        if not MIN_SKIP < ahead <= MAX_DROPOUT or not self._step or not self._clock_rate:
            return False
        due_s = ahead * self._step / self._clock_rate
        return elapsed_s < due_s / 2 and not self._jumped_together(ahead, timestamp)

    def _restart(self, packet: RtpPacket, place: int) -> None:
        self._expected_before = self.expected
        self.restarts += 1
        if len(self.restarted_at) < MOST_NAMED:
            self.restarted_at.append(place)
        self._jitter.forget()
        self._begin_run(packet)

    def _advance(self, ahead: int, packet: RtpPacket) -> None:
        if ahead == 1 and (step := ticks_between(self._timestamp, packet.timestamp)) > 0:
            self._step = step
        self._highest += ahead
        self._timestamp = packet.timestamp
        self._seen = (self._seen << min(ahead, WINDOW) | 1) & ALL
        self._contents[packet.sequence % WINDOW] = content_of(packet)

    def _late(self, behind: int, packet: RtpPacket) -> None:
        if self._seen >> behind & 1:
            self.duplicates += 1
            return
        self.reordered += 1
        self._seen |= 1 << behind
        self._base = min(self._base, self._highest - behind)  # sent before the first received packet
        if behind < WINDOW:
            self._keep(packet)

    def _very_late(self, behind: int, packet: RtpPacket) -> None:
        """From before the run, or too old to be stored; two in a row are a restart (RFC 3550 A.1)."""
        if behind < WINDOW and self._highest - behind >= self._base:
            self._late(behind, packet)
        elif packet.sequence == self._astray:
            self.reordered -= 1
            self._restart(packet, self.packets)
            self._base -= 1
        else:
            self.reordered += 1
            self._astray = (packet.sequence + 1) % CYCLE

    def _jumped_together(self, distance: int, timestamp: int) -> bool:
        """Whether the timestamp jumped by the same number of packets as the sequence number."""
        due = distance * self._step
        return due != 0 and abs(ticks_between(self._timestamp, timestamp) - due) <= TOLERANCE * abs(due)


def content_of(packet: RtpPacket) -> int:
    """The content that identical packets share."""
    return hash((packet.timestamp, packet.payload)) >> 33
