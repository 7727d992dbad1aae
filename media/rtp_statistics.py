"""Owns what is counted of one RTP stream: loss, order, jitter, gaps; it must not know codecs or keys.

Source: RFC 3550 section 6.4.1 and its appendices A.1 (restarts), A.3 (loss) and A.8 (jitter).
"""

from __future__ import annotations

from media.rtp import RtpPacket

__all__ = ["StreamStatistics"]

CYCLE = 1 << 16  # sequence numbers
MAX_DROPOUT = 3000  # RFC 3550 A.1: a jump ahead that is still loss
MAX_MISORDER = 100  # RFC 3550 A.1: a step back that is still a late packet
WINDOW = 1024  # sequence numbers of which it is known whether they came; more than any network delays
TOLERANCE = 0.1  # how far timestamps may be from where the sequence numbers say, when packets vary in length


class StreamStatistics:
    """What became of the packets of one SSRC, fed in the order of their arrival; memory does not grow.

    A jump of the sequence numbers (more than 3000 ahead, more than 100 back) is loss or lateness when the
    timestamps jumped with them, as after an outage. Else the sender began anew, or the packet is
    astray: nothing is lost between the runs, and the counts of all runs are added up.
    """

    def __init__(self) -> None:
        self.packets = 0
        """Every packet that arrived, late ones and duplicates too."""
        self.duplicates = 0
        """Packets whose number had come before, among the last 1024 numbers."""
        self.reordered = 0
        """Packets that came after one with a higher number, and for the first time."""
        self.restarts = 0
        """How often the sequence numbers began anew."""
        self.started = 0.0
        """When the first packet arrived, in seconds since 1970."""
        self.longest_gap_ms = 0.0
        """The longest time between two packets that arrived one after the other."""
        self.jitter_ms_max = 0.0
        """The highest value that the interarrival jitter had after any packet."""
        self._ended = 0.0
        self._expected_before = 0  # of the runs that are over
        self._base = 0  # extended numbers of the current run
        self._highest = 0
        self._seen = 0  # bit n: the number n below the highest has come
        self._timestamp = 0  # of the highest number
        self._step = 0  # ticks from one packet to the next
        self._timing: tuple[float, int, int] | None = None  # the packet before: arrival, timestamp, clock
        self._jitter_ms = 0.0
        self._jitter_sum_ms = 0.0
        self._jitter_values = 0

    @property
    def expected(self) -> int:
        """How many packets the sequence numbers say were sent (RFC 3550 A.3)."""
        return self._expected_before + self._highest - self._base + 1 if self.packets else 0

    @property
    def lost(self) -> int:
        """Packets expected less packets that arrived, so that duplicates make it smaller (RFC 3550 A.3).

        ``lost + duplicates`` is how many numbers never came.
        """
        return self.expected - self.packets

    @property
    def jitter_ms_mean(self) -> float:
        """The mean of the interarrival jitter after each packet but the first."""
        return self._jitter_sum_ms / self._jitter_values if self._jitter_values else 0.0

    @property
    def duration_s(self) -> float:
        """From the first packet's arrival to the last one's."""
        return self._ended - self.started

    def add(self, at: float, packet: RtpPacket, clock_rate: int | None) -> None:
        """Count a packet that arrived at ``at`` (seconds since 1970).

        ``clock_rate`` is its payload type's in Hz; None where its timestamp is no time of sampling
        (an unknown codec, a telephone-event, whose packets share one): it takes no part in the jitter.
        """
        if not self.packets:
            self.started = self._ended = at
            self._begin_run(packet)
        else:
            self.longest_gap_ms = max(self.longest_gap_ms, (at - self._ended) * 1000)
            self._count(packet)
        self.packets += 1
        self._ended = at
        if clock_rate:
            self._measure(at, packet.timestamp, clock_rate)

    def _begin_run(self, packet: RtpPacket) -> None:
        self._base = self._highest = packet.sequence
        self._timestamp = packet.timestamp
        self._seen = 1

    def _count(self, packet: RtpPacket) -> None:
        ahead = (packet.sequence - self._highest) % CYCLE
        behind = -ahead % CYCLE
        if 0 < ahead <= MAX_DROPOUT:
            self._advance(ahead, packet.timestamp)
        elif behind <= MAX_MISORDER:
            self._late(behind)
        elif self._jumped_together(ahead, packet.timestamp):
            self._advance(ahead, packet.timestamp)
        elif self._jumped_together(-behind, packet.timestamp):
            self._late(behind)
        else:
            self._expected_before = self.expected
            self.restarts += 1
            self._timing = None
            self._begin_run(packet)

    def _advance(self, ahead: int, timestamp: int) -> None:
        if ahead == 1 and (step := _ticks(self._timestamp, timestamp)) > 0:
            self._step = step
        self._highest += ahead
        self._timestamp = timestamp
        self._seen = (self._seen << min(ahead, WINDOW) | 1) & ((1 << WINDOW) - 1)

    def _late(self, behind: int) -> None:
        if self._seen >> behind & 1:
            self.duplicates += 1
            return
        self.reordered += 1
        self._seen |= 1 << behind
        self._base = min(self._base, self._highest - behind)  # it was sent before the first that arrived

    def _jumped_together(self, distance: int, timestamp: int) -> bool:
        """Whether the timestamp is where so many packets later, or earlier, would have it."""
        due = distance * self._step
        return due != 0 and abs(_ticks(self._timestamp, timestamp) - due) <= TOLERANCE * abs(due)

    def _measure(self, at: float, timestamp: int, clock_rate: int) -> None:
        """Take in the difference in transit to the packet before (RFC 3550 6.4.1, A.8)."""
        if self._timing is not None and self._timing[2] == clock_rate:
            then, before, _ = self._timing
            change_ms = abs(at - then - _ticks(before, timestamp) / clock_rate) * 1000
            self._jitter_ms += (change_ms - self._jitter_ms) / 16
            self._jitter_sum_ms += self._jitter_ms
            self._jitter_values += 1
            self.jitter_ms_max = max(self.jitter_ms_max, self._jitter_ms)
        self._timing = (at, timestamp, clock_rate)


def _ticks(before: int, after: int) -> int:
    """From one timestamp to another; they wrap, so the nearer way, which may be backwards."""
    return (after - before + (1 << 31)) % (1 << 32) - (1 << 31)
