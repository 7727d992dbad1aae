"""The matrix for people, in the terminal or as plain text: modes by suites, then the cases, then why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bot.harmless import readable
from bot.interop.observation import Observation
from bot.interop.outcome import short, suite_of
from bot.interop.result import CellResult, InteropResult
from bot.report.console import VERDICTS, rendered, styled, verdict_of
from bot.report.console import table as columns

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = ["GROUPS", "Grid", "grids", "heard", "in_cell", "table"]

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
    """A table for each transport and codec."""
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
    """The name of the suites: the last part of the id."""
    return cell.id.partition("+")[0].removeprefix("listen/").partition("/")[2]


def in_cell(cell: CellResult) -> str:
    """The outcome, short: the suite only where the column does not say it."""
    outcome = cell.observed.outcome
    suite = suite_of(outcome)
    if suite is not None:
        return "SRTP" if cell.suites == [suite] else f"SRTP {suite}"
    return short(outcome)


def heard(seen: Observation) -> str:
    """The outcome in one or two words."""
    return "not measured" if seen.unmeasured else seen.audio or ""


def broken_up(suite: str) -> str:
    """A suite's name on two lines."""
    return suite.replace("_HMAC_", "\nHMAC_", 1)


def table(result: InteropResult, *, colour: bool, width: int) -> str:
    """Everything, the verdict last."""
    return rendered(*parts(readable(result, lines=False), width), colour=colour, width=width)


def parts(result: InteropResult, width: int) -> Iterator[RenderableType]:
    """From the matrix to the verdict."""
    for grid in grids(result.cells):
        needed = 12 + (COLUMN_WIDTH + 2) * len(grid.columns)
        yield styled("\n", ("Modes by suites", "bold"), f" ({grid.title})")
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
            yield styled("\n", (title, "bold"))
            yield list_of(cells, width)
    remarked = [cell for cell in result.cells if cell.remark and cell.verdict != "skip"]
    if remarked:
        yield styled("\n", ("Remarks", "bold"))
        yield remarks([(cell, cell.remark or "") for cell in remarked])
    captured = [(cell, cell.observed.wire) for cell in result.cells if cell.observed.wire]
    if captured:
        yield styled("\n", ("On the wire", "bold"))
        yield remarks(captured)
    yield from conclusion(result)


def base_table(grid: Grid) -> Table:
    """Modes as rows, suites as columns."""
    rows = [[mode, *(marked(grid.at(mode, column)) for column in grid.columns)] for mode in grid.modes]
    shown = columns(rows, ["", *map(broken_up, grid.columns)])
    for column in shown.columns[1:]:
        column.min_width = COLUMN_WIDTH
    return shown


def marked(cell: CellResult | None) -> Text | str:
    """An outcome in the colour of its verdict; without colours, a failure has to be seen too."""
    if cell is None:
        return ""
    text = broken_up(in_cell(cell)).replace("SRTP AES", "SRTP\nAES")
    return verdict_of(cell.verdict, text if cell.verdict in {"pass", "skip"} else f"{text} !")


def list_of(cells: Sequence[CellResult], width: int) -> Table:
    """A line a cell, with its title where there is room."""
    rows = [
        (verdict_of(cell.verdict), cell.id, short(cell.observed.outcome), heard(cell.observed))
        for cell in cells
    ]
    taken = sum(2 + max(map(len, column)) for column in zip(*rows, strict=True))
    titled = width - taken >= TITLE_WIDTH
    return columns((*row, cell.title) if titled else row for row, cell in zip(rows, cells, strict=True))


def remarks(cells: Sequence[tuple[CellResult, str]]) -> Table:
    """A line each."""
    return columns((verdict_of(cell.verdict, cell.id), words) for cell, words in cells)


def conclusion(result: InteropResult) -> Iterator[RenderableType]:
    """The changes, the counts and the verdict."""
    if (changes := result.changes) is not None:
        for word, names in (
            ("changed", changes.changed), ("added", changes.added), ("removed", changes.removed)
        ):  # fmt: skip
            if names:
                yield styled("\n", (word, "bold"), f" {', '.join(names)}")
    counts = {word: sum(cell.verdict == word for cell in result.cells) for word in VERDICTS}
    words = {"pass": "passed", "fail": "failed", "deviates": "deviate", "skip": "could not be judged"}
    cells = ", ".join(f"{count} {words[word]}" for word, count in counts.items() if count)
    yield f"\n{cells or 'no cell was tried'}, {result.duration_s:.1f} s"
    for expectation in result.expectations:
        if expectation.verdict == "fail" and not any(cell.id == expectation.name for cell in result.cells):
            yield styled(verdict_of("fail"), f" {expectation.name}: {expectation.observed}")
    yield styled("verdict: ", verdict_of(result.verdict))
