"""Results of runs, for the tests of reports."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.report.result import ExpectationResult, Result, Verdict

__all__ = ["expectation", "result"]


def expectation(name: str, passed: bool, at_s: float = 1.0, observed: str = "CALLING") -> ExpectationResult:
    return ExpectationResult(
        name=name,
        verdict="pass" if passed else "fail",
        expected="CONFIRMED",
        observed=observed,
        at_s=at_s,
    )


def result(*expectations: ExpectationResult, error: str | None = None, verdict: Verdict = "fail") -> Result:
    return Result(
        verdict=verdict,
        error=error,
        started=datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC),
        duration_s=6.1,
        calls=[],
        expectations=list(expectations),
    )
