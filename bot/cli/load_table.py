"""The live table of a load: what was asked for and reached, failures by cause, times, and our own limits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bot.cli.progress import Progress
from bot.harmless import harmless
from bot.load.machine import Processors
from bot.load.tally import Sample

if TYPE_CHECKING:
    from rich.console import Group

    from bot.load.run import Load
    from bot.load.shared import SharedLoad

__all__ = ["LoadTable", "status"]

LATEST_S = 5
"""Seconds over which the rate that is reached is averaged."""
CAUSES = 6


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
                Text(f"{name:<{width}}  {harmless(text)}", style=style_of(name, text), no_wrap=True)
                for name, text in rows[: max(1, lines)]
            )
        )


def style_of(name: str, text: str) -> str:
    """Red for failures, yellow for limits of this side."""
    if name in {"failed", "!"}:
        return "bold yellow" if name == "!" else "red" if not text.startswith("0") else ""
    return ""


def rows_of(
    load: Load | SharedLoad, samples: list[Sample], processors: Processors | SharedLoad
) -> list[tuple[str, str]]:
    """Names and values of the table."""
    figures, plan = load.tally.figures(), load.plan
    latest = samples[-LATEST_S:]
    rate = sum(one.started for one in latest) / len(latest) if latest else 0.0
    target = samples[-1].target if samples else plan.stages[0].target
    asked = f"{target:g}/s asked" if plan.by_rate else f"{target:g} at once asked"
    used, slots = load.used, load.slots
    cpu = samples[-1].cpu if samples else None
    rows = [
        ("time", f"{load.passed_s:.0f} s" + (f" of {plan.seconds:g} s" if plan.seconds else "")),
        ("rate", f"{asked}, {rate:.1f}/s reached"),
        ("calls", f"{figures.placed} placed, {load.up} up, {figures.passed} passed"),
        ("failed", f"{figures.failed}" + (f" ({figures.failure_rate:.2%})" if figures.failed else "")),
    ]
    rows += [
        ("", f"  {cause.calls} x {cause.cause}{' (this side)' if cause.ours else ''}")
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
            f"slots {used} of {slots}, {load.pending} calls to judge, cpu "
            f"{'-' if cpu is None else format(cpu, '.0%')}",
        ),
    ]
    if load.missed:
        rows.append(("!", f"this side is the limit: {load.missed} calls were due with no line free"))
    if processors.full_s > 1:
        rows.append(("!", f"all processors of this machine were busy for {processors.full_s:.0f} s"))
    return rows


def number(value: float | None) -> str:
    """A number for the table."""
    return "-" if value is None else f"{value:.3g}"


def status(load: Load | SharedLoad, samples: list[Sample], processors: Processors | SharedLoad) -> str:
    """The table in one line, for a log."""
    parts = [f"{name} {text}".strip() for name, text in rows_of(load, samples, processors)]
    return f"{time.strftime('%H:%M:%S')}  " + "; ".join(parts)
