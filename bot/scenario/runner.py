"""Performs one case from its first endpoint to the verdict; it writes no reports and prints nothing.

The first step that fails ends the scenario. What was expected after it is written down as not reached,
which is a failure too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path as Folder
from typing import Any

from bot.call import Call
from bot.deadline import Deadline
from bot.errors import BotError, CallFailed, ConfigError, ExpectationFailed, WaitTimeout
from bot.events import ExpectationChecked
from bot.explain import history
from bot.journal import Journal
from bot.scenario.expected import Expect
from bot.scenario.load import Case, shown
from bot.scenario.model import Path, Step, walk
from bot.scenario.stage import Stage
from bot.scenario.steps import HANDLERS

__all__ = ["Performance"]

Placed = tuple[Path, Step]


class Performance:
    """One case; ``perform`` it once.

    ``folder`` is where recordings go; ``endpoint_arguments`` are given to every endpoint.
    """

    def __init__(
        self,
        case: Case,
        journal: Journal,
        folder: Folder,
        endpoint_arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.case = case
        self.stage = Stage(case, journal, folder, endpoint_arguments or {})
        self._reached: set[Path] = set()
        self._failed: Path | None = None
        self._stopped: BotError | None = None

    @property
    def calls(self) -> list[Call]:
        """Every call of every endpoint so far."""
        return self.stage.calls

    def perform(self) -> None:
        """Do every step.

        Raises ExpectationFailed for a step that failed, EndpointCrashed and the like for what happened
        to an endpoint, ConfigError and NativeError when one could not be started.
        """
        try:
            with self.stage:
                if self._stopped is not None:
                    self.stage.fail(self._stopped)
                self._steps([(("steps", index), step) for index, step in enumerate(self.case.scenario.steps)])
                for call in self.calls:
                    call.measure()
        except BotError as error:
            self._close_books(error)
            raise
        failure = self.stage.failure
        if failure is not None:
            self._close_books(failure)
            raise failure

    def stop(self, why: str) -> None:
        """End it from another thread: every wait raises WaitTimeout(why), and the endpoints are closed."""
        self._stopped = WaitTimeout(why)
        self.stage.fail(self._stopped)
        self._decide("scenario is performed to its end", "every step done", why)

    # ---- steps

    def _steps(self, steps: list[Placed]) -> None:
        for path, step in steps:
            if step.verb == "parallel":
                self._side_by_side(step.branches(path))
            else:
                self._step(path, step)

    def _side_by_side(self, branches: list[list[Placed]]) -> None:
        """Every branch to its end; then the first failure, in the order written, is raised."""
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
        said = step.said
        seconds = self.case.scenario.timeout if said.timeout is None else said.timeout
        try:
            HANDLERS[step.verb](self.stage, said, Deadline(seconds))
        except ExpectationFailed as failure:
            self._reached.add(path)
            self._failed = self._failed or path
            raise ExpectationFailed(f"{self.case.where((*path, step.verb))}: {failure}") from None
        except (CallFailed, WaitTimeout, ConfigError) as error:
            self._failed = self._failed or path
            if self.stage.failure is not None:
                raise self.stage.failure from None
            what = f"{shown((*path, step.verb))} is done"
            observed = "; ".join([str(error), *self._ends()])
            self._decide(what, f"done within {seconds:g} s", observed)
            self._reached.add(path)
            story = [f"{self.case.where((*path, step.verb))}: {observed}", *self._story(step)]
            raise ExpectationFailed("\n".join(story)) from None
        self._reached.add(path)

    # ---- why

    def _ends(self) -> list[str]:
        """How calls have ended: the likeliest reason why a step could not be done."""
        ends = [(call, call.known.ended, call.known.ended_by) for call in self.calls]
        return [
            f"{call} ended: {end.code} {end.reason}, by {by}" for call, end, by in ends if end is not None
        ]

    def _story(self, step: Step) -> list[str]:
        """The last states and messages of the call that the step is about."""
        name = str(getattr(step.said, "on", "")).partition(".")[0]
        calls = [call for call in self.calls if call.host.name == name]
        return history(calls[-1].known) if calls else []

    # ---- the end

    def _close_books(self, error: BotError) -> None:
        """What was expected and never looked at has failed."""
        at = f"{shown(self._failed)} failed" if self._failed is not None else str(error).partition("\n")[0]
        for path, step in walk(self.case.scenario):
            if isinstance(step.said, Expect) and path not in self._reached:
                expected = ", ".join(step.said.said)
                self._decide(f"{shown((*path, step.verb))} is reached", expected, f"not reached: {at}")

    def _decide(self, name: str, expected: str, observed: str) -> None:
        checked = ExpectationChecked(
            at=time.monotonic(), name=name, passed=False, expected=expected, observed=observed
        )
        self.stage.journal.append("scenario", checked)
