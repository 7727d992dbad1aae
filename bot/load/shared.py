"""A load as the master of several machines sees it: what its workers report, as one.

Workers report every call whole, so that the master's percentiles are those of all calls: percentiles of
single machines cannot be joined. The master's ``calls.csv`` has the lines of all workers' files.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bot.load.detail import CallDetail, Columns
from bot.load.plan import Plan
from bot.load.tally import Tally
from bot.ua import Call, Entry

__all__ = ["Report", "SharedLoad", "Worker"]

WORST = 10
LOST = "worker lost"


class Report(msgspec.Struct, kw_only=True):
    """What a worker tells its master; numbers are totals so far, ``calls`` those since its last report."""

    placed: list[int]
    """Calls that began, for each step."""
    calls: list[CallDetail]
    """Calls that have their verdict."""
    up: int = 0
    used: int = 0
    slots: int = 0
    agents: int = 0
    pending: int = 0
    missed: int = 0
    cpu: float | None = None
    """Share of its processors in use in the last second, 0 to 1."""
    cpu_mean: float | None = None
    cpu_full_s: float = 0.0
    is_last: bool = False
    problem: str = ""
    """Why it did not do its part."""


@dataclass
class Worker:
    """A worker, by what it reported last."""

    name: str
    last: Report = field(default_factory=lambda: Report(placed=[], calls=[]))
    decided: Counter[int] = field(default_factory=Counter)
    """Calls with a verdict, for each step."""
    has_ended: bool = False

    def unfinished(self) -> Counter[int]:
        """Calls without a verdict, for each step."""
        return Counter(dict(enumerate(self.last.placed))) - self.decided


class SharedLoad:
    """The load of all workers; it has what a ``Load`` has for a session."""

    def __init__(
        self,
        plan: Plan,
        names: Sequence[str],
        *,
        folder: Path,
        say: Callable[[str], None] = lambda problem: None,
    ) -> None:
        """``say`` tells people at once what goes wrong with a worker."""
        self.plan = plan
        self.tally = Tally(len(plan.stages))
        self.workers = [Worker(name) for name in names]
        self.worst: list[CallDetail] = []
        self.problems: list[str] = []
        """What went wrong with workers, in order."""
        self._say = say
        self._observers: list[Callable[[CallDetail], None]] = []
        self._began = time.monotonic()
        self._csv = (folder / "calls.csv").open(
            "w", buffering=1, encoding="utf-8", newline=""
        )  # whole after a kill
        self._csv.write(Columns.head())

    def observe(self, observer: Callable[[CallDetail], None]) -> None:
        """Call ``observer`` with each call that has its verdict."""
        self._observers.append(observer)

    def begin(self) -> None:
        """The schedules begin now."""
        self._began = time.monotonic()

    def add(self, number: int, report: Report) -> None:
        """Take the report of a worker."""
        worker = self.workers[number]
        stages = range(len(self.plan.stages))
        if worker.has_ended or len(report.placed) != len(stages):
            return
        for stage, count in enumerate(report.placed):
            before = worker.last.placed[stage] if worker.last.placed else 0
            self.tally.placed(stage, max(0, count - before))
        for detail in (one for one in report.calls if one.stage in stages):
            worker.decided[detail.stage] += 1
            self._add(detail)
        worker.last = msgspec.structs.replace(report, calls=[])
        if report.is_last:
            self._ended(worker)
        if report.problem:
            self._note(f"{worker.name}: {report.problem}")

    def lose(self, number: int, why: str) -> None:
        """Give up a worker: its calls without a verdict are failures of this side."""
        worker = self.workers[number]
        if worker.has_ended:
            return
        unfinished = worker.unfinished()
        for stage in unfinished.elements():
            lost = CallDetail(number=0, stage=stage, started=datetime.now(UTC), at_s=round(self.passed_s, 3))
            lost.fail(LOST, f"{worker.name} {why}", ours=True)
            self.tally.add(lost)
        self._note(
            f"{worker.name} {why}: {unfinished.total()} calls without a verdict, and those that it had still "
            "to place"
        )
        self._ended(worker)

    def finish(self) -> None:
        """Close the file of calls."""
        self._csv.close()

    # ---- as a Load

    @property
    def is_over(self) -> bool:
        """Whether every worker has ended."""
        return all(worker.has_ended for worker in self.workers)

    @property
    def passed_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def up(self) -> int:
        """Calls that are placed or up."""
        return sum(worker.last.up for worker in self.workers)

    @property
    def used(self) -> int:
        """Call slots that are taken."""
        return sum(worker.last.used for worker in self.workers)

    @property
    def slots(self) -> int:
        """Call slots of all workers."""
        return sum(worker.last.slots for worker in self.workers)

    @property
    def agents(self) -> int:
        """Agent processes of all workers."""
        return sum(worker.last.agents for worker in self.workers)

    @property
    def pending(self) -> int:
        """Calls whose audio is not judged yet."""
        return sum(worker.last.pending for worker in self.workers)

    @property
    def missed(self) -> int:
        """Calls that were due while no line was free."""
        return sum(worker.last.missed for worker in self.workers)

    @property
    def worst_calls(self) -> list[Call]:
        """None: the calls are their workers'."""
        return []

    @property
    def worst_details(self) -> list[tuple[CallDetail, None]]:
        """The records of the worst calls, whose recordings stay with their workers."""
        return [(detail, None) for detail in self.worst]

    def messages_of_worst(self) -> list[Entry]:
        """None: the messages of a call stay with its worker."""
        return []

    def put_away_worst(self) -> None:
        """Nothing: the files of a call stay with its worker."""

    # ---- own limits: those of the busiest worker

    @property
    def full_s(self) -> float:
        """How long all processors of a worker were busy."""
        return max(worker.last.cpu_full_s for worker in self.workers)

    @property
    def own(self) -> None:
        """What the load itself takes of the processors is not known of workers."""
        return None

    @property
    def mean(self) -> float | None:
        """Mean use of the processors, 0 to 1."""
        return max(
            (one for worker in self.workers if (one := worker.last.cpu_mean) is not None), default=None
        )

    def use(self) -> float | None:
        """Use of the processors in the last second, 0 to 1."""
        return max((one for worker in self.workers if (one := worker.last.cpu) is not None), default=None)

    # ----

    def _add(self, detail: CallDetail) -> None:
        self.tally.add(detail)
        self._csv.write(Columns.line(detail))
        self.worst = (
            sorted([*self.worst, detail], key=badness)[:WORST] if detail.verdict != "ended" else self.worst
        )
        for observer in self._observers:
            observer(detail)

    def _note(self, problem: str) -> None:
        self.problems.append(problem)
        self._say(problem)

    def _ended(self, worker: Worker) -> None:
        worker.has_ended = True
        worker.last = msgspec.structs.replace(worker.last, up=0, used=0, pending=0)


def badness(detail: CallDetail) -> tuple[bool, float, float]:
    """A key by which the worst call is the first."""
    is_good = detail.verdict == "pass"
    return (
        is_good,
        detail.mos if detail.mos is not None else 0.0 if not is_good else 5.0,
        -(detail.setup_ms or 0.0),
    )
