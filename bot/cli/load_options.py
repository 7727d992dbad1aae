"""Options of ``load``: how many calls, when, how long, and the thresholds of the verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bot.cli.help import grouped
from bot.cli.options import PositiveSeconds, applied, dtmf_method
from bot.config import MOST_HOPS
from bot.errors import ConfigError, naming
from bot.load.arrivals import Part
from bot.load.plan import Length, Limits, Plan, Steps, percentage
from bot.load.users import User, read_users

__all__ = ["impaired", "load_options", "plan_of", "users_of"]

Command = TypeVar("Command", bound=Callable[..., Any])
rates, calls, thresholds = map(grouped, ("Load", "Call", "Thresholds"))

LOAD_OPTIONS = (
    rates("--rate", type=click.FloatRange(min=0, min_open=True, max=1000), metavar="R",
          help="Calls per second."),
    rates("--arrivals", "pattern", type=click.Choice(["constant", "poisson"]), default="constant",
          show_default=True, help="Times between calls at a rate: even, or exponential."),
    rates("--concurrency", type=click.IntRange(min=1), metavar="N",
          help="Calls at once; each is followed by the next. With --rate: at most so many."),
    rates("--calls", "total", type=click.IntRange(min=1), metavar="N",
          help="End after N calls.  [with --rate 100, otherwise one for each of --concurrency]"),
    rates("--for", "seconds", type=PositiveSeconds, metavar="S", help="Begin calls for S seconds."),
    rates("--ramp", "ramp_s", type=PositiveSeconds, default=None, metavar="S",
          help="Reach the rate or the concurrency within S seconds."),
    rates("--length", metavar="S|A-B|exp:S", default="8", show_default=True,
          help="Seconds from the answer to the BYE: fixed, even between two, exponential with a mean."),
    rates("--step", "steps", metavar="FROM:TO:BY/S",
          help="Raise the rate (with --concurrency: the calls at once) every S seconds until a threshold "
          "breaks, and report the capacity."),
    rates("--users", "users_file", metavar="FILE",
          help="Identities and numbers: a CSV file with the columns id, user, password, realm, proxy, to."),
    calls("--scenario", "scenario_file", metavar="FILE",
          help="What each call does: the steps of the caller in a scenario, to ${to}; each call has its own "
          "${number}, ${marker} and ${user}."),
    calls("--var", "given", multiple=True, metavar="NAME=VALUE",
          help="Value of the variable ${NAME} of the scenario; repeatable."),
    calls("--verify", metavar="all|P%", default="all", show_default=True,
          help="Share of the calls whose audio is verified."),
    calls("--play", metavar="FILE|SIGNAL", default="speech", show_default=True,
          help="What plays between the markers, repeated: an audio file, or a signal such as tone:440:1."),
    calls("--dtmf", metavar="DIGITS", default="1", show_default=True,
          help="Digits that each call sends; an empty text: none."),
    calls("--dtmf-method", type=dtmf_method, default="rfc4733", show_default=True, help="Send --dtmf so."),
    calls("--header", "header_texts", multiple=True, metavar="'NAME: VALUE'",
          help="Add a header to the INVITE; repeatable."),
    calls("--ring-timeout", type=PositiveSeconds, default=30.0, show_default=True, metavar="S",
          help="Seconds to wait for the answer."),
    calls("--follow-redirects", type=click.IntRange(0, MOST_HOPS), metavar="N",
          help="Follow up to N redirects (3xx), as a redirecting front needs.  [0]"),
    calls("--impair", metavar="loss=P%",
          help="Drop P per cent of the packets, 2 or more, in both directions."),
    thresholds("--max-failures", metavar="P%", default="0%", show_default=True,
               help="Largest share of failed calls."),
    thresholds("--p95-setup", metavar="MS", help="Longest setup time, 95th percentile; 200 or 200ms."),
    thresholds("--min-mos", type=click.FloatRange(1, 5), metavar="M", help="Lowest mean MOS."),
    thresholds("--max-loss", metavar="P%", help="Largest share of lost packets."),
)  # fmt: skip


def load_options(command: Command) -> Command:
    """The options of the load itself."""
    return applied(command, LOAD_OPTIONS)


def plan_of(options: dict[str, Any], machines: int = 1) -> Plan:
    """The plan of the options, which it removes from ``options``; raises ConfigError with the option.

    With several machines it is the first one's part.
    """
    taken = {name: options.pop(name) for name in ("rate", "concurrency", "seconds", "pattern")}
    with naming("--length"):
        length = Length.parse(options.pop("length"))
    with naming("--step"):
        steps = Steps.parse(text) if (text := options.pop("steps")) else None
    verify = options.pop("verify")
    with naming("--verify"):
        share = 1.0 if verify == "all" else percentage(verify)
    return Plan(
        **taken,
        calls=options.pop("total"),
        ramp_s=options.pop("ramp_s") or 0.0,
        length=length,
        steps=steps,
        verify=share,
        limits=_limits(options),
        part=Part(0, machines),
    )


def _limits(options: dict[str, Any]) -> Limits:
    with naming("--max-failures"):
        failures = percentage(options.pop("max_failures"))
    with naming("--max-loss"):
        loss = percentage(text) if (text := options.pop("max_loss")) is not None else None
    with naming("--p95-setup"):
        setup = milliseconds(text) if (text := options.pop("p95_setup")) is not None else None
    return Limits(failures, setup, options.pop("min_mos"), loss)


def milliseconds(text: str) -> float:
    """``200``, ``200ms`` or ``0.2s`` in ms; raises ConfigError."""
    factor = 1.0 if text.endswith("ms") or not text.endswith("s") else 1000.0
    try:
        value = float(text.removesuffix("ms").removesuffix("s")) * factor
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise ConfigError(f"{text!r}: expected milliseconds, such as 200 or 200ms")
    return value


def users_of(options: dict[str, Any]) -> list[User]:
    """The users of ``--users``."""
    path = options.pop("users_file")
    return read_users(Path(path)) if path else []


def impaired(options: dict[str, Any]) -> int | None:
    """The setting ``rx_drop_pct`` of ``--impair``; raises ConfigError for what cannot be simulated."""
    text = options.pop("impair")
    dropped = None
    for part in text.split(",") if text is not None else ():
        name, _, value = part.partition("=")
        if name.strip() != "loss":
            raise ConfigError(
                f"--impair {part!r}: the library simulates loss only; expected loss=P%, such as loss=5% "
                "(for jitter and delay use the kernel's netem)"
            )
        with naming("--impair"):
            percent = 100 * percentage(value)
        if percent < 2 or percent != round(percent):
            raise ConfigError(f"--impair {part!r}: expected a whole percentage from 2% on")
        dropped = round(percent) - 1  # the library drops 1 % more
    return dropped
