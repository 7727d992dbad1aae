"""One part of a report: a run, or one scenario of a run, with the name that people know it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.call import Call
from bot.report.result import ExpectationResult, Result

__all__ = ["Chapter"]


@dataclass(frozen=True)
class Chapter:
    """What the reports are made of."""

    name: str
    """Of the scenario; empty for a command, which needs none."""
    result: Result
    calls: Sequence[Call] = ()
    attachments: Sequence[Path] = ()
    """Files that belong to it, in the order of their use."""

    @property
    def failed(self) -> list[ExpectationResult]:
        """The expectations that did not hold."""
        return [one for one in self.result.expectations if one.verdict == "fail"]
