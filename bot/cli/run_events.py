"""Events of a run that its result counts or lists, and their lines on the terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import click

from bot.capture import keylog
from bot.harmless import harmless
from bot.ipc import (
    AgentCrashed,
    AgentReady,
    AgentReplaced,
    CallbackFailed,
    CallRefused,
    ExpectationChecked,
    KeyNegotiated,
    LimitReached,
    MessageRefused,
    ReplacementFailed,
    ReportsDropped,
    StorageFailed,
)
from bot.report.event_log import callback_text, limit_text, narrate, refused_message_text
from bot.report.result import RestartResult
from bot.ua import Entry, Journal

__all__ = ["RunEvents", "print_native"]

KEPT_REFUSALS = 1000
KEPT_RESTARTS = 1000
KEPT_EXPECTATIONS = 2000
"""Of those that held, and of those that did not."""
PRINTED_OF_A_RULE = 3
"""Refused messages and reached limits of one rule that are printed; further ones are only counted."""
ALWAYS_SHOWN = (AgentReplaced, ReplacementFailed, ReportsDropped)
"""Events that are printed without ``-v``."""


class RunEvents:
    """Observer of the run's journal.

    ``say`` prints a line for people; ``verbose`` is the number of ``-v``; ``keys`` is the open key log.
    """

    def __init__(
        self, journal: Journal, say: Callable[[str], None], verbose: int, keys: keylog.Log | None
    ) -> None:
        self._passed: deque[ExpectationChecked] = deque(maxlen=KEPT_EXPECTATIONS)
        self._failed: deque[ExpectationChecked] = deque(maxlen=KEPT_EXPECTATIONS)
        self.refused: deque[CallRefused] = deque(maxlen=KEPT_REFUSALS)
        """Last INVITEs that were refused before a call existed."""
        self.refused_messages: dict[str, int] = {}
        """Number of messages that each rule of the gate rejected."""
        self.restarts: deque[RestartResult] = deque(maxlen=KEPT_RESTARTS)
        """Last crashes of agent processes."""
        self.limits_reached: dict[str, int] = {}
        """Number of times that peers reached each limit."""
        self.agents: dict[str, AgentReady] = {}
        self.storage_problem: str | None = None
        """Error that ended a recording, a message or the journal early."""
        self._journal = journal
        self._say = say
        self._verbose = verbose
        self._keys = keys
        journal.observe(self._observe)

    @property
    def checked(self) -> list[ExpectationChecked]:
        """The last expectations that held and the last that did not, in order."""
        return sorted((*self._passed, *self._failed), key=lambda event: event.at)

    @property
    def of_result(self) -> dict[str, Any]:
        """Arguments of ``run_result``."""
        return {
            "refused": self.refused,
            "refused_messages": self.refused_messages,
            "restarts": self.restarts,
            "limits_reached": self.limits_reached,
        }

    def _observe(self, entry: Entry) -> None:
        match event := entry.event:
            case ExpectationChecked():
                (self._passed if event.passed else self._failed).append(event)
            case CallRefused():
                self.refused.append(event)
            case MessageRefused():
                self._count_refused(event)
            case LimitReached():
                self._count_limit(event)
            case CallbackFailed() if event.traceback:
                self._say(f"raised  {callback_text(event)}")
            case AgentReady():
                self.agents[entry.endpoint] = event
            case KeyNegotiated() if self._keys is not None:
                self._keys.write(
                    keylog.LoggedKey(
                        event.sip_call_id, event.sent, event.tag, event.suite, f"inline:{event.key}"
                    )
                )
            case StorageFailed():
                self._note_storage_problem(f"{event.path}: {event.reason}")
            case AgentCrashed() | AgentReplaced():
                self._follow_restarts(entry.endpoint, event)
            case _:
                pass
        replaced = isinstance(event, AgentCrashed) and event.replaced_in_s is not None
        is_shown = self._verbose or replaced or isinstance(event, ALWAYS_SHOWN)
        text = narrate(entry, self._journal, messages=self._verbose > 1) if is_shown else None
        if text:
            click.echo(text, err=True)

    def _follow_restarts(self, endpoint: str, event: AgentCrashed | AgentReplaced) -> None:
        """Record crashes and restarts of agents."""
        if isinstance(event, AgentReplaced):
            for restart in self.restarts:
                if restart.endpoint == endpoint and restart.back_after_s is None:
                    restart.back_after_s = round(event.after_s, 3)
        elif event.replaced_in_s is not None:
            at = round(self._journal.since_start(event), 6)
            self.restarts.append(
                RestartResult(endpoint=endpoint, at_s=at, reason=event.reason, lost_calls=event.lost_calls)
            )
            for line in event.log:
                print_native(line)

    def _note_storage_problem(self, problem: str) -> None:
        """Print the first failure; the run continues and ends with an error."""
        if self.storage_problem is None:
            self.storage_problem = problem
            click.echo(f"srtpbot: {problem}", err=True)

    def _count_refused(self, event: MessageRefused) -> None:
        """Count rejected messages, and print the first of each rule."""
        count = self.refused_messages[event.rule] = self.refused_messages.get(event.rule, 0) + 1
        if count <= PRINTED_OF_A_RULE:
            more = "; more of these are only counted" if count == PRINTED_OF_A_RULE else ""
            self._say(f"{refused_message_text(event)}{more}")

    def _count_limit(self, event: LimitReached) -> None:
        """Count reached limits, and print the first of each limit."""
        before = self.limits_reached.get(event.rule, 0)
        self.limits_reached[event.rule] = before + event.count
        if before < PRINTED_OF_A_RULE:
            self._say(f"limit {limit_text(event)}; the summary has the number of further ones")


def print_native(line: str) -> None:
    """Print a line of the library's log."""
    click.echo(f"  | {harmless(line)}", err=True)
