"""Session of a load: its engine, its live table, its verdict and its reports."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bot.cli.command_line import command_line
from bot.cli.load_table import LoadTable, status
from bot.cli.session import INTERRUPTED, TROUBLE, Session
from bot.load.capacity import CapacitySearch, capacity_of
from bot.load.machine import Processors
from bot.load.plan import Plan
from bot.load.result import AskedFor, LoadResult, OwnLimits
from bot.load.run import Keep, Load
from bot.load.shared import SharedLoad
from bot.load.tally import Sample
from bot.load.thresholds import Check, checks, limited_by
from bot.report.result import Result
from bot.ua import Call

if TYPE_CHECKING:
    from bot.capture.verification import Verification
    from bot.cli.packet_capture import CaptureOfRun

__all__ = ["LoadSession"]

LOGGED_EACH_S = 10
"""Without a terminal a line is printed so often, in seconds."""


class Engine(Protocol):
    """What runs a load."""

    def run(self) -> None:
        """Run it to its end."""

    def stop(self) -> None:
        """End it; from any thread."""


class LoadSession(Session):
    """A session whose result is that of a load: of this machine, or as a master, of its workers."""

    plan: Plan
    uri: str
    is_judge = True
    """Whether the thresholds are decided here; those of a worker are its master's."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.keep: Keep = options.pop("keep")
        self.tells_all = bool(options["verbose"])
        """Whether the events of every call are told."""
        super().__init__(options)
        self.temporary: Path | None = None
        """Folder to delete when a second interrupt ends the process at once."""
        self.load: Load | SharedLoad | None = None
        self._samples: list[Sample] = []
        self._processors: Processors | SharedLoad = Processors()
        self._slots = self._agents = 0
        self._missed = 0
        self._search: CapacitySearch | None = None
        """With ``--step``, where the thresholds are decided here."""
        self._checks: list[Check] = []
        self._reasons: list[str] = []
        self._table = LoadTable(wanted=self.progress.wanted)
        self.progress = self._table

    # ---- while it runs

    def drive(
        self,
        load: Load | SharedLoad,
        processors: Processors | SharedLoad,
        engine_of: Callable[[Callable[[], bool]], Engine],
    ) -> None:
        """Run the load to its end, to a broken step, or to an interrupt."""
        self._processors = processors
        if load.plan.steps is not None and self.is_judge:
            self._search = CapacitySearch(load, self._samples, self.say)
        self._table.begin(load, self._samples, processors)
        engine = engine_of(lambda: self._tick(load))
        with self.interrupting(lambda error: engine.stop()):
            engine.run()
        if self._search is not None and self.journal.interruption is None:
            self._search.judge(has_ended=True)

    def _tick(self, load: Load | SharedLoad) -> bool:
        """Take the sample of a second; whether the load goes on."""
        stages, passed = load.plan.stages, load.passed_s
        stage = next((one for one in stages if passed < one.end_s), stages[-1])
        missed, self._missed = load.missed - self._missed, load.missed
        self._slots, self._agents = max(self._slots, load.slots), max(self._agents, load.agents)
        self._samples.append(
            load.tally.sample(
                passed, target=stage.target, up=load.up, missed=missed, cpu=self._processors.use()
            )
        )
        if not self._table.is_shown and len(self._samples) % LOGGED_EACH_S == 0:
            self.say(status(load, self._samples, self._processors))
        return self._search is None or self._search.judge()

    def conclude(self, problems: Sequence[str]) -> None:
        """Decide the verdict; after all calls have theirs. ``problems`` are failures of this side."""
        load = self.load
        if load is None:
            return
        figures = load.tally.figures()
        if not self.is_judge:
            judged = figures.passed + figures.failed + figures.ours + figures.ended
            name = "every call has a verdict (the thresholds are the master's)"
            self.decide(name, judged == figures.placed, f"{figures.placed}", f"{judged}")
        elif self._search is not None:
            self._decide_capacity(self._search)
        else:
            self._checks = checks(load.plan.limits, figures, load.tally.causes())
            for check in self._checks:
                self.decide(check.name, check.held, check.expected, check.observed)
        if load.plan.steps is None:
            self._reasons = limited_by(
                figures,
                missed=load.missed,
                late=load.tally.late(),
                full_s=self._processors.full_s,
                seconds=load.passed_s,
                broken=[check for check in self._checks if not check.held],
            )
        self._reasons = [*self._reasons, *problems]
        self.calls = load.worst_calls
        for entry in [] if self.tells_all else load.messages_of_worst():
            self.journal.append(entry.endpoint, entry.event)
        if self._reasons and self.error is None and self.journal.interruption is None:
            self.error = "this side was the limit, so the figures are not the peer's: " + "; ".join(
                self._reasons
            )
            self.exit_status = TROUBLE

    def _decide_capacity(self, search: CapacitySearch) -> None:
        """Decide whether a step held; an interrupt during the first one leaves nothing to decide."""
        self._reasons = search.limited_by
        if search.steps:
            observed = "none" if search.capacity is None else f"{search.capacity:g}"
            self.decide(
                "capacity", search.capacity is not None, f"at least {search.steps[0].target:g}", observed
            )

    def interrupted_again(self) -> None:
        """End at once: the agents end when their pipes close."""
        self.progress.stop()
        if self.temporary is not None:
            shutil.rmtree(self.temporary, ignore_errors=True)
        os._exit(INTERRUPTED)

    # ---- the end

    def proofs(self, capture: CaptureOfRun) -> Mapping[Call, Mapping[int, Verification]]:
        """None: the packets are too many to judge them here; ``srtpbot pcap`` does."""
        return {}

    def put_away(self) -> None:
        """Keep or delete the files of the worst calls."""
        if self.load is not None and self.folder is not None:
            self.load.put_away_worst()

    def completed(self, result: Result) -> Result:
        """The result with the figures of the load."""
        load, plan = self.load, getattr(self, "plan", None)
        if load is None or plan is None:
            return result
        facts = {name: getattr(result, name) for name in result.__struct_fields__ if name != "schema"}
        begun = [sample for sample in self._samples if sample.started]
        seconds = begun[-1].at_s - begun[0].at_s + 1 if begun else 0.0
        figures = load.tally.figures()
        search = self._search
        return LoadResult(
            **facts,
            asked=AskedFor(
                uri=self.uri,
                rate=plan.rate,
                concurrency=plan.concurrency,
                calls=plan.most_calls,
                seconds=plan.seconds,
                ramp_s=plan.ramp_s,
                arrivals=plan.pattern,
                length_s=[plan.length.least_s, plan.length.most_s],
                verify=plan.verify,
                scenario=plan.scenario,
            ),
            figures=figures,
            rate_reached=round(sum(one.started for one in begun) / seconds, 3) if begun else None,
            up_most=max((sample.up for sample in self._samples), default=0),
            causes=load.tally.causes(),
            steps=search.steps if search is not None else [],
            capacity=search.capacity if search is not None else None,
            own=OwnLimits(
                slots=self._slots,
                agents=self._agents,
                missed=load.missed,
                late=load.tally.late(),
                cpu=self._processors.mean,
                cpu_full_s=round(self._processors.full_s, 3),
                reasons=self._reasons,
            ),
            samples=self._samples,
        )

    def show(self) -> None:
        """The figures, and the verdict."""
        from bot.load.page import figures_of

        result = self.result
        if not isinstance(result, LoadResult):
            super().show()
            return
        rows = list(figures_of(result))
        rows += [("", f"{cause.calls} x {cause.cause}: {cause.first}") for cause in result.causes]
        if result.asked.uri and result.steps:
            rows.append(("capacity", capacity_of(result)))
        width = max(len(name) for name, _ in rows)
        for name, text in rows:
            self.say(f"{name:<{width}}  {text}")
        if self.folder is not None:
            self.say(f"{'report':<{width}}  {self.folder / 'report.html'}")
        if result.error is not None:
            self.say(f"{'error':<{width}}  {result.error}", fails=True)
        of_part = "" if self.is_judge else " (this worker's part; the master decides on the load)"
        self.say(f"{result.verdict.upper()}{of_part}")

    def page_report(self, result: Result) -> bytes:
        """The HTML report of the load."""
        from bot.load.page import page_of_load

        if not isinstance(result, LoadResult) or self.load is None:
            return super().page_report(result)
        worst = [(detail, self._files(folder)) for detail, folder in self.load.worst_details]
        return page_of_load(
            result, self.calls, worst, self.events.agents, folder=self.folder, command=command_line()
        )

    def _files(self, folder: Path | None) -> Sequence[Path]:
        """The recordings of a call that stay, as the page names them."""
        if self.folder is None or folder is None or not folder.is_dir():
            return []
        return [path.relative_to(self.folder) for path in sorted(folder.glob("*.wav"))]
