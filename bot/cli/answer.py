"""``srtpbot answer``: answer calls as a ready-made bot until told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bot.bots import NAMES, bot
from bot.call import Call, ensure_writable
from bot.cli.bot_options import bot_options, given_to
from bot.cli.checks import Checks
from bot.cli.options import (
    PositiveSeconds,
    endpoint_config,
    endpoint_options,
    expectation_options,
    naming,
    output_options,
)
from bot.cli.run import Run, endpoint_of
from bot.deadline import Deadline
from bot.endpoint import Endpoint
from bot.errors import ConfigError
from bot.events import CallStarted, CallStateChanged
from bot.journal import Entry
from bot.model import CallState, Transport

__all__ = ["command"]

SIP_PORT = 5060
FOREVER_S = 10 * 365 * 86400.0
KEPT_CALLS = 1000


@click.command(name="answer")
@endpoint_options
@click.option("--as", "role", type=click.Choice(NAMES), default="parrot", show_default=True)
@bot_options
@click.option("--calls", type=click.IntRange(min=1), metavar="N", help="End after so many calls.")
@click.option("--for", "seconds", type=PositiveSeconds, metavar="S", help="End after so many seconds.")
@expectation_options
@output_options
def command(**options: Any) -> int:
    """Answer calls until interrupted, or for --calls or --for.

    Prints one line "ready URI" for each transport when it listens.
    """  # fmt: skip
    with Run(options, orderly_end=True) as run:
        Answering(run, options).perform()
    run.show()
    return run.exit_status


class Answering:
    """The life of an answering endpoint."""

    def __init__(self, run: Run, options: dict[str, Any]) -> None:
        self._run = run
        role = options.pop("role")
        self._config = endpoint_config(options, name=role, port=SIP_PORT)
        self._wanted = options.pop("calls")
        self._seconds = options.pop("seconds")
        self._checks = Checks(run, options, srtp=self._config.srtp)
        if Transport.TLS in self._config.transports and not self._config.tls.cert:
            raise ConfigError("answering TLS needs a certificate: add --tls-cert FILE and --tls-key FILE")
        given = given_to(role, options)
        if "record" in given:
            with naming("--record"):
                ensure_writable(Path(given["record"]))
        if self._checks.audio is not None and "record" not in given:
            raise ConfigError("--expect-audio needs a recording: add --record FILE")
        self._play: Path | None = given.get("play")
        self._controller = bot(role, **given)
        self._calls: dict[int, Call] = {}
        self._ended: list[Call] = []

    def perform(self) -> None:
        """Serve; a signal ends it where it waits, and what was not observed by then has failed."""
        done = 0
        try:
            with endpoint_of(self._run, self._config, controller=self._controller) as endpoint:
                self._run.journal.observe(lambda entry: self._observe(endpoint, entry))
                if self._play is not None:
                    endpoint.playable(self._play)
                for uri in endpoint.uris:
                    click.echo(f"ready {uri if ';transport=' in uri else uri + ';transport=udp'}")
                deadline = Deadline(self._seconds or FOREVER_S)
                while self._wanted is None or done < self._wanted:
                    if not endpoint.wait_until(lambda: bool(self._ended), deadline):
                        break
                    done += 1
                    self._conclude(self._ended.pop(0))
        finally:
            for call in self._ended:  # also those that a signal ended
                done += 1
                self._conclude(call)
            wanted = self._wanted or int(self._checks.asked)
            if wanted:
                self._run.decide("calls ended", done >= wanted, f"at least {wanted}", str(done))

    def _observe(self, endpoint: Endpoint, entry: Entry) -> None:
        match entry.event:
            case CallStarted(call=number):
                self._calls[number] = endpoint.call(number)
            case CallStateChanged(call=number, state=CallState.DISCONNECTED) if number in self._calls:
                self._ended.append(self._calls.pop(number))

    def _conclude(self, call: Call) -> None:
        if self._checks.asked:
            self._checks.before_the_end(call)
        self._checks.after_the_end(call)
        self._run.calls = [*self._run.calls[-KEPT_CALLS:], call]
        self._run.finished(call)
