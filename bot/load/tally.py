"""The figures of a load: counts, percentiles, failures by cause, and their course in time."""

from __future__ import annotations

import threading
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from bot.load.arrivals import LATE_S
from bot.load.detail import CallDetail

__all__ = ["Cause", "Figures", "Sample", "Tally", "percentile"]


class Cause(msgspec.Struct, kw_only=True):
    """Failures with the same cause."""

    cause: str
    """Kind of failure: a status code and its reason, ``wrong marker``, ``silence``, ``encryption`` ..."""
    calls: int
    """Number of calls."""
    ours: bool
    """Whether this side failed, and not the peer."""
    first: str
    """Description of the first of these failures."""


class Figures(msgspec.Struct, kw_only=True):
    """Figures of a load, or of one step of it; null when nothing was measured."""

    placed: int = 0
    """Calls whose INVITE was due and for which this side had a free line."""
    passed: int = 0
    failed: int = 0
    """Calls that failed by the peer or on the way to it."""
    ours: int = 0
    """Calls that this side failed; they are no failures of the peer."""
    ended: int = 0
    """Calls that an interrupt cut short; they have no verdict."""
    verified: int = 0
    """Calls whose audio was verified by its markers, or by a comparison."""
    failure_rate: float | None = None
    """Share of the failed calls among those with a verdict, 0 to 1."""
    setup_p50_ms: float | None = None
    """Median of the time from the INVITE to the 2xx response, in ms."""
    setup_p95_ms: float | None = None
    setup_p99_ms: float | None = None
    loss: float | None = None
    """Share of lost packets in both directions, 0 to 1."""
    jitter_p95_ms: float | None = None
    """95th percentile of the calls' largest interarrival jitter, in ms."""
    delay_p95_ms: float | None = None
    """95th percentile of the delay of the audio, from this side to the peer and back, in ms."""
    mos_mean: float | None = None
    mos_min: float | None = None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile: the smallest value with at least ``share`` of the values up to it."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, -int(-share * len(ordered) // 1) - 1)], 3)


class Sample(msgspec.Struct, kw_only=True):
    """One second of the load."""

    at_s: float
    """Seconds from the start of the load."""
    target: float = 0.0
    """Rate in calls per second, or number of concurrent calls, that was asked for."""
    started: int = 0
    """Calls that began in this second."""
    finished: int = 0
    failed: int = 0
    up: int = 0
    """Calls that are up."""
    missed: int = 0
    """Calls that were due while no line was free."""
    setup_ms: float | None = None
    """95th percentile of the setup times of the calls that ended in this second, in ms."""
    mos: float | None = None
    """Mean MOS of the calls that ended in this second."""
    cpu: float | None = None
    """Share of the machine's processors in use, 0 to 1."""


