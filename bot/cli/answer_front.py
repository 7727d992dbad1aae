"""The options of ``answer`` for many calls at once, and what they start: workers, and a front before them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import click

from bot.cli.help import grouped
from bot.cli.options import PositiveSeconds, applied, choice, endpoint_config
from bot.cli.session import Session
from bot.config import EndpointConfig
from bot.errors import ConfigError
from bot.front import (
    KamailioFront,
    RedirectFront,
    WorkerPool,
    installed_kamailio,
    printed_configuration,
)
from bot.model import Transport
from bot.ua import Controller, calls_of_agent

__all__ = ["FrontPlan", "front_options", "print_front"]

ANY = {4: "0.0.0.0", 6: "::"}
of_front = grouped("Many calls")


class FrontKind(StrEnum):
    """What spreads the calls over the workers."""

    KAMAILIO = "kamailio"
    REDIRECT = "redirect"


class Front(Protocol):
    """What stands before the workers."""

    uris: list[str]

    def drain(self) -> None:
        """Refuse every further call."""

    def lost(self, call_ids: list[str]) -> None:
        """An agent took these calls along."""


def front_options(command: Any) -> Any:
    """Add the options of many calls at once."""
    options = [
        of_front("--calls-at-once", type=click.IntRange(1, 10_000), metavar="N",
                 help="Answer N calls at once with as many agent processes as that takes, behind one SIP "
                 "port.  [as many as one agent takes]"),
        of_front("--front", type=choice(FrontKind),
                 help="What spreads the calls over the agents: the dispatcher of Kamailio, which is started "
                 "and supervised; or 302 responses to the address of a free agent, over UDP, which callers "
                 "must follow.  [redirect]"),
        of_front("--drain", "drain_s", type=PositiveSeconds, metavar="S",
                 help="After a signal refuse new calls with 503, and give the others S seconds to end; a "
                 "second signal hangs them up.  [0]"),
        of_front("--print-front", is_flag=True,
                 help="Print the configuration of Kamailio, for workers on several hosts, and exit."),
    ]  # fmt: skip
    return applied(command, options)


def print_front(options: dict[str, Any], *, name: str, port: int) -> None:
    """Print the configuration of Kamailio for these settings."""
    config = endpoint_config(options, name=name, port=port)
    check_transports(FrontKind.KAMAILIO, config)
    click.echo(printed_configuration(config.bind, config.port, config.transports, config.limits), nl=False)


@dataclass(frozen=True)
class FrontPlan:
    """More than one agent answers, or a front was asked for."""

    config: EndpointConfig
    kind: FrontKind
    calls: int
    drain_s: float
    given: dict[str, Any]
    """The options of the bot."""

    @classmethod
    def of(cls, options: dict[str, Any], config: EndpointConfig, given: dict[str, Any]) -> FrontPlan | None:
        """Take the options out of ``options``; None when one agent answers alone. Raises ConfigError."""
        calls, kind = options.pop("calls_at_once"), options.pop("front")
        drain_s = options.pop("drain_s") or 0.0
        if kind is None and (calls is None or calls_of_agent(config, calls) >= calls):
            if drain_s:
                raise ConfigError("--drain: one agent without --front refuses no calls while others go on")
            return None
        calls = calls or calls_of_agent(config, 10_000)
        plan = cls(config, FrontKind(kind or FrontKind.REDIRECT), calls, drain_s, given)
        plan._check()
        return plan

    def _check(self) -> None:
        """Raise ConfigError for options that contradict the front, NativeError without its program."""
        check_transports(self.kind, self.config)
        if self.config.registrar is not None:
            raise ConfigError("--registrar: agents behind a front do not register")
        if self.config.limits.calls_per_source and self.kind is FrontKind.KAMAILIO:
            raise ConfigError(
                "--max-calls-per-source: --front kamailio does not count the calls of a source; "
                "use --front redirect, or dialog profiles in a configuration of your own (--print-front)"
            )
        if "messages" in self.given and calls_of_agent(self.config, self.calls) < self.calls:
            raise ConfigError("--messages: one agent owns the folder; leave --calls-at-once out")
        if self.kind is FrontKind.KAMAILIO:
            installed_kamailio()

    @contextmanager
    def workers(self, run: Session, bot: Callable[[dict[str, Any]], Controller]) -> Iterator[WorkerPool]:
        """The running agents, each with a bot of its own."""
        settings = self.config.with_options(transports=[Transport.UDP])
        if self.kind is FrontKind.REDIRECT:  # the front counts for all of them
            settings = settings.with_options(limits_calls_per_source=0)
        run.begin_capture([self.config])
        pool = WorkerPool(
            settings,
            calls=self.calls,
            controller=lambda name: bot(self._given_to(name)),
            **run.endpoint_arguments,
        )
        with pool:
            yield pool

    def _given_to(self, worker: str) -> dict[str, Any]:
        """The options of a worker's bot; its recordings have its number in their names."""
        record: Path | None = self.given.get("record")
        if record is None:
            return self.given
        number = worker.rpartition("-")[2]
        return {**self.given, "record": record.with_stem(f"{record.stem}-agent{number}")}

    @contextmanager
    def front(self, pool: WorkerPool, say: Callable[[str], None]) -> Iterator[Front]:
        """The running front, which is told of lost calls."""
        config = self.config
        made: AbstractContextManager[Front]
        if self.kind is FrontKind.KAMAILIO:
            made = KamailioFront(
                pool,
                name=config.name,
                bind=config.bind,
                port=config.port or free_port(config.bind),
                transports=config.transports,
                limits=config.limits,
                on_end=lambda why: say(f"kamailio has ended and is started again: {why}"),
            )
        else:
            bind = config.bind or ANY[config.ip_versions[0]]
            made = RedirectFront(pool, name=config.name, bind=bind, port=config.port, limits=config.limits)
        with made as front:
            pool.on_lost = front.lost
            yield front


def check_transports(kind: FrontKind, config: EndpointConfig) -> None:
    """Raise ConfigError for a transport that the front does not have."""
    known = {Transport.UDP, Transport.TCP} if kind is FrontKind.KAMAILIO else {Transport.UDP}
    for transport in config.transports:
        if transport not in known:
            names = " and ".join(sorted(one.value for one in known))
            raise ConfigError(f"--transport {transport.value}: --front {kind.value} listens by {names} only")


def free_port(bind: str | None) -> int:
    """A port that is free by UDP and TCP, more or less: another process may take it."""
    with socket.create_server(
        (bind or "127.0.0.1", 0), family=socket.AF_INET6 if ":" in (bind or "") else socket.AF_INET
    ) as one:
        port: int = one.getsockname()[1]
        return port
