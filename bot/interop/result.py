"""The result of a matrix as data: that of a run, and its cells; what users' scripts read."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bot.call import Call
from bot.interop.cells import Cell
from bot.interop.observation import Observation
from bot.interop.verdict import Judgement, Verdict
from bot.report.result import Result

__all__ = ["CellResult", "ChangesResult", "InteropResult", "cell_result"]


class CellResult(msgspec.Struct, kw_only=True):
    """One cell."""

    id: str
    title: str
    group: str
    role: str
    mode: str
    suites: list[str]
    """What the endpoint was set up with, in order."""
    transport: str
    codec: str | None
    verdict: Verdict
    expected: str
    remark: str | None
    reading: str | None
    """What a peer should do by the RFCs, for a case that is in them."""
    observed: Observation
    calls: list[str]
    """The ids of its calls among those of the run."""


class ChangesResult(msgspec.Struct, kw_only=True):
    """What is not as in the table of ``--expect``."""

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
    return f"{call.host.name}-{call.number}"
