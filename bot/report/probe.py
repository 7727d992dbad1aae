"""Results of ``srtpbot ping`` and ``srtpbot register``, which extend the result of a run."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from bot.ipc import RegistrationChanged
from bot.report.result import Result
from bot.ua import Response

__all__ = ["PeerResult", "PingResult", "ProbeResult", "RegisterResult", "RegistrationResult", "RoundTrips"]


class ProbeResult(msgspec.Struct, kw_only=True):
    """One OPTIONS request; ``problem`` is the reason for a missing response."""

    number: int
    code: int | None = None
    reason: str | None = None
    rtt_ms: float | None = None
    problem: str | None = None


class RoundTrips(msgspec.Struct, kw_only=True):
    """Round-trip times in ms, and loss; None for a value that was not measured."""

    sent: int
    answered: int
    loss_pct: float | None
    min_ms: float | None
    median_ms: float | None
    max_ms: float | None

    @classmethod
    def of(cls, probes: Sequence[ProbeResult]) -> RoundTrips:
        """The statistics of all requests."""
        times = [probe.rtt_ms for probe in probes if probe.rtt_ms is not None]
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
    """Capabilities of the peer in its last response (RFC 3261 section 11.2)."""

    allow: list[str]
    accept: list[str]
    supported: list[str]
    user_agent: str | None

    @classmethod
    def of(cls, answer: Response) -> PeerResult:
        """The capabilities in a response to OPTIONS."""
        return cls(
            allow=list(answer.allow),
            accept=list(answer.accept),
            supported=list(answer.supported),
            user_agent=answer.user_agent,
        )


class PingResult(Result, kw_only=True):
    """Result of ``srtpbot ping``."""

    uri: str
    round_trips: RoundTrips
    probes: list[ProbeResult]
    peer: PeerResult | None


class RegistrationResult(msgspec.Struct, kw_only=True):
    """Response of a registrar."""

    at_s: float
    account: str
    active: bool
    code: int | None
    """Status code; null without a response."""
    reason: str
    expires_s: int
    contact: str | None
    service_route: list[str]

    @classmethod
    def of(cls, registration: RegistrationChanged, at_s: float) -> RegistrationResult:
        """The response in an event."""
        return cls(
            at_s=round(at_s, 6),
            account=registration.account,
            active=registration.active,
            code=registration.code or None,
            reason=registration.reason,
            expires_s=registration.expires_s,
            contact=registration.contact or None,
            service_route=registration.service_route,
        )


class RegisterResult(Result, kw_only=True):
    """Result of ``srtpbot register``."""

    registrations: list[RegistrationResult]
    """Responses of the registrars, in order."""
