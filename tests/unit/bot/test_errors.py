"""bot.errors: the class tree, and the exit statuses."""

from __future__ import annotations

import pickle

import pytest

from bot import errors
from bot.errors import (
    BotError,
    CallbackFailed,
    CallEnded,
    CallFailed,
    ConfigError,
    EndpointCrashed,
    ExpectationFailed,
    NativeError,
    WaitTimeout,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BotError, 1),
        (CallFailed, 1),
        (CallEnded, 1),
        (ExpectationFailed, 1),
        (WaitTimeout, 1),
        (CallbackFailed, 1),
        (ConfigError, 2),
        (NativeError, 3),
        (EndpointCrashed, 3),
    ],
)
def test_exit_status(error: type[BotError], status: int) -> None:
    assert error("what happened").exit_status == status


def test_every_error_is_in_the_tree() -> None:
    classes = [one for name in errors.__all__ if isinstance(one := getattr(errors, name), type)]
    assert classes
    assert all(issubclass(one, BotError) for one in classes)


def test_the_builtins_that_people_catch() -> None:
    assert issubclass(ExpectationFailed, AssertionError)
    assert issubclass(WaitTimeout, TimeoutError)
    assert issubclass(CallEnded, CallFailed)


def test_a_crash_shows_the_log() -> None:
    crash = EndpointCrashed("alice: the agent crashed", ("line one", "line two"))
    assert str(crash) == "alice: the agent crashed\n  | line one\n  | line two"
    assert str(EndpointCrashed("alice: the agent crashed")) == "alice: the agent crashed"


def test_a_crash_travels_between_processes() -> None:
    crash = EndpointCrashed("alice: the agent crashed", ("line one",))
    assert pickle.loads(pickle.dumps(crash)).log == ("line one",)
