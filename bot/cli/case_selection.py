"""The cases of ``srtpbot run``: files and variables, --only, --last-failed, --list and --check."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from bot.audio_files import cache_folder
from bot.config import did_you_mean
from bot.errors import ConfigError
from bot.files import write_whole
from bot.scenario.case import Case
from bot.scenario.load import load, variables

__all__ = ["LastFailed", "checked", "chosen", "given_values", "loaded"]

VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)=(.*)", re.DOTALL)


def given_values(texts: Iterable[str], files: Sequence[str]) -> dict[str, str]:
    """The values of ``--var`` by name; raises ConfigError for an unknown variable."""
    values: dict[str, str] = {}
    for text in texts:
        found = VARIABLE.fullmatch(text)
        if not found:
            raise ConfigError(f"--var {text}: expected NAME=VALUE")
        values[found[1]] = found[2]
    variable_names = set().union(*(variables(file) for file in files)) if values else set()
    for name in values:
        if name not in variable_names:
            hint = did_you_mean(name, sorted(variable_names)) or "; none of the files uses it"
            raise ConfigError(f"--var {name}: unknown variable{hint}")
    return values


def loaded(files: Iterable[str], given: dict[str, str]) -> list[Case]:
    """All cases of all files."""
    return [case for file in files for case in load(file, given)]


def checked(files: Iterable[str], given: dict[str, str]) -> list[Case]:
    """All cases of all files; raises ConfigError with the first error of each invalid file."""
    cases, errors = [], []
    for file in files:
        try:
            cases += load(file, given)
        except ConfigError as error:
            errors.append(str(error))
    if errors:
        raise ConfigError("\n".join(errors))
    return cases


def chosen(cases: list[Case], only: Sequence[str]) -> list[Case]:
    """The cases that match ``--only``; raises ConfigError for a pattern without a match."""

    def named(case: Case, name: str) -> bool:
        return name in {case.name, case.scenario_name} or any(
            fnmatch.fnmatchcase(one, name) for one in (case.name, case.scenario_name)
        )

    for name in only:
        if not any(named(case, name) for case in cases):
            names = list(dict.fromkeys(case.scenario_name for case in cases))
            hint = did_you_mean(name, names) or f"; there is {', '.join(names)}"
            raise ConfigError(f"--only {name}: unknown scenario{hint}")
    return [case for case in cases if not only or any(named(case, name) for name in only)]


class LastFailed:
    """The cases that failed when they ran last from this folder; kept in the user's cache."""

    def __init__(self) -> None:
        folder = hashlib.sha256(os.fsencode(os.getcwd())).hexdigest()[:16]
        self._path = cache_folder().parent / "last-failed" / f"{folder}.json"
        self._failed: set[tuple[str, str]] = set()
        with suppress(OSError, msgspec.MsgspecError):
            self._failed = set(msgspec.json.decode(self._path.read_bytes(), type=list[tuple[str, str]]))

    @property
    def files(self) -> list[str]:
        """The files of the failed cases that are still there."""
        return sorted({os.path.relpath(file) for file, _ in self._failed if os.path.isfile(file)})

    def of(self, cases: Sequence[Case]) -> list[Case]:
        """Those of the cases that failed."""
        return [case for case in cases if key(case) in self._failed]

    def note(self, ran: Iterable[tuple[Case, bool]]) -> None:
        """Take the cases that ran, and whether each passed; what did not run stays as it was."""
        passed = {key(case): well for case, well in ran}
        self._failed = (self._failed - set(passed)) | {case for case, well in passed.items() if not well}
        with suppress(OSError):
            if self._failed:
                write_whole(self._path, msgspec.json.encode(sorted(self._failed)))
            else:
                self._path.unlink(missing_ok=True)


def key(case: Case) -> tuple[str, str]:
    """What identifies a case from run to run."""
    return str(Path(case.file).absolute()), case.name
