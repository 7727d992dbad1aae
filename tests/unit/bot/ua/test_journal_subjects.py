"""Waits of bot.ua.journal for one call or one command: which events make them look again."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from bot.deadline import Deadline
from bot.ipc import AgentStopped, AnyEvent, CallStateChanged, CommandDone
from bot.model import CallState
from bot.ua.journal import Subject
from tests.support.fakes import LONG, WatchedJournal, at_once, while_waiting


def of_call(number: int) -> AnyEvent:
    return CallStateChanged(at=0.0, call=number, state=CallState.CONFIRMED, code=200, reason="OK")


def of_command(number: int) -> AnyEvent:
    return CommandDone(at=0.0, request=number)


@dataclass
class Looks:
    """The number of events that were there at each look at the condition of a wait."""

    journal: WatchedJournal = field(default_factory=WatchedJournal)
    seen: list[int] = field(default_factory=list)

    def through(self, subject: Subject | None, *appended: tuple[str, AnyEvent]) -> list[int]:
        """Wait with this subject until all of these events are there."""

        def holds() -> bool:
            self.seen.append(len(self.journal.recent()))
            return self.seen[-1] == len(appended)

        def append() -> None:
            for endpoint, event in appended:
                self.journal.append(endpoint, event)

        with while_waiting(self.journal, append), at_once():
            assert self.journal.wait_until(holds, Deadline(LONG), subject=subject)
        return self.seen


def test_a_wait_without_a_subject_looks_at_every_event() -> None:
    assert Looks().through(None, ("a", of_call(1)), ("a", of_command(1)), ("b", of_call(2))) == [0, 1, 2, 3]


def test_a_wait_for_a_call_passes_over_other_calls_and_commands() -> None:
    others = ("a", of_call(2)), ("b", of_call(1)), ("a", of_command(1))
    assert Looks().through(("a", "call", 1), *others, ("a", of_call(1))) == [0, 4]


def test_a_wait_for_a_command_passes_over_calls_and_other_commands() -> None:
    others = ("a", of_call(1)), ("a", of_command(2)), ("b", of_command(1))
    assert Looks().through(("a", "request", 1), *others, ("a", of_command(1))) == [0, 4]


@pytest.mark.parametrize("kind", ["call", "request"])
def test_what_is_about_the_endpoint_concerns_every_wait(kind: str) -> None:
    stopped = AgentStopped(at=0.0, reason="it was told to")
    assert Looks().through(("a", kind, 1), ("a", of_call(2)), ("a", stopped)) == [0, 2]


def test_wake_looks_whatever_the_subject_is() -> None:
    journal, looks = WatchedJournal(), iter([False, True])
    with while_waiting(journal, journal.wake), at_once():
        assert journal.wait_until(lambda: next(looks), Deadline(LONG), subject=("a", "call", 1))
