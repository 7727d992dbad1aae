"""Command ``srtpbot answer``: answer calls with a bot until interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from bot.bots import NAMES, bot
from bot.cli.answer_front import FrontPlan, front_options, print_front
from bot.cli.bot_options import bot_options, given_to, role_option
from bot.cli.call_checks import Checks
from bot.cli.help import GroupedCommand
from bot.cli.options import (
    PositiveSeconds,
    check_answers_tls,
    choice,
    endpoint_config,
    endpoint_options,
    expectation_options,
    limit_options,
    log_option,
    output_options,
)
from bot.cli.session import Interrupted, Session, endpoint_of
from bot.config import of_many_calls
from bot.deadline import Deadline
from bot.errors import ConfigError, naming
from bot.front import WorkerPool
from bot.garbage import set_modules_aside
from bot.ipc import CallStarted, CallStateChanged
from bot.model import CallState, OnCrash
from bot.report.result import unexpected_end
from bot.sip import refused_text
from bot.ua import Call, Endpoint, Entry, ensure_writable, said_to_echo

__all__ = ["command"]

SIP_PORT = 5060
FOREVER_S = 10 * 365 * 86400.0
KEPT_CALLS = 1000
OPEN_CALLS = 100
"""The last ones of these, whose messages are held as they are; an endpoint passes late messages on to 64."""
SHOWN_REFUSALS = 3


@click.command(
    name="answer",
    cls=GroupedCommand,
    examples=(
        "srtpbot answer --srtp mandatory",
        "srtpbot answer --as machine --messages messages --pin 2468",
        "srtpbot answer --as reject --code 486 --calls 1",
        "srtpbot answer --calls-at-once 120 --front kamailio",
    ),
)
@role_option(
    "--as", "role", type=click.Choice(NAMES), default="parrot", show_default=True, help="Bot that answers."
)
@bot_options
@role_option("--calls", type=click.IntRange(min=1), metavar="N", help="Exit after N calls.")
@role_option("--for", "seconds", type=PositiveSeconds, metavar="S", help="Exit after S seconds.")
@role_option(
    "--on-crash",
    type=choice(OnCrash),
    help="When the native library crashes or hangs: restart it on the same ports, or fail. A lost call fails "
    "the run in both cases.  [restart]",
)
@role_option(
    "--metrics",
    metavar="[HOST:]PORT",
    help="Serve /metrics for Prometheus and /healthz there.  [HOST: 127.0.0.1]",
)
@front_options
@endpoint_options
@limit_options
@expectation_options
@output_options
@log_option
def command(**options: Any) -> int:
    """Answer calls until interrupted, or until --calls or --for is reached.

    Prints a line "ready URI" for each transport as soon as it listens.
    """  # fmt: skip
    if options.pop("print_front"):
        print_front(options, name=options["role"], port=SIP_PORT)
        return 0
    with AnsweringSession(options, orderly_end=True, logs=True) as run:
        Answering(run, options).perform()
    run.show()
    return run.exit_status


class AnsweringSession(Session):
    """A session whose second signal cuts the draining short."""

    is_hurried = False
    """Whether a second signal came."""

    def interrupted_again(self) -> None:
        """Hang up the calls that the first signal left to end."""
        self.is_hurried = True
        self.journal.wake()


class Answering:
    """Run of the command: the endpoint or the workers, their bots and the verdicts on their calls."""

    def __init__(self, run: AnsweringSession, options: dict[str, Any]) -> None:
        self._run = run
        role = options.pop("role")
        self._config = endpoint_config(options, name=role, port=SIP_PORT)
        on_crash = options.pop("on_crash") or self._config.on_crash or OnCrash.RESTART
        self._config = self._config.with_options(on_crash=on_crash)
        if role == "parrot":
            self._config = said_to_echo(self._config)
        self._wanted = options.pop("calls")
        self._seconds = options.pop("seconds")
        self._checks = Checks(run, options, srtp=self._config.srtp, default_end=None)
        check_answers_tls(self._config, self._config.transports)
        given = given_to(role, options)
        if "record" in given:
            with naming("--record"):
                ensure_writable(Path(given["record"]))
        if self._checks.audio is not None and "record" not in given:
            raise ConfigError("--expect-audio needs a recording: add --record FILE")
        self._play: str | None = given.get("play")
        self._role, self._given = role, given
        calls_at_once = options["calls_at_once"]
        self._plan = FrontPlan.of(options, self._config, given)
        if self._plan is None and calls_at_once is not None:
            self._config = of_many_calls(self._config.with_options(max_calls=calls_at_once))
        self._controller = bot(role, **given)
        self._metrics, self._address = None, None
        if (address := options.pop("metrics")) is not None:
            from bot.cli.metrics import Metrics, listen_address

            self._address, self._metrics = listen_address(address), Metrics(run.journal)
        self._endpoints: dict[str, Endpoint] = {}
        self._calls: dict[tuple[str, int], Call] = {}
        self._ended: list[Call] = []

    def perform(self) -> None:
        """Answer calls until the end of the run or a signal; unmet expectations have failed then."""
        done = 0
        set_modules_aside()
        try:
            with self._answering() as uris, self._serving_metrics():
                for uri in uris:
                    click.echo(f"ready {uri if ';transport=' in uri else uri + ';transport=udp'}")
                deadline = Deadline(self._seconds or FOREVER_S)
                if self._seconds is not None:
                    self._run.progress.does("until the end", self._seconds)
                while self._wanted is None or done < self._wanted:
                    if not self._run.journal.wait_until(self._has_news, deadline):
                        break
                    with self._run.journal.uninterrupted():
                        done += 1
                        self._conclude(self._ended.pop(0))
        finally:
            for call in self._ended:  # also those that a signal ended
                done += 1
                self._conclude(call)
            wanted = self._wanted or int(self._checks.asked)
            if wanted:
                refusals = [
                    refused_text(one.remote_uri, one.peer, one.code, one.reason, one.why)
                    for one in self._run.events.refused
                ]
                refused = (
                    f", and {len(refusals)} refused: {'; '.join(refusals[-SHOWN_REFUSALS:])}"
                    if refusals
                    else ""
                )
                self._run.decide("calls ended", done >= wanted, f"at least {wanted}", f"{done}{refused}")

    @contextmanager
    def _serving_metrics(self) -> Iterator[None]:
        """Serve the metrics, if they are wanted."""
        if self._metrics is None or self._address is None:
            yield
            return
        from bot.cli.metrics import MetricsServer

        with MetricsServer(self._address, self._metrics) as server:
            click.echo(f"metrics {server.url}", err=True)
            yield

    @contextmanager
    def _answering(self) -> Iterator[list[str]]:
        """The endpoints that answer; yields the URIs under which they do."""
        if self._plan is None:
            with endpoint_of(self._run, self._config, controller=self._controller, goes_on=True) as endpoint:
                self._follow([endpoint])
                yield endpoint.uris
            return
        with self._plan.workers(self._run, lambda given: bot(self._role, **given)) as pool:
            self._follow([worker.endpoint for worker in pool.workers])
            with self._plan.front(pool, self._run.say) as front:
                try:
                    yield front.uris
                except Interrupted:
                    front.drain()
                    self._drain(pool, self._plan.drain_s)
                    raise

    def _drain(self, pool: WorkerPool, seconds: float) -> None:
        """Let the calls end, for some seconds or until another signal."""
        if seconds and not pool.is_idle:
            self._run.say(f"calls have {seconds:g} s to end; a second signal hangs them up")
        self._run.journal.wait_until(lambda: pool.is_idle or self._run.is_hurried, Deadline(seconds))

    def _follow(self, endpoints: list[Endpoint]) -> None:
        self._endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self._run.journal.observe(self._observe)
        if self._play is not None:
            endpoints[0].playable(self._play)

    def _has_news(self) -> bool:
        """Whether a call has ended; raises the failure of an endpoint."""
        for endpoint in self._endpoints.values():
            if endpoint.failure is not None:
                raise endpoint.failure
        return bool(self._ended)

    def _observe(self, entry: Entry) -> None:
        endpoint = self._endpoints.get(entry.endpoint)
        if endpoint is None:
            return
        match entry.event:
            case CallStarted(call=number):
                self._calls[entry.endpoint, number] = endpoint.call(number)
            case CallStateChanged(call=number, state=CallState.DISCONNECTED):
                call = self._calls.pop((entry.endpoint, number), None)
                self._ended += [call] if call is not None else []

    def _conclude(self, call: Call) -> None:
        if self._checks.asked:
            self._checks.before_the_end(call)
        self._checks.ended_as_expected(call)
        broken = unexpected_end(call, self._run.journal)
        if broken is not None:
            self._run.decide(broken.name, False, broken.expected, broken.observed)
        self._checks.after_the_end(call)
        self._run.tell_histories()
        self._run.calls = [*self._run.calls[1 - KEPT_CALLS :], call]
        for earlier in self._run.calls[: -1 - OPEN_CALLS][-1:]:
            earlier.facts.pack()
        self._run.finished(call)
        if self._metrics is not None:
            self._metrics.take(call)
