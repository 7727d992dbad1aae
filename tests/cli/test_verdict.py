"""bot.cli.session: which errors of a command are a failure, and which an error of the run."""

from __future__ import annotations

from collections.abc import Iterator
from signal import getsignal, signal

import pytest

from bot.cli.session import Session
from bot.cli.signals import INTERRUPTS
from bot.errors import BotError, CallFailed, ConfigError, NativeError, WaitTimeout

OPTIONS = ("json_file", "junit_file", "keylog_file", "capture_file", "verbose", "trace", "out_folder")


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """A run takes the signals and does not give them back: its process ends with it."""
    before = {number: getsignal(number) for number in INTERRUPTS}
    yield
    for number, handler in before.items():
        signal(number, handler)


@pytest.mark.parametrize(
    ("problem", "status", "verdict"),
    [
        (CallFailed("too many calls"), 1, "fail"),
        (WaitTimeout("no answer"), 1, "fail"),
        (ConfigError("no such codec"), 2, "error"),
        (NativeError("no such port"), 3, "error"),
    ],
)
def test_verdict_and_exit_status_say_the_same(problem: BotError, status: int, verdict: str) -> None:
    with Session(dict.fromkeys(OPTIONS)) as run:
        raise problem
    assert (run.exit_status, run.result.verdict) == (status, verdict)
    assert run.result.error == (str(problem) if verdict == "error" else None)
    assert [one.observed for one in run.result.expectations] == ([str(problem)] if verdict == "fail" else [])
