"""``srtpbot ping URI``: ask a peer with OPTIONS whether it lives, how far it is, and what it can do."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec

from bot.cli.call import trusting
from bot.cli.options import PositiveSeconds, endpoint_config, endpoint_options, headers, output_options
from bot.cli.run import Run, endpoint_of
from bot.deadline import Deadline
from bot.endpoint import Endpoint
from bot.errors import CallFailed, WaitTimeout
from bot.report.outside import PeerResult, PingResult, ProbeResult, RoundTrips
from bot.report.result import Result
from bot.sip import redact

__all__ = ["command"]


@click.command(name="ping")
@click.argument("uri")
@endpoint_options
@click.option(
    "--count", type=click.IntRange(min=1), default=5, show_default=True, metavar="N", help="So many."
)
@click.option(
    "--interval", type=PositiveSeconds, default=1.0, show_default=True, metavar="S",
    help="From one to the next.",
)  # fmt: skip
@click.option(
    "--timeout", type=PositiveSeconds, default=2.0, show_default=True, metavar="S", help="For an answer."
)
@click.option("--header", "header_texts", multiple=True, metavar="'NAME: VALUE'", help="Add to the OPTIONS.")
@click.option(
    "--expect-code", type=click.IntRange(200, 699), metavar="N", help="Every answer.  [any final response]"
)
@output_options
def command(uri: str, **options: Any) -> int:
    """Send OPTIONS to URI, show the round-trip times and what the peer can do.

    Exits with 0 when every one was answered, with 1 when one was not.
    """  # fmt: skip
    config = trusting(endpoint_config(options, name="ping"))
    pinging = Pinging(uri, options)
    with PingRun(options, pinging) as run, endpoint_of(run, config) as endpoint:
        if run.registered(endpoint):
            pinging.perform(run, endpoint)
            pinging.judge(run)
    if pinging.probes:
        run.say(figures(pinging.round_trips, pinging.peer))
    run.show()
    return run.exit_status


class Pinging:
    """All the OPTIONS of one run."""

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
        """The figures so far."""
        return RoundTrips.of(self.probes)

    def perform(self, run: Run, endpoint: Endpoint) -> None:
        """Ask so often, at the interval's pace."""
        for number in range(1, self._count + 1):
            pause = Deadline(self._interval)
            probe = self._ask(endpoint, number)
            self.probes.append(probe)
            answer = f"{probe.code} {probe.reason}" if probe.code else probe.problem
            run.say(f"{number:>3}  {answer}" + ("" if probe.rtt_ms is None else f"  {probe.rtt_ms:.1f} ms"))
            if number < self._count:
                endpoint.wait_until(lambda: False, pause)

    def judge(self, run: Run) -> None:
        """Every one was answered, as was expected."""
        figures = self.round_trips
        observed = f"{figures.answered} of {figures.sent} answered"
        run.decide(
            "every OPTIONS is answered", figures.answered == figures.sent, f"{figures.sent} answers", observed
        )
        if self._code is not None:
            codes = sorted({one.code for one in self.probes if one.code})
            said = ", ".join(map(str, codes)) or "no answer"
            run.decide("every answer is as expected", codes == [self._code], str(self._code), said)

    def _ask(self, endpoint: Endpoint, number: int) -> ProbeResult:
        try:
            answer = endpoint.send_options(self.uri, headers=self._headers, timeout=self._timeout)
        except WaitTimeout:
            return ProbeResult(number=number, problem=f"no answer within {self._timeout:g} s")
        except CallFailed as error:
            return ProbeResult(number=number, problem=str(error).partition(": ")[2])
        self.peer = PeerResult.of(answer)
        rtt_ms = None if answer.rtt_ms is None else round(answer.rtt_ms, 3)
        return ProbeResult(number=number, code=answer.code, reason=answer.reason, rtt_ms=rtt_ms)


class PingRun(Run):
    """Its result has the figures."""

    def __init__(self, options: dict[str, Any], pinging: Pinging) -> None:
        super().__init__(options)
        self._pinging = pinging

    def completed(self, result: Result) -> Result:
        """With the figures."""
        pinging = self._pinging
        return PingResult(
            **msgspec.structs.asdict(result),
            uri=redact(pinging.uri),
            round_trips=pinging.round_trips,
            probes=pinging.probes,
            peer=pinging.peer,
        )


def figures(trips: RoundTrips, peer: PeerResult | None) -> str:
    """The tables for people."""
    import io

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    out = io.StringIO()
    colour = sys.stdout.isatty()
    console = Console(file=out, width=110, force_terminal=colour, no_color=not colour, highlight=False)
    times = Table("sent", "answered", "lost", "min", "median", "max", box=None, pad_edge=False)
    lost = "-" if trips.loss_pct is None else f"{trips.loss_pct:g} %"
    milliseconds = (
        "-" if one is None else f"{one:.1f} ms" for one in (trips.min_ms, trips.median_ms, trips.max_ms)
    )
    times.add_row(str(trips.sent), str(trips.answered), lost, *milliseconds)
    console.print()
    console.print(times)
    if peer is not None:
        can = Table.grid(padding=(0, 2))
        for name, values in (
            ("Allow", ", ".join(peer.allow)),
            ("Accept", ", ".join(peer.accept)),
            ("Supported", ", ".join(peer.supported)),
            ("User-Agent", peer.user_agent or ""),
        ):
            can.add_row(name, escape(values) or "not said")
        console.print()
        console.print(can)
    return out.getvalue().rstrip("\n")
