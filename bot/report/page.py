"""``report.html``: a run as one page that needs nothing from outside, what failed first.

It has no script. Its content security policy lets it load nothing, so that what a peer put into a
message cannot either.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from html import escape

from bot.call import Call
from bot.events import AgentReady
from bot.model import EndedBy
from bot.report.chapter import Chapter
from bot.report.environment import environment
from bot.report.exchanges import exchanges, side_by_side
from bot.report.ladder import ladder, own_addresses
from bot.report.quality import streams
from bot.report.result import CallResult, ExpectationResult, Result
from bot.report.style import STYLE
from bot.report.summary import call_figures
from bot.report.timeline import beginning, timeline

__all__ = ["page", "page_of"]

PICTURED = 20
"""Calls whose recordings are drawn; of further ones only those that did not match."""
DETAILED = 250
"""Calls with their messages; of further ones only those that failed, as many again."""
OPEN_CALLS, OPEN_EXPECTATIONS = 2, 30
OPEN_FAILURES = 5
SEPARATOR = " \N{MIDDLE DOT} "
TOLD_BELOW = {"received", "sent", "on the wire", "quality"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
MARKS = {"pass": "\N{CHECK MARK}", "fail": "\N{BALLOT X}", "error": "\N{BALLOT X}"}


def page(
    result: Result, calls: Sequence[Call], *, name: str = "", agents: Mapping[str, AgentReady] | None = None
) -> bytes:
    """The page of one run; ``agents`` tells where each endpoint listened and what its library can do."""
    return page_of([Chapter(name, result, calls)], agents=agents)


def page_of(
    chapters: Sequence[Chapter], *, title: str = "", agents: Mapping[str, AgentReady] | None = None
) -> bytes:
    """The page of a run with any number of scenarios; keys are redacted as everywhere."""
    return "\n".join(part for part in parts(chapters, title, agents or {}) if part).encode(
        "utf-8", "backslashreplace"
    )


def parts(chapters: Sequence[Chapter], title: str, agents: Mapping[str, AgentReady]) -> Iterator[str]:
    """The document from its beginning to its end."""
    verdict = worst([one.result.verdict for one in chapters])
    title = title or (chapters[0].name if len(chapters) == 1 else "") or "srtpbot"
    yield "<!doctype html><html lang=en><head><meta charset=utf-8>"
    yield f'<meta http-equiv=Content-Security-Policy content="{POLICY}">'
    yield "<meta name=viewport content='width=device-width, initial-scale=1'>"
    yield f"<title>{MARKS[verdict]} {escape(title)}: {verdict}</title><style>{STYLE}</style></head>"
    yield "<body><a class=skip href='#all'>Skip to the details</a><main>"
    yield from banner(chapters, title, verdict)
    if len(chapters) > 1:
        yield from contents(chapters)
    many = sum(len(one.calls) for one in chapters) > OPEN_CALLS
    yield "<div id=all tabindex=-1></div>"
    first = 0
    for number, chapter in failed_first(chapters):
        if len(chapters) > 1:
            yield f"<h2 id=s{number}>{mark(chapter.result.verdict)} {escape(chapter.name)}</h2>"
        yield from expectations(chapter, number, heading=len(chapters) == 1)
        yield "<h2>Calls</h2>" if len(chapters) == 1 else "<h3>Calls</h3>"
        yield from call_list(chapter, number, first, many)
        first += len(chapter.calls)
    yield f"<h2>Environment</h2>{''.join(environment(agents))}</main>"
    yield "<footer>Made by srtpbot. Keys, passwords and digest responses are redacted.</footer></body></html>"


def worst(verdicts: Sequence[str]) -> str:
    """The verdict of a whole; of nothing, a failure: nothing was shown."""
    return next((one for one in ("error", "fail", "pass") if one in verdicts), "fail")


def mark(verdict: str) -> str:
    """A sign that says it without its colour too."""
    return f"<span class=v-{verdict} role=img aria-label={verdict}>{MARKS[verdict]}</span>"


def banner(chapters: Sequence[Chapter], title: str, verdict: str) -> Iterator[str]:
    """What everybody wants to know."""
    total = sum(len(one.result.expectations) for one in chapters)
    failed = sum(len(one.failed) for one in chapters)
    calls = sum(len(one.calls) for one in chapters)
    held = f"{failed} of {total} expectations failed" if failed else f"{counted(total, 'expectation')} held"
    told = [held if total else "nothing was expected", counted(calls, "call")]
    if len(chapters) > 1:
        told.insert(0, counted(len(chapters), "scenario"))
    if chapters:
        started = min(one.result.started for one in chapters)
        ends = [one.result.started + timedelta(seconds=one.result.duration_s) for one in chapters]
        told.append(f"{(max(ends) - started).total_seconds():.1f} s")
        told.append(f"{started:%Y-%m-%d %H:%M:%S} UTC")
    yield f"<header class='banner {verdict}'><h1>{escape(title)}</h1>"
    yield f"<strong>{MARKS[verdict]} {verdict}</strong><p>{SEPARATOR.join(told)}</p></header>"


def counted(number: int, noun: str) -> str:
    """A number and its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def failed_first(chapters: Sequence[Chapter]) -> list[tuple[int, Chapter]]:
    """With their places, those that did not pass before the others."""
    return sorted(enumerate(chapters), key=lambda pair: pair[1].result.verdict == "pass")


