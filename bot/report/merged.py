"""One page of several runs, from their results: verdicts, failed expectations, links to the reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bot.errors import ConfigError
from bot.report.html import counted, render
from bot.report.page import worst
from bot.report.page_files import PageFiles
from bot.report.result import ReportedRun, Result

__all__ = ["MergedRun", "merged_page", "results_in", "results_of"]

RESULT, PAGE = "result.json", "report.html"
OF_SEVERAL = "srtpbot.run/1"


@dataclass(frozen=True)
class MergedRun:
    """A result, and the file that it was read from."""

    name: str
    result: Result
    file: Path
    facts: dict[str, Any]
    """The result as it was read."""

    @property
    def reported(self) -> ReportedRun:
        """The run for other reports."""
        return ReportedRun(self.name, self.result)

    def page(self, folder: Path) -> str | None:
        """The URL of its own page, relative to ``folder``; None without one."""
        return PageFiles(folder).link(self.file.with_name(PAGE))


def results_in(place: Path) -> list[MergedRun]:
    """The results of ``result.json``, of the folder that has it, or of all folders in a folder.

    Raises ConfigError for a file that is no result, and where there is none.
    """
    file = place / RESULT if place.is_dir() else place
    if file.is_file():
        return list(results_of(file))
    found = sorted(place.glob(f"*/{RESULT}")) if place.is_dir() else []
    if not found:
        raise ConfigError(f"{place}: no {RESULT} there; name the folder of --out, or the file of --json")
    return [one for file in found for one in results_of(file)]


def results_of(file: Path) -> Iterator[MergedRun]:
    """The results in a file."""
    try:
        data = msgspec.json.decode(file.read_bytes())
        several = isinstance(data, dict) and data.get("schema") == OF_SEVERAL
        for facts in data["results"] if several else [data]:
            result = msgspec.convert(facts, Result)
            yield MergedRun(str(facts.get("name") or file.parent.absolute().name), result, file, facts)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{file}: not a result of srtpbot: {error}") from None


def merged_page(runs: Sequence[MergedRun], *, title: str, folder: Path) -> bytes:
    """The page for ``folder``, failed runs first."""
    order = ("error", "fail", "flaky", "pass")
    runs = sorted(runs, key=lambda run: order.index(run.result.verdict))
    counts = [(verdict, sum(run.result.verdict == verdict for run in runs)) for verdict in order]
    return render(
        "merged.html",
        verdict=worst([run.result.verdict for run in runs]),
        title=title,
        totals=[counted(len(runs), "run"), *(f"{count} {verdict}" for verdict, count in counts if count)],
        error=None,
        about=(),
        environment=(),
        runs=[(run, run.page(folder)) for run in runs],
    )
