"""One attempt of a case of ``srtpbot run``, and its reports."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from bot.capture import keylog
from bot.cli.command_line import command_line
from bot.cli.report_files import as_json
from bot.cli.session import FAILED, Session
from bot.errors import BotError
from bot.report.junit import junit_of
from bot.report.page import page_of
from bot.report.result import AttemptResult, ReportedRun, Result
from bot.report.sip_pcap import of_file
from bot.report.steps import StepResult
from bot.scenario.case import Case
from bot.scenario.runner import ScenarioResult

__all__ = ["CaseRun", "each_attempt"]


class CaseRun(Session):
    """Session of one attempt of a case, on its own thread; its output is printed at its end.

    ``earlier`` has the failed attempts before it.
    """

    def __init__(self, options: dict[str, Any], case: Case, earlier: Sequence[CaseRun] = ()) -> None:
        super().__init__(options)
        self.case = case
        self._earlier = [one.as_attempt for one in earlier]
        self.printed: list[str] = []
        self.steps: list[StepResult] = []
        self.progress.stop()  # there is one table for all

    def say(self, text: str, *, styled: bool = False, fails: bool = False) -> None:
        """Keep it."""
        self.printed.append(text)

    def __enter__(self) -> Self:
        return self  # signals are the main thread's

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, BotError) and error.exit_status != FAILED:
            self.error, self.exit_status = str(error), error.exit_status
            kind = error = trace = None
        return super().__exit__(kind, error, trace)

    @property
    def reported(self) -> ReportedRun:
        """The run for the reports."""
        return self.reported_as(self.case.name)

    def reported_as(self, name: str) -> ReportedRun:
        """The run for the reports, under another name."""
        return ReportedRun(
            name,
            self.result,
            self.calls,
            self._attachments(),
            self._earlier,
            file=self.case.file,
            title=" ".join(self.case.scenario.description.split()),
            steps=self.steps,
            started_at=self.journal.started_at,
            folder=self.folder,
        )

    @property
    def reasons(self) -> list[str]:
        """What failed."""
        return [*([self.error] if self.error else []), *(one.removeprefix("FAIL  ") for one in self.printed)]

    @property
    def as_attempt(self) -> AttemptResult:
        """The run for the results of the attempts after it."""
        return AttemptResult(
            verdict=self.result.verdict, reason="\n".join(self.reasons), duration_s=self.result.duration_s
        )

    def _write(self, result: Result) -> None:
        facts = {name: getattr(result, name) for name in Result.__struct_fields__}
        values = {name: str(value) for name, value in self.case.values.items()}
        facts["verdict"] = "flaky" if self._earlier and result.verdict == "pass" else result.verdict
        self.result = ScenarioResult(
            **facts,
            name=self.case.name,
            file=self.case.file,
            vars=values,
            steps=self.steps,
            failed_attempts=self._earlier,
        )
        if self.folder is None:
            return
        self.files.write(self.folder / "result.json", as_json(self.result))
        self.files.write(self.folder / "sip.pcap", b"".join(of_file(self.folder / "journal.jsonl")))
        page = page_of([self.reported], agents=self.events.agents, folder=self.folder, command=command_line())
        self.files.write(self.folder / "report.html", page)
        self.files.write(self.folder / "junit.xml", junit_of([self.reported]))

    def _open_keylog(self) -> keylog.Log | None:
        return keylog.Log(self.files.keylog, append=True) if self.files.keylog is not None else None


def each_attempt(attempts: Sequence[CaseRun]) -> list[ReportedRun]:
    """The attempts for one page."""
    return [
        run.reported_as(f"{run.case.name}, attempt {number}") for number, run in enumerate(attempts, start=1)
    ]
