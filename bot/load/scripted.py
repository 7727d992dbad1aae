"""Calls that perform a scenario: the steps of one caller, each call with values of its own.

The scenario decides the verdict: a call passes when all its steps do. The cause of a failure is the step and
its line, so that failures of a step are counted together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bot.deadline import Deadline
from bot.errors import BotError, ExpectationFailed
from bot.expectations import started_at
from bot.load.detail import CallDetail
from bot.load.ending import broke, complete, died, hang_up, unanswered
from bot.load.hearing import Hearing
from bot.load.turn import Invitation, Talk, Turn
from bot.model import CallState
from bot.scenario import model
from bot.scenario.case import Case
from bot.scenario.context import ScenarioContext
from bot.scenario.expect_model import Expect
from bot.scenario.runner import ScenarioRun
from bot.scenario.steps import HANDLERS
from bot.scenario.template import Template
from bot.ua import Call, Recording

__all__ = ["OWN", "Script", "own_values"]

IDENTITIES = 1 << 16
"""Number of markers."""
PER_LINE = 4
OWN = ("number", "marker", "to", "user")
"""Variables that each call has values of its own for."""


def own_values(number: int, line: int, index: int, *, uri: str, user: str) -> dict[str, str]:
    """The values of a call: of the calls that run at the same time, each has another marker."""
    marker = (line * PER_LINE + index % PER_LINE) % IDENTITIES
    return {"number": str(number), "marker": str(marker), "to": uri, "user": user}


@dataclass(frozen=True)
class Script:
    """The scenario that every call performs."""

    template: Template
    user: str
    """The caller's address of record, unless its turn has another one."""

    def talk(self, turn: Turn, stopped: Callable[[], bool]) -> Talk:
        """The scenario of one call; raises ConfigError for values that do not fit it."""
        user = turn.account or self.user
        own = own_values(turn.number, turn.line, turn.index, uri=turn.uri, user=user)
        return _Talk(self.template.case(turn.number, own), turn, stopped)


@dataclass(eq=False)
class _Talk:
    """A scenario in progress."""

    of: Case
    turn: Turn
    stopped: Callable[[], bool]
    _searched: list[tuple[Recording, int]] = field(default_factory=list)

    @property
    def invitation(self) -> Invitation:
        """The INVITE of the call step."""
        step = self._call_step
        account = step.account or self.turn.account
        return Invitation(step.to, step.headers, step.ring_timeout, account)

    @property
    def _call_step(self) -> model.Call:
        step = self.of.scenario.steps[0].action
        assert isinstance(step, model.Call)  # check_fits
        return step

    def perform(self, call: Call, detail: CallDetail) -> None:
        """Perform the steps, and hang up; failures are noted in ``detail``."""
        run = Steps(self.of, call, detail, self.turn.folder)
        is_done = False
        try:
            if not self.stopped():
                run.perform()
                is_done = True
        except ExpectationFailed:
            pass  # the failed step has noted it
        except BotError as error:
            broke(call, detail, error)
        if died(call):
            detail.fail("agent died", call.facts.ended_text, ours=True)
        if self.stopped() and not is_done:
            detail.verdict, detail.cause, detail.why = "ended", "", ""
        elif not is_done and detail.verdict == "pass":
            detail.fail("not judged", "the scenario was not performed to its end", ours=True)
        if call.facts.ended is None:
            hang_up(call, detail, is_stopped=False)
        complete(call, detail)
        self._searched = list(run.searched())

    def judge(self, call: Call, detail: CallDetail, hearing: Hearing) -> None:
        """Note which markers were heard, and the delay of the audio; the expect steps have decided."""
        detail.markers_sent = " ".join(str(identity) for _, identity in self._searched)
        heard_all: list[int] = []
        delays: list[float] = []
        for recording, identity in self._searched:
            heard = hearing.listen(recording.path, identity)
            heard_all += heard.identities
            played = played_at(call, identity, hearing)
            begun = started_at(recording)
            if heard.start_s is not None and played is not None and begun is not None:
                delays.append(1000 * (begun + heard.start_s - played))
        detail.markers_heard = " ".join(map(str, heard_all))
        if call.facts.comparison is not None:
            detail.missing_ms = call.facts.comparison.missing_ms
        detail.delay_ms = round(max(delays), 1) if delays else None

    def interrupt(self, call: Call) -> None:
        """Hang up: no step waits longer than its call lasts."""
        try:
            call.hangup()
        except BotError:
            return  # it has ended


