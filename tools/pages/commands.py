"""The page of commands: usage, options under their headings, examples."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import click

from bot.cli.main import COMMANDS
from tools.pages.markdown import NOTE, code, table, unformatted

__all__ = ["page"]

HEAD = """# Commands

`srtpbot COMMAND --help` says the same.

| exit status | meaning |
|---|---|
| 0 | every expectation passed |
| 1 | an expectation failed, or an agent that crashed and was replaced lost a call |
| 2 | usage or configuration error; the message names the option or file:line:key |
| 3 | the environment failed: a port in use, a library missing, an agent crashed |
| 130 | interrupted |
"""


def page() -> str:
    """The page."""
    parts = [NOTE + HEAD]
    for name in sorted(COMMANDS):
        command = importlib.import_module(f"bot.cli.{name.replace('-', '_')}").command
        parts += sections(command, click.Context(command, info_name=f"srtpbot {name}"))
    return "\n".join(parts)


def sections(command: click.Command, context: click.Context) -> Iterator[str]:
    """The section of a command, and those of its subcommands."""
    usage = " ".join(command.collect_usage_pieces(context))
    depth = "#" * (context.command_path.count(" ") + 1)
    about = "\n\n".join(
        unformatted(" ".join(block.split())) for block in (command.help or "").replace("\b", "").split("\n\n")
    )
    text = f"{depth} {context.command_path}\n\n`{context.command_path} {usage}`\n\n{about}\n"
    if not isinstance(command, click.Group):
        text += options(command, context)
    examples = getattr(command, "_examples", ())
    if examples:
        text += "\nExamples:\n\n" + "\n".join(f"- `{example}`" for example in examples) + "\n"
    yield text
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from sections(inner, click.Context(inner, info_name=name, parent=context))


def options(command: click.Command, context: click.Context) -> str:
    """The options under their headings."""
    headings: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        shown = parameter.get_help_record(context)
        if shown is not None and shown[1] and "--help" not in shown[0]:
            heading = getattr(parameter, "heading", "Other options")
            headings.setdefault(heading, []).append((code(shown[0]), unformatted(shown[1])))
    return "".join(
        f"\n**{heading}**\n\n" + table(("option", "meaning"), rows) for heading, rows in headings.items()
    )
