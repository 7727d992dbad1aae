"""The result for people, in the terminal: the verdict, the expectations, the figures of each call."""

from __future__ import annotations

import io

from bot.report.quality import on_the_wire
from bot.report.result import CallResult, DigitResult, MediaResult, Result

__all__ = ["call_figures", "summary"]

MARKS = {"pass": "[green]pass[/]", "fail": "[bold red]FAIL[/]", "error": "[bold red]ERROR[/]"}


def summary(result: Result, *, colour: bool, width: int = 110) -> str:
    """A table of expectations and one of figures, and the verdict last."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False)
    expectations = Table("", "expectation", "observed", box=None, pad_edge=False)
    for one in result.expectations:
        observed = one.observed if one.verdict == "pass" else f"{one.observed}; expected {one.expected}"
        expectations.add_row(MARKS[one.verdict], escape(one.name), escape(observed))
    if result.expectations:
        console.print(expectations)
    for call in result.calls:
        console.print(f"\n[bold]{escape(call.endpoint)}, call {escape(call.id)}[/] {escape(call.remote_uri)}")
        figures = Table.grid(padding=(0, 2))
        for name, value in call_figures(call):
            figures.add_row("", name, escape(value))
        console.print(figures)
    console.print(
        f"\nverdict: {MARKS[result.verdict]}" if result.calls else f"verdict: {MARKS[result.verdict]}"
    )
    return out.getvalue().rstrip("\n")


def call_figures(call: CallResult) -> list[tuple[str, str]]:
    """What is worth a look, by name."""
    figures: list[tuple[str, str]] = []
    if call.setup.answered_ms is not None:
        figures.append(("answered", f"after {call.setup.answered_ms:.1f} ms"))
    for media in call.media:
        figures += media_figures(media)
    if call.dtmf.sent:
        figures.append(("DTMF sent", digits(call.dtmf.sent)))
    if call.dtmf.received:
        figures.append(("DTMF received", digits(call.dtmf.received)))
    if call.recording is not None:
        length = f", {call.recording.duration_s:.2f} s" if call.recording.duration_s is not None else ""
        figures.append(("recording", f"{call.recording.path}{length}"))
    if call.audio is not None:
        audio = call.audio
        parts = ["matched" if audio.matched else "did not match"]
        parts += [f"delay {audio.delay_ms:.1f} ms"] if audio.delay_ms is not None else []
        parts += [f"SNR {audio.snr_db:.1f} dB"] if audio.snr_db is not None else []
        parts += [f"correlation {audio.correlation:.3f}"] if audio.correlation is not None else []
        parts += [f"missing {audio.missing_ms:.0f} ms"] if audio.missing_ms is not None else []
        parts += [f"of that {audio.concealed_ms:.0f} ms concealed"] if audio.concealed_ms else []
        figures.append(("audio", ", ".join(parts)))
    if call.disconnect is not None:
        end = call.disconnect
        figures.append(("ended", f"{end.code} {end.reason}, by {end.by}"))
    return figures


def media_figures(media: MediaResult) -> list[tuple[str, str]]:
    """One m= line."""
    srtp = media.srtp
    suite = f"{srtp.suite} (SDES, tag {srtp.tag})" if srtp.active else "none, plain RTP"
    clear = "; the keys travelled in clear" if srtp.keys_in_clear else ""
    figures = [
        ("codec", f"{media.codec}/{media.clock_rate}, {media.ptime_ms} ms, {media.direction}"),
        ("encryption", f"{suite}{clear}"),
    ]
    for name, one in (("received", media.rx), ("sent", media.tx)):
        if one is not None:
            lost = "loss not reported" if one.lost is None else f"{one.lost} lost"
            jitter = "" if one.jitter_ms_mean is None else f", jitter {one.jitter_ms_mean:.1f} ms"
            figures.append((name, f"{one.packets} packets, {lost}{jitter}"))
    if media.wire is not None:
        figures.append(("on the wire", on_the_wire(media.wire)))
    if media.mos_lq is not None:
        talking = f", {media.mos_cq:.2f} in conversation" if media.mos_cq is not None else ""
        figures.append(("quality", f"MOS {media.mos_lq:.2f} to listen{talking} (E-model, {media.mos_scale})"))
    return figures


def digits(results: list[DigitResult]) -> str:
    """The digits and how they came."""
    methods = ", ".join(dict.fromkeys(one.method for one in results))
    return f"{''.join(one.digit for one in results)} ({methods})"
