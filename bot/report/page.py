"""The result as one HTML page that needs nothing from outside: verdict, expectations, calls, SIP messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from bot.call import Call
from bot.explain import one_line
from bot.report.result import CallResult, Result
from bot.report.summary import call_figures

__all__ = ["page"]

PICTURED = 20
"""Calls whose recordings are drawn; of further ones only those that did not match."""

STYLE = """
:root { color-scheme: light dark; --pass: #1a7f37; --fail: #c4321f; --line: #8884; }
body { font: 16px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 1.5rem auto; padding: 0 1rem; }
h1 span, td.pass, td.fail { font-weight: 700; }
.pass { color: var(--pass); } .fail, .error { color: var(--fail); }
@media (prefers-color-scheme: dark) { :root { --pass: #57c26f; --fail: #ff8a75; } }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0;
         border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 600; white-space: nowrap; }
details { border-bottom: 1px solid var(--line); padding: .15rem 0; }
summary { font: 14px/1.5 ui-monospace, monospace; cursor: pointer; overflow-wrap: anywhere; }
figure { margin: .5rem 0; background: #fff; } figure svg { width: 100%; height: auto; display: block; }
pre { font: 13px/1.4 ui-monospace, monospace; overflow-x: auto; margin: .5rem 1.2rem; }
"""


def page(result: Result, calls: Sequence[Call]) -> bytes:
    """The page; failed expectations come first, keys are redacted as everywhere."""
    ordered = sorted(result.expectations, key=lambda one: one.verdict == "pass")
    rows = (
        f"<tr><td class={one.verdict}>{one.verdict}<td>{escape(one.name)}<td>{escape(one.expected)}"
        f"<td>{escape(one.observed)}"
        for one in ordered
    )
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<title>srtpbot: {result.verdict}</title><style>{STYLE}</style>",
        f"<h1>srtpbot: <span class={result.verdict}>{result.verdict}</span></h1>",
        f"<p>{result.started:%Y-%m-%d %H:%M:%S} UTC, {result.duration_s:.1f} s</p>",
        f"<pre class=error>{escape(result.error)}</pre>" if result.error else "",
        "<h2>Expectations</h2><table><tr><th>verdict<th>expectation<th>expected<th>observed",
        *rows,
        "</table>",
    ]
    for number, (figures, call) in enumerate(zip(result.calls, calls, strict=True)):
        failed = call.known.comparison is not None and not call.known.comparison.matched
        parts += call_section(figures, call, pictured=failed or number < PICTURED)
    return "\n".join(part for part in parts if part).encode()


def call_section(figures: CallResult, call: Call, pictured: bool) -> Iterable[str]:
    """One call: its figures, what was heard, and its messages, each of which opens."""
    yield f"<h2>{escape(figures.endpoint)}, call {escape(figures.id)}: {escape(figures.remote_uri)}</h2>"
    yield "<table>"
    for name, value in call_figures(figures):
        yield f"<tr><th>{escape(name)}<td>{escape(value)}"
    yield "</table>"
    if pictured:
        yield from heard(call)
    yield "<h3>SIP messages</h3>"
    zero = call.known.started_at
    for traced in call.known.messages:
        fields = [f"{name}: {value}" for name, value in traced.message.fields]
        text = "\n".join([traced.message.summary, *fields, "", traced.message.body.replace("\r", "")])
        at = f"{traced.at - zero:8.3f}"
        yield f"<details><summary>{at} {escape(one_line(traced))}</summary>"
        yield f"<pre>{escape(text)}</pre></details>"


def heard(call: Call) -> Iterable[str]:
    """A picture of each recording, beside what it was compared with; what cannot be read is said so."""
    from media.plot import picture
    from media.wav import AudioError, read

    known = call.known
    for recording in call.recordings:
        sent, of = known.compared or (None, None)
        yield f"<h3>{escape(recording.path.name)}</h3>"
        try:
            reference = read(sent) if sent is not None and of == recording.path else None
            comparison = known.comparison if reference is not None else None
            drawn = picture(read(recording.path), reference=reference, comparison=comparison)
        except AudioError as error:
            yield f"<p>{escape(str(error))}"
            continue
        svg = drawn.decode()
        yield f"<figure>{svg[svg.index('<svg') :]}</figure>"
