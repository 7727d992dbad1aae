"""bot.report.chapter: a result, its name, and what failed in it."""

from __future__ import annotations

from bot.report.chapter import Chapter
from tests.bot.report.test_junit import expectation, result


def test_what_failed() -> None:
    chapter = Chapter("echo", result(expectation("a", True), expectation("b", False)))
    assert [one.name for one in chapter.failed] == ["b"]
    assert (list(chapter.calls), list(chapter.attachments)) == ([], [])