def contents(chapters: Sequence[Chapter]) -> Iterator[str]:
    """The scenarios, those that failed first."""
    yield "<h2>Scenarios</h2><table>"
    yield "<tr><th>scenario<th class=n>failed<th class=n>expectations<th class=n>time"
    for number, one in failed_first(chapters):
        link = f"<a href='#s{number}'>{escape(one.name)}</a>"
        yield f"<tr><td>{mark(one.result.verdict)} {link}<td class=n>{len(one.failed)}"
        yield f"<td class=n>{len(one.result.expectations)}<td class=n>{one.result.duration_s:.1f} s"
    yield "</table>"


def expectations(chapter: Chapter, number: int, *, heading: bool) -> Iterator[str]:
    """What failed, in full; what held, one line each behind a fold."""
    result = chapter.result
    if result.error:
        yield f"<h3>Error</h3><pre>{escape(result.error)}</pre>"
    if chapter.failed:
        yield "<h2>Failed expectations</h2>" if heading else "<h3>Failed expectations</h3>"
        yield "<ul class=failed>"
        for one in chapter.failed:
            of = call_of(one, chapter.result.calls)
            link = f" <a href='#c{number}-{of}'>its call</a>" if of is not None else ""
            yield f"<li><b>{escape(one.name)}</b> <small>{one.at_s:.3f} s</small>{link}"
            yield f"<dl><dt>expected<dd>{escape(one.expected)}<dt>observed<dd>{escape(one.observed)}</dl>"
        yield "</ul>"
    held = [one for one in result.expectations if one.verdict == "pass"]
    if held:
        is_open = heading and not chapter.failed and len(held) <= OPEN_EXPECTATIONS
        yield f"<details class=held{' open' if is_open else ''}><summary>"
        yield f"{counted(len(held), 'expectation')} held</summary>"
        yield "<table><tr><th class=n>s<th>expectation<th>observed"
        for one in held:
            yield f"<tr><td class=n>{one.at_s:.3f}<td>{escape(one.name)}<td>{escape(one.observed)}"
        yield "</table></details>"


def call_of(one: ExpectationResult, calls: Sequence[CallResult]) -> int | None:
    """Which call an expectation is about, as its name says: ``call 2 ...``, ``caller call 1 ...``."""
    for place, call in enumerate(calls):
        if one.name.startswith((f"call {call.id} ", f"{call.endpoint} call {call.id.rpartition('-')[2]} ")):
            return place
    return None


