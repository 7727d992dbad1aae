"""The live table of a load: what was asked for and reached, failures by cause, times, and our own limits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bot.cli.progress import Progress
from bot.harmless import harmless
from bot.load.machine import Processors
from bot.load.tally import Figures, Sample

if TYPE_CHECKING:
    from rich.console import Group

    from bot.load.run import Load
    from bot.load.shared import SharedLoad

__all__ = ["LoadTable", "status"]

LATEST_S = 5
"""Seconds over which the rate that is reached is averaged."""
CAUSES = 6
CAUSE, LIMIT = "", "!"
"""Names of the rows of a cause, and of a limit of this side."""


class LoadTable(Progress):
    """Shows a load instead of single calls."""

    def begin(
        self, load: Load | SharedLoad, samples: list[Sample], processors: Processors | SharedLoad
    ) -> None:
        """Show this load from now on; ``samples`` grows by one each second."""
        self._load, self._samples, self._processors = load, samples, processors
        if self.wanted:
            with self._lock:
                self._begin()

    @property
    def is_busy(self) -> bool:
        """Always: its figures change each second."""
        return True

    def drawn(self, lines: int) -> Group:
        """The figures of the load."""
        from rich.console import Group
        from rich.text import Text

        rows = rows_of(self._load, self._samples, self._processors)
        width = max(len(name) for name, _ in rows)
        return Group(
            *(
                Text.assemble(
                    (f"{name:<{width}}  ", "dim"),
                    (harmless(text), style_of(name, text)),
                    no_wrap=True,
                    overflow="ellipsis",
                )
                for name, text in rows[: max(1, lines)]
            )
        )


def style_of(name: str, text: str) -> str:
    """Red for failures and their causes, yellow for limits of this side."""
    if name == LIMIT:
        return "bold yellow"
    return "red" if name in {"failed", CAUSE} and text != "0" else ""


def rows_of(
    load: Load | SharedLoad, samples: list[Sample], processors: Processors | SharedLoad
) -> list[tuple[str, str]]:
    """Names and values of the table."""
    figures, plan = load.tally.figures(), load.plan
    latest = samples[-LATEST_S:]
    rate = sum(one.started for one in latest) / len(latest) if latest else 0.0
    target = samples[-1].target if samples else plan.stages[0].target
    asked = f"{target:g}/s asked, {rate:.1f}/s" if plan.by_rate else f"{target:g} at once asked, {load.up}"
    used, slots = load.used, load.slots
    cpu = samples[-1].cpu if samples else None
    rows = [
        ("time", f"{load.passed_s:.0f} s" + (f" of {plan.seconds:g} s" if plan.seconds else "")),
        ("load", f"{asked} reached" + ("" if plan.by_rate else f", {rate:.1f} calls/s")),
        ("calls", f"{figures.placed} placed, {load.up} up, {ended(figures)} finished"),
        ("passed", f"{figures.passed}"),
        ("failed", f"{figures.failed}" + (f" ({figures.failure_rate:.2%})" if figures.failed else "")),
    ]
    rows += [
        (CAUSE, f"{cause.calls} x {cause.cause}{' (this side)' if cause.ours else ''}")
        for cause in load.tally.causes()[:CAUSES]
    ]
    times = (figures.setup_p50_ms, figures.setup_p95_ms, figures.setup_p99_ms)
    rows += [
        ("setup", "p50 {}  p95 {}  p99 {} ms".format(*map(number, times))),
        (
            "media",
            f"loss {'-' if figures.loss is None else format(figures.loss, '.3%')}  jitter p95 "
            f"{number(figures.jitter_p95_ms)} ms  MOS {number(figures.mos_mean)}, lowest "
            f"{number(figures.mos_min)}",
        ),
        (
            "this side",
            f"slots {used} of {slots}, {load.pending} to judge, "
            f"processors {share(cpu)} in use"
            + (f", {share(processors.own)} by this load" if processors.own is not None else ""),
        ),
    ]
    if missed := load.missed:
        rows.append((LIMIT, f"this side is the limit: {missed} calls were due with no line free"))
    if processors.full_s > 1:
        rows.append((LIMIT, f"all processors of this machine were busy for {processors.full_s:.0f} s"))
    return rows


def number(value: float | None) -> str:
    """A number for the table."""
    return "-" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def share(value: float | None) -> str:
    """A share of the processors, 0 to 1."""
    return "-" if value is None else f"{value:.0%}"


def ended(figures: Figures) -> int:
    """Calls that have a verdict."""
    return figures.passed + figures.failed + figures.ours + figures.ended


def status(load: Load | SharedLoad, samples: list[Sample], processors: Processors | SharedLoad) -> str:
    """The table in one line, for a log."""
    parts = [f"{name} {text}".strip() for name, text in rows_of(load, samples, processors)]
    return f"{time.strftime('%H:%M:%S')}  " + "; ".join(parts)
