"""Entry point of ``srtpbot``: the commands by name, error messages, interrupts, exit status."""

from __future__ import annotations

import importlib
import os
import signal
import sys

from bot.cli.signals import INTERRUPTS

__all__ = ["main"]

TROUBLE, INTERRUPTED = 3, 130
COMMANDS = {
    "answer": "Answer calls as a bot: parrot, answering machine, IVR, tone and others.",
    "audio": "Make test signals, inspect recordings and compare them with the sent audio.",
    "call": "Place a call and check what happens.",
    "completion": "Print the script that completes commands and options in bash, zsh or fish.",
    "demo": "Place a verified SRTP call between two endpoints on this machine.",
    "doctor": "Show the capabilities of the library and of this machine.",
    "examples": "List and copy the examples that come with srtpbot.",
    "init": "Make a folder to begin with: a scenario, a test, an endpoint file, a CI job.",
    "interop": "Test SRTP with a peer: modes, suites, renegotiation, invalid offers.",
    "pcap": "Inspect packet captures: list, split and decrypt RTP streams.",
    "load": "Place many verified calls at once, at a rate, until a threshold breaks.",
    "ping": "Send OPTIONS to a peer; show round-trip times and capabilities.",
    "register": "Register, show the responses and unregister.",
    "report": "Show the report of a run, or make one of several runs.",
    "run": "Run YAML scenarios: calls and their expectations.",
    "scenario": "Make a scenario from a call of a packet capture.",
    "schema": "Print the JSON Schema of a result, an endpoint file or a scenario.",
}
REPORTING = {"answer", "call", "demo", "interop", "load", "ping", "register", "run"}
"""Commands with --json, --junit and --out."""


def main() -> None:
    """Run the command line and exit with its status."""
    signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)  # first of all: no module is loaded by half
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products; its threads would starve the calls
    for number in INTERRUPTS:
        signal.signal(number, interrupt)
    from bot.cli import outputs
    from bot.cli.process_title import hide_secrets

    hide_secrets()
    outputs.watch()
    try:
        sys.exit(outputs.end(run()))
    except KeyboardInterrupt:
        sys.exit(outputs.end(interrupted()))


def interrupt(*_: object) -> None:
    """Handle a signal before the command has a session."""
    ignore_interrupts()
    raise KeyboardInterrupt


def ignore_interrupts() -> None:
    """Ignore further interrupts during the end of the command."""
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)


def run() -> int:
    """Run the command of the arguments; returns its exit status."""
    import click

    from bot import __version__
    from bot.errors import BotError

    class Commands(click.Group):
        """Group that imports a command when it is used."""

        def list_commands(self, ctx: click.Context) -> list[str]:
            return sorted(COMMANDS)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            if cmd_name not in COMMANDS:
                return None
            module = importlib.import_module(f"bot.cli.{cmd_name}")
            signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)  # one that came is delivered here
            command: click.Command = module.command
            return command

        def resolve_command(
            self, ctx: click.Context, args: list[str]
        ) -> tuple[str | None, click.Command | None, list[str]]:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if args[0] not in COMMANDS and near and not args[0].startswith("-"):
                ctx.fail(f"No such command {args[0]!r}. (Did you mean {near[0]!r}?)")
            return super().resolve_command(ctx, args)

        def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            with formatter.section("Commands"):
                formatter.write_dl(sorted(COMMANDS.items()))

    group = Commands(
        name="srtpbot",
        help="A headless SIP/SRTP softphone for tests: it places and answers calls and verifies signalling, "
        "encryption and audio.",
        params=[
            click.Option(
                ["--version"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=lambda ctx, _, on: show_version(ctx, on, __version__),
                help="Show the version and exit.",
            )
        ],
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    try:
        return int(group.main(prog_name="srtpbot", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return refused(error.format_message(), error.exit_code)
    except click.Abort:
        return interrupted()
    except BotError as error:
        click.echo(f"srtpbot: {error}", err=True)
        return refused(str(error), error.exit_status)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"srtpbot: {where}{error.strerror or error}", err=True)
        return TROUBLE


def interrupted() -> int:
    """Print the interrupt and write the reports; returns the exit status."""
    sys.stderr.write("srtpbot: interrupted\n")
    return refused("interrupted", INTERRUPTED)


def refused(problem: str, status: int) -> int:
    """Write the reports of a command that did not start; returns the exit status."""
    ignore_interrupts()
    command, *arguments = [*sys.argv[1:], ""]
    if command in REPORTING:
        from bot.cli.refused import report

        report(problem, status, arguments)
    return status


def show_version(ctx: object, on: bool, version: str) -> None:
    """Print the version and exit."""
    import click

    if on:
        click.echo(f"srtpbot {version}")
        raise click.exceptions.Exit(0)
