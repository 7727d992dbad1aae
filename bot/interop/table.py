"""The matrix for people, in the terminal or as plain text: modes by suites, then the cases, then why."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bot.interop.observation import Observation
from bot.interop.outcome import short, suite_of
from bot.interop.result import CellResult, InteropResult

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

__all__ = ["MARKS", "Grid", "grids", "heard", "in_cell", "line_of_cell", "table"]

STYLES = {"pass": "green", "fail": "bold red", "deviates": "yellow", "skip": "dim"}
MARKS = {"pass": "pass", "fail": "FAIL", "deviates": "DEVIATES", "skip": "skip"}
GROUPS = {"renegotiation": "Renegotiation", "negative": "Negative cases"}
COLUMN_WIDTH = 14
TITLE_WIDTH = 24
"""Of the titles, at least: narrower they would be a word a line."""


class Grid:
    """The base cells of one transport and codec: modes by suites."""

    def __init__(self, title: str, cells: Sequence[CellResult]) -> None:
        self.title = title
        self.columns = list(dict.fromkeys(column_of(cell) for cell in cells if column_of(cell)))
        self.modes = list(dict.fromkeys(cell.mode for cell in cells))
        self._cells = {(cell.mode, column_of(cell)): cell for cell in cells}

    def at(self, mode: str, column: str) -> CellResult | None:
        """The cell there; with SRTP off there is one for all columns, in the first."""
        whole_row = self._cells.get((mode, ""))
        if whole_row is not None:
            return whole_row if not self.columns or column == self.columns[0] else None
        return self._cells.get((mode, column))


def grids(cells: Sequence[CellResult]) -> list[Grid]:
    """One for each transport and codec."""
    base = [cell for cell in cells if cell.group == "base"]
    places = list(dict.fromkeys((cell.transport, cell.codec) for cell in base))
    return [
        Grid(
            f"{transport}{', ' + codec if codec else ''}",
            [cell for cell in base if (cell.transport, cell.codec) == (transport, codec)],
        )
        for transport, codec in places
    ]


def column_of(cell: CellResult) -> str:
    """What its suites are called: the last part of its id."""
    return cell.id.partition("+")[0].removeprefix("listen/").partition("/")[2]


def in_cell(cell: CellResult) -> str:
    """The outcome, short: the suite only where the column does not say it."""
    outcome = cell.observed.outcome
    suite = suite_of(outcome)
    if suite is not None:
        return "SRTP" if cell.suites == [suite] else f"SRTP {suite}"
    return short(outcome)


def heard(seen: Observation) -> str:
    """What came back, in a word or two."""
    return "not measured" if seen.unmeasured else seen.audio or ""


def broken_up(suite: str) -> str:
    """A suite's name on two lines."""
    return suite.replace("_HMAC_", "\nHMAC_", 1)


def line_of_cell(cell: CellResult) -> str:
    """One cell while the matrix runs, or in a list."""
    return f"{MARKS[cell.verdict]:<8}  {cell.id:<40}  {short(cell.observed.outcome)}"


def table(result: InteropResult, *, colour: bool, width: int) -> str:
    """Everything, the verdict last."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False)
    for part in parts(result, width):
        console.print(part)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))


def parts(result: InteropResult, width: int) -> Iterator[RenderableType]:
    """From the matrix to the verdict."""
    for grid in grids(result.cells):
        needed = 12 + (COLUMN_WIDTH + 2) * len(grid.columns)
        yield f"\n[bold]Modes by suites[/] ({grid.title})"
        yield (
            base_table(grid)
            if needed <= width and grid.columns
            else list_of(
                [
                    cell
                    for mode in grid.modes
                    for column in grid.columns or [""]
                    if (cell := grid.at(mode, column))
                ],
                width,
            )
        )
    for group, title in GROUPS.items():
        cells = [cell for cell in result.cells if cell.group == group]
        if cells:
            yield f"\n[bold]{title}[/]"
            yield list_of(cells, width)
    remarked = [cell for cell in result.cells if cell.remark and cell.verdict != "skip"]
    if remarked:
        yield "\n[bold]Remarks[/]"
        yield remarks([(cell, cell.remark or "") for cell in remarked])
    captured = [(cell, cell.observed.wire) for cell in result.cells if cell.observed.wire]
    if captured:
        yield "\n[bold]On the wire[/]"
        yield remarks(captured)
    yield from conclusion(result)


def base_table(grid: Grid) -> Table:
    """Modes as rows, suites as columns."""
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column("")
    for column in grid.columns:
        shown.add_column(broken_up(column), min_width=COLUMN_WIDTH, vertical="top")
    for mode in grid.modes:
        shown.add_row(mode, *(marked(grid.at(mode, column)) for column in grid.columns))
    return shown


def marked(cell: CellResult | None) -> str:
    """An outcome in the colour of its verdict; without colours, a failure has to be seen too."""
    if cell is None:
        return ""
    text = broken_up(in_cell(cell)).replace("SRTP AES", "SRTP\nAES")
    flag = "" if cell.verdict in {"pass", "skip"} else " !"
    return f"[{STYLES[cell.verdict]}]{text}{flag}[/]"


def list_of(cells: Sequence[CellResult], width: int) -> Table:
    """A line a cell, with its title where there is room."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    rows = [
        (MARKS[cell.verdict], cell.id, short(cell.observed.outcome), heard(cell.observed)) for cell in cells
    ]
    taken = sum(2 + max(map(len, column)) for column in zip(*rows, strict=True))
    titled = width - taken >= TITLE_WIDTH
    for _ in range(4):
        shown.add_column(no_wrap=True)
    for cell, (mark, *facts) in zip(cells, rows, strict=True):
        title = [cell.title] if titled else []
        shown.add_row(f"[{STYLES[cell.verdict]}]{mark}[/]", *map(escape, [*facts, *title]))
    return shown


def remarks(told: Sequence[tuple[CellResult, str]]) -> Table:
    """A line each."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for cell, words in told:
        shown.add_row(f"[{STYLES[cell.verdict]}]{escape(cell.id)}[/]", escape(words))
    return shown


def conclusion(result: InteropResult) -> Iterator[str]:
    """What changed, what was counted, the verdict."""
    from rich.markup import escape

    if (changes := result.changes) is not None:
        for word, names in (
            ("changed", changes.changed), ("added", changes.added), ("removed", changes.removed)
        ):  # fmt: skip
            if names:
                yield f"\n[bold]{word}[/] {escape(', '.join(names))}"
    counts = {word: sum(cell.verdict == word for cell in result.cells) for word in MARKS}
    words = {"pass": "passed", "fail": "failed", "deviates": "deviate", "skip": "could not be judged"}
    told = ", ".join(f"{count} {words[word]}" for word, count in counts.items() if count)
    yield f"\n{told or 'no cell was tried'}, {result.duration_s:.1f} s"
    for one in result.expectations:
        if one.verdict == "fail" and not any(cell.id == one.name for cell in result.cells):
            yield f"[bold red]FAIL[/] {escape(one.name)}: {escape(one.observed)}"
    style = {"pass": "[green]pass[/]", "fail": "[bold red]FAIL[/]", "error": "[bold red]ERROR[/]"}
    yield f"verdict: {style[result.verdict]}"
