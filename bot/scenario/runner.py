"""Runner of one case: starts the endpoints, performs the steps, records the verdicts.

The first step that fails ends the scenario, except for a soft ``expect`` step: then the scenario continues
and fails at its end. An ``expect`` step that was not reached is a failed expectation.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path as Folder
from typing import Any, Literal

import msgspec

from bot.deadline import Deadline
from bot.errors import BotError, CallFailed, ConfigError, ExpectationFailed, WaitTimeout
from bot.expectations import history, record
from bot.report.result import AttemptResult, Result, Verdict
from bot.report.steps import StepResult
from bot.scenario.case import Case, shown
from bot.scenario.context import ScenarioContext
from bot.scenario.expect_model import Expect
from bot.scenario.expect_step import StepFailed
from bot.scenario.model import Path, Step, walk
from bot.scenario.step_log import StepLog
from bot.scenario.steps import HANDLERS, Handler
from bot.scenario.types import is_yes
from bot.ua import Call, Journal

__all__ = ["Outcomes", "ScenarioResult", "ScenarioRun", "outcomes"]

Placed = tuple[Path, Step]


class ScenarioRun:
    """Run of one case; call ``perform`` once.

    ``folder`` is the folder of the recordings; ``endpoint_arguments`` are arguments of every endpoint. With
    ``context`` the endpoints run already; ``handlers`` replaces those of the steps.
    """

    def __init__(
        self,
        case: Case,
        journal: Journal,
        folder: Folder,
        endpoint_arguments: Mapping[str, Any] | None = None,
        *,
        context: ScenarioContext | None = None,
        handlers: Mapping[str, Handler] = HANDLERS,
    ) -> None:
        self.case = case
        self.context = context or ScenarioContext(case, journal, folder, endpoint_arguments or {})
        self._handlers = handlers
        self._log = StepLog(case, journal.started_at)
        self.reached: set[Path] = set()
        """Steps that were performed, whatever their outcome."""
        self._failed: Path | None = None
        self._soft_failures: list[str] = []
        self._stopped: BotError | None = None

    @property
    def calls(self) -> list[Call]:
        """The calls of all endpoints until now."""
        return self.context.calls

    @property
    def steps(self) -> list[StepResult]:
        """The steps with their times and verdicts until now."""
        return self._log.results()

    def perform(self) -> None:
        """Perform all steps.

        Raises ExpectationFailed for a failed step, with the failures of the soft steps before it; the failure
        of an endpoint, such as EndpointCrashed; ConfigError or NativeError when an endpoint cannot start.
        """
        try:
            with self.context:
                if self._stopped is not None:
                    self.context.fail(self._stopped)
                self._steps([(("steps", index), step) for index, step in enumerate(self.case.scenario.steps)])
                for call in self.calls:
                    call.measure()
        except BotError as error:
            self._record_unreached(error)
            if self._soft_failures and isinstance(error, ExpectationFailed):
                raise ExpectationFailed("\n".join([*self._soft_failures, str(error)])) from None
            raise
        failure = self.context.failure
        if failure is not None:
            self._record_unreached(failure)
            raise failure
        if self._soft_failures:
            raise ExpectationFailed("\n".join(self._soft_failures))

    def stop(self, why: str) -> None:
        """End the run from another thread: every wait raises WaitTimeout(why), and the endpoints close."""
        self._stopped = WaitTimeout(why)
        self.context.fail(self._stopped)
        self._decide("scenario is complete", "every step is done", why)

    def failed_step(self, path: Path, step: Step, text: str, keys: Sequence[str]) -> None:
        """A step has failed, soft ones too: those ``keys`` of an expect step. For subclasses."""

    # ---- steps

    def _steps(self, steps: list[Placed]) -> None:
        for path, step in steps:
            if step.verb == "parallel":
                self._side_by_side(step.branches(path))
            else:
                self._step(path, step)

    def _side_by_side(self, branches: list[list[Placed]]) -> None:
        """Perform all branches to their ends, then raise the first failure in the order of the file."""
        errors: list[BaseException | None] = [None] * len(branches)

        def perform(number: int) -> None:
            try:
                self._steps(branches[number])
            except BaseException as error:  # raised again by the thread that waits
                errors[number] = error

        threads = [threading.Thread(target=perform, args=(number,)) for number in range(len(branches))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for error in errors:
            if error is not None:
                raise error

    def _step(self, path: Path, step: Step) -> None:
        self._log.begin(path)
        try:
            self._perform(path, step)
        finally:
            self._log.end(path)

    def _perform(self, path: Path, step: Step) -> None:
        action = step.action
        seconds = self.case.scenario.timeout if action.timeout is None else action.timeout
        try:
            self._handlers[step.verb](self.context, action, Deadline(seconds))
        except StepFailed as failed:
            self.reached.add(path)
            where = self.case.where((*path, step.verb))
            text = "\n".join(f"{where}: {failure}" for failure in failed.failures)
            self._fail(path, step, text, failed.keys)
        except (CallFailed, WaitTimeout, ConfigError) as error:
            if self.context.failure is not None:
                self._failed = self._failed or path
                self._log.fail(path, str(self.context.failure))
                raise self.context.failure from None
            what = f"{shown((*path, step.verb))} is done"
            observed = "; ".join([str(error), *self._ends()])
            self._decide(what, f"done within {seconds:g} s", observed)
            self.reached.add(path)
            lines = [f"{self.case.where((*path, step.verb))}: {observed}", *self._history(step)]
            self._fail(path, step, "\n".join(lines))
        self.reached.add(path)

    def _fail(self, path: Path, step: Step, text: str, keys: Sequence[str] = ()) -> None:
        """End the scenario with this failure, or store the failure of a soft step."""
        self.failed_step(path, step, text, keys)
        self._log.fail(path, text)
        if isinstance(step.action, Expect) and is_yes(step.action.soft):
            self._soft_failures.append(text)
            return
        self._failed = self._failed or path
        raise ExpectationFailed(text) from None

    # ---- explanation of a failure

    def _ends(self) -> list[str]:
        """The ends of calls: the most frequent reason for a failed step."""
        return [f"{call} ended: {call.facts.ended_text}" for call in self.calls if call.facts.ended]

    def _history(self, step: Step) -> list[str]:
        """The last states and messages of the step's call."""
        name = str(getattr(step.action, "on", "")).partition(".")[0]
        calls = [call for call in self.calls if call.endpoint.name == name]
        return history(calls[-1].facts) if calls else []

    # ---- end of the run

    def _record_unreached(self, error: BotError) -> None:
        """Record a failed expectation for each ``expect`` step that was not reached."""
        at = f"{shown(self._failed)} failed" if self._failed is not None else str(error).partition("\n")[0]
        for path, step in walk(self.case.scenario):
            if isinstance(step.action, Expect) and path not in self.reached:
                expected = ", ".join(step.action.expected_keys)
                self._decide(f"{shown((*path, step.verb))} is reached", expected, f"not reached: {at}")

    def _decide(self, name: str, expected: str, observed: str) -> None:
        record(self.context.journal, "scenario", name, passed=False, expected=expected, observed=observed)


