"""bot.agent.callbacks: an exception in a callback is reported and goes no further."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.agent.callbacks import Failures, guarded
from bot.ipc.events import CallbackFailed, Wired


class Callee:
    def __init__(self) -> None:
        self.events: list[Wired] = []
        self.heard: list[str] = []
        self.report: Callable[[Wired], None] = self.events.append

    @guarded
    def on_state(self, what: str, *, loud: bool = False) -> None:
        """Hear it."""
        if not what:
            raise LookupError("nothing was said")
        self.heard.append(what.upper() if loud else what)

    @guarded
    def on_interrupt(self) -> None:
        raise KeyboardInterrupt


def test_arguments_pass() -> None:
    callee = Callee()
    callee.on_state("hello", loud=True)
    assert callee.heard == ["HELLO"]
    assert callee.events == []


def test_an_exception_is_an_event() -> None:
    callee = Callee()
    callee.on_state("")
    (event,) = callee.events
    assert isinstance(event, CallbackFailed)
    assert event.where == "Callee.on_state"
    assert "LookupError: nothing was said" in event.traceback


def test_an_interrupt_is_none_of_its_business() -> None:
    with pytest.raises(KeyboardInterrupt):
        Callee().on_interrupt()


def test_the_callback_keeps_its_name() -> None:
    assert Callee.on_state.__name__ == "on_state"
    assert Callee.on_state.__doc__ == "Hear it."


def test_an_exception_is_told_once_with_the_message_at_hand() -> None:
    events: list[Wired] = []
    failures = Failures(events.append)
    failures.message = lambda: "INFO sip:a@192.0.2.1 SIP/2.0\r\nVia: x\r\n"
    callee = Callee()
    callee.report = failures
    for _ in range(3):
        callee.on_state("")
    (event,) = events
    assert isinstance(event, CallbackFailed)
    assert event.where == "Callee.on_state, dealing with 'INFO sip:a@192.0.2.1 SIP/2.0',"
