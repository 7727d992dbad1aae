"""Files that a run writes: the options that name them, the check before the run, and their writing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from bot.errors import ConfigError
from bot.files import make_folder, refuse_link, why_not_writable, write_whole
from bot.harmless import harmless_json

__all__ = ["JOURNAL", "STDOUT", "ReportFiles", "as_json"]

STDOUT = "-"
MB = 1_000_000
JOURNAL = "journal.jsonl"
NAMES = ("result.json", "junit.xml", "report.html", "sip.pcap", JOURNAL)
"""The files of ``--out``."""


class ReportFiles:
    """Files of one run; None for each option that was not given."""

    def __init__(self, options: dict[str, Any]) -> None:
        """Take the options that name files out of ``options``."""
        self.json: str | None = options.pop("json_file")
        self.junit: str | None = options.pop("junit_file")
        self.keylog: str | None = options.pop("keylog_file", None)
        self.capture: str | None = options.pop("capture_file", None)
        folder = options.pop("out_folder")
        self.most_journal_bytes = MB * (options.pop("max_journal", None) or 0)
        self.folder = Path(folder) if folder else None
        self._failures: dict[Path, str] = {}

    @property
    def takes_stdout(self) -> bool:
        """Whether a report goes to standard output."""
        return STDOUT in {self.json, self.junit}

    @property
    def problem(self) -> str | None:
        """The error of the first file that could not be written."""
        return next(iter(self._failures.values()), None)

    def write(self, target: str | Path | None, content: bytes) -> None:
        """Write a report, unless it goes to standard output; a failure is printed, and the run continues."""
        if not target or target == STDOUT:
            return
        path = Path(target)
        if path in self._failures:
            return
        try:
            write_whole(path, content)
        except OSError as error:
            self._failures[path] = f"{path}: cannot write: {error.strerror}"
            click.echo(f"srtpbot: {self._failures[path]}", err=True)

    def check(self, options: Mapping[str, Any]) -> None:
        """Raise ConfigError for a file that cannot be written, and make the folder of ``--out``."""
        reports = {"--json": self.json, "--junit": self.junit, "--capture": self.capture}
        others = {
            "--keylog": self.keylog,
            "--record": options.get("record"),
            "--save": options.get("saved_file"),
        }
        for option in ("--capture", *others):
            if (reports | others)[option] == STDOUT:
                raise ConfigError(f"{option} - cannot go to standard output: name a file")
        if self.json == self.junit == STDOUT:
            raise ConfigError("--json - and --junit - cannot both go to standard output")
        self._make_folder()
        ours = [str(self.folder / name) for name in NAMES] if self.folder is not None else []
        for path in (*reports.values(), *others.values(), *ours):
            if path and path != STDOUT:
                refuse_link(path)
        for option, path in reports.items():
            if path and path != STDOUT and (problem := why_not_writable(path)):
                raise ConfigError(f"{option} {path}: {problem}")
        _check_distinct(reports | others)

    def _make_folder(self) -> None:
        if self.folder is not None:
            try:
                make_folder(self.folder)
            except OSError as error:
                raise ConfigError(f"--out {self.folder}: {error.strerror}") from None


def _check_distinct(paths: Mapping[str, str | None]) -> None:
    options: dict[str, str] = {}
    for option, path in paths.items():
        if path and path != STDOUT and (os.path.isfile(path) or not os.path.exists(path)):
            other = options.setdefault(os.path.realpath(path), option)
            if other != option:
                raise ConfigError(f"{other} and {option} both name {path}; one would overwrite the other")


def as_json(result: object) -> bytes:
    """JSON of the result, without terminal control characters."""
    return harmless_json(msgspec.json.format(msgspec.json.encode(result), indent=2)) + b"\n"
