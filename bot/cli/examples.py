"""Commands ``srtpbot examples list`` and ``srtpbot examples copy NAME``."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli import shipped
from bot.cli.help import GroupedCommand, WithExamples

__all__ = ["command"]


class Examples(WithExamples, click.Group):
    """Group in which ``NAME`` alone is ``copy NAME``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command; ``copy`` for the name of an example."""
        known = args[0] in self.commands or args[0].startswith("-")
        return super().resolve_command(ctx, args if known else ["copy", *args])


SHOWN = (
    "srtpbot examples list",
    "srtpbot examples copy hold-resume",
    "srtpbot examples copy scenarios examples/",
)


@click.group(name="examples", cls=Examples, examples=SHOWN, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> int | None:
    """List and copy the examples: scenarios, endpoint files, IVR menus, tables of interop."""
    return None if context.invoked_subcommand else listed()


@command.command(name="list", cls=GroupedCommand, examples=SHOWN[:1])
def list_all() -> int:
    """List the examples with the first sentence of each."""
    return listed()


@command.command(
    name="copy",
    cls=GroupedCommand,
    examples=SHOWN[1:],
)
@click.argument("name")
@click.argument("folder", default=".", metavar="[DIR]")
def copy(name: str, folder: str) -> int:
    """Copy the example NAME, or the folder of examples NAME, to DIR.  [this folder]

    A file that is there already is never overwritten.
    """
    for path in shipped.copy(name, Path(folder)):
        click.echo(path)
    return 0


def listed() -> int:
    """Print the table of examples."""
    from bot.report.console import rendered, table

    click.echo(rendered(table((one.name, one.summary) for one in shipped.examples())))
    return 0