def call_list(chapter: Chapter, number: int, first: int, many: bool) -> Iterator[str]:
    """Every call in a line that opens; ``first`` is the place of the first one among all of the page."""
    results, calls = chapter.result.calls, chapter.calls
    if not results:
        yield "<p class=none>No call was placed or answered.</p>"
    blamed = {call_of(one, results) for one in chapter.failed}
    names = own_addresses((call.host.name, call.known.messages) for call in calls)
    opened = detailed = 0
    for place, (figures, call) in enumerate(zip(results, calls, strict=True)):
        failed = place in blamed or is_broken(figures, call)
        if first + place >= DETAILED and not (failed and detailed < 2 * DETAILED):
            yield f"<div class=call><div class=row>{headline(figures, failed)}</div></div>"
            continue
        detailed += 1
        is_open = not many or (failed and opened < OPEN_FAILURES)
        opened += failed
        unmatched = call.known.comparison is not None and not call.known.comparison.matched
        kinds = f"call{' fail' if failed else ''}"
        yield f"<details class='{kinds}' id=c{number}-{place}{' open' if is_open else ''}>"
        yield f"<summary>{headline(figures, failed)}</summary>"
        yield from call_section(figures, call, names, pictured=unmatched or first + place < PICTURED)
        yield "</details>"


def is_broken(figures: CallResult, call: Call) -> bool:
    """Whether a call is worth a look though no expectation names it."""
    unmatched = call.known.comparison is not None and not call.known.comparison.matched
    return unmatched or (figures.disconnect is not None and figures.disconnect.by is EndedBy.ERROR)


def headline(figures: CallResult, failed: bool) -> str:
    """A call in one line."""
    state = figures.states[-1].state if figures.states else "NULL"
    end = figures.disconnect
    ended = f"{end.code} {end.reason}, by {end.by}" if end is not None else state
    line = next((one for one in figures.media if one.codec), None)
    how = f"{line.codec}, {line.srtp.suite or 'plain RTP'}" if line is not None else "no media"
    mos = f"MOS {line.mos_lq:.1f}" if line is not None and line.mos_lq is not None else ""
    sign = mark("fail") + " " if failed else ""
    way = "to" if figures.direction == "outgoing" else "from"
    return (
        f"<b>{sign}{escape(figures.endpoint)} {escape(figures.id.rpartition('-')[2])}</b>"
        f"<span class=peer>{way} {escape(figures.remote_uri)}</span><span class=end>{escape(ended)}</span>"
        f"<span class=how>{escape(how)}</span><span class=mos>{mos}</span>"
    )


def call_section(
    figures: CallResult, call: Call, names: Mapping[str, str], *, pictured: bool
) -> Iterator[str]:
    """One call: its figures, its messages, its descriptions, its time, what was heard."""
    known = call.known
    zero = beginning(known)
    yield "<dl>"
    for name, value in call_figures(figures):
        if name not in TOLD_BELOW:
            yield f"<dt>{escape(name)}<dd>{escape(value)}"
    yield f"<dt>Call-ID<dd>{escape(figures.sip_call_id)}</dl>"
    yield "<h3>Timeline</h3>"
    yield from timeline(known)
    yield "<h3>SIP <small>open a message with a click or Enter</small></h3>"
    yield from ladder(known.messages, name=call.host.name, zero=zero, names=names)
    found = exchanges(known.messages)
    if found:
        yield "<h3>Offer and answer</h3>"
    for exchange in found:
        yield from side_by_side(exchange, zero)
    yield "<h3>Streams</h3>"
    yield from streams(figures.media)
    if pictured:
        yield from heard(call)
    elif call.recordings:
        yield f"<p class=none>Recorded, but not drawn: {PICTURED} calls before it are.</p>"


def heard(call: Call) -> Iterator[str]:
    """A picture of each recording, beside what it was compared with; what cannot be read is said so."""
    from media.plot import picture
    from media.wav import AudioError, read

    known = call.known
    for recording in call.recordings:
        sent, of = known.compared or (None, None)
        name = recording.path.name
        yield f"<h3>Heard <small>{escape(name)}</small></h3>"
        try:
            reference = read(sent) if sent is not None and of == recording.path else None
            comparison = known.comparison if reference is not None else None
            drawn = picture(read(recording.path), reference=reference, comparison=comparison)
        except AudioError as error:
            yield f"<p>{escape(str(error))}</p>"
            continue
        against = ", below what was sent" if reference is not None else ""
        told = f"waveform and spectrogram of {name}{against}"
        source = f"data:image/svg+xml;base64,{b64encode(drawn).decode()}"
        yield f'<figure><img alt="{escape(told)}" src="{source}"></figure>'
