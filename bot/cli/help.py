"""Layout of ``--help``: options under headings, examples at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

__all__ = ["GroupedCommand", "WithExamples", "grouped"]

OTHER = "Other options"


class GroupedOption(click.Option):
    """Option with a heading in the help."""

    def __init__(self, *names: Any, heading: str = OTHER, **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.heading = heading


class WithExamples(click.Command):
    """Command with examples in its help."""

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, one line for each."""
        if self._examples:
            with formatter.section("Examples"):
                indent = " " * formatter.current_indent
                formatter.write("".join(f"{indent}{example}\n" for example in self._examples))


class GroupedCommand(WithExamples):
    """Command with headings and examples in its help."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each heading in order; options without a heading are last."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if (shown := parameter.get_help_record(ctx)) is not None and shown[1]:
                sections.setdefault(getattr(parameter, "heading", OTHER), []).append(shown)
        others = sections.pop(OTHER, [])
        for heading, rows in [*sections.items(), (OTHER, others)]:
            with formatter.section(heading if sections else "Options"):
                formatter.write_dl(rows)


def grouped(heading: str) -> Callable[..., Callable[[Any], Any]]:
    """``click.option`` for an option under ``heading``."""

    def option(*names: str, **settings: Any) -> Callable[[Any], Any]:
        return click.option(*names, cls=GroupedOption, heading=heading, **settings)

    return option
