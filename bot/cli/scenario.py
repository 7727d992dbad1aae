"""``srtpbot run FILE...``: perform scenarios, several side by side if asked, and report on each of them."""

from __future__ import annotations

import fnmatch
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click
import msgspec

from bot import keylog
from bot.cli.options import output_options
from bot.cli.run import STDOUT, Interrupted, Run
from bot.document import did_you_mean
from bot.errors import BotError, ConfigError, ExpectationFailed
from bot.report.chapter import Chapter
from bot.report.junit import junit_of
from bot.report.page import page_of
from bot.report.result import Result
from bot.report.sip_pcap import of_file
from bot.scenario.load import Case, load, variables
from bot.scenario.outcome import Outcomes, ScenarioResult, outcomes
from bot.scenario.runner import Performance

__all__ = ["command"]

VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)=(.*)", re.DOTALL)
INTERRUPTION = "interrupted"
LONGEST = 100
"""Characters of a folder's name."""


@click.command(name="run")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="So many at once.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Only the scenarios, or results, of this name; * and ? stand for anything; repeatable.",
)
@click.option("--var", "given", multiple=True, metavar="NAME=VALUE", help="The value of ${NAME}; repeatable.")
@output_options
def command(files: tuple[str, ...], **options: Any) -> int:
    """Perform the scenarios in FILEs.

    Every file is checked before the first call is made. With one result, --json and --out write what they
    write everywhere; with several, --out has a folder and --capture a file for each, and the reports in
    the folder hold all of them.
    """  # fmt: skip
    parallel = options.pop("parallel")
    cases = chosen(loaded(files, given_values(options.pop("given"), files)), options.pop("only"))
    with Scenarios(options, cases) as run:
        run.perform(parallel)
    return run.exit_status


def given_values(texts: Iterable[str], files: Sequence[str]) -> dict[str, str]:
    """``--var`` by name; raises ConfigError for one that no file knows."""
    values: dict[str, str] = {}
    for text in texts:
        found = VARIABLE.fullmatch(text)
        if not found:
            raise ConfigError(f"--var {text}: expected NAME=VALUE")
        values[found[1]] = found[2]
    known = set().union(*(variables(file) for file in files)) if values else set()
    for name in values:
        if name not in known:
            hint = did_you_mean(name, sorted(known)) or "; none of the files uses it"
            raise ConfigError(f"--var {name}: there is no such variable{hint}")
    return values


def loaded(files: Iterable[str], given: dict[str, str]) -> list[Case]:
    """Every case of every file."""
    return [case for file in files for case in load(file, given)]


def chosen(cases: list[Case], only: Sequence[str]) -> list[Case]:
    """The cases that ``--only`` names; raises ConfigError for a name that nothing has."""

    def named(case: Case, name: str) -> bool:
        return name in {case.name, case.scenario_name} or any(
            fnmatch.fnmatchcase(one, name) for one in (case.name, case.scenario_name)
        )

    for name in only:
        if not any(named(case, name) for case in cases):
            names = list(dict.fromkeys(case.scenario_name for case in cases))
            hint = did_you_mean(name, names) or f"; there is {', '.join(names)}"
            raise ConfigError(f"--only {name}: there is no such scenario{hint}")
    return [case for case in cases if not only or any(named(case, name) for name in only)]


