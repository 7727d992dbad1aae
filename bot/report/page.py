"""HTML report ``report.html``: a page of one or several runs, failures first, that needs no other file.

Its content security policy allows its own script, by its hash, and forbids to load anything from outside, so
that text from a peer can neither run nor load anything. Without scripts it has the same content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.harmless import harmless
from bot.ipc import AgentReady
from bot.report.call_result import CallResult
from bot.report.environment import environment, version_of
from bot.report.html import counted, render
from bot.report.ladder import ladder, own_addresses
from bot.report.listening import Hearing, hearings
from bot.report.offer_answer import exchanges
from bot.report.page_files import FOLDER, PageFiles
from bot.report.quality import streams
from bot.report.result import ExpectationResult, ReportedRun, Result, restart_text
from bot.report.steps import StepStory, stories
from bot.report.summary import call_figures
from bot.report.timeline import beginning, last_moment, timeline
from bot.sip import ended_text, refused_text
from bot.ua import Call

__all__ = ["FILES", "about", "page", "page_context", "page_of"]

PICTURED = 20
"""Largest number of calls with spectrograms; further calls have one only if the audio did not match."""
DETAILED = 250
"""Largest number of calls with messages, and of further failed calls with messages."""
FILES = ("result.json", "journal.jsonl", "sip.pcap")
"""Files of a run beside its page."""
PEERS, LONGEST_PEER = 3, 200
OPEN_CALLS = 2
OPEN_FAILURES = 5
TOLD_BELOW = {"", "received", "sent", "on the wire", "quality"}


@dataclass(frozen=True)
class CallSection:
    """Section of a call."""

    anchor: str
    figures: CallResult
    call: Call
    failed: bool
    detailed: bool
    is_open: bool
    zero: float
    """Beginning of the call in s since the start of the run."""
    seconds: float
    """Duration of the call in s."""
    hearings: list[Hearing]
    """The recordings that are drawn."""
    links: list[tuple[str, str]]
    """Names and URLs of all recordings."""


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
    stories: list[StepStory]
    links: list[tuple[str, str]]
    """Names and URLs of the run's files."""


def page(
    result: Result,
    calls: Sequence[Call],
    *,
    name: str = "",
    agents: Mapping[str, AgentReady] | None = None,
    folder: Path | None = None,
    command: str = "",
) -> bytes:
    """The page of one run; ``agents`` has the addresses and the library build of each endpoint."""
    run = ReportedRun(name, result, calls, folder=folder)
    return page_of([run], agents=agents, folder=folder, command=command)


def page_of(
    runs: Sequence[ReportedRun],
    *,
    title: str = "",
    agents: Mapping[str, AgentReady] | None = None,
    error: str | None = None,
    verdict: str | None = None,
    folder: Path | None = None,
    command: str = "",
) -> bytes:
    """The page of several runs, with redacted keys.

    ``error`` is an error outside of the runs. The verdict is the worst one, unless ``verdict`` has another.
    ``folder`` is the place of the page, for its links, and ``command`` the command without secrets.
    """
    return render(
        "page.html",
        **page_context(
            runs,
            title=title,
            agents=agents,
            error=error,
            verdict=verdict,
            folder=folder,
            command=command,
        ),
    )


def page_context(
    runs: Sequence[ReportedRun],
    *,
    title: str = "",
    agents: Mapping[str, AgentReady] | None = None,
    error: str | None = None,
    verdict: str | None = None,
    folder: Path | None = None,
    command: str = "",
) -> dict[str, Any]:
    """What the template ``page.html`` needs, and one that extends it; arguments as of ``page_of``."""
    files = PageFiles(folder)
    found = list(sections(runs, files))
    if error is not None:
        verdict = "error"
    elif verdict is None:
        verdict = worst([run.result.verdict for run in runs])
    return {
        "verdict": verdict,
        "title": title or (runs[0].name if len(runs) == 1 else "") or "srtpbot",
        "totals": totals(runs),
        "error": error,
        "about": list(about(runs, command)),
        "links": files.links(*FILES),
        "sections": found,
        "beside": files.beside,
        "left_out": files.left_out,
        "environment": environment(agents or {}),
        "beginning": beginning,
        "call_facts": call_facts,
        "ending": ending,
        "exchanges": exchanges,
        "ladder": ladder,
        "streams": streams,
        "timeline": timeline,
        "FOLDER": FOLDER,
        "PICTURED": PICTURED,
    }


