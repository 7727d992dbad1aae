"""Command ``srtpbot ping URI``: send OPTIONS; measure round-trip times and show capabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from bot.cli.call import trusting
from bot.cli.help import GroupedCommand, grouped
from bot.cli.options import (
    PositiveSeconds,
    endpoint_config,
    expectation,
    headers,
    result_options,
    signalling_options,
)
from bot.cli.session import Session, endpoint_of
from bot.deadline import Deadline
from bot.errors import CallFailed, WaitTimeout
from bot.harmless import harmless
from bot.report.console import colours_of, rendered, table
from bot.report.probe import PeerResult, PingResult, ProbeResult, RoundTrips
from bot.report.result import Result
from bot.sip import redact
from bot.ua import ANY, Endpoint

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["command"]


request = grouped("Request")


@click.command(
    name="ping",
    cls=GroupedCommand,
    examples=(
        "srtpbot ping sip:192.0.2.10",
        "srtpbot ping sips:pbx.example --transport tls --tls-ca ca.pem --count 1 --expect-code 200",
    ),
)
@click.argument("uri")
@request(
    "--count",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="Number of requests.",
)
@request(
    "--interval",
    type=PositiveSeconds,
    default=1.0,
    show_default=True,
    metavar="S",
    help="Seconds between two requests.",
)
@request(
    "--timeout",
    type=PositiveSeconds,
    default=2.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait for a final response.",
)
@request(
    "--header",
    "header_texts",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Add a header to the OPTIONS; repeatable.",
)
@expectation(
    "--expect-code",
    type=click.IntRange(200, 699),
    metavar="N",
    help="Status code of every response.  [any final response]",
)
@signalling_options
@result_options
def command(uri: str, **options: Any) -> int:
    """Send OPTIONS to URI; show round-trip times and the peer's capabilities.

    Exit status 0: every request was answered; 1: one was not.
    """  # fmt: skip
    config = trusting(endpoint_config(options, name="ping"))
    pinging = Pinging(uri, options)
    with PingRun(options, pinging) as run, endpoint_of(run, config) as endpoint:
        if run.registered(endpoint):
            pinging.perform(run, endpoint)
            pinging.judge(run)
    if pinging.probes:
        run.say(figures(pinging.round_trips, pinging.peer), styled=True)
    run.show()
    return run.exit_status


class Pinging:
    """Run of the command: a sequence of OPTIONS requests."""

    def __init__(self, uri: str, options: dict[str, Any]) -> None:
        self.uri = uri
        self.probes: list[ProbeResult] = []
        self.peer: PeerResult | None = None
        self._count = options.pop("count")
        self._interval = options.pop("interval")
        self._timeout = options.pop("timeout")
        self._headers = headers(options.pop("header_texts"))
        self._code = options.pop("expect_code")

    @property
    def round_trips(self) -> RoundTrips:
        """The statistics until now."""
        return RoundTrips.of(self.probes)

    def perform(self, run: Session, endpoint: Endpoint) -> None:
        """Send the requests at the interval."""
        for number in range(1, self._count + 1):
            pause = Deadline(self._interval)
            probe = self._ask(endpoint, number)
            self.probes.append(probe)
            answer = f"{probe.code} {probe.reason}" if probe.code else probe.problem
            run.say(f"{number:>3}  {answer}" + ("" if probe.rtt_ms is None else f"  {probe.rtt_ms:.1f} ms"))
            if number < self._count:
                endpoint.wait_until(lambda: False, pause)

    def judge(self, run: Session) -> None:
        """Check that every request got the expected response."""
        figures = self.round_trips
        observed = f"{figures.answered} of {figures.sent} answered"
        run.decide(
            "every OPTIONS is answered", figures.answered == figures.sent, f"{figures.sent} answers", observed
        )
        if self._code is not None:
            codes = sorted({probe.code for probe in self.probes if probe.code})
            observed_codes = ", ".join(map(str, codes)) or "no answer"
            run.decide("every answer is as expected", codes == [self._code], str(self._code), observed_codes)

    def _ask(self, endpoint: Endpoint, number: int) -> ProbeResult:
        try:
            answer = endpoint.send_options(self.uri, headers=self._headers, timeout=self._timeout, code=ANY)
        except WaitTimeout:
            return ProbeResult(number=number, problem=f"no answer within {self._timeout:g} s")
        except CallFailed as error:
            return ProbeResult(number=number, problem=str(error).partition(": ")[2])
        self.peer = PeerResult.of(answer)
        rtt_ms = None if answer.rtt_ms is None else round(answer.rtt_ms, 3)
        return ProbeResult(number=number, code=answer.code, reason=answer.reason, rtt_ms=rtt_ms)


class PingRun(Session):
    """Session with statistics in its result."""

    def __init__(self, options: dict[str, Any], pinging: Pinging) -> None:
        super().__init__(options)
        self._pinging = pinging

    def completed(self, result: Result) -> Result:
        """The result with the statistics."""
        pinging = self._pinging
        return PingResult(
            **msgspec.structs.asdict(result),
            uri=redact(pinging.uri),
            round_trips=pinging.round_trips,
            probes=pinging.probes,
            peer=pinging.peer,
        )


def figures(trips: RoundTrips, peer: PeerResult | None) -> str:
    """The tables as text."""
    lost = "-" if trips.loss_pct is None else f"{trips.loss_pct:g} %"
    milliseconds = (
        "-" if one is None else f"{one:.1f} ms" for one in (trips.min_ms, trips.median_ms, trips.max_ms)
    )
    row = (str(trips.sent), str(trips.answered), lost, *milliseconds)
    parts: list[RenderableType] = ["", table([row], ("sent", "answered", "lost", "min", "median", "max"))]
    if peer is not None:
        capabilities = (
            ("Allow", ", ".join(peer.allow)),
            ("Accept", ", ".join(peer.accept)),
            ("Supported", ", ".join(peer.supported)),
            ("User-Agent", peer.user_agent or ""),
        )
        parts += ["", table([(name, harmless(values) or "not said") for name, values in capabilities])]
    return rendered(*parts, colour=colours_of())