class CaseRun(Run):
    """The run of one case, on a thread of its own; what it says is kept until it is over."""

    def __init__(self, options: dict[str, Any], case: Case) -> None:
        super().__init__(options)
        self.case = case
        self.told: list[str] = []
        self.progress.stop()  # there is one table for all

    def say(self, text: str) -> None:
        """Keep it."""
        self.told.append(text)

    def __enter__(self) -> Self:
        return self  # signals are the main thread's

    def _ignore_signals(self) -> None:
        """As above."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, BotError) and not isinstance(error, ExpectationFailed):
            self.error, self.exit_status = str(error), error.exit_status
            kind = error = trace = None
        return super().__exit__(kind, error, trace)

    @property
    def chapter(self) -> Chapter:
        """What the reports say of it."""
        return Chapter(self.case.name, self.result, self.calls, self._attachments())

    def _write(self, result: Result) -> None:
        facts = {name: getattr(result, name) for name in result.__struct_fields__}
        values = {name: str(value) for name, value in self.case.values.items()}
        self.result = ScenarioResult(**facts, name=self.case.name, file=self.case.file, vars=values)
        if self.folder is None:
            return
        self._replace(self.folder / "result.json", as_json(self.result))
        self._replace(self.folder / "sip.pcap", b"".join(of_file(self.folder / "journal.jsonl")))
        self._replace(self.folder / "report.html", page_of([self.chapter], agents=self.agents))
        self._replace(self.folder / "junit.xml", junit_of([self.chapter]))

    def _open_keylog(self) -> keylog.Log | None:
        return keylog.Log(self._keylog, append=True) if self._keylog is not None else None


class Scenarios(Run):
    """All cases of the command: who runs when, and the reports that hold all of them."""

    def __init__(self, options: dict[str, Any], cases: list[Case]) -> None:
        folder, captured = options.pop("out_folder"), options.pop("capture_file")
        self._shared = {name: options[name] for name in ("verbose", "trace", "keylog_file")}
        super().__init__({**options, "out_folder": None, "capture_file": None})
        self._capture_file: str | None = captured
        self.folder = Path(folder) if folder else None
        self._check_outputs(options)
        self._cases = cases
        self._running: list[Performance] = []
        self._interrupted = False
        self._done: dict[int, CaseRun] = {}

    def perform(self, parallel: int) -> None:
        """Run every case, and tell of each when it is over."""
        pool = ThreadPoolExecutor(parallel, thread_name_prefix="srtpbot-scenario")
        try:
            futures: list[Future[None]] = [
                pool.submit(self._one, number, case) for number, case in enumerate(self._cases)
            ]
            for future in as_completed(futures):
                future.result()
        except Interrupted:
            self._interrupted = True  # whoever begins after this sees it
            for performance in list(self._running):
                performance.stop(INTERRUPTION)
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _one(self, number: int, case: Case) -> None:
        with ExitStack() as stack:
            folder = self._folder_of(number)
            mine = {"out_folder": folder, "capture_file": self._capture_of(number)}
            run = CaseRun({"json_file": None, "junit_file": None, **mine, **self._shared}, case)
            self.progress.follow(run.journal)
            sounds = folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="srtpbot-"))
            performance = Performance(case, run.journal, Path(sounds), run.endpoint_arguments)
            self._running.append(performance)
            if self._interrupted:
                performance.stop(INTERRUPTION)
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
        """Where a case writes: in a folder of its own when there are several."""
        if self.folder is None or len(self._cases) == 1:
            return str(self.folder) if self.folder else None
        return str(self.folder / self._slug(number))

    def _capture_of(self, number: int) -> str | None:
        """Where the packets that pass while a case is performed go: with several, ``FILE-NAME.pcap``."""
        if self._capture_file is None or len(self._cases) == 1:
            return self._capture_file
        path = Path(self._capture_file)
        return str(path.with_name(f"{path.stem}-{self._slug(number)}{path.suffix}"))

    def _slug(self, number: int) -> str:
        """The name of a case as part of a path; no other case has it."""
        names = [slug(case.name) for case in self._cases]
        again = names[:number].count(names[number])
        return f"{names[number]}-{again + 1}" if again else names[number]

    def _tell(self, run: CaseRun) -> None:
        """One line for each case, and why it failed."""
        result = run.result
        mark = {"pass": "pass ", "fail": "FAIL ", "error": "ERROR"}[result.verdict]
        lines = [f"{mark}  {run.case.name}  ({result.duration_s:.1f} s)"]
        told = [run.error] if run.error else []
        for text in [*told, *(one.removeprefix("FAIL  ") for one in run.told)]:
            lines += [f"       {line}" for line in text.splitlines()]
        self.say("\n".join(lines))

    # ---- the end

    def _conclude(self) -> None:
        done = [run for _, run in sorted(self._done.items())]
        if not self.exit_status:
            statuses = {run.exit_status for run in done}
            self.exit_status = next((one for one in (3, 2, 1) if one in statuses), 0)
        if self._keys is not None:
            self._keys.close()
        results = [run.result for run in done if isinstance(run.result, ScenarioResult)]
        everything = outcomes(results, self.journal.started, self.error)
        single = len(self._cases) == 1 and len(results) == 1
        text = as_json(results[0] if single else everything)
        xml = junit_of([run.chapter for run in done])
        reports = [(self._json, text), (self._junit, xml)]
        if self.folder is not None and not single:
            page = page_of([run.chapter for run in done], title="srtpbot run")
            names = {"result.json": text, "junit.xml": xml, "report.html": page}
            reports += [(str(self.folder / name), content) for name, content in names.items()]
        for target, content in reports:
            if target == STDOUT:
                sys.stdout.buffer.write(content)
                sys.stdout.buffer.flush()
            elif target:
                self._replace(Path(target), content)
        self.say(tally(results, len(self._cases)))


def as_json(result: Result | Outcomes) -> bytes:
    """For people and scripts."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def tally(results: list[ScenarioResult], wanted: int) -> str:
    """``8 passed, 1 failed``."""
    counts = [
        (sum(one.verdict == verdict for one in results), word)
        for verdict, word in (("pass", "passed"), ("fail", "failed"), ("error", "could not be judged"))
    ]
    counts.append((wanted - len(results), "not run"))
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def slug(name: str) -> str:
    """A name as a folder."""
    return re.sub(r"[^A-Za-z0-9._=-]+", "-", name).strip("-.")[:LONGEST] or "scenario"
