"""bot.report.result: a result with its name and its failures."""

from __future__ import annotations

from bot.report.result import ReportedRun
from tests.support.results import expectation, result


def test_what_failed() -> None:
    run = ReportedRun("echo", result(expectation("a", True), expectation("b", False)))
    assert [one.name for one in run.failed] == ["b"]
    assert (list(run.calls), list(run.attachments)) == ([], [])