class ScenarioResult(Result, kw_only=True):
    """Result of the run of one scenario."""

    name: str
    """Name of the case."""
    file: str
    """Path of the scenario file."""
    vars: dict[str, str]
    """Values of the variables, by name."""
    steps: list[StepResult] = msgspec.field(default_factory=list)
    """Steps in the order of the file."""
    failed_attempts: list[AttemptResult] = msgspec.field(default_factory=list)
    """Attempts before this one, all of which failed (``--retries``)."""


class Outcomes(msgspec.Struct, kw_only=True):
    """Results of several scenarios."""

    schema: Literal["srtpbot.run/1"] = "srtpbot.run/1"
    """Name and version of this format."""
    verdict: Verdict
    """``pass`` when every scenario passed, ``flaky`` when some passed after a failed attempt only."""
    error: str | None
    """Error that ended the run; null without an error."""
    started: datetime
    """Start of the run."""
    duration_s: float
    """Duration of the run in seconds."""
    results: list[ScenarioResult]
    """Results of the scenarios, in order."""


def outcomes(results: Sequence[ScenarioResult], started: datetime, error: str | None) -> Outcomes:
    """The results as one document; without results the verdict is ``fail``."""
    verdicts = {result.verdict for result in results}
    order: list[Verdict] = ["error", "fail", "flaky", "pass"]
    worst: Verdict = next((verdict for verdict in order if verdict in verdicts), "fail")
    return Outcomes(
        verdict="error" if error is not None else worst,
        error=error,
        started=started,
        duration_s=round((datetime.now(UTC) - started).total_seconds(), 3),
        results=list(results),
    )