@dataclass
class _Part:
    """What is counted of a load or of a step."""

    counts: Counter[str] = field(default_factory=Counter)
    setup: array[float] = field(default_factory=lambda: array("f"))
    jitter: array[float] = field(default_factory=lambda: array("f"))
    delay: array[float] = field(default_factory=lambda: array("f"))
    mos: array[float] = field(default_factory=lambda: array("f"))
    received: int = 0
    lost: int = 0
    causes: dict[tuple[str, bool], Cause] = field(default_factory=dict)

    def add(self, detail: CallDetail) -> None:
        self.counts[detail.verdict] += 1
        self.counts["late"] += detail.late_ms > 1000 * LATE_S
        if detail.verdict in {"fail", "ours"}:
            key = detail.cause, detail.verdict == "ours"
            cause = Cause(cause=key[0], calls=0, ours=key[1], first=detail.why)
            self.causes.setdefault(key, cause).calls += 1
        self.counts["verified"] += bool(detail.markers_sent) or detail.missing_ms is not None
        for values, value in (
            (self.setup, detail.setup_ms),
            (self.jitter, detail.jitter_ms),
            (self.delay, detail.delay_ms),
            (self.mos, detail.mos),
        ):
            if value is not None:
                values.append(value)
        if detail.rx_packets is not None and detail.rx_lost is not None:
            self.received += detail.rx_packets + detail.rx_lost
            self.lost += detail.rx_lost
        if detail.tx_lost is not None and detail.rx_packets is not None:
            self.received += detail.rx_packets  # as many were sent, at the same packet time
            self.lost += detail.tx_lost

    def figures(self) -> Figures:
        counts = self.counts
        judged = counts["pass"] + counts["fail"]
        return Figures(
            placed=counts["placed"],
            passed=counts["pass"],
            failed=counts["fail"],
            ours=counts["ours"],
            ended=counts["ended"],
            verified=counts["verified"],
            failure_rate=counts["fail"] / judged if judged else None,
            setup_p50_ms=percentile(self.setup, 0.5),
            setup_p95_ms=percentile(self.setup, 0.95),
            setup_p99_ms=percentile(self.setup, 0.99),
            loss=self.lost / self.received if self.received else None,
            jitter_p95_ms=percentile(self.jitter, 0.95),
            delay_p95_ms=percentile(self.delay, 0.95),
            mos_mean=round(sum(self.mos) / len(self.mos), 3) if self.mos else None,
            mos_min=round(min(self.mos), 2) if self.mos else None,
        )


class Tally:
    """Counts calls; from any thread."""

    def __init__(self, stages: int = 1) -> None:
        self._lock = threading.Lock()
        self._whole = _Part()
        self._stages = [_Part() for _ in range(stages)]
        self._second: list[CallDetail] = []
        self._started = 0

    def placed(self, stage: int, calls: int = 1) -> None:
        """Count calls that begin."""
        with self._lock:
            self._started += calls
            for part in (self._whole, self._stages[stage]):
                part.counts["placed"] += calls

    def placed_so_far(self) -> list[int]:
        """How many calls of each step have begun."""
        with self._lock:
            return [part.counts["placed"] for part in self._stages]

    def add(self, detail: CallDetail) -> None:
        """Count a call with its verdict."""
        with self._lock:
            self._second.append(detail)
            for part in (self._whole, self._stages[detail.stage]):
                part.add(detail)

    def figures(self, stage: int | None = None) -> Figures:
        """The figures so far, of everything or of one step."""
        with self._lock:
            return (self._whole if stage is None else self._stages[stage]).figures()

    def unfinished(self, stage: int) -> int:
        """Calls of a step that have no verdict yet."""
        with self._lock:
            counts = self._stages[stage].counts
            return counts["placed"] - sum(counts[one] for one in ("pass", "fail", "ours", "ended"))

    def late(self, stage: int | None = None) -> int:
        """Calls that began too late, of everything or of one step."""
        with self._lock:
            return (self._whole if stage is None else self._stages[stage]).counts["late"]

    def causes(self, stage: int | None = None) -> list[Cause]:
        """The failures of everything or of one step by cause, the most frequent first."""
        with self._lock:
            causes = (self._whole if stage is None else self._stages[stage]).causes
            return sorted(map(msgspec.structs.replace, causes.values()), key=lambda one: -one.calls)

    def sample(self, at_s: float, *, target: float, up: int, missed: int, cpu: float | None) -> Sample:
        """The second that ends now."""
        with self._lock:
            ended, self._second = self._second, []
            started, self._started = self._started, 0
        mos = [one.mos for one in ended if one.mos is not None]
        return Sample(
            at_s=round(at_s, 3),
            target=target,
            started=started,
            finished=len(ended),
            failed=sum(one.verdict == "fail" for one in ended),
            up=up,
            missed=missed,
            setup_ms=percentile([one.setup_ms for one in ended if one.setup_ms is not None], 0.95),
            mos=round(sum(mos) / len(mos), 3) if mos else None,
            cpu=cpu,
        )
