"""What scenarios leave behind as data: the result of one, and of several."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from bot.report.result import Result, Verdict

__all__ = ["Outcomes", "ScenarioResult", "outcomes"]


class ScenarioResult(Result, kw_only=True):
    """A run's result, and which scenario it is of."""

    name: str
    file: str
    vars: dict[str, str]


class Outcomes(msgspec.Struct, kw_only=True):
    """Several scenarios."""

    schema: Literal["srtpbot.run/1"] = "srtpbot.run/1"
    verdict: Verdict
    error: str | None
    started: datetime
    duration_s: float
    results: list[ScenarioResult]


def outcomes(results: Sequence[ScenarioResult], started: datetime, error: str | None) -> Outcomes:
    """All results as one; it passes when there are some and all of them passed."""
    verdicts = {one.verdict for one in results}
    worst: Verdict = "pass" if verdicts == {"pass"} else "error" if "error" in verdicts else "fail"
    return Outcomes(
        verdict="error" if error is not None else worst,
        error=error,
        started=started,
        duration_s=round((datetime.now(UTC) - started).total_seconds(), 3),
        results=list(results),
    )
