"""HTML report of the cells: a table, then each cell with its offer and answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bot.interop.result import CellResult, InteropResult
from bot.interop.table import GROUPS, grids, heard, in_cell
from bot.interop.verdict import ENCRYPTED_CALL
from bot.ipc import AgentReady
from bot.report.environment import environment
from bot.report.html import counted, render
from bot.report.ladder import ladder, own_addresses
from bot.report.offer_answer import exchanges
from bot.report.page import FILES, about
from bot.report.page_files import PageFiles
from bot.report.result import ExpectationResult, ReportedRun
from bot.report.timeline import beginning
from bot.ua import Call

__all__ = ["page_of_matrix"]

KINDS = {"pass": "pass", "fail": "fail", "deviates": "warn", "skip": "none"}
"""The CSS class of each verdict."""
NOTED = {"fail": "failed", "deviates": "deviating"}
"""The verdicts whose cells the banner names."""
OPEN_CELLS = 5


def page_of_matrix(
    result: InteropResult,
    calls: Mapping[str, Sequence[Call]],
    agents: Mapping[str, AgentReady],
    *,
    folder: Path | None = None,
    command: str = "",
) -> bytes:
    """The page with redacted keys; ``calls`` has the calls of each cell by id.

    ``folder`` is the place of the page, for its links, and ``command`` the command without secrets.
    """
    every = [call for of in calls.values() for call in of]
    return render(
        "matrix.html",
        package="bot.interop",
        title=f"SRTP with {result.peer}",
        verdict=result.verdict,
        totals=totals(result),
        about=list(about([ReportedRun("", result, every)], command)),
        links=PageFiles(folder).links(*FILES),
        noted=list(noted(result.cells)),
        NOTED=NOTED,
        error=result.error,
        expectations=list(failed_as_a_whole(result)),
        grids=grids(result.cells),
        groups=[(name, [cell for cell in result.cells if cell.group == key]) for key, name in GROUPS.items()],
        changes=changes(result),
        cells=list(opened(result.cells)),
        calls=calls,
        names=own_addresses((call.endpoint.name, call.facts.messages) for call in every),
        environment=environment(dict(list(agents.items())[:1])),
        KINDS=KINDS,
        anchor=anchor,
        beginning=beginning,
        exchanges=exchanges,
        facts=facts,
        heard=heard,
        in_cell=in_cell,
        ladder=ladder,
    )


def totals(result: InteropResult) -> list[str]:
    """The figures of the run."""
    words = {"fail": "failed", "deviates": "deviate", "skip": "could not be judged"}
    figures = [counted(len(result.cells), "cell")]
    for verdict, word in words.items():
        if count := sum(cell.verdict == verdict for cell in result.cells):
            figures.append(f"{count} {word}")
    return [*figures, f"{result.duration_s:.1f} s", f"{result.started:%Y-%m-%d %H:%M:%S} UTC"]


def noted(cells: Sequence[CellResult]) -> Iterator[tuple[str, list[CellResult]]]:
    """The failed and the deviating cells."""
    for verdict, name in NOTED.items():
        if found := [cell for cell in cells if cell.verdict == verdict]:
            yield f"{name} cells", found


def failed_as_a_whole(result: InteropResult) -> Iterator[ExpectationResult]:
    """The expectation of an encrypted call, and failed expectations of the run."""
    names = {cell.id for cell in result.cells}
    for expectation in result.expectations:
        if expectation.name == ENCRYPTED_CALL or (
            expectation.name not in names and expectation.verdict == "fail"
        ):
            yield expectation


def opened(cells: Sequence[CellResult]) -> Iterator[tuple[CellResult, bool]]:
    """The cells; the details of the first failed cells are open."""
    count = 0
    for cell in cells:
        is_open = cell.verdict in {"fail", "deviates"} and count < OPEN_CELLS
        count += is_open
        yield cell, is_open


def anchor(cell: CellResult) -> str:
    """The HTML id of the details."""
    return "cell-" + "".join(one if one.isalnum() or one in "-._" else "." for one in cell.id)


def changes(result: InteropResult) -> list[tuple[str, str]]:
    """The differences from the file of ``--expect``; empty without the file."""
    found = result.changes
    if found is None:
        return []
    return [
        (word, ", ".join(names) or "none")
        for word, names in (("changed", found.changed), ("added", found.added), ("removed", found.removed))
    ]


def facts(cell: CellResult) -> Iterator[tuple[str, str]]:
    """Names and values of a cell."""
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
