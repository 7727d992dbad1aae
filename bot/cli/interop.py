"""Command ``srtpbot interop URI``: test SRTP with a peer: modes, suites, invalid offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from bot.cli.call import trusting
from bot.cli.help import GroupedCommand, grouped
from bot.cli.interop_session import InteropRun, InteropSession
from bot.cli.options import (
    PositiveSeconds,
    check_answers_tls,
    endpoint_config,
    endpoint_options,
    output_options,
)
from bot.config import EndpointConfig
from bot.errors import ConfigError, NativeError
from bot.interop.cells import Cell, Plan, Role, cells_of, chosen
from bot.model import CryptoSuite, SrtpMode, Transport
from bot.sip import parse_uri
from bot.ua import build

__all__ = ["command"]

SIP_PORT = 5060


cells_ = grouped("Cells")
waiting = grouped("Calls")


@click.command(
    name="interop",
    cls=GroupedCommand,
    examples=(
        "srtpbot interop sip:echo@192.0.2.10 --save table.yaml",
        "srtpbot interop sip:echo@192.0.2.10 --modes mandatory --no-negative",
        "srtpbot interop --listen --trigger 'originate {uri}'",
    ),
)
@click.argument("uri", required=False)
@cells_("--modes", multiple=True, metavar="MODE,...", help="SRTP modes: off, optional, mandatory.  [all]")
@cells_("--orders", is_flag=True, help="Offer all suites, each in turn as the first.")
@cells_("--no-negative", is_flag=True, help="Leave out invalid and unusual offers.")
@cells_(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Only cells with this id, or this part before a /; * is a wildcard; repeatable.",
)
@cells_("--skip", multiple=True, metavar="PATTERN", help="Leave out cells that match; repeatable.")
@cells_("--list", "lists", is_flag=True, help="List the cells and place no call.")
@cells_(
    "--expect",
    "expected_file",
    metavar="FILE",
    help="Expected outcomes, a table written by --save.  [the usual ones]",
)
@cells_("--save", "saved_file", metavar="FILE", help="Write the table of outcomes as YAML, or .json.")
@waiting("--listen", is_flag=True, help="Answer the peer's calls, one for each cell, instead of calling it.")
@waiting(
    "--trigger",
    metavar="'COMMAND {uri}'",
    help="With --listen: command that makes the peer call {uri}; {cell} is the id of the cell.",
)
@waiting(
    "--wait",
    "patience",
    type=PositiveSeconds,
    default=60.0,
    show_default=True,
    metavar="S",
    help="With --listen: seconds to wait for each call.",
)
@waiting(
    "--timeout",
    type=PositiveSeconds,
    default=10.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait for a final response.",
)
@waiting(
    "--parallel",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="Maximum number of cells at the same time.",
)
@endpoint_options
@output_options
def command(uri: str | None, **options: Any) -> int:
    """Test SRTP with the peer at URI, or with a peer that calls (--listen).

    Places one call for each cell: SRTP modes by suites, and each --transport and --codec; then key changes
    within a call; then invalid and unusual offers. An echo at the peer allows the audio to be verified.
    With --ice no SDP is edited, and the cells that need it are left out.
    """  # fmt: skip
    plan, config = planned(uri, options)
    cells = chosen(cells_of(plan), options.pop("only"), options.pop("skip"))
    if options.pop("lists"):
        show_list(cells)
        return 0
    if uri is None and plan.role is Role.CALLER:
        raise ConfigError("name the URI of the peer to call, or --listen to be called")
    trial = InteropSession(uri, cells, config, options)
    with InteropRun(options, trial) as run:
        trial.perform(run)
    run.show()
    return run.exit_status


def planned(uri: str | None, options: dict[str, Any]) -> tuple[Plan, EndpointConfig]:
    """The selection of cells; removes its options from ``options``."""
    listens = options["listen"]
    if listens and uri is not None:
        raise ConfigError(f"--listen waits for the peer's calls and takes no URI; remove {uri} or --listen")
    if options["srtp"] is not None:
        raise ConfigError("--srtp: interop tries every mode; choose some with --modes")
    codecs, transports = options["codecs"], tuple(Transport(option) for option in options["transports"])
    options["codecs"] = options["transports"] = ()
    config = endpoint_config(options, name="interop", port=SIP_PORT if listens else 0)
    plan = Plan(
        modes=modes_of(options.pop("modes")),
        suites=tried(config.suites),
        keying=config.srtp_keying,
        transports=transports_of(uri, transports) or config.transports,
        codecs=codecs or (None,),
        role=Role.LISTENER if listens else Role.CALLER,
        orders=options.pop("orders"),
        negative=not options.pop("no_negative"),
        edits=not config.nat.uses_ice,
    )
    if Transport.TLS in plan.transports:
        config.tls.check_files()
    if listens:
        check_answers_tls(config, plan.transports)
    return plan, config if listens else trusting(config)


def tried(suites: Sequence[CryptoSuite]) -> tuple[CryptoSuite, ...]:
    """The suites of the build; without a library all suites, to list the cells."""
    try:
        return tuple(build().usable(suites))
    except NativeError:
        return tuple(suites)


def modes_of(texts: Sequence[str]) -> tuple[SrtpMode, ...]:
    """The modes in ``off,mandatory``; all modes for an empty text."""
    names = [name.strip().lower() for text in texts for name in text.split(",")]
    modes = [mode.value for mode in SrtpMode]
    for name in names:
        if name not in modes:
            raise ConfigError(f"--modes {name}: expected some of {', '.join(modes)}")
    return tuple(mode for mode in SrtpMode if not names or mode in names)


def transports_of(uri: str | None, given: tuple[Transport, ...]) -> tuple[Transport, ...]:
    """The transports of ``--transport`` or of the URI; raises ConfigError for a contradiction."""
    asked = (parse_uri(uri).param("transport") or "").lower() if uri is not None else ""
    if not asked:
        return given
    if asked not in tuple(Transport):
        raise ConfigError(f"{uri}: {asked} is not a transport of an endpoint; expected udp, tcp or tls")
    if given and given != (Transport(asked),):
        raise ConfigError(f"{uri}: names {asked}; remove ;transport, since --transport is given")
    return (Transport(asked),)


def show_list(cells: Sequence[Cell]) -> None:
    """Print one line for each cell, with the rule of its RFC."""
    width = max(len(cell.id) for cell in cells)
    for cell in cells:
        click.echo(f"{cell.id:<{width}}  {cell.title}")
        if cell.case is not None:
            click.echo(f"{'':<{width}}    {cell.case.reading}")
