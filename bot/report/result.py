"""Result of a run as data: the JSON document ``srtpbot.result/1``.

A number that was not measured is null. ``at_s`` inside a call counts from the start of the call; ``at_s`` of
an expectation or of a refused call counts from ``started``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bot.capture.verification import WireResult
from bot.ipc import CallRefused, ExpectationChecked
from bot.report.call_result import CallResult, call_result
from bot.report.environment import EnvironmentResult
from bot.report.steps import StepResult
from bot.ua import Call, Journal

__all__ = [
    "SCHEMA",
    "AttemptResult",
    "ReportedRun",
    "RestartResult",
    "Result",
    "Verdict",
    "run_result",
    "unexpected_end",
]

SCHEMA = "srtpbot.result/1"
Verdict = Literal["pass", "flaky", "fail", "error"]
"""``flaky`` is a scenario that passed after a failed attempt (``run --retries``)."""


class ExpectationResult(msgspec.Struct, kw_only=True):
    """Verdict on one expectation."""

    name: str
    """Subject and kind of the expectation, for instance ``call 1 is confirmed``."""
    verdict: Literal["pass", "fail"]
    """``pass`` when the observed value is the expected value."""
    expected: str
    """Expected value."""
    observed: str
    """Observed value."""
    at_s: float
    """Seconds from ``started`` to the verdict."""


class RefusedResult(msgspec.Struct, kw_only=True):
    """INVITE that the endpoint refused before a call existed."""

    at_s: float
    """Seconds since ``started``."""
    sip_call_id: str
    """Value of the Call-ID header field."""
    remote_uri: str
    """From URI of the INVITE, without its tag."""
    local_uri: str
    """To URI of the INVITE."""
    transport: str
    """SIP transport of the INVITE: ``udp``, ``tcp`` or ``tls``."""
    peer: str
    """Source address of the INVITE, ``host:port``."""
    code: int
    """Status code of the response."""
    reason: str
    """Reason phrase of the response."""
    why: str
    """Reason for the refusal."""

    @classmethod
    def of(cls, refused: CallRefused, at_s: float) -> RefusedResult:
        """The refused INVITE of an event."""
        fields = msgspec.structs.asdict(refused)
        return cls(at_s=round(at_s, 6), **{name: fields[name] for name in cls.__struct_fields__[1:]})


class RestartResult(msgspec.Struct, kw_only=True):
    """Crash and restart of an agent process."""

    endpoint: str
    """Name of the endpoint."""
    at_s: float
    """Seconds since ``started``."""
    reason: str
    """Reason of the crash."""
    lost_calls: list[int]
    """Numbers of the endpoint's calls that the crash ended; a lost call fails the run."""
    back_after_s: float | None = None
    """Seconds from the crash until a new agent listened on the ports; null without a new agent."""


class Result(msgspec.Struct, kw_only=True):
    """Result of one run."""

    schema: Annotated[str, Meta(extra_json_schema={"const": SCHEMA})] = SCHEMA
    """Name and version of this format."""
    verdict: Verdict
    """``pass``, ``fail`` when an expectation failed, ``error`` when the run could not be completed; ``flaky``
    when a scenario passed after a failed attempt."""
    error: str | None
    """Error that ended the run; null without an error."""
    started: datetime
    """Start of the run (RFC 3339)."""
    duration_s: float
    """Duration of the run in seconds."""
    calls: list[CallResult]
    """Calls of all endpoints, in order."""
    expectations: list[ExpectationResult]
    """Verdicts on the expectations, in order."""
    refused: list[RefusedResult] = []
    """INVITEs that were refused before a call existed."""
    refused_messages: dict[str, int] = {}
    """Number of messages that were rejected before the library parsed them, by rule."""
    restarts: list[RestartResult] = []
    """Crashes of agent processes (``on_crash: restart``), at most the last 1000."""
    limits_reached: dict[str, int] = {}
    """Number of messages that were refused and calls that were ended at a limit, by limit."""
    environment: EnvironmentResult | None = None
    """Null for a command that was refused before it began."""


