"""``report.html`` of a matrix: the table as a picture of it, then every cell with its offer and answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from bot.call import Call
from bot.events import AgentReady
from bot.interop.result import CellResult, InteropResult
from bot.interop.table import GROUPS, Grid, grids, heard, in_cell
from bot.interop.verdict import ENCRYPTED_CALL
from bot.report.environment import environment
from bot.report.exchanges import exchanges, side_by_side
from bot.report.ladder import ladder, own_addresses
from bot.report.page import POLICY, SEPARATOR, counted
from bot.report.style import STYLE
from bot.report.timeline import beginning

__all__ = ["page_of_matrix"]

MARKS = {
    "pass": "\N{CHECK MARK}", "fail": "\N{BALLOT X}", "error": "\N{BALLOT X}", "deviates": "\N{NOT EQUAL TO}",
    "skip": "\N{EN DASH}",
}  # fmt: skip
KINDS = {"pass": "pass", "fail": "fail", "deviates": "warn", "skip": "none"}
OPEN_CELLS = 5
MATRIX_STYLE = """
.matrix td, .matrix th { border: 1px solid var(--line); padding: .4rem .6rem; text-align: center; }
.matrix th.mode { text-align: left; } .matrix a { text-decoration: none; color: inherit; display: block; }
.matrix .pass { background: var(--pass-back); color: var(--pass); }
.matrix .fail { background: var(--fail-back); color: var(--fail); font-weight: 700; }
.matrix .warn { color: var(--warn); font-weight: 700; } .matrix .none { color: var(--soft); }
.cells td.warn { color: var(--warn); } .cells td.pass { color: var(--pass); }
.cells td:first-child { white-space: nowrap; } .cells td:last-child { min-width: 17rem; }
.matrix th[scope=col] { min-width: 6.5rem; }
.cells td.fail { color: var(--fail); font-weight: 700; }
.cell > summary { padding: .45rem 0; } .cell { border-bottom: 1px solid var(--line); }
.cell .warn { color: var(--warn); } .cell .pass { color: var(--pass); } .cell .fail { color: var(--fail); }
"""


def page_of_matrix(
    result: InteropResult, calls: Mapping[str, Sequence[Call]], agents: Mapping[str, AgentReady]
) -> bytes:
    """The page; ``calls`` are those of each cell by its id. Keys are redacted as everywhere."""
    document = "\n".join(parts(result, calls, agents))
    return document.encode("utf-8", "backslashreplace")


def parts(
    result: InteropResult, calls: Mapping[str, Sequence[Call]], agents: Mapping[str, AgentReady]
) -> Iterator[str]:
    """The document from its beginning to its end."""
    yield "<!doctype html><html lang=en><head><meta charset=utf-8>"
    yield f'<meta http-equiv=Content-Security-Policy content="{POLICY}">'
    yield "<meta name=viewport content='width=device-width, initial-scale=1'>"
    title = f"SRTP with {result.peer}"
    yield f"<title>{MARKS[result.verdict]} {escape(title)}: {result.verdict}</title>"
    yield f"<style>{STYLE}{MATRIX_STYLE}</style></head>"
    yield "<body><a class=skip href='#all'>Skip to the details</a><main>"
    yield from banner(result, title)
    if result.error:
        yield f"<h3>Error</h3><pre>{escape(result.error)}</pre>"
    for grid in grids(result.cells):
        yield f"<h2>Modes by suites <small>{escape(grid.title)}</small></h2>"
        yield from matrix(grid)
    for group, name in GROUPS.items():
        cells = [cell for cell in result.cells if cell.group == group]
        if cells:
            yield f"<h2>{escape(name)}</h2>"
            yield from case_table(cells)
    yield from changes(result)
    yield "<h2 id=all tabindex=-1>Cells</h2>"
    names = own_addresses((call.host.name, call.known.messages) for of in calls.values() for call in of)
    opened = 0
    for cell in result.cells:
        is_open = cell.verdict in {"fail", "deviates"} and opened < OPEN_CELLS
        opened += is_open
        yield from details(cell, calls.get(cell.id, ()), names, is_open=is_open)
    yield f"<h2>Environment</h2>{''.join(environment(dict(list(agents.items())[:1])))}</main>"
    yield "<footer>Made by srtpbot. Keys, passwords and digest responses are redacted.</footer></body></html>"


def banner(result: InteropResult, title: str) -> Iterator[str]:
    """What everybody wants to know."""
    words = {"fail": "failed", "deviates": "deviate", "skip": "could not be judged"}
    told = [counted(len(result.cells), "cell")]
    for verdict, word in words.items():
        if count := sum(cell.verdict == verdict for cell in result.cells):
            told.append(f"{count} {word}")
    told += [f"{result.duration_s:.1f} s", f"{result.started:%Y-%m-%d %H:%M:%S} UTC"]
    yield f"<header class='banner {result.verdict}'><h1>{escape(title)}</h1>"
    yield f"<strong>{MARKS[result.verdict]} {result.verdict}</strong><p>{escape(SEPARATOR.join(told))}</p>"
    names = {cell.id for cell in result.cells}
    for one in result.expectations:
        if one.name == ENCRYPTED_CALL or (one.name not in names and one.verdict == "fail"):
            yield f"<p>{MARKS[one.verdict]} {escape(one.name)}: {escape(one.observed)}</p>"
    yield "</header>"


def matrix(grid: Grid) -> Iterator[str]:
    """Modes as rows, suites as columns."""
    yield "<div class=wide><table class=matrix><tr><th>"
    yield "".join(f"<th scope=col>{broken_up(column)}" for column in grid.columns)
    for mode in grid.modes:
        yield f"<tr><th class=mode scope=row>{escape(mode)}"
        whole = grid.at(mode, grid.columns[0]) if grid.columns else grid.at(mode, "")
        if mode == "off" and whole is not None:
            yield square(whole, f" colspan={max(1, len(grid.columns))}")
            continue
        for column in grid.columns:
            cell = grid.at(mode, column)
            yield square(cell) if cell is not None else "<td>"
    yield "</table></div>"


def square(cell: CellResult, span: str = "") -> str:
    """One cell of the picture, which leads to its details."""
    words = f"{MARKS[cell.verdict]} {broken_up(in_cell(cell))}"
    hint = escape(cell.remark or cell.observed.outcome)
    link = f"<a href='#{escape(anchor(cell))}' title=\"{hint}\">{words}</a>"
    return f"<td class={KINDS[cell.verdict]}{span}>{link}"


def broken_up(text: str) -> str:
    """With places where a line may break."""
    return escape(text).replace("_", "_<wbr>")


def anchor(cell: CellResult) -> str:
    """Where its details are."""
    return "cell-" + "".join(one if one.isalnum() or one in "-._" else "." for one in cell.id)


def case_table(cells: Sequence[CellResult]) -> Iterator[str]:
    """A row a cell."""
    yield "<div class=wide><table class=cells><tr><th><th>case<th>outcome<th>heard<th>expected, by the RFC"
    for cell in cells:
        name = f"<a href='#{escape(anchor(cell))}'>{escape(cell.title)}</a>"
        yield f"<tr><td class={KINDS[cell.verdict]}>{MARKS[cell.verdict]} {cell.verdict}<td>{name}"
        yield f"<td>{escape(cell.observed.outcome)}<td>{escape(heard(cell.observed))}"
        read = cell.remark if cell.verdict == "skip" else cell.reading
        yield f"<td>{escape(cell.expected)}<br><small>{escape(read or '')}</small>"
    yield "</table></div>"


def changes(result: InteropResult) -> Iterator[str]:
    """What is not as in the table of before."""
    if result.changes is None:
        return
    yield "<h2>Changes</h2><dl>"
    for word in ("changed", "added", "removed"):
        names: list[str] = getattr(result.changes, word)
        yield f"<dt>{word}<dd>{escape(', '.join(names) or 'none')}"
    yield "</dl>"


def details(
    cell: CellResult, calls: Sequence[Call], names: Mapping[str, str], *, is_open: bool
) -> Iterator[str]:
    """Everything about one cell."""
    yield f"<details class=cell id='{escape(anchor(cell))}'{' open' if is_open else ''}><summary>"
    yield f"<b class={KINDS[cell.verdict]}>{MARKS[cell.verdict]}</b> {escape(cell.id)} "
    yield f"<span class=soft>{escape(cell.observed.outcome)}</span></summary><dl>"
    for name, value in facts(cell):
        yield f"<dt>{escape(name)}<dd>{escape(value)}"
    yield "</dl>"
    for call in calls:
        zero = beginning(call.known)
        for exchange in exchanges(call.known.messages):
            yield from side_by_side(exchange, zero)
        yield "<h4>SIP <small>open a message with a click or Enter</small></h4>"
        yield from ladder(call.known.messages, name=call.host.name, zero=zero, names=names)
    yield "</details>"


def facts(cell: CellResult) -> Iterator[tuple[str, str]]:
    """What is worth a look, by name."""
    seen = cell.observed
    yield "cell", cell.title
    yield "expected", cell.expected
    yield "outcome", seen.outcome
    if cell.remark and cell.remark not in seen.outcome:
        yield "remark", cell.remark
    if cell.reading:
        yield "by the RFC", cell.reading
    if seen.code is not None:
        yield "final response", f"{seen.code} {seen.reason or ''}"
    if seen.offer_profile:
        yield "offered", f"{seen.offer_profile}, {', '.join(seen.offered) or 'no crypto'}"
    if seen.answer_profile:
        tag = f", tag {seen.tag}" if seen.tag is not None else ""
        yield "answered", f"{seen.answer_profile}, {seen.answered or 'no crypto'}{tag}"
    if seen.codec:
        yield "in use", f"{seen.codec}, {seen.active or 'plain RTP'}"
    if seen.sent is not None:
        yield "packets", f"{seen.sent} sent, {seen.received} received"
    if seen.audio or seen.unmeasured:
        yield "heard", f"{heard(seen)}: {seen.unmeasured}" if seen.unmeasured else heard(seen)
    if seen.wire:
        yield "on the wire", seen.wire
    if seen.notes:
        yield "notes", "; ".join(seen.notes)
    if seen.ended_by:
        yield "ended by", seen.ended_by
    yield "took", f"{seen.seconds:.1f} s"
