"""HTML report of a load: figures, failures by cause, curves over time, and the worst calls whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.ipc import AgentReady
from bot.load.detail import CallDetail
from bot.load.result import LoadResult
from bot.load.tally import Sample
from bot.report.html import counted, render
from bot.report.page import page_context
from bot.report.result import ReportedRun
from bot.ua import Call

__all__ = ["figures_of", "page_of_load"]

POINTS = 400
"""Largest number of points of a curve; seconds beyond it are joined, of each piece the largest value."""
HEIGHT = 40.0


@dataclass(frozen=True)
class Curve:
    """A curve as SVG points; a second without a value divides it."""

    name: str
    colour: int
    points: list[str]


@dataclass(frozen=True)
class Chart:
    """Curves with one axis, from 0 to ``top``."""

    title: str
    words: str
    top: float
    seconds: float
    curves: list[Curve]


Value = Callable[[Sample], float | None]
CHARTS: tuple[tuple[str, tuple[tuple[str, int, Value], ...]], ...] = (
    (
        "Calls per second",
        (("began", 0, lambda one: one.started), ("ended", 1, lambda one: one.finished)),
    ),
    ("Calls up", (("up", 0, lambda one: one.up),)),
    (
        "Failures per second",
        (("failed", 2, lambda one: one.failed), ("not placed by this side", 3, lambda one: one.missed)),
    ),
    ("Setup, 95th percentile, ms", (("setup", 0, lambda one: one.setup_ms),)),
    ("MOS", (("mean", 1, lambda one: one.mos),)),
    ("Processors of this machine in use", (("share", 3, lambda one: one.cpu),)),
)


def page_of_load(
    result: LoadResult,
    calls: Sequence[Call],
    worst: Sequence[tuple[CallDetail, Sequence[Path]]],
    agents: Mapping[str, AgentReady],
    *,
    folder: Path | None = None,
    command: str = "",
) -> bytes:
    """The page with redacted keys; ``worst`` has the worst calls with the files that stay of them."""
    run = ReportedRun("", result, calls, folder=folder)
    first = dict(list(agents.items())[:1])
    context = page_context([run], agents=first, folder=folder, command=command)
    judged = result.figures.passed + result.figures.failed
    context |= {
        "title": f"load on {result.asked.uri}",
        "totals": [
            f"{result.figures.failed} of {counted(judged, 'call')} failed",
            f"{result.duration_s:.1f} s",
            f"{result.started:%Y-%m-%d %H:%M:%S} UTC",
        ],
        "load": result,
        "figures": list(figures_of(result)),
        "charts": list(charts(result.samples)),
        "worst": [(detail, [str(file) for file in files]) for detail, files in worst],
        "shown": shown,
    }
    return render("load.html", package="bot.load", **context)


def figures_of(result: LoadResult) -> Iterator[tuple[str, str]]:
    """Names and values, for people."""
    figures, own, asked = result.figures, result.own, result.asked
    wanted = f"{asked.rate:g} calls/s" if asked.rate is not None else ""
    reached = f"{result.rate_reached:.2f} calls/s reached" if result.rate_reached is not None else ""
    yield "rate", ", ".join(filter(None, [wanted and f"{wanted} asked for", reached])) or "none"
    yield (
        "calls",
        (
            f"{figures.placed} placed: {figures.passed} passed, {figures.failed} failed"
            + (f", {figures.ours} failed on this side" if figures.ours else "")
            + (f", {figures.ended} interrupted" if figures.ended else "")
            + f"; at most {result.up_most} up"
        ),
    )
    yield "audio verified", f"in {counted(figures.verified, 'call')}"
    yield (
        "setup",
        "p50 {}, p95 {}, p99 {}".format(
            *(shown(one, " ms") for one in (figures.setup_p50_ms, figures.setup_p95_ms, figures.setup_p99_ms))
        ),
    )
    yield "loss", "not measured" if figures.loss is None else f"{figures.loss:.4%} of the packets"
    yield "jitter", f"p95 {shown(figures.jitter_p95_ms, ' ms')}"
    yield "audio delay", f"p95 {shown(figures.delay_p95_ms, ' ms')}, there and back"
    yield "MOS", f"mean {shown(figures.mos_mean)}, lowest {shown(figures.mos_min)}"
    cpu = (
        "not measured"
        if own.cpu is None
        else f"{own.cpu:.0%} of this machine in use, full for {own.cpu_full_s:.0f} s"
    )
    yield (
        "this side",
        (
            f"{counted(own.agents, 'agent')}, {counted(own.slots, 'slot')}"
            + (f", {counted(own.missed, 'call')} not placed" if own.missed else "")
            + (f", {own.late} late" if own.late else "")
            + f"; {cpu}"
        ),
    )


def shown(value: float | None, unit: str = "") -> str:
    """A number with its unit, or that there is none."""
    return "not measured" if value is None else f"{value:.4g}{unit}"


def charts(samples: Sequence[Sample]) -> Iterator[Chart]:
    """The curves of the load; none without two seconds."""
    if len(samples) < 2:
        return
    pieces = [
        samples[start : start + step]
        for step in [-(-len(samples) // POINTS)]
        for start in range(0, len(samples), step)
    ]
    for title, curves in CHARTS:
        columns = [
            (name, colour, [largest(piece, value) for piece in pieces]) for name, colour, value in curves
        ]
        every = [one for _, _, column in columns for one in column if one is not None]
        top = max([*every, 1e-9])
        yield Chart(
            title=title,
            words=f"up to {top:.4g}",
            top=top if every else 0.0,
            seconds=samples[-1].at_s,
            curves=[Curve(name, colour, list(lines(column, top))) for name, colour, column in columns],
        )


def largest(piece: Sequence[Sample], value: Value) -> float | None:
    """The largest of the values that were measured."""
    return max((one for sample in piece if (one := value(sample)) is not None), default=None)


def lines(column: Sequence[float | None], top: float) -> Iterator[str]:
    """The polylines of a curve."""
    points: list[str] = []
    for place, value in enumerate([*column, None]):
        if value is not None:
            x = 100 * place / max(1, len(column) - 1)
            points.append(f"{x:.2f},{HEIGHT * (1 - value / top):.2f}")
        elif points:
            yield " ".join(points if len(points) > 1 else points * 2)
            points = []
