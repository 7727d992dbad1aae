"""RTP reception statistics of a stream, packet by packet (RFC 3550 6.4.1, A.1, A.3, A.8).

The library counts a new SSRC, or restarted timestamps, as loss and jitter of the old source. Here each
source is counted separately, and each change is reported. The module does not depend on how a packet was
recorded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from bot.agent.reception.foreign_events import ForeignEvents
from bot.agent.reception.mki import KeyIdentifier
from bot.agent.reception.packet import HEADER, PAYLOAD_TYPE, VARIABLE, payload_begin
from bot.agent.reception.silence import is_silence
from bot.model import NOT_AUTHENTIC, RtpCounters, StreamChange

__all__ = ["Reception"]
SEQUENCES, MAX_DROPOUT, MAX_MISORDER = 1 << 16, 3000, 100
"""RFC 3550, A.1."""
TIMESTAMPS = 1 << 32
HALF = TIMESTAMPS // 2
COMFORT_NOISE = 13
"""RFC 3389."""
SOURCES = 16
"""Maximum number of sources per stream; a peer may invent any number."""
CHANGES = 8
"""Maximum number of changes that are reported individually."""
STEPS = 32
"""Maximum number of different timestamp steps that are counted."""
RUNS = 512
"""Maximum number of losses that late packets may still fill."""
SETTLING = 25
"""The first packets do not count for jitter, as in the library: the call is still being set up."""
JUMP_S = 1.0
"""Timestamps that are ahead of the elapsed time by more than this have restarted."""
PAUSE_S = 0.2
"""A shorter pause may be jitter."""
PAUSE_ERROR = 0.25
"""Tolerance of the timestamps for a pause, as a share of the pause."""


@dataclass(slots=True)
class Source:
    """The packets of one SSRC since its sequence numbers started."""

    ssrc: int
    first: int
    highest: int = field(init=False)
    """The sequence number extended by its cycles."""
    last_at: float | None = None
    """When the last audio packet came, for comparison with the next one."""
    last_timestamp: int = 0
    """Its timestamp."""
    lost_since: bool = False
    """Whether a packet was lost after it: the time to the next one is no pause, though digits lie between."""
    suspect: int | None = None
    """The sequence number that has to follow a jump to confirm it."""
    runs: list[list[int]] = field(default_factory=list)
    """The first and the last number of each loss that is not filled."""
    lost_before: int = 0
    runs_before: int = 0
    """Losses that were dropped from the list because it was full."""
    transit_jitter: float = 0.0
    """In seconds (RFC 3550 A.8)."""

    def __post_init__(self) -> None:
        self.highest = self.first

    @property
    def lost(self) -> int:
        """Number of lost packets."""
        return self.lost_before + sum(last - first + 1 for first, last in self.runs)

    @property
    def loss_events(self) -> int:
        """Number of loss bursts."""
        return self.runs_before + len(self.runs)

    def lose(self, first: int, last: int) -> None:
        """Packets are missing."""
        self.lost_since = True
        self.runs.append([first, last])
        if len(self.runs) > RUNS:
            gone = self.runs.pop(0)
            self.lost_before += gone[1] - gone[0] + 1
            self.runs_before += 1

    def fill(self, number: int) -> bool:
        """Whether a late packet fills a loss."""
        for place in range(len(self.runs) - 1, -1, -1):
            first, last = self.runs[place]
            if first <= number <= last:
                left = [[first, number - 1], [number + 1, last]]
                self.runs[place : place + 1] = [run for run in left if run[0] <= run[1]]
                return True
        return False


class Reception:
    """Counts the received packets of a stream; ``clock_rate`` is the rate of its timestamps, in Hz."""

    def __init__(self, *, clock_rate: int, codec: str, payload_type: int, event: int | None) -> None:
        self._clock_rate = clock_rate
        self._codec = codec
        self._payload_type = payload_type
        self._event = event
        self._sources: dict[int, Source] = {}
        self._before: list[tuple[int, int]] = []
        """Losses and their runs of sources that are over."""
        self._source: Source | None = None
        """Of the last packet."""
        self._packets = self._reordered = self._duplicate = 0
        self._refused: Counter[str] = Counter()
        self._counted_by_the_library = 0
        """Refused packets that are among those that it received."""
        self._changes: list[StreamChange] = []
        self._more_changes = 0
        self._steps: Counter[int] = Counter()
        """The steps from one timestamp to the next."""
        self._jitters = 0
        self._jitter_sum = self._jitter_max = 0.0
        """In seconds."""
        self._last_at: float | None = None
        self._longest_gap = self._paused = 0.0
        self._pausing = False
        """Whether the peer signalled or used silence suppression."""
        self.comfort_noise = 0
        """Packets of comfort noise (RFC 3389)."""
        self._sounded = False
        self._first_sound: bytes | None = None
        self._foreign = ForeignEvents()
        self._mki = KeyIdentifier()
        self._bytes = self._disowned_bytes = 0
        """Of the payloads."""
        self.disowned = 0
        """Packets that were taken and were not the peer's."""

    # ---- arrivals

    def refuse(self, reason: str) -> None:
        """A packet reached the socket and was discarded."""
        self._refused[reason] += 1

    def refuse_unauthentic(self, tail: bytes) -> None:
        """A packet failed authentication; its last bytes are examined for an MKI."""
        self._refused[NOT_AUTHENTIC] += 1
        self._mki.look_at(tail)

    def take(self, at: float, data: bytes, length: int) -> None:
        """A packet of that length, which begins with ``data``, was processed by the stream.

        Nothing is made of a packet that follows the one before: there are 50 a second of each call.
        """
        flags, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        begin = payload_begin(data) if flags & VARIABLE else HEADER.size
        kind = second & PAYLOAD_TYPE
        if kind not in (self._payload_type, self._event):
            self._other(kind, timestamp, data[begin : min(length, len(data))])
            return
        self._packets += 1
        if length > begin:
            self._bytes += length - begin
        if self._last_at is not None and at - self._last_at > self._longest_gap:
            self._longest_gap = at - self._last_at
        self._last_at = at
        source = self._source
        if source is None or ssrc != source.ssrc:
            source = self._source = self._turn_to(ssrc, sequence)
        step = (sequence - source.highest) % SEQUENCES
        if 0 < step < MAX_DROPOUT:
            if step > 1:
                source.lose(source.highest + 1, source.highest + step - 1)
            source.highest += step
            source.suspect = None
            if kind != self._event:
                self._compare(source, at, timestamp, in_order=step == 1)
                source.last_at, source.last_timestamp, source.lost_since = at, timestamp, False
        else:
            self._misplaced(source, step, at, sequence, timestamp)
        if not self._sounded and kind != self._event:
            self._listen(data[begin : min(length, len(data))])

    def _other(self, kind: int, timestamp: int, payload: bytes) -> None:
        if kind == COMFORT_NOISE:
            self._pausing = True
            self.comfort_noise += 1
            return
        self._counted_by_the_library += 1
        self._foreign.look_at(kind, timestamp, payload)
        self._refused[f"payload type {kind}"] += 1

    def _turn_to(self, ssrc: int, sequence: int) -> Source:
        """The source of a packet of another SSRC than the one before."""
        if self._source is not None:
            self._changed("ssrc", f"{self._source.ssrc:#010x} became {ssrc:#010x}")
        source = self._sources.get(ssrc)
        if source is None:
            if len(self._sources) == SOURCES:
                self._close(next(iter(self._sources)))
            source = self._sources[ssrc] = Source(ssrc, sequence)
            source.highest -= 1
        return source

    def _close(self, ssrc: int) -> None:
        over = self._sources.pop(ssrc)
        self._before.append((over.lost, over.loss_events))

    def _changed(self, kind: str, what: str, *, before: int = 0) -> None:
        """Report a change at this packet, or as many packets before it."""
        if len(self._changes) < CHANGES:
            self._changes.append(StreamChange(packet=self._packets - before, kind=kind, what=what))
        else:
            self._more_changes += 1

    def _misplaced(self, source: Source, step: int, at: float, sequence: int, timestamp: int) -> None:
        """Count a late or a duplicate packet, or begin anew after a jump of the sequence numbers."""
        if step >= SEQUENCES - MAX_MISORDER or step == 0:
            if source.fill(source.highest - (SEQUENCES - step) % SEQUENCES):
                self._reordered += 1
            else:
                self._duplicate += 1
            return
        if sequence != source.suspect:  # RFC 3550, A.1: one packet of another sequence is no proof
            source.suspect = (sequence + 1) % SEQUENCES
            return
        first = (sequence - 1) % SEQUENCES
        self._changed("sequence", f"{source.highest % SEQUENCES} became {first}", before=1)
        self._before.append((source.lost, source.loss_events))
        anew = Source(source.ssrc, sequence, last_at=at, last_timestamp=timestamp)
        self._source = self._sources[source.ssrc] = anew

    def _compare(self, source: Source, at: float, timestamp: int, *, in_order: bool) -> None:
        """Compare the timestamps of consecutive packets with the elapsed time: jitter, a pause, a restart."""
        if source.last_at is None:
            return
        ahead = (timestamp - source.last_timestamp + HALF) % TIMESTAMPS - HALF
        told, passed = ahead / self._clock_rate, at - source.last_at
        if ahead < 0 or told - passed > JUMP_S + passed:
            self._changed("timestamps", f"{source.last_timestamp} became {timestamp}")
            return
        is_pause = passed > PAUSE_S and not source.lost_since
        if is_pause and (self._pausing or abs(told - passed) < PAUSE_ERROR * passed):
            self._paused += passed
            self._pausing = True
        if not (in_order and ahead):
            return
        if ahead in self._steps or len(self._steps) < STEPS:
            self._steps[ahead] += 1
        if self._packets > SETTLING:
            jitter = source.transit_jitter + (abs(passed - told) - source.transit_jitter) / 16
            source.transit_jitter = jitter
            self._jitters += 1
            self._jitter_sum += jitter
            self._jitter_max = max(self._jitter_max, jitter)

    def _listen(self, payload: bytes) -> None:
        """Detect sound: by level where samples are plain, else by any change of the payload."""
        if not payload:
            return
        silent = is_silence(self._codec, payload)
        if silent is None:
            if self._packets > SETTLING:
                self._first_sound = self._first_sound or payload
                self._sounded = payload != self._first_sound
        else:
            self._sounded = not silent

    def without_the_taken(self) -> Reception:
        """The packets so far were a stranger's: restart, and subtract them from the library's figures."""
        anew = Reception(
            clock_rate=self._clock_rate,
            codec=self._codec,
            payload_type=self._payload_type,
            event=self._event,
        )
        anew._refused, anew._mki = self._refused, self._mki
        anew._counted_by_the_library = self._counted_by_the_library
        anew.disowned = self.disowned + self._packets
        anew._disowned_bytes = self._disowned_bytes + self._bytes
        return anew

    # ---- results

    def counters(self, now: float, library: RtpCounters) -> RtpCounters:
        """The statistics so far, combined with the counters of the library.

        After a change of the stream, loss and jitter are those of its sources, not the library's. The same
        holds for loss after late or duplicate packets: the library subtracts each duplicate from the losses
        (RFC 3550 A.3), counts a duplicate only directly after its original, and counts no late packet.
        """
        counters = msgspec.structs.replace(
            library,
            packets=library.packets - self._counted_by_the_library - self.disowned,
            bytes=library.bytes - self._disowned_bytes,
            refused=self._reasons(),
            changes=list(self._changes),
            more_changes=self._more_changes,
            loss_events=sum(runs for _, runs in self._losses()),
            packet_ms=self._packet_ms(),
            longest_gap_ms=round(1000 * self._longest_gap, 1),
            paused_ms=round(1000 * (self._paused + self._tail(now)), 1),
            silent=not self._sounded if self._packets > SETTLING else None,
            unoffered_digits=self._foreign.digits(),
        )
        if self._duplicate or self._reordered:
            counters = msgspec.structs.replace(counters, **self._losses_of_the_sources())
        if self._changes or self.disowned:
            counters = msgspec.structs.replace(
                counters, **self._losses_of_the_sources(), **self._jitter_of_the_sources()
            )
        return counters

    def _packet_ms(self) -> float | None:
        """The duration of a packet in ms: the most frequent step between consecutive timestamps."""
        if not self._steps:
            return None
        return 1000 * self._steps.most_common(1)[0][0] / self._clock_rate

    def _losses(self) -> list[tuple[int, int]]:
        return [*self._before, *((source.lost, source.loss_events) for source in self._sources.values())]

    def _losses_of_the_sources(self) -> dict[str, int]:
        return {
            "lost": sum(lost for lost, _ in self._losses()),
            "reordered": self._reordered,
            "duplicate": self._duplicate,
        }

    def _jitter_of_the_sources(self) -> dict[str, float | None]:
        count = self._jitters
        return {
            "jitter_ms_mean": 1000 * self._jitter_sum / count if count else None,
            "jitter_ms_max": 1000 * self._jitter_max if count else None,
        }

    def _reasons(self) -> dict[str, int]:
        reasons = dict(self._refused)
        if self._mki.length and NOT_AUTHENTIC in reasons:
            size = f"{self._mki.length} byte{'s' * (self._mki.length > 1)}"
            with_mki = f"{NOT_AUTHENTIC}, carrying an MKI of {size}"
            reasons[with_mki] = reasons.pop(NOT_AUTHENTIC)
        return reasons

    def _tail(self, now: float) -> float:
        """The time since the last packet of a peer that pauses."""
        if not self._pausing or self._last_at is None:
            return 0.0
        left = now - self._last_at
        return left if left > PAUSE_S else 0.0
