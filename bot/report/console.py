"""Tables and lines of text for a terminal, the same on every terminal.

A string is text as it is: no part of it is markup or an escape sequence, whoever wrote it. Only a rich
``Text`` has a style. The caller decides about colours: rich does not look at TERM again.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.harmless import escaped

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = ["WIDTH", "colours_of", "rendered", "styled", "table", "verdict_of", "width_of"]

WIDTH = 110
"""Columns of a page of text."""
WITHOUT_COLOURS = ("dumb", "unknown")
VERDICTS = {
    "pass": ("pass", "green"),
    "flaky": ("flaky", "yellow"),
    "fail": ("FAIL", "bold red"),
    "error": ("ERROR", "bold red"),
    "deviates": ("DEVIATES", "yellow"),
    "skip": ("skip", "dim"),
}
"""The word and the style of each verdict."""


def colours_of() -> bool:
    """Whether standard output is a terminal that shows colours; NO_COLOR is respected."""
    return (
        sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "").lower() not in WITHOUT_COLOURS
    )


def width_of() -> int:
    """Columns of the terminal of standard output; those of a page where it is none."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH


def styled(*parts: str | Text | tuple[str, str]) -> Text:
    """A line of parts; a pair is a text and its style."""
    from rich.text import Text

    return Text.assemble(*(escaped(part) if isinstance(part, str) else part for part in parts))


def verdict_of(verdict: str, text: str | None = None) -> Text:
    """A text, by default the verdict's word, in the style of the verdict."""
    word, style = VERDICTS[verdict]
    return styled((word if text is None else escaped(text), style))


def table(rows: Iterable[Sequence[str | Text]], head: Sequence[str] | None = None) -> Table:
    """Rows in columns, two spaces between them."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*(head or ()), box=None, pad_edge=False, show_header=head is not None)
    for row in rows:
        drawn.add_row(*(Text(escaped(cell)) if isinstance(cell, str) else cell for cell in row))
    return drawn


def rendered(*parts: RenderableType, colour: bool = False, width: int | None = None) -> str:
    """The parts below one another, with ANSI colours or without any escape sequence.

    They are as wide as the terminal, unless ``width`` has the columns.
    """
    import io

    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out,
        width=width or width_of(),
        force_terminal=colour,
        color_system="256" if colour else None,
        no_color=not colour,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for part in parts:
        console.print(escaped(part) if isinstance(part, str) else part)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))
