"""Command ``srtpbot register``: register, show the responses, and unregister."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from bot.cli.call import trusting
from bot.cli.help import GroupedCommand, grouped
from bot.cli.options import PositiveSeconds, endpoint_config, result_options, signalling_options
from bot.cli.session import Session, endpoint_of
from bot.config import EndpointConfig, address_of_record
from bot.deadline import Deadline
from bot.errors import CallFailed, ConfigError, WaitTimeout
from bot.expectations import expect
from bot.ipc import RegistrationChanged
from bot.report.probe import RegisterResult, RegistrationResult
from bot.report.result import Result
from bot.sip import ended_text, is_success, parse_uri
from bot.ua import Endpoint, Entry

__all__ = ["command"]


request = grouped("Registration")


@click.command(
    name="register",
    cls=GroupedCommand,
    examples=(
        "SRTPBOT_PASSWORD=secret srtpbot register --registrar sip:pbx.example --user alice",
        "srtpbot register --config accounts.yaml --for 60",
    ),
)
@request("--expires", type=click.IntRange(min=1), metavar="S", help="Requested lifetime in seconds.  [300]")
@request(
    "--for",
    "seconds",
    type=PositiveSeconds,
    metavar="S",
    help="Stay registered for S seconds, then unregister.  [0]",
)
@request(
    "--timeout",
    type=PositiveSeconds,
    default=10.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait for a final response.",
)
@signalling_options
@result_options
def command(**options: Any) -> int:
    """Register --id at --registrar, show the responses and unregister.

    Without --id the address of record is --user at the registrar. With --config every account of the file
    registers. Exit status 1: a registrar refused or did not answer.
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


class RegisterRun(Session):
    """Session that stores all responses of the registrars."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        self._heard: list[RegistrationResult] = []
        self.journal.observe(self._hear)

    def completed(self, result: Result) -> Result:
        """The result with the responses."""
        return RegisterResult(**msgspec.structs.asdict(result), registrations=self._heard)

    def entered(self, endpoint: Endpoint, account: str | None, timeout: float) -> bool:
        """Whether the registrar accepted the registration."""
        return self.check(lambda: expect(endpoint).to_be_registered(account, timeout=timeout))

    def stay(self, endpoint: Endpoint, registered: list[str | None], seconds: float) -> None:
        """Wait while the library refreshes the registration; a lost registration is a failure."""

        def held(account: str | None) -> bool:
            return endpoint.outside.registrations[endpoint.outside.named(account)].active

        endpoint.wait_until(lambda: not all(map(held, registered)), Deadline(seconds))
        for account in registered:
            name = account or endpoint.name
            observed = "registered" if held(account) else "the registrar took it back"
            self.decide(f"{name} stays registered", held(account), f"registered for {seconds:g} s", observed)

    def leave(self, endpoint: Endpoint, account: str | None, timeout: float) -> None:
        """Unregister."""
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
            verdict = "unregistered" if is_success(event.code) and not event.unbound else "not registered"
            self.say(f"{verdict:<14}  {event.account}: {ended_text(event.code, event.reason, None)}")


def registering(config: EndpointConfig, expires_s: int | None) -> EndpointConfig:
    """The settings with an account that can register."""
    if not any(account.registrar for account in (config, *config.accounts)):
        raise ConfigError("no registrar; add --registrar URI")
    config = trusting(config).with_options(expires_s=expires_s)
    if config.registrar and not config.id:
        if not config.user:
            raise ConfigError("no address of record; add --id AOR, such as sip:user@domain, or --user")
        registrar = parse_uri(config.registrar)
        at = registrar.host if registrar.port is None else f"{registrar.host}:{registrar.port}"
        config = config.with_options(id=f"sip:{config.user}@{at}")
    return config


def accounts(config: EndpointConfig) -> list[str | None]:
    """The accounts with a registrar, by address of record; None is the first account."""
    others = [
        address_of_record(account.id) for account in config.accounts if account.registrar and account.id
    ]
    return [*([None] if config.registrar else []), *others]
