"""The results of ``srtpbot ping`` and ``srtpbot register`` as data: that of a run, and its own figures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from bot.events import RegistrationChanged
from bot.outside import Answered
from bot.report.result import Result

__all__ = ["PeerResult", "PingResult", "ProbeResult", "RegisterResult", "RegistrationResult", "RoundTrips"]


class ProbeResult(msgspec.Struct, kw_only=True):
    """One OPTIONS; without an answer ``problem`` says why."""

    number: int
    code: int | None = None
    reason: str | None = None
    rtt_ms: float | None = None
    problem: str | None = None


class RoundTrips(msgspec.Struct, kw_only=True):
    """The round-trip times in ms, and the loss; None where nothing was measured."""

    sent: int
    answered: int
    loss_pct: float | None
    min_ms: float | None
    median_ms: float | None
    max_ms: float | None

    @classmethod
    def of(cls, probes: Sequence[ProbeResult]) -> RoundTrips:
        """Those of all probes."""
        times = [one.rtt_ms for one in probes if one.rtt_ms is not None]
        answered = sum(one.code is not None for one in probes)
        return cls(
            sent=len(probes),
            answered=answered,
            loss_pct=round(100 * (1 - answered / len(probes)), 1) if probes else None,
            min_ms=min(times, default=None),
            median_ms=statistics.median(times) if times else None,
            max_ms=max(times, default=None),
        )


class PeerResult(msgspec.Struct, kw_only=True):
    """What the peer says that it can do (RFC 3261 11.2), in its last answer."""

    allow: list[str]
    accept: list[str]
    supported: list[str]
    user_agent: str | None

    @classmethod
    def of(cls, answer: Answered) -> PeerResult:
        """As an answer to OPTIONS has it."""
        return cls(
            allow=list(answer.allow),
            accept=list(answer.accept),
            supported=list(answer.supported),
            user_agent=answer.user_agent,
        )


class PingResult(Result, kw_only=True):
    """A run that asked a peer with OPTIONS."""

    uri: str
    round_trips: RoundTrips
    probes: list[ProbeResult]
    peer: PeerResult | None


class RegistrationResult(msgspec.Struct, kw_only=True):
    """A word of a registrar."""

    at_s: float
    account: str
    active: bool
    code: int
    reason: str
    expires_s: int
    contact: str | None
    service_route: list[str]

    @classmethod
    def of(cls, heard: RegistrationChanged, at_s: float) -> RegistrationResult:
        """As it was reported."""
        return cls(
            at_s=round(at_s, 6),
            account=heard.account,
            active=heard.active,
            code=heard.code,
            reason=heard.reason,
            expires_s=heard.expires_s,
            contact=heard.contact or None,
            service_route=heard.service_route,
        )


class RegisterResult(Result, kw_only=True):
    """A run that registered."""

    registrations: list[RegistrationResult]
    """Every word of the registrars, in order."""
