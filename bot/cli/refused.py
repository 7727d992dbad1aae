"""Reports of a command that did not start because of invalid arguments or files.

An older report in the same place would say something else than the exit status.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from bot.cli.report_files import STDOUT
from bot.cli.session import Session
from bot.errors import BotError

__all__ = ["report"]

HEAD_BYTES = 200
SIGNS = (b'"schema": "srtpbot.', b"<testsuites")
"""First words of the error in the reports."""
OPTIONS = {"--json": "json_file", "--junit": "junit_file", "--out": "out_folder"}


class Refusal(Session):
    """Session of a run that consists of an error."""

    def __init__(self, problem: str, status: int, options: dict[str, str | None]) -> None:
        others = {"verbose": 0, "trace": False}
        super().__init__({**others, **options})
        self.error, self.exit_status = problem, status

    def __enter__(self) -> Self:
        return self  # signals are ignored by now


def report(problem: str, status: int, arguments: Sequence[str]) -> None:
    """Write the reports of the arguments, if they are writable."""
    given = named(arguments)
    if given.get("json_file") == given.get("junit_file") == STDOUT:
        del given["junit_file"]
    for option in given:
        if option != "out_folder" and not replaceable(given[option]):
            continue
        with (
            suppress(BotError),
            Refusal(problem, status, {**dict.fromkeys(OPTIONS.values()), option: given[option]}),
        ):
            pass


def named(arguments: Sequence[str]) -> dict[str, str | None]:
    """The values of the report options by parameter name; the last value counts."""
    given: dict[str, str | None] = {}
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument == "--":
            break
        option, equals, value = argument.partition("=")
        if option in OPTIONS and (value or (not equals and following)):
            given[OPTIONS[option]] = value or following
    return given


def replaceable(target: str | None) -> bool:
    """Whether a file is missing or an older report, so that an invalid command overwrites no other file."""
    if target is None or target == STDOUT:
        return True
    try:
        with Path(target).open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return any(sign in head for sign in SIGNS)
