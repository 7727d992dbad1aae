"""An assertion on a call of a fake agent that passes or fails, and its verdict in the journal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot import expect
from bot.errors import ExpectationFailed
from bot.expectations.call import CallExpectation
from bot.ipc.events import ExpectationChecked
from bot.ua.call import Call
from tests.support.fakes import Rig, at_once, while_waiting

__all__ = ["NONE_READ", "Assertion", "fails", "passes", "passes_later", "verdicts"]

Assertion = Callable[[CallExpectation], None]
NONE_READ = {"not authentic, carrying an MKI of 4 bytes": 150}
"""Refused packets: all that were received, and why."""


def verdicts(rig: Rig) -> list[ExpectationChecked]:
    return [entry.event for entry in rig.journal.recent() if isinstance(entry.event, ExpectationChecked)]


def passes(rig: Rig, call: Call, assertion: Assertion) -> ExpectationChecked:
    """The assertion holds now, and its verdict is in the journal."""
    with at_once():
        assertion(expect(call))
    (verdict,) = verdicts(rig)
    assert verdict.passed
    assert verdict.call == call.number
    return verdict


def passes_later(rig: Rig, call: Call, assertion: Assertion, job: Callable[[], object]) -> None:
    """The assertion waits for what ``job`` brings."""
    with while_waiting(rig.journal, job):
        passes(rig, call, assertion)


def fails(rig: Rig, call: Call, assertion: Assertion) -> str:
    """The assertion fails at once, its verdict is in the journal; returns the message."""
    with pytest.raises(ExpectationFailed) as caught, at_once():
        assertion(expect(call))
    (verdict,) = verdicts(rig)
    assert not verdict.passed
    text = str(caught.value)
    lines = text.splitlines()
    assert lines[0] == f"{call} {verdict.name.partition(' ')[2].partition(' ')[2]}"
    assert lines[1] == f"expected: {verdict.expected}"
    assert lines[2] == f"observed: {verdict.observed}"
    assert "last states:" in lines
    assert "SIP messages:" in lines
    return text
