"""HTML report ``report.html``: a self-contained page of one or several runs, failures first.

It has no script. Its content security policy forbids to load anything, so that text from a peer cannot load
anything either.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.ipc import AgentReady
from bot.report.call_result import CallResult
from bot.report.environment import environment
from bot.report.html import counted, render
from bot.report.ladder import ladder, own_addresses
from bot.report.offer_answer import exchanges
from bot.report.quality import streams
from bot.report.result import ExpectationResult, ReportedRun, Result, restart_text
from bot.report.summary import call_figures
from bot.report.timeline import beginning, timeline
from bot.sip import ended_text, refused_text
from bot.ua import Call

__all__ = ["page", "page_of"]

PICTURED = 20
"""Largest number of calls with spectrograms; further calls have one only if the audio did not match."""
DETAILED = 250
"""Largest number of calls with messages, and of further failed calls with messages."""
OPEN_CALLS = 2
OPEN_FAILURES = 5
TOLD_BELOW = {"", "received", "sent", "on the wire", "quality"}


@dataclass(frozen=True)
class Picture:
    """Picture of a recording: ``svg`` in base64; without it ``words`` is the error of reading the file."""

    name: str
    words: str
    svg: str = ""


@dataclass(frozen=True)
class CallSection:
    """Section of a call."""

    anchor: str
    figures: CallResult
    call: Call
    failed: bool
    detailed: bool
    is_open: bool
    pictured: bool


@dataclass(frozen=True)
class Section:
    """Section of a run."""

    number: int
    run: ReportedRun
    failed: list[tuple[ExpectationResult, int | None]]
    """Failed expectations, each with the index of its call."""
    held: list[ExpectationResult]
    refusals: list[tuple[str, float]]
    """INVITEs that were refused before a call existed, and their times in s."""
    restarts: list[tuple[str, float]]
    """Agents that crashed and were replaced, and when, in s."""
    calls: list[CallSection]
    names: Mapping[str, str]
    """Names of the endpoints by address."""


def page(
    result: Result, calls: Sequence[Call], *, name: str = "", agents: Mapping[str, AgentReady] | None = None
) -> bytes:
    """The page of one run; ``agents`` has the addresses and the library build of each endpoint."""
    return page_of([ReportedRun(name, result, calls)], agents=agents)


def page_of(
    runs: Sequence[ReportedRun],
    *,
    title: str = "",
    agents: Mapping[str, AgentReady] | None = None,
    error: str | None = None,
    verdict: str | None = None,
) -> bytes:
    """The page of several runs, with redacted keys; ``error`` is an error outside of the runs.

    The verdict is the worst one, unless ``verdict`` has another.
    """
    if error is not None:
        verdict = "error"
    elif verdict is None:
        verdict = worst([run.result.verdict for run in runs])
    return render(
        "page.html",
        verdict=verdict,
        title=title or (runs[0].name if len(runs) == 1 else "") or "srtpbot",
        totals=totals(runs),
        error=error,
        sections=list(sections(runs)),
        environment=environment(agents or {}),
        beginning=beginning,
        call_facts=call_facts,
        ending=ending,
        exchanges=exchanges,
        ladder=ladder,
        pictures=pictures,
        streams=streams,
        timeline=timeline,
        PICTURED=PICTURED,
    )


def worst(verdicts: Sequence[str]) -> str:
    """The worst of several verdicts; ``fail`` without verdicts."""
    return next((one for one in ("error", "fail", "flaky", "pass") if one in verdicts), "fail")


def totals(runs: Sequence[ReportedRun]) -> list[str]:
    """The figures of all runs."""
    total = sum(len(run.result.expectations) for run in runs)
    failed = sum(len(one.failed) for one in runs)
    calls = sum(len(one.calls) for one in runs)
    held = f"{failed} of {total} expectations failed" if failed else f"{counted(total, 'expectation')} held"
    figures = [held if total else "nothing was expected", counted(calls, "call")]
    if len(runs) > 1:
        figures.insert(0, counted(len(runs), "scenario"))
    if runs:
        started = min(one.result.started for one in runs)
        ends = [one.result.started + timedelta(seconds=one.result.duration_s) for one in runs]
        figures.append(f"{(max(ends) - started).total_seconds():.1f} s")
        figures.append(f"{started:%Y-%m-%d %H:%M:%S} UTC")
    return figures


def failed_first(runs: Sequence[ReportedRun]) -> list[tuple[int, ReportedRun]]:
    """The runs with their indices, failed runs first, then flaky ones."""
    order = ("flaky", "pass")
    return sorted(
        enumerate(runs),
        key=lambda pair: order.index(verdict) + 1 if (verdict := pair[1].result.verdict) in order else 0,
    )


def sections(runs: Sequence[ReportedRun]) -> Iterator[Section]:
    """The sections of the runs, failed runs first."""
    many = sum(len(one.calls) for one in runs) > OPEN_CALLS
    first = 0
    for number, run in failed_first(runs):
        yield Section(
            number,
            run,
            failed=[(one, call_of(one, run.result.calls)) for one in run.failed],
            held=[expectation for expectation in run.result.expectations if expectation.verdict == "pass"],
            refusals=[
                (
                    refused_text(refused.remote_uri, refused.peer, refused.code, refused.reason, refused.why),
                    refused.at_s,
                )
                for refused in run.result.refused
            ],
            restarts=[(restart_text(restart), restart.at_s) for restart in run.result.restarts],
            calls=list(call_sections(run, number, first, many)),
            names=own_addresses((call.endpoint.name, call.facts.messages) for call in run.calls),
        )
        first += len(run.calls)


def call_of(one: ExpectationResult, calls: Sequence[CallResult]) -> int | None:
    """The index of the call in an expectation's name (``call 2 ...``, ``caller call 1 ...``)."""
    for place, call in enumerate(calls):
        if one.name.startswith((f"call {call.id} ", f"{call.endpoint} call {call.id.rpartition('-')[2]} ")):
            return place
    return None


