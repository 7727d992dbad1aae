"""One run of a command: its journal, its verdict, its outputs, its exit status.

A signal ends a run in order: the first one raises Interrupted where the command waits, later
ones are ignored while calls are hung up and recordings are closed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import click
import msgspec

from bot.call import Call
from bot.cli.progress import Progress, at_a_terminal
from bot.endpoint import Endpoint
from bot.errors import BotError, ConfigError, ExpectationFailed
from bot.events import AgentReady, ExpectationChecked, KeyNegotiated
from bot.journal import Entry, Journal
from bot.report.narrate import narrate
from bot.report.result import Result, call_result, run_result

__all__ = ["Interrupted", "Run"]

INTERRUPTED = 130
STDOUT = "-"


class Interrupted(BaseException):
    """SIGINT or SIGTERM came."""


class Run:
    """A context manager around the endpoints of one command.

    It owns the exit status: what its block raises becomes the verdict, and nothing but
    Interrupted and BotError is expected there.
    """

    def __init__(self, options: dict[str, Any], *, orderly_end: bool = False) -> None:
        self._json = options.pop("json_file")
        self._junit = options.pop("junit_file")
        self._keylog = options.pop("keylog_file")
        self._verbose = options.pop("verbose")
        self._trace = options.pop("trace")
        folder = options.pop("out_folder")
        self.folder = Path(folder) if folder else None
        self._orderly_end = orderly_end
        self.calls: list[Call] = []
        self.checked: list[ExpectationChecked] = []
        self.agents: dict[str, AgentReady] = {}
        self.error: str | None = None
        self.exit_status = 0
        self.result: Result
        self._check_outputs()
        self.journal = Journal(self.folder / "journal.jsonl" if self.folder else None)
        self._keys = self._open_keylog()
        self.journal.observe(self._observe)
        self.progress = Progress(wanted=not (self._verbose or self._trace) and at_a_terminal())
        self.progress.follow(self.journal)

    @property
    def endpoint_arguments(self) -> dict[str, Any]:
        """What an endpoint of this run is made with, beside its settings."""
        return {
            "journal": self.journal,
            "log_level": 5 if self._trace else 4,
            "keep_keys": self._keylog is not None,
            "on_log": self._native if self._trace else lambda line: None,
        }

    def say(self, text: str) -> None:
        """For people: on standard output, unless a report goes there."""
        self._print(text, err=STDOUT in {self._json, self._junit})

    def _print(self, text: str, *, err: bool) -> None:
        """Print beside the table of calls, if there is one on the same terminal."""
        stream = sys.stderr if err else sys.stdout
        if not (stream.isatty() and self.progress.say(text)):
            click.echo(text, err=err)

    def check(self, assertion: Callable[[], None]) -> bool:
        """Run one assertion; a failure is told and counted, and the run goes on."""
        try:
            assertion()
        except ExpectationFailed as failure:
            self.say(f"FAIL  {failure}")
            return False
        return True

    def decide(self, name: str, passed: bool, expected: str, observed: str) -> None:
        """An expectation of the run as a whole."""
        checked = ExpectationChecked(
            at=time.monotonic(), name=name, passed=passed, expected=expected, observed=observed
        )
        self.journal.append("run", checked)
        if not passed:
            self.say(f"FAIL  {name}: expected {expected}, observed {observed}")

    def show(self) -> None:
        """The result for people."""
        from bot.report.summary import summary

        if self.result.expectations or self.result.error:
            self.say(summary(self.result, colour=sys.stdout.isatty()))

    def finished(self, call: Call) -> None:
        """One JSON line for a call of a run that has many."""
        if self._json == STDOUT:
            self._print(msgspec.json.encode(call_result(call)).decode(), err=False)

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.progress.stop()
        if isinstance(error, Interrupted):
            self.error = None if self._orderly_end else "interrupted"
            self.exit_status = 0 if self._orderly_end else INTERRUPTED
        elif isinstance(error, ExpectationFailed):
            self.say(f"FAIL  {error}")
        elif isinstance(error, BotError):
            self.error = str(error)
            self.exit_status = error.exit_status
            click.echo(f"srtpbot: {error}", err=True)
        elif error is not None:
            return False
        self._conclude()
        return True

    # ---- the end

    def _conclude(self) -> None:
        duration = time.monotonic() - self.journal.started_at
        result = run_result(self.journal, duration, self.calls, self.checked, self.error)
        if not self.exit_status and result.verdict == "fail" and (self.checked or not self._orderly_end):
            self.exit_status = 1
        self.result = result
        self.journal.close()
        if self._keys is not None:
            os.close(self._keys)
        self._write(result)
        if self.journal.problem:
            click.echo(f"srtpbot: {self.journal.problem}", err=True)
            self.exit_status = self.exit_status or 3

    def _write(self, result: Result) -> None:
        from bot.report.junit import junit
        from bot.report.page import page
        from bot.report.sip_pcap import of_file

        text = msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"
        reports: list[tuple[str | None, Callable[[], bytes]]] = [
            (self._json, lambda: text),
            (self._junit, lambda: junit(result, attachments=self._attachments())),
        ]
        if (folder := self.folder) is not None:
            reports += [
                (str(folder / "result.json"), lambda: text),
                (str(folder / "sip.pcap"), lambda: b"".join(of_file(folder / "journal.jsonl"))),
                (str(folder / "report.html"), lambda: page(result, self.calls, agents=self.agents)),
                (str(folder / "junit.xml"), lambda: junit(result, attachments=self._attachments())),
            ]
        for target, content in reports:
            if target and target != STDOUT:
                self._replace(Path(target), content())
            elif target and not self._orderly_end:
                sys.stdout.buffer.write(content())
                sys.stdout.buffer.flush()

    def _attachments(self) -> list[Path]:
        """What there is to look at, as far as it was written."""
        names = ("report.html", "sip.pcap", "result.json", "journal.jsonl")
        reports = [self.folder / name for name in names] if self.folder is not None else []
        recordings = [recording.path for call in self.calls for recording in call.recordings]
        return [path for path in (*reports, *recordings) if path.exists()]

    def _replace(self, path: Path, content: bytes) -> None:
        """Write a file whole or not at all."""
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            draft.write_bytes(content)
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            click.echo(f"srtpbot: {path}: cannot write: {error.strerror}", err=True)
            self.exit_status = self.exit_status or 3

    # ---- while it runs

    def _observe(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, ExpectationChecked):
            self.checked.append(event)
        elif isinstance(event, AgentReady):
            self.agents[entry.endpoint] = event
        elif isinstance(event, KeyNegotiated) and self._keys is not None:
            way = "sent" if event.sent else "received"
            line = f"{event.sip_call_id} {way} {event.tag} {event.suite} inline:{event.key}\n"
            os.write(self._keys, line.encode())
        told = narrate(entry, self.journal, messages=self._verbose > 1) if self._verbose else None
        if told:
            click.echo(told, err=True)

    def _native(self, line: str) -> None:
        click.echo(f"  | {line}", err=True)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)
        raise Interrupted

    # ---- before it runs

    def _check_outputs(self) -> None:
        """Find out now, not after the call, that a report cannot be written."""
        if self._json == self._junit == STDOUT:
            raise ConfigError("--json - and --junit - cannot both go to standard output")
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigError(f"--out {self.folder}: {error.strerror}") from None
        for option, path in (("--json", self._json), ("--junit", self._junit)):
            if path and path != STDOUT and os.path.isdir(path):
                raise ConfigError(f"{option} {path}: is a directory; name a file in it")
            if path and path != STDOUT and not os.access(os.path.dirname(path) or ".", os.W_OK):
                raise ConfigError(f"{option} {path}: its folder does not exist or cannot be written")

    def _open_keylog(self) -> int | None:
        if self._keylog is None:
            return None
        try:
            log = os.open(self._keylog, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.fchmod(log, 0o600)  # also when it was there before
            return log
        except OSError as error:
            raise ConfigError(f"--keylog {self._keylog}: {error.strerror}") from None


def endpoint_of(run: Run, config: Any, **arguments: Any) -> Endpoint:
    """An endpoint that belongs to the run."""
    return Endpoint(config, **run.endpoint_arguments, **arguments)