def run_result(
    journal: Journal,
    duration_s: float,
    calls: Sequence[Call],
    checked: Sequence[ExpectationChecked],
    error: str | None,
    *,
    wire: Mapping[Call, Mapping[int, WireResult]] | None = None,
    refused: Sequence[CallRefused] = (),
    environment: EnvironmentResult | None = None,
    refused_messages: Mapping[str, int] | None = None,
    restarts: Sequence[RestartResult] = (),
    limits_reached: Mapping[str, int] | None = None,
) -> Result:
    """The result of a run; without expectations it passes unless a call ended with an error.

    ``wire`` has the verification of the captured packets, by call and index of the m= line.
    """
    expectations = [
        ExpectationResult(
            name=event.name,
            verdict="pass" if event.passed else "fail",
            expected=event.expected,
            observed=event.observed,
            at_s=round(journal.since_start(event), 6),
        )
        for event in checked
    ] or [failed for call in calls if (failed := unexpected_end(call, journal)) is not None]
    passed = all(expectation.verdict == "pass" for expectation in expectations)
    return Result(
        verdict="error" if error is not None else "pass" if passed else "fail",
        error=error,
        started=journal.started,
        duration_s=round(duration_s, 3),
        calls=[call_result(call, (wire or {}).get(call)) for call in calls],
        expectations=expectations,
        refused=[RefusedResult.of(event, journal.since_start(event)) for event in refused],
        refused_messages=dict(refused_messages or {}),
        environment=environment,
        restarts=list(restarts),
        limits_reached=dict(limits_reached or {}),
    )


def restart_text(one: RestartResult) -> str:
    """Text about the replacement of an agent: the reason and the lost calls."""
    lost = f"calls lost: {', '.join(map(str, one.lost_calls))}" if one.lost_calls else "no call was lost"
    back = "not replaced" if one.back_after_s is None else f"replaced after {one.back_after_s:.1f} s"
    return f"{one.endpoint}: the agent crashed: {one.reason}; {lost}; {back}"


def unexpected_end(call: Call, journal: Journal) -> ExpectationResult | None:
    """The failed expectation of a call that ended with an error or has not ended; None for other calls."""
    facts = call.facts
    end = facts.ended
    if end is not None and not facts.broken:
        return None
    at = end.at if end is not None else facts.started_at
    return ExpectationResult(
        name=f"{call.label} ends in order",
        verdict="fail",
        at_s=round(at - journal.started_at, 6),
        expected="an end by this side or by the peer",
        observed=f"{end.code} {end.reason}, by {facts.ended_by}" if end is not None else str(facts.state),
    )


class AttemptResult(msgspec.Struct, kw_only=True):
    """A failed attempt of a scenario, after which it was run again."""

    verdict: Verdict
    """``fail`` or ``error``."""
    reason: str
    """The failed expectations, or the error."""
    duration_s: float
    """Duration of the attempt in seconds."""


@dataclass(frozen=True)
class ReportedRun:
    """Input of the reports: the result of one run with its calls and files."""

    name: str
    """Name of the scenario; empty for a command."""
    result: Result
    calls: Sequence[Call] = ()
    attachments: Sequence[Path] = ()
    """Files of the run, in the order of their use."""
    failed_attempts: Sequence[AttemptResult] = ()
    """Attempts before this one."""
    file: str = ""
    """Path of the scenario file."""
    title: str = ""
    """Description of the scenario."""
    steps: Sequence[StepResult] = ()
    """Steps of the scenario."""
    started_at: float = 0.0
    """Start of the run, monotonic, in seconds: the zero of the times of the steps."""
    folder: Path | None = None
    """Folder of the run's files."""

    @property
    def failed(self) -> list[ExpectationResult]:
        """The failed expectations."""
        return [expectation for expectation in self.result.expectations if expectation.verdict == "fail"]