def call_sections(run: ReportedRun, number: int, first: int, many: bool) -> Iterator[CallSection]:
    """The sections of the calls of a run; ``first`` is the index of its first call on the page."""
    results, calls = run.result.calls, run.calls
    blamed = {call_of(expectation, results) for expectation in run.failed}
    opened = detailed = 0
    for place, (figures, call) in enumerate(zip(results, calls, strict=True)):
        failed = place in blamed or is_broken(call)
        in_detail = first + place < DETAILED or (failed and detailed < 2 * DETAILED)
        is_open = in_detail and (not many or (failed and opened < OPEN_FAILURES))
        detailed += in_detail
        opened += in_detail and failed
        yield CallSection(
            anchor=f"c{number}-{place}",
            figures=figures,
            call=call,
            failed=failed,
            detailed=in_detail,
            is_open=is_open,
            pictured=is_unmatched(call) or first + place < PICTURED,
        )


def is_broken(call: Call) -> bool:
    """Whether a call failed without a failed expectation."""
    return is_unmatched(call) or call.facts.broken


def is_unmatched(call: Call) -> bool:
    """Whether the recording of the call did not match its reference."""
    return call.facts.comparison is not None and not call.facts.comparison.matched


def ending(figures: CallResult) -> str:
    """The end of a call, or its current state."""
    end = figures.disconnect
    if end is not None:
        return ended_text(end.code, end.reason, end.by)
    return figures.states[-1].state if figures.states else "NULL"


def call_facts(figures: CallResult) -> Iterator[tuple[str, str]]:
    """Names and values of a call, without the values of other sections."""
    yield from ((name, value) for name, value in call_figures(figures) if name not in TOLD_BELOW)
    yield "Call-ID", figures.sip_call_id


def pictures(call: Call) -> Iterator[Picture]:
    """Pictures of the recordings, each with its reference."""
    from media.audio.wav import AudioError, read
    from media.plot.plot import picture

    facts = call.facts
    for recording in call.recordings:
        sent, of = facts.compared or (None, None)
        name = recording.path.name
        try:
            reference = read(sent) if sent is not None and of == recording.path else None
            comparison = facts.comparison if reference is not None else None
            drawn = picture(read(recording.path), reference=reference, comparison=comparison)
        except AudioError as error:
            yield Picture(name, str(error))
            continue
        against = ", below the sent message" if reference is not None else ""
        yield Picture(name, f"waveform and spectrogram of {name}{against}", b64encode(drawn).decode())
