"""Command ``srtpbot run FILE...``: perform scenarios, with --parallel concurrently, and write reports."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

from bot.cli.case_run import CaseRun, each_attempt
from bot.cli.case_selection import LastFailed, checked, chosen, given_values, loaded
from bot.cli.command_line import command_line
from bot.cli.help import GroupedCommand, grouped
from bot.cli.options import output_options
from bot.cli.report_files import STDOUT, ReportFiles, as_json
from bot.cli.session import FAILED, TROUBLE, Interrupted, Session
from bot.report.console import rendered, table
from bot.report.html import counted
from bot.report.junit import junit_of
from bot.report.page import page_of
from bot.scenario.case import Case
from bot.scenario.runner import Outcomes, ScenarioResult, ScenarioRun, outcomes

__all__ = ["command"]

INTERRUPTION = "interrupted"
VERDICT_WORDS = {"pass": "passed", "flaky": "flaky", "fail": "failed", "error": "could not be judged"}
LONGEST = 100
"""Largest number of characters of a folder name."""


selection = grouped("Scenarios")


@click.command(
    name="run",
    cls=GroupedCommand,
    examples=(
        "srtpbot run scenarios/*.yaml --parallel 4 --junit junit.xml",
        "srtpbot run pbx.yaml --var HOST=192.0.2.10 --only 'hold*' --out out",
        "srtpbot run scenarios/*.yaml --retries 1 --fail-on-flaky",
        "srtpbot run --last-failed",
    ),
)
@click.argument("files", nargs=-1, metavar="FILE...")
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
@selection(
    "--last-failed",
    is_flag=True,
    help="Run only what failed when it ran last from this folder, or all if nothing did; FILEs are optional.",
)
@selection(
    "--retries",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Run a failed scenario up to N times more; if it passes then, its verdict is flaky.",
)
@selection("--fail-on-flaky", is_flag=True, help="Exit status 1 for flaky scenarios too.  [0]")
@selection("--list", "only_list", is_flag=True, help="Print the names of the scenarios, and run none.")
@selection("--check", "only_check", is_flag=True, help="Check the files, print every error, and run none.")
@selection(
    "--watch", "watches", is_flag=True, help="Run again when a YAML or CSV file beside a FILE changes."
)
@output_options
def command(files: tuple[str, ...], **options: Any) -> int:
    """Run the scenarios in FILEs.

    All files are checked before the first call. With several scenarios --out makes a folder and --capture a
    file for each, with --retries also for each attempt; the reports at the top of the folder contain all.
    """  # fmt: skip
    last = LastFailed()
    if not files and options["last_failed"]:
        files = tuple(last.files)
    if not files:
        raise click.UsageError(
            "nothing failed in the last run: name a FILE"
            if options["last_failed"]
            else "Missing argument 'FILE...'."
        )
    if options.pop("watches"):
        from bot.cli.watch import watch

        return watch([one for one in sys.argv[1:] if one != "--watch"], files)
    checks, lists = options.pop("only_check"), options.pop("only_list")
    given = given_values(options.pop("given"), files)
    cases = chosen((checked if checks else loaded)(files, given), options.pop("only"))
    cases = (last.of(cases) if options.pop("last_failed") else []) or cases
    if lists:
        click.echo(rendered(table((case.name, case.file) for case in cases)))
    if checks:
        click.echo(f"{counted(len(cases), 'scenario')} in {counted(len(files), 'file')}: no error")
    if lists or checks:
        return 0
    parallel = options.pop("parallel")
    with Scenarios(options, cases) as run:
        run.perform(parallel)
    last.note(run.verdicts())
    return run.exit_status


class Scenarios(Session):
    """All cases of the command: their order, and the reports about all of them."""

    def __init__(self, options: dict[str, Any], cases: list[Case]) -> None:
        self._shared = {name: options[name] for name in ("verbose", "trace", "quiet", "keylog_file")}
        super().__init__({**options, "out_folder": None, "capture_file": None})
        self.files = ReportFiles(options)
        self.files.check(options)
        self._retries: int = options.pop("retries")
        self._flaky_status = FAILED if options.pop("fail_on_flaky") else 0
        self._cases = cases
        self._running: list[ScenarioRun] = []
        self._interrupted = ""
        self._done: dict[int, list[CaseRun]] = {}

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

    def verdicts(self) -> list[tuple[Case, bool]]:
        """The cases that ran, and whether each passed, be it in a later attempt."""
        return [(run.case, run.result.verdict in {"pass", "flaky"}) for run, *_ in self._ended()]

    def _ended(self) -> list[list[CaseRun]]:
        """The attempts of each case that has ended, the last attempt first."""
        return [attempts[::-1] for _, attempts in sorted(self._done.items())]

    def _one(self, number: int, case: Case) -> None:
        """Perform a case until it passes, or has no attempt left."""
        attempts: list[CaseRun] = []
        while True:
            run = self._attempt(number, case, attempts)
            attempts.append(run)
            again = run.result.verdict in {"fail", "error"} and run.exit_status in {FAILED, TROUBLE}
            last = not again or len(attempts) > self._retries or bool(self._interrupted)
            if last:
                self._report_attempts(attempts, self._folder_of(number))
                self._done[number] = attempts
            self._tell(run, len(attempts))
            if last:
                return

    def _attempt(self, number: int, case: Case, earlier: Sequence[CaseRun]) -> CaseRun:
        with ExitStack() as stack:
            folder = self._folder_of(number)
            if folder is not None and self._retries:
                folder = str(Path(folder, f"attempt-{len(earlier) + 1}"))
            mine = {"out_folder": folder, "capture_file": self._capture_of(number, len(earlier))}
            run = CaseRun({"json_file": None, "junit_file": None, **mine, **self._shared}, case, earlier)
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
                    run.steps = performance.steps
            self._running.remove(performance)
            return run

    def _report_attempts(self, attempts: Sequence[CaseRun], folder: str | None) -> None:
        """Write the reports of a case above the folders of its attempts."""
        if folder is None or not self._retries:
            return
        last = attempts[-1]
        reports = {
            "result.json": as_json(last.result),
            "junit.xml": junit_of([last.reported]),
            "report.html": page_of(
                each_attempt(attempts),
                title=last.case.name,
                verdict=last.result.verdict,
                agents=last.events.agents,
                folder=Path(folder),
                command=command_line(),
            ),
        }
        for name, content in reports.items():
            self.files.write(Path(folder, name), content)

    def _folder_of(self, number: int) -> str | None:
        """The output folder of a case; several cases have a subfolder each."""
        if self.folder is None or len(self._cases) == 1:
            return str(self.folder) if self.folder else None
        return str(self.folder / self._slug(number))

    def _capture_of(self, number: int, retry: int) -> str | None:
        """The file of the packets of an attempt; further ones are ``FILE-NAME-retry-1.pcap``."""
        if self.files.capture is None:
            return None
        path = Path(self.files.capture)
        parts = [path.stem, *([self._slug(number)] if len(self._cases) > 1 else [])]
        parts += [f"retry-{retry}"] if retry else []
        return str(path.with_name(f"{'-'.join(parts)}{path.suffix}"))

    def _slug(self, number: int) -> str:
        """The unique name of a case in paths."""
        names = [slug(case.name) for case in self._cases]
        again = names[:number].count(names[number])
        return f"{names[number]}-{again + 1}" if again else names[number]

    def _tell(self, run: CaseRun, attempt: int) -> None:
        """Print a line for an attempt, with the reason of a failure."""
        mark = {"pass": "pass ", "flaky": "flaky", "fail": "FAIL ", "error": "ERROR"}[run.result.verdict]
        which = f", attempt {attempt} of {1 + self._retries}" if self._retries else ""
        lines = [f"{mark}  {run.case.name}  ({run.result.duration_s:.1f} s{which})"]
        for text in run.reasons:
            lines += [f"       {line}" for line in text.splitlines()]
        self.say("\n".join(lines), fails=run.result.verdict != "pass")

    # ---- the end

    def _conclude(self) -> None:
        done = [run for run, *_ in self._ended()]
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
        self.exit_status = self._flaky_status if shown.verdict == "flaky" else self._status(shown.verdict)
        ending = f"\n{self.error}" if self.error is not None else ""
        self.say(f"{tally(results, len(self._cases))}{ending}", fails=bool(ending))
        self.show_report()

    def _report(self, shown: ScenarioResult | Outcomes, done: list[CaseRun], *, single: bool) -> None:
        """Write the reports that are files; those of a single case are written anew where it has changed."""
        text, xml = as_json(shown), self._xml(done, single=single)
        self.files.write(self.files.json, text)
        self.files.write(self.files.junit, xml)
        if self.folder is None or (single and shown.error is None):
            return
        self.files.write(self.folder / "result.json", text)
        self.files.write(self.folder / "junit.xml", xml)
        page = page_of(
            [run.reported for run in done],
            title="" if single else "srtpbot run",
            error=None if single else self.error,
            folder=self.folder,
            command=command_line(),
        )
        self.files.write(self.folder / "report.html", page)

    def _xml(self, done: list[CaseRun], *, single: bool) -> bytes:
        return junit_of([run.reported for run in done], error=None if single else self.error)


def tally(results: list[ScenarioResult], wanted: int) -> str:
    """``8 passed, 1 failed``."""
    counts = [
        (sum(result.verdict == verdict for result in results), word)
        for verdict, word in VERDICT_WORDS.items()
    ]
    counts.append((wanted - len(results), "not run"))
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def slug(name: str) -> str:
    """A name as the name of a folder."""
    return re.sub(r"[^A-Za-z0-9._=-]+", "-", name).strip("-.")[:LONGEST] or "scenario"