def about(runs: Sequence[ReportedRun], command: str) -> Iterator[tuple[str, str]]:
    """Names and values of the header: scenario, command, peers, version."""
    if len(runs) == 1 and runs[0].file:
        yield "scenario", " \N{MIDDLE DOT} ".join(filter(None, [runs[0].file, runs[0].title]))
    if command:
        yield "command", command
    if peers := peers_of([call for run in runs for call in run.calls]):
        yield "peer", peers
    yield "version", f"srtpbot {version_of('srtpbot')}"


def peers_of(calls: Sequence[Call]) -> str:
    """The first peers that are no endpoints of the run, with the names of their software."""
    own = own_addresses((call.endpoint.name, call.facts.messages) for call in calls)
    peers: dict[str, str] = {}
    for call in calls:
        received = [one for one in call.facts.messages if not one.sent and one.peer not in own]
        fields = (one.message.header("Server") or one.message.header("User-Agent") for one in received)
        software = next(filter(None, fields), "")
        if received or not call.facts.messages:
            peers[call.facts.remote_uri] = software or peers.get(call.facts.remote_uri, "")
    texts = [f"{uri} ({software})" if software else uri for uri, software in peers.items()]
    shown = ", ".join(harmless(text, LONGEST_PEER) for text in texts[:PEERS])
    return f"{shown} and {len(peers) - PEERS} more" if len(peers) > PEERS else shown


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


def sections(runs: Sequence[ReportedRun], files: PageFiles) -> Iterator[Section]:
    """The sections of the runs, failed runs first."""
    many = sum(len(one.calls) for one in runs) > OPEN_CALLS
    first = 0
    for number, run in failed_first(runs):
        names = own_addresses((call.endpoint.name, call.facts.messages) for call in run.calls)
        calls = list(call_sections(run, number, first, many, files))
        told = [(one.anchor if one.detailed else "", one.call) for one in calls]
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
            calls=calls,
            names=names,
            stories=stories(run.steps, told, run.started_at, names),
            links=links_of(run, files),
        )
        first += len(run.calls)


def links_of(run: ReportedRun, files: PageFiles) -> list[tuple[str, str]]:
    """The names and URLs of the run's files."""
    paths = [run.folder / name for name in ("report.html", *FILES)] if run.folder is not None else []
    return [(path.name, url) for path in paths if (url := files.link(path)) is not None]


def call_of(one: ExpectationResult, calls: Sequence[CallResult]) -> int | None:
    """The index of the call in an expectation's name (``call 2 ...``, ``caller call 1 ...``)."""
    for place, call in enumerate(calls):
        if one.name.startswith((f"call {call.id} ", f"{call.endpoint} call {call.id.rpartition('-')[2]} ")):
            return place
    return None


def call_sections(
    run: ReportedRun, number: int, first: int, many: bool, files: PageFiles
) -> Iterator[CallSection]:
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
        anchor, began = f"c{number}-{place}", beginning(call.facts)
        pictured = in_detail and (is_unmatched(call) or first + place < PICTURED)
        paths = [recording.path for recording in call.recordings]
        yield CallSection(
            anchor=anchor,
            figures=figures,
            call=call,
            failed=failed,
            detailed=in_detail,
            is_open=is_open,
            zero=began - run.started_at,
            seconds=last_moment(call.facts) - began,
            hearings=list(hearings(call, calls, files, anchor)) if pictured else [],
            links=[(path.name, url) for path in paths if (url := files.link(path)) is not None],
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
