"""Session: one run of a command with journal, verdict, outputs and exit status.

A signal ends a run in order: the first one makes the command's next wait raise Interrupted (with
workers, their ``run``), later ones are ignored while calls are hung up and recordings are closed.
An output that fails ends a run in the same way.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click
import msgspec

from bot.capture import keylog
from bot.cli import outputs
from bot.cli.command_line import command_line
from bot.cli.event_log import EventLog
from bot.cli.interrupts import Interrupts
from bot.cli.progress import Progress, at_a_terminal
from bot.cli.report_files import JOURNAL, STDOUT, ReportFiles, as_json
from bot.cli.run_events import RunEvents, print_native
from bot.config import EndpointConfig
from bot.errors import BotError, ConfigError, ExpectationFailed, NativeError
from bot.expectations import expect, record
from bot.harmless import harmless_json, harmless_lines, indented
from bot.report.call_result import call_result
from bot.report.console import colours_of
from bot.report.environment import environment_result
from bot.report.result import Result, run_result
from bot.ua import Call, Endpoint, Journal, older_file
from bot.workers import Workers

if TYPE_CHECKING:
    from bot.capture.verification import Verification
    from bot.cli.packet_capture import CaptureOfRun

__all__ = ["Interrupted", "Session", "endpoint_of"]

FAILED, TROUBLE, INTERRUPTED = 1, 3, 130
REGISTRATION_S = 10.0


class Interrupted(KeyboardInterrupt):
    """A signal, or a failed output (with its text)."""


class Session:
    """Context manager around the endpoints of one command.

    It owns the exit status: an exception of its block becomes the verdict. Other exceptions than Interrupted
    and BotError are internal errors.
    """

    def __init__(self, options: dict[str, Any], *, orderly_end: bool = False, logs: bool = False) -> None:
        self.files = ReportFiles(options)
        self._verbose = options.pop("verbose")
        self._trace = options.pop("trace")
        self._quiet = options.pop("quiet", False)
        log_format = options.pop("log_format", None)
        self._orderly_end = orderly_end
        self.calls: list[Call] = []
        self.proven: Mapping[Call, Mapping[int, Verification]] = {}
        """Verification of the captured packets of each m= line of each call, at the end of the run."""
        self.error: str | None = None
        self.exit_status = 0
        self._interruptible: Callable[[BaseException], None] | None = None
        """What an interrupt ends besides the waits of the journal."""
        self._entered = ExitStack()
        """Ends the handling of interrupts; empty for a session that leaves them to another one."""
        self.result: Result
        self.files.check(options)
        self.journal = Journal(
            self.folder / JOURNAL if self.folder else None, most_bytes=self.files.most_journal_bytes
        )
        self._keys = self._open_keylog()
        self._capture = self._new_capture()
        self.events = RunEvents(self.journal, self.say, self._verbose, self._keys)
        unseen = self._verbose or self._trace or self._quiet or log_format
        self.progress = Progress(wanted=not unseen and at_a_terminal())
        if logs and not self._quiet and (log_format or not (self._verbose or self.progress.wanted)):
            EventLog(self.journal, as_json=log_format == "json")
        self._told: set[str] = set()
        """Names of the failed expectations that were printed."""
        self._histories: dict[str, tuple[str, ...]] = {}
        """The last states and messages of each subject with failures, until they are printed."""
        self.progress.follow(self.journal)

    @property
    def folder(self) -> Path | None:
        """Folder of ``--out``."""
        return self.files.folder

    @property
    def endpoint_arguments(self) -> dict[str, Any]:
        """Arguments of the run's endpoints, besides their settings."""
        return {
            "journal": self.journal,
            "log_level": 5 if self._trace else 3,
            "measure_every_s": 1.0 if self.progress.wanted else 0.0,
            "keep_keys": self.files.keylog is not None or self._capture is not None,
            "on_log": print_native if self._trace else lambda line: None,
        }

    def begin_capture(self, configs: Iterable[EndpointConfig], uris: Iterable[str] = ()) -> None:
        """With ``--capture``, record the packets of endpoints with these settings and of calls to ``uris``.

        Returns when the recorder runs. The end of the run stops it, and verifies the packets of the calls.
        """
        if self._capture is not None:
            self._capture.begin(configs, uris)

    def say(self, text: str, *, styled: bool = False, fails: bool = False) -> None:
        """Print text for people on standard output, or on standard error if a report goes to standard output.

        ``styled`` text has colours; text of peers in it was made harmless before. With ``--quiet`` only a
        failure is printed (``fails``).
        """
        if fails or not self._quiet:
            self._print(text if styled else harmless_lines(text), err=self.files.takes_stdout)

    def _print(self, text: str, *, err: bool) -> None:
        """Print above the table of calls, if the terminal shows it."""
        stream = sys.stderr if err else sys.stdout
        if not (stream.isatty() and self.progress.say(text)):
            click.echo(text, err=err, color=True)  # text without colours has no escape sequence

    def check(self, assertion: Callable[[], None]) -> bool:
        """Run one check; a failure is printed and counted, and the run continues."""
        try:
            assertion()
        except ExpectationFailed as failure:
            self.tell(failure)
            return False
        return True

    def tell(self, failure: ExpectationFailed) -> None:
        """Print a failure, and keep the history of its call for ``tell_histories``."""
        self.say(f"FAIL  {failure.text}", fails=True)
        self._told.add(failure.name)
        if failure.history:
            self._histories[failure.subject] = failure.history

    def tell_histories(self) -> None:
        """Print the last states and messages of each call with failures, once."""
        for subject, history in self._histories.items():
            self.say("\n".join([subject, *(f"  {line}" for line in history)]), fails=True)
        self._histories.clear()

    def registered(self, endpoint: Endpoint) -> bool:
        """Check the registration of an endpoint with a registrar; False when it failed."""
        return endpoint.config.registrar is None or self.check(
            lambda: expect(endpoint).to_be_registered(timeout=REGISTRATION_S)
        )

    def note(self, name: str, passed: bool, expected: str, observed: str) -> None:
        """Record the verdict on an expectation of the run."""
        record(self.journal, "run", name, passed=passed, expected=expected, observed=observed)

    def decide(self, name: str, passed: bool, expected: str, observed: str) -> None:
        """Record a verdict, and print a failure."""
        self.note(name, passed, expected, observed)
        if not passed:
            self.say(
                f"FAIL  {name}: expected {indented(expected)}, observed {indented(observed)}", fails=True
            )
            self._told.add(name)

    def show(self) -> None:
        """Print the histories of failed calls, the summary of the result, and where the report is."""
        self.tell_histories()
        self.show_result()
        self.show_report()

    def show_result(self) -> None:
        """Print the summary of the result."""
        from bot.report.summary import summary

        self.say(summary(self.result, colour=colours_of(), told=self._told), styled=True)

    def show_report(self) -> None:
        """Print where the page is, if one was written."""
        if self.folder is not None and (page := self.folder / "report.html").exists():
            self.say(f"report: {page}")

    def finished(self, call: Call) -> None:
        """Print one JSON line for a finished call."""
        if self.files.json == STDOUT:
            self._print(harmless_json(msgspec.json.encode(call_result(call))).decode(), err=False)

    def __enter__(self) -> Self:
        interrupts = Interrupts(self._interrupt, self._lose_output, self.interrupted_again)
        interrupts.start()
        self._entered.callback(interrupts.stop)
        self._entered.callback(outputs.finish)
        outputs.never_block()
        outputs.follow(interrupts.notify)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.progress.stop()
        self._entered.close()
        interruption, self.journal.interruption = self.journal.interruption, None
        error = error if error is not None else interruption  # it came after the last wait
        if isinstance(error, Interrupted) and str(error):
            self._fail(NativeError(str(error)))
        elif isinstance(error, Interrupted):
            self.error = None if self._orderly_end else "interrupted"
            self.exit_status = 0 if self._orderly_end else INTERRUPTED
        elif isinstance(error, ExpectationFailed):
            self.tell(error)
        elif isinstance(error, BotError) and error.exit_status == FAILED:
            self.decide("the command is carried out", False, "no failure", str(error))
        elif isinstance(error, BotError):
            self._fail(error)
        elif isinstance(error, Exception):
            self._fail(NativeError(f"internal error: {type(error).__name__}: {error}"))
            if self._trace:
                traceback.print_exception(error)
        elif error is not None:
            return False
        self._conclude()
        return True

    # ---- the end

    def _fail(self, error: BotError) -> None:
        """End the run with an error."""
        self.error = str(error)
        self.exit_status = error.exit_status
        click.echo(f"srtpbot: {error}", err=True)

    def _conclude(self) -> None:
        self.proven = self._end_capture()
        self._close()
        duration = time.monotonic() - self.journal.started_at
        wire = {
            call: {index: verification.wire for index, verification in lines.items()}
            for call, lines in self.proven.items()
        }
        result = run_result(
            self.journal,
            duration,
            self.calls,
            self.events.checked,
            self.error,
            wire=wire,
            environment=environment_result(self.events.agents),
            **self.events.of_result,
        )
        self.result = self.completed(result)
        self._write(self.result)
        if self.files.problem and self.result.error is None:  # the written reports have another verdict
            self.error = self.files.problem
            self.result.verdict, self.result.error = "error", self.error
            self._write(self.result)
        self._print_reports(self.result)
        self.exit_status = self._status(self.result.verdict)

    def _close(self) -> None:
        """Close the journal and the key log; an incomplete file is an error of the run."""
        self.journal.close()
        if self._keys is not None:
            self._keys.close()
        problem = self._keys.problem if self._keys is not None else None
        if problem:
            click.echo(f"srtpbot: {problem}", err=True)
        lost = outputs.dropped(1) if self.files.json == STDOUT else None
        self.error = self.error or self.events.storage_problem or problem or self.journal.problem or lost

    def _status(self, verdict: str) -> int:
        """The exit status of the verdict."""
        return {"pass": 0, "flaky": 0, "fail": FAILED}.get(verdict, self.exit_status or TROUBLE)

    def _end_capture(self) -> Mapping[Call, Mapping[int, Verification]]:
        """Verify the packets of every call; an incomplete capture is an error of the run."""
        if self._capture is None or (self.error is not None and not self._capture.running):
            return {}
        try:
            lost = self._capture.end()
            proven = self.proofs(self._capture)
        except NativeError as error:
            self.error = self.error or str(error)
            self.exit_status = self.exit_status or error.exit_status
            click.echo(f"srtpbot: {error}", err=True)
            return {}
        if lost:
            click.echo(f"srtpbot: {lost}", err=True)
        for call, lines in proven.items():
            for index, verification in lines.items() if self.must_be_proven(call) else ():
                what = f"{call.label} m= line {index + 1}" if len(lines) > 1 else call.label
                self.decide(
                    f"{what} is as negotiated on the wire",
                    verification.passed,
                    verification.expected,
                    verification.observed,
                )
        return proven

    def proofs(self, capture: CaptureOfRun) -> Mapping[Call, Mapping[int, Verification]]:
        """The verification of the captured packets of each call."""
        return capture.proofs(self.calls)

    def _write(self, result: Result) -> None:
        from bot.report.sip_pcap import of_file

        text = as_json(result)
        reports: list[tuple[str | None, Callable[[], bytes]]] = [
            (self.files.json, lambda: text),
            (self.files.junit, lambda: self.junit_report(result)),
        ]
        if (folder := self.folder) is not None:
            reports += [
                (str(folder / "result.json"), lambda: text),
                (str(folder / "sip.pcap"), lambda: b"".join(of_file(folder / JOURNAL))),
                (str(folder / "report.html"), lambda: self.page_report(result)),
                (str(folder / "junit.xml"), lambda: self.junit_report(result)),
            ]
        for target, content in reports:
            if target and target != STDOUT:
                self.files.write(target, content())

    def _print_reports(self, result: Result) -> None:
        """Write the report to standard output; ``answer`` has printed a JSON line for each call."""
        if self.files.json == STDOUT and not self._orderly_end:
            sys.stdout.buffer.write(as_json(result))
        if self.files.junit == STDOUT:
            sys.stdout.flush()
            sys.stdout.buffer.write(self.junit_report(result))
        sys.stdout.buffer.flush()

    # ---- for subclasses

    def completed(self, result: Result) -> Result:
        """The result with further values."""
        return result

    def must_be_proven(self, call: Call) -> bool:
        """Whether packets that are not as negotiated fail the run."""
        return True

    def junit_report(self, result: Result) -> bytes:
        """The JUnit report."""
        from bot.report.junit import junit

        return junit(result, attachments=self._attachments())

    def page_report(self, result: Result) -> bytes:
        """The HTML report."""
        from bot.report.page import page

        return page(result, self.calls, agents=self.events.agents, folder=self.folder, command=command_line())

    def _attachments(self) -> list[Path]:
        """The files of the run that were written."""
        names = ("report.html", "sip.pcap", "result.json", JOURNAL, older_file(Path(JOURNAL)).name)
        reports = [self.folder / name for name in names] if self.folder is not None else []
        recordings = [recording.path for call in self.calls for recording in call.recordings]
        captures = [self._capture.path] if self._capture is not None else []
        return [path for path in (*reports, *recordings, *captures) if path.exists()]

    # ---- interrupts

    def _interrupt(self) -> None:
        outputs.finish()
        outputs.give_up()
        self._end_by(Interrupted())

    def _lose_output(self) -> None:
        if problem := outputs.problem():
            outputs.finish()
            self._end_by(Interrupted(problem))

    def _end_by(self, interrupted: Interrupted) -> None:
        """Let the main thread's wait raise the interrupt: with workers their ``run``, else the journal's."""
        self.journal.interruption = interrupted
        if (interrupt := self._interruptible) is not None:
            interrupt(interrupted)
        self.journal.wake()

    def interrupted_again(self) -> None:
        """Handle a second signal, on the thread of interrupts: by default the orderly end goes on."""

    @contextmanager
    def interrupting(self, interrupt: Callable[[BaseException], None]) -> Iterator[None]:
        """Context in which an interrupt also calls ``interrupt``, from another thread."""
        self._interruptible = interrupt
        try:
            if self.journal.interruption is not None:  # it came before
                interrupt(self.journal.interruption)
            yield
        finally:
            self._interruptible = None

    @contextmanager
    def workers(self, count: int, name: str) -> Iterator[Workers]:
        """Context of worker threads; their ``run`` raises interrupts."""
        with Workers(count, name) as workers, self.interrupting(workers.interrupt):
            yield workers

    # ---- files of the run

    def _new_capture(self) -> CaptureOfRun | None:
        if self.files.capture is None:
            return None
        from bot.cli.packet_capture import CaptureOfRun

        return CaptureOfRun(Path(self.files.capture), self.journal)

    def _open_keylog(self) -> keylog.Log | None:
        if self.files.keylog is None:
            return None
        try:
            return keylog.Log(self.files.keylog)
        except OSError as error:
            raise ConfigError(f"--keylog {self.files.keylog}: {error.strerror}") from None


def endpoint_of(run: Session, config: Any, **arguments: Any) -> Endpoint:
    """Context of an endpoint of the run; with --capture its packets are recorded."""
    run.begin_capture([config])
    return Endpoint(config, **run.endpoint_arguments, **arguments)
