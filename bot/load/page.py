"""HTML report of a load: figures, failures by cause, curves over time, and the worst calls whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bot.ipc import AgentReady
from bot.load.detail import CallDetail
from bot.load.result import LoadResult
from bot.load.tally import Sample
from bot.report.html import counted, render
from bot.report.page import page_context
from bot.report.result import ExpectationResult, ReportedRun
from bot.ua import Call

__all__ = ["figures_of", "page_of_load"]

POINTS = 400
"""Largest number of points of a curve; seconds beyond it are joined, of each piece the largest value."""
HEIGHT = 40.0
ALWAYS = {"began", "ended", "up", "setup", "mean", "in use"}
"""Curves that are named also when they are 0 all the time."""


@dataclass(frozen=True)
class Curve:
    """A curve as SVG points; a second without a value divides it."""

    name: str
    colour: int
    points: list[str]


@dataclass(frozen=True)
class Chart:
    """Curves with one axis, from ``bottom`` to ``top``, and the words of its ends and of its middle."""

    title: str
    bottom: float
    top: float
    ticks: tuple[str, str, str]
    seconds: float
    curves: list[Curve]

    @property
    def words(self) -> str:
        """The axis, for those who do not see it."""
        return f"{self.ticks[0]} to {self.ticks[2]}, over {self.seconds:.0f} s"


Value = Callable[[Sample], float | None]


@dataclass(frozen=True)
class Axis:
    """What a chart shows; without ``ends`` the axis is from 0 to a round number above the largest value."""

    title: str
    curves: tuple[tuple[str, int, Value], ...]
    ends: tuple[float, float] | None = None
    unit: str = ""


CHARTS = (
    Axis(
        "Calls per second",
        (
            ("began", 0, lambda one: one.started),
            ("ended", 1, lambda one: one.finished),
            ("failed", 2, lambda one: one.failed),
            ("not placed by this side", 3, lambda one: one.missed),
        ),
    ),
    Axis("Calls up", (("up", 0, lambda one: one.up),)),
    Axis("Setup, 95th percentile", (("setup", 0, lambda one: one.setup_ms),), unit=" ms"),
    Axis("MOS", (("mean", 1, lambda one: one.mos),), ends=(1.0, 5.0)),
    Axis(
        "Processors of this machine",
        (("in use", 3, lambda one: None if one.cpu is None else 100 * one.cpu),),
        ends=(0.0, 100.0),
        unit=" %",
    ),
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
    shown_result = msgspec.structs.replace(
        result, expectations=[*result.expectations, *failures(result, [detail for detail, _ in worst])]
    )
    run = ReportedRun("", shown_result, calls, folder=folder)
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
        "worst": [(detail, [(file.name, str(file)) for file in files]) for detail, files in worst],
        "shown": shown,
    }
    return render("load.html", package="bot.load", **context)


def failures(result: LoadResult, worst: Sequence[CallDetail]) -> Iterator[ExpectationResult]:
    """The failures of the worst calls as expectations, which the page links with their calls.

    A master has the records of its workers' calls, but not the calls.
    """
    for call, detail in zip(result.calls, worst, strict=False):
        if detail.verdict in {"fail", "ours"}:
            label = f"{call.endpoint} call {call.id.rpartition('-')[2]}"
            yield ExpectationResult(
                name=f"{label} (no. {detail.number}): {detail.cause}",
                verdict="fail",
                expected="the call passes",
                observed=detail.why,
                at_s=detail.at_s,
            )


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
    for axis in CHARTS:
        columns = [
            (name, colour, [largest(piece, value) for piece in pieces]) for name, colour, value in axis.curves
        ]
        every = [one for _, _, column in columns for one in column if one is not None]
        bottom, top = axis.ends or (0.0, round_above(max(every, default=0.0)))
        yield Chart(
            title=axis.title,
            bottom=bottom,
            top=top,
            ticks=(f"{bottom:g}", f"{(bottom + top) / 2:g}", f"{top:g}{axis.unit}"),
            seconds=samples[-1].at_s,
            curves=[
                Curve(name, colour, list(lines(column, bottom, top)))
                for name, colour, column in columns
                if name in ALWAYS or any(column)
            ],
        )


def round_above(value: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 ... that is above the value."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 2, 5) if value <= step * power), 10 * power)


def largest(piece: Sequence[Sample], value: Value) -> float | None:
    """The largest of the values that were measured."""
    return max((one for sample in piece if (one := value(sample)) is not None), default=None)


def lines(column: Sequence[float | None], bottom: float, top: float) -> Iterator[str]:
    """The polylines of a curve."""
    points: list[str] = []
    for place, value in enumerate([*column, None]):
        if value is not None:
            x = 100 * place / max(1, len(column) - 1)
            points.append(f"{x:.2f},{HEIGHT * (top - value) / (top - bottom):.2f}")
        elif points:
            yield " ".join(points if len(points) > 1 else points * 2)
            points = []
