"""``srtpbot register``: register, say what the registrar said, stay for a while, take it back."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from bot.cli.call import trusting
from bot.cli.options import PositiveSeconds, endpoint_config, endpoint_options, output_options
from bot.cli.run import Run, endpoint_of
from bot.config import EndpointConfig
from bot.deadline import Deadline
from bot.endpoint import Endpoint
from bot.errors import CallFailed, ConfigError, WaitTimeout
from bot.events import RegistrationChanged
from bot.expectations import expect
from bot.identity import address_of_record
from bot.journal import Entry
from bot.report.outside import RegisterResult, RegistrationResult
from bot.report.result import Result
from bot.sip import parse_uri

__all__ = ["command"]


@click.command(name="register")
@endpoint_options
@click.option("--expires", type=click.IntRange(min=1), metavar="S", help="Ask for so long.  [300]")
@click.option("--for", "seconds", type=PositiveSeconds, metavar="S", help="Stay registered for so long.  [0]")
@click.option(
    "--timeout", type=PositiveSeconds, default=10.0, show_default=True, metavar="S", help="For an answer."
)
@output_options
def command(**options: Any) -> int:
    """Register at --registrar as --id, and take the registration back.

    Without --id it is --user at the registrar. With --config every account of the file registers. Exits
    with 1 when a registrar refuses.
    """  # fmt: skip
    seconds, timeout = options.pop("seconds") or 0.0, options.pop("timeout")
    config = registering(endpoint_config(options, name="register"), options.pop("expires"))
    with RegisterRun(options) as run, endpoint_of(run, config) as endpoint:
        registered = [one for one in accounts(config) if run.entered(endpoint, one, timeout)]
        if registered and seconds:
            run.stay(endpoint, registered, seconds)
        for account in registered:
            run.leave(endpoint, account, timeout)
    run.show()
    return run.exit_status


class RegisterRun(Run):
    """Keeps every word of the registrars."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        self._heard: list[RegistrationResult] = []
        self.journal.observe(self._hear)

    def completed(self, result: Result) -> Result:
        """With the registrations."""
        return RegisterResult(**msgspec.structs.asdict(result), registrations=self._heard)

    def entered(self, endpoint: Endpoint, account: str | None, timeout: float) -> bool:
        """Whether the registrar took it."""
        return self.check(lambda: expect(endpoint).to_be_registered(account, timeout=timeout))

    def stay(self, endpoint: Endpoint, registered: list[str | None], seconds: float) -> None:
        """Let the library refresh; who is not registered any more has failed."""

        def held(account: str | None) -> bool:
            return endpoint.outside.registrations[endpoint.outside.named(account)].active

        endpoint.wait_until(lambda: not all(map(held, registered)), Deadline(seconds))
        for account in registered:
            name = account or endpoint.name
            observed = "registered" if held(account) else "the registrar took it back"
            self.decide(f"{name} stays registered", held(account), f"registered for {seconds:g} s", observed)

    def leave(self, endpoint: Endpoint, account: str | None, timeout: float) -> None:
        """Take it back."""
        observed, passed = "not registered any more", True
        try:
            endpoint.unregister(account, timeout=timeout)
        except (CallFailed, WaitTimeout) as error:
            observed, passed = str(error), False
        self.decide(f"{account or endpoint.name} unregisters", passed, "200", observed)

    def _hear(self, entry: Entry) -> None:
        event = entry.event
        if not isinstance(event, RegistrationChanged):
            return
        self._heard.append(RegistrationResult.of(event, self.journal.since_start(event)))
        if event.active:
            self.say(f"registered      {event.account}: {event.code} {event.reason}, for {event.expires_s} s")
            self.say(f"  contact       {event.contact or 'not said'}")
            for route in event.service_route:
                self.say(f"  route         {route}")
        else:
            said = "unregistered" if event.code < 300 else "not registered"
            self.say(f"{said:<14}  {event.account}: {event.code} {event.reason}")


def registering(config: EndpointConfig, expires_s: int | None) -> EndpointConfig:
    """The settings with an identity that can register."""
    if not any(one.registrar for one in (config, *config.accounts)):
        raise ConfigError("there is nothing to register at: add --registrar URI")
    config = trusting(config).with_options(expires_s=expires_s)
    if config.registrar and not config.id:
        if not config.user:
            raise ConfigError("who registers? add --id AOR, sip:user@domain, or --user")
        registrar = parse_uri(config.registrar)
        at = registrar.host if registrar.port is None else f"{registrar.host}:{registrar.port}"
        config = config.with_options(id=f"sip:{config.user}@{at}")
    return config


def accounts(config: EndpointConfig) -> list[str | None]:
    """Who registers, by address of record; None is the first identity."""
    others = [address_of_record(one.id) for one in config.accounts if one.registrar and one.id]
    return [*([None] if config.registrar else []), *others]