class Steps(ScenarioRun):
    """The steps of one call, whose failures go to its record."""

    def __init__(self, case: Case, call: Call, detail: CallDetail, folder: Path) -> None:
        super().__init__(
            case,
            call.endpoint.journal,
            folder,
            context=CallContext(case, call, folder),
            handlers={**HANDLERS, "call": name_call, "wait": wait},
        )
        self._call = call
        self._detail = detail

    def failed_step(self, path: model.Path, step: model.Step, text: str, keys: Sequence[str]) -> None:
        """Note the failure in the record of the call."""
        facts = self._call.facts
        if died(self._call):
            return  # told once, as a failure of this side
        end = ""
        if facts.ended is not None and facts.reached(CallState.CONFIRMED) is None:
            end = f": {unanswered(self._call)}"
        elif facts.ended_by_peer:
            end = ": ended by the peer"
        what = " ".join([step.verb, *keys])
        self._detail.fail(f"{what}, line {self.case.line(path)}{end}", in_one_line(text, self.case.file))

    def searched(self) -> Iterator[tuple[Recording, int]]:
        """The recordings in which expect steps searched for a marker."""
        for path, step in model.walk(self.case.scenario):
            if path in self.reached and isinstance(step.action, Expect) and step.action.recording:
                wanted = step.action.value("marker")
                recording = self.context.recordings.get(step.action.recording)
                for identity in wanted if isinstance(wanted, list) else [wanted]:
                    if identity is not None and recording is not None:
                        yield recording, identity


class CallContext(ScenarioContext):
    """The names of a scenario whose endpoint is the agent that placed the call."""

    def __init__(self, case: Case, call: Call, folder: Path) -> None:
        super().__init__(case, call.endpoint.journal, folder, {})
        self.endpoints = dict.fromkeys(case.endpoints, call.endpoint)
        self.calls.append(call)

    def __enter__(self) -> Self:
        return self


def name_call(context: ScenarioContext, step: model.Call, deadline: Deadline) -> None:
    """The call step: the load has placed the call."""
    if step.name is not None:
        context.named[step.name] = context.calls[0]


def wait(context: ScenarioContext, step: model.Wait, deadline: Deadline) -> None:
    """A wait for some seconds ends with the call, so that an interrupt ends it."""
    if step.seconds is None:
        HANDLERS["wait"](context, step, deadline)
        return
    call = context.calls[0]
    call.endpoint.wait_until(lambda: call.facts.ended is not None, Deadline(step.seconds))


def played_at(call: Call, identity: int, hearing: Hearing) -> float | None:
    """The time at which a marker was played, monotonic; None if no playback has it, or one repeats it."""
    for activity in call.facts.activities:
        playback = call.played.get(activity.number) if activity.kind == "play" else None
        if playback is not None and not playback.loop:
            start_s = hearing.listen(playback.path, identity).start_s
            if start_s is not None:
                return activity.at + start_s
    return None


def in_one_line(text: str, file: str) -> str:
    """The failures of a step: place, name, and what was observed."""
    parts = []
    for line in text.splitlines():
        if line.startswith("observed:"):
            parts.append(f"({line})")
        elif line.startswith(f"{file}:"):
            parts.append(f"and {line.partition(': ')[2]}" if parts else line)
    return " ".join(parts)
