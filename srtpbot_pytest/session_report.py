"""The report of a session, of all tests with endpoints. Imports srtpbot."""

from __future__ import annotations

from pathlib import Path

from bot.files import write_whole
from bot.report.merged import merged_page, results_of
from srtpbot_pytest.artifacts import CLOCK_S, TESTS

__all__ = ["write_report"]


def write_report(folder: Path, started: float) -> str:
    """Write ``report.html`` about the tests since ``started``; returns its path, or that there is nothing."""
    results = sorted((folder / TESTS).glob("*/result.json"))
    recent = [file for file in results if file.stat().st_mtime >= started - CLOCK_S]
    if not recent:
        return "no test had an endpoint"
    runs = [run for file in recent for run in results_of(file)]
    page = folder / "report.html"
    write_whole(page, merged_page(runs, title="pytest", folder=folder))
    return str(page)
