"""Summary of a result in the terminal: verdict, expectations, figures of each call."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING

from bot.harmless import readable
from bot.report.call_result import CallResult, DigitResult, MediaResult
from bot.report.console import rendered, styled, table, verdict_of
from bot.report.quality import on_the_wire
from bot.report.result import ExpectationResult, Result, restart_text
from bot.sip import ended_text, refused_text
from bot.ua import remarks

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

__all__ = ["call_figures", "summary"]

SHOWN_CALLS = 10
"""Largest number of calls with figures; the summary has the latest calls."""
SHOWN_RESTARTS = 5


def summary(result: Result, *, colour: bool, told: Container[str] = ()) -> str:
    """A table of expectations and one of figures, and the verdict last; failures in ``told`` are counted."""
    return rendered(*parts(readable(result), told), colour=colour)


def parts(result: Result, told: Container[str] = ()) -> Iterator[RenderableType]:
    """The lines from the expectations to the verdict."""
    shown = [one for one in result.expectations if one.verdict == "pass" or one.name not in told]
    if shown:
        yield table(map(expectation_row, shown), ("", "expectation", "observed"))
    for refused in result.refused:
        text = refused_text(refused.remote_uri, refused.peer, refused.code, refused.reason, refused.why)
        yield styled(("refused", "bold"), f"  {text}")
    for restart in result.restarts[-SHOWN_RESTARTS:]:
        yield styled(("restarted", "bold"), f"  {restart_text(restart)}")
    if len(result.restarts) > SHOWN_RESTARTS:
        yield f"{len(result.restarts) - SHOWN_RESTARTS} restarts before these"
    if result.refused_messages:
        counts = ", ".join(f"{rule} {count}" for rule, count in sorted(result.refused_messages.items()))
        total = sum(result.refused_messages.values())
        yield styled(("refused", "bold"), f"  {total} messages: {counts}")
    if result.limits_reached:
        counts = ", ".join(f"{rule} {count}" for rule, count in sorted(result.limits_reached.items()))
        yield styled(("limits", "bold"), f"  {counts}")
    for call in result.calls[-SHOWN_CALLS:]:
        yield styled("\n", (f"{call.endpoint}, call {call.id}", "bold"), f" {call.remote_uri}")
        yield table(("", name, value) for name, value in call_figures(call))
    if len(result.calls) > SHOWN_CALLS:
        yield f"\n{len(result.calls) - SHOWN_CALLS} calls before these"
    if result.error:
        yield f"\n{result.error}"
    apart = "\n" if result.calls else ""
    if not result.expectations and not result.error:
        yield f"{apart}nothing was expected"
    failed = sum(one.verdict == "fail" for one in result.expectations)
    count = f" ({failed} of {len(result.expectations)} expectations failed)" if failed else ""
    yield styled(f"{apart}verdict: ", verdict_of(result.verdict), count)


def expectation_row(one: ExpectationResult) -> tuple[Text, str, str]:
    """Verdict, name and observed value of an expectation."""
    observed = one.observed if one.verdict == "pass" else f"{one.observed}; expected {one.expected}"
    return verdict_of(one.verdict), one.name, observed


def call_figures(call: CallResult) -> list[tuple[str, str]]:
    """Names and values of a call."""
    figures: list[tuple[str, str]] = []
    if call.setup.answered_ms is not None:
        figures.append(("answered", f"after {call.setup.answered_ms:.1f} ms"))
    if call.tls is not None:
        figures.append(("signalling", f"{call.tls.version}, {call.tls.cipher}"))
    for media in call.media:
        figures += media_figures(media)
    if call.dtmf.sent:
        figures.append(("DTMF sent", digits(call.dtmf.sent)))
    if call.dtmf.received:
        figures.append(("DTMF received", digits(call.dtmf.received)))
    figures += [("warning", each) for each in call.warnings]
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
        figures.append(("ended", ended_text(end.code, end.reason, end.by)))
    return figures


def media_figures(media: MediaResult) -> list[tuple[str, str]]:
    """One m= line."""
    srtp = media.srtp
    how = f"SDES, tag {srtp.tag}" if srtp.keying == "SDES" else f"{srtp.keying}, {srtp.role}"
    suite = f"{srtp.suite} ({how})" if srtp.active else "none, plain RTP"
    clear = "; keys were sent in clear text (signalling is not encrypted)" if srtp.keys_in_clear else ""
    clear += f"; {srtp.deviation}" if srtp.deviation else ""
    figures = [
        ("codec", f"{media.codec}/{media.clock_rate}, {media.ptime_ms} ms, {media.direction}"),
        ("encryption", f"{suite}{clear}"),
    ]
    for name, one in (("received", media.rx), ("sent", media.tx)):
        if one is not None:
            lost = "loss not reported" if one.lost is None else f"{one.lost} lost"
            jitter = "" if one.jitter_ms_mean is None else f", jitter {one.jitter_ms_mean:.1f} ms"
            figures.append((name, f"{one.packets} packets, {lost}{jitter}"))
            figures += [("", each) for each in remarks(one)]
    if media.wire is not None:
        figures.append(("on the wire", on_the_wire(media.wire)))
    if media.mos_lq is not None:
        talking = f", {media.mos_cq:.2f} in conversation" if media.mos_cq is not None else ""
        figures.append(("quality", f"MOS {media.mos_lq:.2f} to listen{talking} (E-model, {media.mos_scale})"))
    return figures


def digits(results: list[DigitResult]) -> str:
    """The digits with their methods."""
    methods = ", ".join(dict.fromkeys(result.method for result in results))
    return f"{''.join(one.digit for one in results)} ({methods})"
