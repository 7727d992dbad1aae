"""Command ``srtpbot run FILE...``: perform scenarios, with --parallel concurrently, and write reports."""

from __future__ import annotations

import fnmatch
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click

from bot.capture import keylog
from bot.cli.help import GroupedCommand, grouped
from bot.cli.options import output_options
from bot.cli.report_files import STDOUT, ReportFiles, as_json
from bot.cli.session import FAILED, Interrupted, Session
from bot.config import did_you_mean
from bot.errors import BotError, ConfigError
from bot.report.junit import junit_of
from bot.report.page import page_of
from bot.report.result import ReportedRun, Result
from bot.report.sip_pcap import of_file
from bot.scenario.case import Case
from bot.scenario.load import load, variables
from bot.scenario.runner import Outcomes, ScenarioResult, ScenarioRun, outcomes

__all__ = ["command"]

VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)=(.*)", re.DOTALL)
INTERRUPTION = "interrupted"
LONGEST = 100
"""Largest number of characters of a folder name."""


selection = grouped("Scenarios")


@click.command(
    name="run",
    cls=GroupedCommand,
    examples=(
        "srtpbot run scenarios/*.yaml --parallel 4 --junit junit.xml",
        "srtpbot run pbx.yaml --var HOST=192.0.2.10 --only 'hold*' --out out",
    ),
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@selection(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Run only scenarios, or results, of this name; * and ? are wildcards; repeatable.",
)
@selection(
    "--var", "given", multiple=True, metavar="NAME=VALUE", help="Value of the variable ${NAME}; repeatable."
)
@selection(
    "--parallel",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Maximum number of scenarios at the same time.",
)
@output_options
def command(files: tuple[str, ...], **options: Any) -> int:
    """Run the scenarios in FILEs.

    All files are checked before the first call. With several scenarios --out makes a folder and --capture a
    file for each; the reports at the top of the folder contain all of them.
    """  # fmt: skip
    parallel = options.pop("parallel")
    cases = chosen(loaded(files, given_values(options.pop("given"), files)), options.pop("only"))
    with Scenarios(options, cases) as run:
        run.perform(parallel)
    return run.exit_status


def given_values(texts: Iterable[str], files: Sequence[str]) -> dict[str, str]:
    """The values of ``--var`` by name; raises ConfigError for an unknown variable."""
    values: dict[str, str] = {}
    for text in texts:
        found = VARIABLE.fullmatch(text)
        if not found:
            raise ConfigError(f"--var {text}: expected NAME=VALUE")
        values[found[1]] = found[2]
    variable_names = set().union(*(variables(file) for file in files)) if values else set()
    for name in values:
        if name not in variable_names:
            hint = did_you_mean(name, sorted(variable_names)) or "; none of the files uses it"
            raise ConfigError(f"--var {name}: unknown variable{hint}")
    return values


def loaded(files: Iterable[str], given: dict[str, str]) -> list[Case]:
    """All cases of all files."""
    return [case for file in files for case in load(file, given)]


def chosen(cases: list[Case], only: Sequence[str]) -> list[Case]:
    """The cases that match ``--only``; raises ConfigError for a pattern without a match."""

    def named(case: Case, name: str) -> bool:
        return name in {case.name, case.scenario_name} or any(
            fnmatch.fnmatchcase(one, name) for one in (case.name, case.scenario_name)
        )

    for name in only:
        if not any(named(case, name) for case in cases):
            names = list(dict.fromkeys(case.scenario_name for case in cases))
            hint = did_you_mean(name, names) or f"; there is {', '.join(names)}"
            raise ConfigError(f"--only {name}: unknown scenario{hint}")
    return [case for case in cases if not only or any(named(case, name) for name in only)]


class CaseRun(Session):
    """Session of one case, on its own thread; its output is printed at its end."""

    def __init__(self, options: dict[str, Any], case: Case) -> None:
        super().__init__(options)
        self.case = case
        self.printed: list[str] = []
        self.progress.stop()  # there is one table for all

    def say(self, text: str, *, styled: bool = False) -> None:
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
        return ReportedRun(self.case.name, self.result, self.calls, self._attachments())

    def _write(self, result: Result) -> None:
        facts = {name: getattr(result, name) for name in Result.__struct_fields__}
        values = {name: str(value) for name, value in self.case.values.items()}
        self.result = ScenarioResult(**facts, name=self.case.name, file=self.case.file, vars=values)
        if self.folder is None:
            return
        self.files.write(self.folder / "result.json", as_json(self.result))
        self.files.write(self.folder / "sip.pcap", b"".join(of_file(self.folder / "journal.jsonl")))
        self.files.write(self.folder / "report.html", page_of([self.reported], agents=self.events.agents))
        self.files.write(self.folder / "junit.xml", junit_of([self.reported]))

    def _open_keylog(self) -> keylog.Log | None:
        return keylog.Log(self.files.keylog, append=True) if self.files.keylog is not None else None


class Scenarios(Session):
    """All cases of the command: their order, and the reports about all of them."""

    def __init__(self, options: dict[str, Any], cases: list[Case]) -> None:
        self._shared = {name: options[name] for name in ("verbose", "trace", "keylog_file")}
        super().__init__({**options, "out_folder": None, "capture_file": None})
        self.files = ReportFiles(options)
        self.files.check(options)
        self._cases = cases
        self._running: list[ScenarioRun] = []
        self._interrupted = ""
        self._done: dict[int, CaseRun] = {}

    def perform(self, parallel: int) -> None:
        """Run every case, and print each result at its end."""
        with self.workers(parallel, "srtpbot-scenario") as workers:
            jobs = {number: partial(self._one, number, case) for number, case in enumerate(self._cases)}
            try:
                for _ in workers.run(jobs):
                    pass
            except Interrupted as interrupted:
                workers.cancel()
                self._interrupted = str(interrupted) or INTERRUPTION  # a case that begins after this sees it
                for performance in list(self._running):
                    performance.stop(self._interrupted)
                raise

    def _one(self, number: int, case: Case) -> None:
        with ExitStack() as stack:
            folder = self._folder_of(number)
            mine = {"out_folder": folder, "capture_file": self._capture_of(number)}
            run = CaseRun({"json_file": None, "junit_file": None, **mine, **self._shared}, case)
            self.progress.follow(run.journal)
            sounds = folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="srtpbot-"))
            performance = ScenarioRun(case, run.journal, Path(sounds), run.endpoint_arguments)
            self._running.append(performance)
            if self._interrupted:
                performance.stop(self._interrupted)
            with run:
                try:
                    run.begin_capture(case.endpoints.values())
                    performance.perform()
                finally:
                    run.calls = performance.calls
            self._running.remove(performance)
            self._done[number] = run
            self._tell(run)

    def _folder_of(self, number: int) -> str | None:
        """The output folder of a case; several cases have a subfolder each."""
        if self.folder is None or len(self._cases) == 1:
            return str(self.folder) if self.folder else None
        return str(self.folder / self._slug(number))

    def _capture_of(self, number: int) -> str | None:
        """Where the packets that pass while a case is performed go: with several, ``FILE-NAME.pcap``."""
        if self.files.capture is None or len(self._cases) == 1:
            return self.files.capture
        path = Path(self.files.capture)
        return str(path.with_name(f"{path.stem}-{self._slug(number)}{path.suffix}"))

    def _slug(self, number: int) -> str:
        """The unique name of a case in paths."""
        names = [slug(case.name) for case in self._cases]
        again = names[:number].count(names[number])
        return f"{names[number]}-{again + 1}" if again else names[number]

    def _tell(self, run: CaseRun) -> None:
        """Print a line for a case, with the reason of a failure."""
        result = run.result
        mark = {"pass": "pass ", "fail": "FAIL ", "error": "ERROR"}[result.verdict]
        lines = [f"{mark}  {run.case.name}  ({result.duration_s:.1f} s)"]
        texts = [run.error] if run.error else []
        for text in [*texts, *(one.removeprefix("FAIL  ") for one in run.printed)]:
            lines += [f"       {line}" for line in text.splitlines()]
        self.say("\n".join(lines))

    # ---- the end

    def _conclude(self) -> None:
        done = [run for _, run in sorted(self._done.items())]
        self._close()
        statuses = {run.exit_status for run in done}
        self.exit_status = self.exit_status or next(
            (status for status in (130, 3, 2) if status in statuses), 0
        )
        results = [run.result for run in done if isinstance(run.result, ScenarioResult)]
        everything = outcomes(results, self.journal.started, self.error)
        single = len(self._cases) == 1 and len(results) == 1
        if single and self.error is not None:
            results[0].verdict, results[0].error = "error", results[0].error or self.error
        self._report(results[0] if single else everything, done, single=single)
        if self.files.problem and everything.error is None:
            self.error = everything.error = self.files.problem
            everything.verdict = "error"
            if single:
                results[0].verdict, results[0].error = "error", self.error
            self._report(results[0] if single else everything, done, single=single)
        shown = results[0] if single else everything
        xml = self._xml(done, single=single)
        for target, content in ((self.files.json, as_json(shown)), (self.files.junit, xml)):
            if target == STDOUT:
                sys.stdout.buffer.write(content)
                sys.stdout.buffer.flush()
        self.exit_status = self._status(shown.verdict)
        ending = f"\n{self.error}" if self.error is not None else ""
        self.say(f"{tally(results, len(self._cases))}{ending}")

    def _report(self, shown: ScenarioResult | Outcomes, done: list[CaseRun], *, single: bool) -> None:
        """Write the reports that are files; those of a single case are written anew where it has changed."""
        text, xml = as_json(shown), self._xml(done, single=single)
        reports = [(self.files.json, text), (self.files.junit, xml)]
        if self.folder is not None and (not single or shown.error is not None):
            runs, error = [run.reported for run in done], None if single else self.error
            page = page_of(runs, title="" if single else "srtpbot run", error=error)
            names = {"result.json": text, "junit.xml": xml, "report.html": page}
            reports += [(str(self.folder / name), content) for name, content in names.items()]
        for target, content in reports:
            self.files.write(target, content)

    def _xml(self, done: list[CaseRun], *, single: bool) -> bytes:
        return junit_of([run.reported for run in done], error=None if single else self.error)


def tally(results: list[ScenarioResult], wanted: int) -> str:
    """``8 passed, 1 failed``."""
    counts = [
        (sum(result.verdict == verdict for result in results), word)
        for verdict, word in (("pass", "passed"), ("fail", "failed"), ("error", "could not be judged"))
    ]
    counts.append((wanted - len(results), "not run"))
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def slug(name: str) -> str:
    """A name as the name of a folder."""
    return re.sub(r"[^A-Za-z0-9._=-]+", "-", name).strip("-.")[:LONGEST] or "scenario"
