"""Results of runs, for the tests of reports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from bot.report.call_result import call_result
from bot.report.result import ExpectationResult, Result, Verdict
from bot.ua.call import Call

__all__ = ["builtins", "expectation", "media_of", "result"]


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


def media_of(call: Call) -> Any:
    """The only stream of a call, as in the JSON."""
    (media,) = builtins(call_result(call))["media"]
    return media


def builtins(value: object) -> Any:
    """As read from the JSON."""
    return msgspec.json.decode(msgspec.json.encode(value))
