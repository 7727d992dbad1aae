"""One run of a command: its journal, its verdict, its outputs, its exit status.

A signal ends a run in order: the first one raises Interrupted where the command waits, later
ones are ignored while calls are hung up and recordings are closed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import click
import msgspec

from bot import keylog
from bot.call import Call
from bot.cli.progress import Progress, at_a_terminal
from bot.cli.whole import write_whole
from bot.config import EndpointConfig
from bot.endpoint import Endpoint
from bot.errors import BotError, ConfigError, ExpectationFailed, NativeError
from bot.events import AgentReady, ExpectationChecked, KeyNegotiated
from bot.expectations import expect
from bot.journal import Entry, Journal
from bot.report.narrate import narrate
from bot.report.result import Result, call_result, run_result

if TYPE_CHECKING:
    from bot.cli.capture import CaptureOfRun
    from bot.pcap.proof import Proof

__all__ = ["Interrupted", "Run"]

FAILED, INTERRUPTED = 1, 130
REGISTRATION_S = 10.0
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
        self._capture_file: str | None = options.pop("capture_file")
        self._verbose = options.pop("verbose")
        self._trace = options.pop("trace")
        folder = options.pop("out_folder")
        self.folder = Path(folder) if folder else None
        self._orderly_end = orderly_end
        self.calls: list[Call] = []
        self.checked: list[ExpectationChecked] = []
        self.proven: Mapping[Call, Mapping[int, Proof]] = {}
        """At the end, what ``--capture`` proved of each m= line of each call."""
        self.agents: dict[str, AgentReady] = {}
        self.error: str | None = None
        self.exit_status = 0
        self.result: Result
        self._check_outputs(options)
        self.journal = Journal(self.folder / "journal.jsonl" if self.folder else None)
        self._keys = self._open_keylog()
        self._capture = self._new_capture()
        self.journal.observe(self._observe)
        self.progress = Progress(wanted=not (self._verbose or self._trace) and at_a_terminal())
        self.progress.follow(self.journal)

    @property
    def endpoint_arguments(self) -> dict[str, Any]:
        """What an endpoint of this run is made with, beside its settings."""
        return {
            "journal": self.journal,
            "log_level": 5 if self._trace else 4,
            "keep_keys": self._keylog is not None or self._capture is not None,
            "on_log": self._native if self._trace else lambda line: None,
        }

    def begin_capture(self, configs: Iterable[EndpointConfig], uris: Iterable[str] = ()) -> None:
        """With ``--capture``, record what endpoints of these settings and calls to ``uris`` send and receive.

        Returns when packets are really recorded; the run's end ends it, and judges the calls by them.
        """
        if self._capture is not None:
            self._capture.begin(configs, uris)

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

    def registered(self, endpoint: Endpoint) -> bool:
        """Whether the registrar took the endpoint, if it has one; that it does is asserted."""
        return endpoint.config.registrar is None or self.check(
            lambda: expect(endpoint).to_be_registered(timeout=REGISTRATION_S)
        )

    def note(self, name: str, passed: bool, expected: str, observed: str) -> None:
        """Write down the verdict on an expectation of the run as a whole."""
        checked = ExpectationChecked(
            at=time.monotonic(), name=name, passed=passed, expected=expected, observed=observed
        )
        self.journal.append("run", checked)

    def decide(self, name: str, passed: bool, expected: str, observed: str) -> None:
        """Write it down, and tell a failure."""
        self.note(name, passed, expected, observed)
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
        self._ignore_signals()
        if isinstance(error, Interrupted):
            self.error = None if self._orderly_end else "interrupted"
            self.exit_status = 0 if self._orderly_end else INTERRUPTED
        elif isinstance(error, ExpectationFailed):
            self.say(f"FAIL  {error}")
        elif isinstance(error, BotError) and error.exit_status == FAILED:
            self.decide("what was asked for is carried out", False, "no failure", str(error))
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
        self.proven = self._end_capture()
        duration = time.monotonic() - self.journal.started_at
        wire = {
            call: {index: one.wire for index, one in lines.items()} for call, lines in self.proven.items()
        }
        result = run_result(self.journal, duration, self.calls, self.checked, self.error, wire=wire)
        result = self.completed(result)
        if not self.exit_status and result.verdict == "fail" and (self.checked or not self._orderly_end):
            self.exit_status = FAILED
        self.result = result
        self.journal.close()
        if self._keys is not None:
            self._keys.close()
        self._write(result)
        for problem in (self.journal.problem, self._keys.problem if self._keys is not None else None):
            if problem:
                click.echo(f"srtpbot: {problem}", err=True)
                self.exit_status = self.exit_status or 3

    def _end_capture(self) -> Mapping[Call, Mapping[int, Proof]]:
        """Judge every call by its packets; a capture that is not whole is an error of the run."""
        if self._capture is None or (self.error is not None and not self._capture.running):
            return {}
        try:
            lost = self._capture.end()
            proven = self._capture.proofs(self.calls)
        except NativeError as error:
            self.error = self.error or str(error)
            self.exit_status = self.exit_status or error.exit_status
            click.echo(f"srtpbot: {error}", err=True)
            return {}
        if lost:
            click.echo(f"srtpbot: {lost}", err=True)
        for call, lines in proven.items():
            for index, one in lines.items() if self.must_be_proven(call) else ():
                what = f"{call.label} m= line {index + 1}" if len(lines) > 1 else call.label
                self.decide(f"{what} is as negotiated on the wire", one.passed, one.expected, one.observed)
        return proven

    def _write(self, result: Result) -> None:
        from bot.report.sip_pcap import of_file

        text = msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"
        reports: list[tuple[str | None, Callable[[], bytes]]] = [
            (self._json, lambda: text),
            (self._junit, lambda: self.junit_report(result)),
        ]
        if (folder := self.folder) is not None:
            reports += [
                (str(folder / "result.json"), lambda: text),
                (str(folder / "sip.pcap"), lambda: b"".join(of_file(folder / "journal.jsonl"))),
                (str(folder / "report.html"), lambda: self.page_report(result)),
                (str(folder / "junit.xml"), lambda: self.junit_report(result)),
            ]
        for target, content in reports:
            if target and target != STDOUT:
                self._replace(Path(target), content())
            elif target and not self._orderly_end:
                sys.stdout.buffer.write(content())
                sys.stdout.buffer.flush()

    # ---- what a command with more to tell overrides

    def completed(self, result: Result) -> Result:
        """The result with what else there is to say."""
        return result

    def must_be_proven(self, call: Call) -> bool:
        """Whether the run fails when packets of this call were not as negotiated."""
        return True

    def junit_report(self, result: Result) -> bytes:
        """The JUnit document."""
        from bot.report.junit import junit

        return junit(result, attachments=self._attachments())

    def page_report(self, result: Result) -> bytes:
        """``report.html``."""
        from bot.report.page import page

        return page(result, self.calls, agents=self.agents)

    def _attachments(self) -> list[Path]:
        """What there is to look at, as far as it was written."""
        names = ("report.html", "sip.pcap", "result.json", "journal.jsonl")
        reports = [self.folder / name for name in names] if self.folder is not None else []
        recordings = [recording.path for call in self.calls for recording in call.recordings]
        captures = [self._capture.path] if self._capture is not None else []
        return [path for path in (*reports, *recordings, *captures) if path.exists()]

    def _replace(self, path: Path, content: bytes) -> None:
        """Write a report; one that cannot be written is an error of the run, and not its end."""
        try:
            write_whole(path, content)
        except OSError as error:
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
            key = keylog.LoggedKey(
                event.sip_call_id, event.sent, event.tag, event.suite, f"inline:{event.key}"
            )
            self._keys.write(key)
        told = narrate(entry, self.journal, messages=self._verbose > 1) if self._verbose else None
        if told:
            click.echo(told, err=True)

    def _native(self, line: str) -> None:
        click.echo(f"  | {line}", err=True)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._ignore_signals()
        raise Interrupted

    def _ignore_signals(self) -> None:
        """What is left to do is to end in order."""
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)

    # ---- before it runs

    def _check_outputs(self, options: Mapping[str, Any]) -> None:
        """Find out now, not after the call, that a report cannot be written."""
        reports = {"--json": self._json, "--junit": self._junit, "--capture": self._capture_file}
        others = {
            "--keylog": self._keylog,
            "--record": options.get("record"),
            "--save": options.get("saved_file"),
        }
        for option in ("--capture", *others):
            if (reports | others)[option] == STDOUT:
                raise ConfigError(f"{option} - cannot go to standard output: name a file")
        if self._json == self._junit == STDOUT:
            raise ConfigError("--json - and --junit - cannot both go to standard output")
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigError(f"--out {self.folder}: {error.strerror}") from None
        for option, path in reports.items():
            if path and path != STDOUT and os.path.isdir(path):
                raise ConfigError(f"{option} {path}: is a directory; name a file in it")
            if path and path != STDOUT and not os.access(os.path.dirname(path) or ".", os.W_OK):
                raise ConfigError(f"{option} {path}: its folder does not exist or cannot be written")
        taken: dict[str, str] = {}
        for option, path in (reports | others).items():
            if path and path != STDOUT and (os.path.isfile(path) or not os.path.exists(path)):
                other = taken.setdefault(os.path.realpath(path), option)
                if other != option:
                    raise ConfigError(f"{other} and {option} both name {path}; one would overwrite the other")

    def _new_capture(self) -> CaptureOfRun | None:
        if self._capture_file is None:
            return None
        from bot.cli.capture import CaptureOfRun

        return CaptureOfRun(Path(self._capture_file), self.journal)

    def _open_keylog(self) -> keylog.Log | None:
        if self._keylog is None:
            return None
        try:
            return keylog.Log(self._keylog)
        except OSError as error:
            raise ConfigError(f"--keylog {self._keylog}: {error.strerror}") from None


def endpoint_of(run: Run, config: Any, **arguments: Any) -> Endpoint:
    """An endpoint that belongs to the run, whose packets are recorded if that was asked for."""
    run.begin_capture([config])
    return Endpoint(config, **run.endpoint_arguments, **arguments)
