"""``srtpbot interop URI``: which SRTP modes and suites work with a peer, and how it takes odd offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from bot.cli.call import trusting
from bot.cli.options import PositiveSeconds, endpoint_config, endpoint_options, output_options
from bot.cli.trial import InteropRun, Trial
from bot.config import EndpointConfig
from bot.errors import ConfigError
from bot.interop.cells import Cell, Plan, Role, cells_of, chosen
from bot.model import SrtpMode, Transport
from bot.sip import parse_uri

__all__ = ["command"]

SIP_PORT = 5060


@click.command(name="interop")
@click.argument("uri", required=False)
@click.option("--listen", is_flag=True, help="The peer calls us, once for each cell.")
@click.option(
    "--wait",
    "patience",
    type=PositiveSeconds,
    default=60.0,
    show_default=True,
    metavar="S",
    help="--listen: for each of its calls.",
)
@click.option(
    "--trigger",
    metavar="'COMMAND {uri}'",
    help="--listen: run this for each cell to make the peer call {uri}; {cell} is the cell's id.",
)
@click.option("--modes", multiple=True, metavar="MODE,...", help="off, optional, mandatory.  [all]")
@click.option("--orders", is_flag=True, help="Offer each suite first, too.")
@click.option("--no-negative", is_flag=True, help="No odd or wrong offers.")
@click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Only these cells: an id, what stands before a / of it, or with * for anything; repeatable.",
)
@click.option("--skip", multiple=True, metavar="PATTERN", help="Not these cells; repeatable.")
@click.option("--list", "lists", is_flag=True, help="Show the cells and call nobody.")
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="So many cells at once.",
)
@click.option(
    "--timeout",
    type=PositiveSeconds,
    default=10.0,
    show_default=True,
    metavar="S",
    help="For the final response to a request.",
)
@click.option(
    "--expect",
    "expected_file",
    metavar="FILE",
    help="The outcomes are those of this table, whatever is usual.",
)
@click.option(
    "--save", "saved_file", metavar="FILE", help="Write the table of outcomes there, YAML or .json."
)
@endpoint_options
@output_options
def command(uri: str | None, **options: Any) -> int:
    """Find out how SRTP works with the peer at URI, or with --listen with one that calls.

    It is called once for each cell of modes by suites, --transport and --codec (a cell each, when repeated),
    then for what may happen to keys in a call, then with odd and wrong offers. A peer that sends back what
    it hears is tested best.
    """  # fmt: skip
    plan, config = planned(uri, options)
    cells = chosen(cells_of(plan), options.pop("only"), options.pop("skip"))
    if options.pop("lists"):
        show_list(cells)
        return 0
    if uri is None and plan.role is Role.CALLER:
        raise ConfigError("name the URI of the peer to call, or --listen to be called")
    trial = Trial(uri, cells, config, options)
    with InteropRun(options, trial) as run:
        trial.perform(run)
    run.show()
    return run.exit_status


def planned(uri: str | None, options: dict[str, Any]) -> tuple[Plan, EndpointConfig]:
    """What the options choose; takes them out of ``options``."""
    listens = options["listen"]
    if listens and uri is not None:
        raise ConfigError(f"--listen waits for the peer's calls: leave {uri} away, or --listen to call it")
    if options["srtp"] is not None:
        raise ConfigError("--srtp: interop tries every mode; choose some with --modes")
    codecs, transports = options["codecs"], tuple(Transport(one) for one in options["transports"])
    options["codecs"] = options["transports"] = ()
    config = endpoint_config(options, name="interop", port=SIP_PORT if listens else 0)
    plan = Plan(
        modes=modes_of(options.pop("modes")),
        suites=config.suites,
        transports=transports_of(uri, transports) or config.transports,
        codecs=codecs or (None,),
        role=Role.LISTENER if listens else Role.CALLER,
        orders=options.pop("orders"),
        negative=not options.pop("no_negative"),
    )
    if Transport.TLS in plan.transports:
        config.tls.check_files()
        if listens and not config.tls.cert:
            raise ConfigError("listening on TLS needs a certificate: add --tls-cert FILE and --tls-key FILE")
    return plan, config if listens else trusting(config)


def modes_of(texts: Sequence[str]) -> tuple[SrtpMode, ...]:
    """``off,mandatory``; none is all."""
    names = [name.strip().lower() for text in texts for name in text.split(",")]
    known = [mode.value for mode in SrtpMode]
    for name in names:
        if name not in known:
            raise ConfigError(f"--modes {name}: expected some of {', '.join(known)}")
    return tuple(mode for mode in SrtpMode if not names or mode in names)


def transports_of(uri: str | None, given: tuple[Transport, ...]) -> tuple[Transport, ...]:
    """Those of ``--transport``, or that of the URI; raises ConfigError when they contradict each other."""
    asked = (parse_uri(uri).param("transport") or "").lower() if uri is not None else ""
    if not asked:
        return given
    if asked not in tuple(Transport):
        raise ConfigError(f"{uri}: {asked} is no transport of an endpoint; expected udp, tcp or tls")
    if given and given != (Transport(asked),):
        raise ConfigError(f"{uri}: names {asked}; leave ;transport away to try what --transport says")
    return (Transport(asked),)


def show_list(cells: Sequence[Cell]) -> None:
    """A line a cell, and what the RFCs say of it."""
    width = max(len(cell.id) for cell in cells)
    for cell in cells:
        click.echo(f"{cell.id:<{width}}  {cell.title}")
        if cell.case is not None:
            click.echo(f"{'':<{width}}    {cell.case.reading}")
