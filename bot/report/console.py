"""Tables and lines of text for a terminal, the same on every terminal.

A string is text as it is: no part of it is markup or an escape sequence, whoever wrote it. Only a rich
``Text`` has a style. The caller decides about colours: rich does not look at TERM again.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.harmless import escaped

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = [
    "SPACES",
    "WIDTH",
    "choose_colours",
    "colours_of",
    "rendered",
    "styled",
    "table",
    "verdict_of",
    "width_of",
]

WIDTH = 110
"""Columns of a page of text."""
INDENT = "    "
SPACES = 2
"""Columns between those of a table."""
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


def choose_colours(when: str) -> None:
    """Use colours ``always`` or ``never``, by the variables that rich knows too; ``auto`` changes nothing."""
    if when != "auto":
        chosen, other = ("FORCE_COLOR", "NO_COLOR") if when == "always" else ("NO_COLOR", "FORCE_COLOR")
        os.environ[chosen] = "1"
        os.environ.pop(other, None)


def colours_of() -> bool:
    """Whether standard output is a terminal that shows colours; NO_COLOR and FORCE_COLOR are respected."""
    return bool(os.environ.get("FORCE_COLOR")) or (
        sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "").lower() not in WITHOUT_COLOURS
    )


def width_of(otherwise: int = WIDTH) -> int:
    """Columns of the terminal of standard output; ``otherwise`` where it is none."""
    return shutil.get_terminal_size((otherwise, 24)).columns if sys.stdout.isatty() else otherwise


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


def fit(drawn: Table, width: int) -> int:
    """Give the columns widths within ``width`` in which no word is broken; the width that they need then."""
    from rich.cells import cell_len

    cells = [[str(cell) for cell in (column.header, *column.cells)] for column in drawn.columns]
    least = [max((cell_len(word) for cell in column for word in cell.split()), default=0) for column in cells]
    most = [
        max((cell_len(line) for cell in column for line in cell.split("\n")), default=0) for column in cells
    ]
    room = width - SPACES * (len(cells) - 1)
    if sum(most) > room:
        while sum(least) < room:
            narrow = [index for index, columns in enumerate(least) if columns < most[index]]
            least[min(narrow, key=least.__getitem__)] += 1
        for column, columns in zip(drawn.columns, least, strict=True):
            column.width = columns
    return max(width, sum(least) + SPACES * (len(cells) - 1))


def stacked(drawn: Table, width: int) -> str:
    """A table that does not fit: the first cell of each row, and below it the others with their headings."""
    wrapper = textwrap.TextWrapper(
        width, initial_indent=INDENT, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False
    )
    heads = [f"{column.header}  " if column.header else "" for column in drawn.columns]
    lines: list[str] = []
    for cells in zip(*([str(cell) for cell in column.cells] for column in drawn.columns), strict=True):
        lines.append(cells[0])
        for head, cell in zip(heads[1:], cells[1:], strict=True):
            lines += wrapper.wrap(f"{head}{cell}" if cell else "")
    return "\n".join(lines)


def rendered(*parts: RenderableType, colour: bool = False, width: int | None = None) -> str:
    """The parts below one another, with ANSI colours or without any escape sequence.

    They are as wide as the terminal, unless ``width`` has the columns; wider where a word would be broken. A
    table that is wider than the terminal becomes a list.
    """
    import io

    from rich.console import Console
    from rich.table import Table

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
        if isinstance(part, Table) and (needed := fit(part, console.width)) > console.width:
            if width is None and sys.stdout.isatty():
                console.print(stacked(part, console.width), soft_wrap=True)
                continue
            console.width = needed
        console.print(escaped(part) if isinstance(part, str) else part)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))
