"""``srtpbot``: the commands by name, and what every one of them does with errors and interrupts."""

from __future__ import annotations

import importlib
import os
import sys

__all__ = ["main"]

SUPPORTED = ((3, 11), (3, 12))
INTERRUPTED = 130
COMMANDS = {
    "answer": "Answer calls as a ready-made bot: a parrot, an answering machine and others.",
    "audio": "Make test signals, look into recordings, compare them with what was sent.",
    "call": "Place a call and assert what happens.",
    "demo": "Two endpoints talk over SRTP on this machine and prove it.",
    "doctor": "What this machine and the library's build can do.",
    "interop": "Find out how SRTP works with a peer: modes, suites, renegotiation, odd offers.",
    "pcap": "Look into captures: the RTP streams, apart, and in the clear.",
    "ping": "Ask a peer with OPTIONS whether it lives, how far it is and what it can do.",
    "register": "Register, say what the registrar said, and take it back.",
    "run": "Perform scenarios: calls and what is expected of them, written in YAML.",
    "schema": "Print the JSON Schema of a result, an endpoint's file or a scenario.",
}
MODULES = {"run": "scenario"}
"""Where a command is that is not in the module of its name."""


def main() -> None:
    """Run the command line and leave with the contract's exit status."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products; its threads would starve the calls
    try:
        check_python()
        sys.exit(run())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def run() -> int:
    """Run the command that the arguments name; its exit status."""
    import click

    from bot import __version__
    from bot.errors import BotError

    class Commands(click.Group):
        """Knows the commands by name and imports one when it is used."""

        def list_commands(self, ctx: click.Context) -> list[str]:
            return sorted(COMMANDS)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            if cmd_name not in COMMANDS:
                return None
            module = importlib.import_module(f"bot.cli.{MODULES.get(cmd_name, cmd_name)}")
            command: click.Command = module.command
            return command

        def resolve_command(
            self, ctx: click.Context, args: list[str]
        ) -> tuple[str | None, click.Command | None, list[str]]:
            import difflib  # here, since an interrupt while a module loads would be a traceback

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if args[0] not in COMMANDS and near and not args[0].startswith("-"):
                ctx.fail(f"No such command {args[0]!r}. (Did you mean {near[0]!r}?)")
            return super().resolve_command(ctx, args)

        def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            with formatter.section("Commands"):
                formatter.write_dl(sorted(COMMANDS.items()))

    group = Commands(
        name="srtpbot",
        help="A SIP/SRTP softphone without a head, for testing: it places and answers calls and proves "
        "what happened.",
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
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except BotError as error:
        click.echo(f"srtpbot: {error}", err=True)
        return error.exit_status


def show_version(ctx: object, on: bool, version: str) -> None:
    """Print the version and end."""
    import click

    if on:
        click.echo(f"srtpbot {version}")
        raise click.exceptions.Exit(0)


def check_python() -> None:
    """The native library's wheel exists for these only; say so rather than fail to import it."""
    if sys.version_info[:2] not in SUPPORTED:
        running = ".".join(map(str, sys.version_info[:2]))
        sys.stderr.write(f"srtpbot: needs Python 3.11 or 3.12, this is {running}\n")
        sys.exit(3)
