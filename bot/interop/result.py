"""Result of ``srtpbot interop`` as data: the result of a run, and the cells."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bot.interop.cells import Cell
from bot.interop.observation import Observation
from bot.interop.verdict import Judgement, Verdict
from bot.report.result import Result
from bot.ua import Call

__all__ = ["CellResult", "ChangesResult", "InteropResult", "cell_result"]


class CellResult(msgspec.Struct, kw_only=True):
    """One cell."""

    id: str
    title: str
    group: str
    role: str
    mode: str
    suites: list[str]
    """Settings of the endpoint, in order."""
    transport: str
    codec: str | None
    verdict: Verdict
    expected: str
    remark: str | None
    reading: str | None
    """Behaviour that the RFCs require of the peer in this case."""
    observed: Observation
    calls: list[str]
    """The ids of its calls among those of the run."""


class ChangesResult(msgspec.Struct, kw_only=True):
    """Differences to the file of ``--expect``."""

    changed: list[str]
    added: list[str]
    removed: list[str]


class InteropResult(Result, kw_only=True):
    """A run with a matrix."""

    peer: str
    cells: list[CellResult]
    changes: ChangesResult | None


def cell_result(cell: Cell, seen: Observation, judgement: Judgement, calls: Sequence[Call]) -> CellResult:
    """One cell."""
    return CellResult(
        id=cell.id,
        title=cell.title,
        group=cell.group,
        role=cell.role,
        mode=cell.mode,
        suites=[str(suite) for suite in cell.suites],
        transport=cell.transport,
        codec=cell.codec,
        verdict=judgement.verdict,
        expected=judgement.expected,
        remark=judgement.remark,
        reading=cell.case.reading if cell.case is not None else None,
        observed=seen,
        calls=[call_id(call) for call in calls],
    )


def call_id(call: Call) -> str:
    """As in the result of the run."""
    return f"{call.endpoint.name}-{call.number}"
