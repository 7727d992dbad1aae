"""What the streams of a call carried, as a table: packets, loss, jitter, and the quality that follows."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from bot.model import RtpCounters
from bot.pcap.proof import WireCounters, WireResult
from bot.report.result import MediaResult

__all__ = ["on_the_wire", "streams"]

HEADS = ("stream", "packets", "lost", "discarded", "reordered", "duplicate", "jitter", "at most")
NOT_MEASURED = "\N{EN DASH}"


def streams(media: list[MediaResult]) -> Iterator[str]:
    """The table; what was not measured is a dash."""
    rows = [
        (f"{line.type} {way}", counters)
        for line in media
        for way, counters in (("received", line.rx), ("sent", line.tx))
        if counters is not None
    ]
    if not rows:
        yield "<p class=none>No RTP was counted.</p>"
    else:
        yield "<div class=wide><table><tr>"
        yield "".join(f"<th{' class=n' if number else ''}>{name}" for number, name in enumerate(HEADS))
        for name, counters in rows:
            yield f"<tr><td>{escape(name)}" + "".join(f"<td class=n>{cell}" for cell in cells(counters))
        yield "</table></div>"
    for line in media:
        if told := "; ".join(quality(line)):
            yield f"<p>{escape(line.type)}: {escape(told)}</p>"
        if line.wire is not None:
            yield f"<p>{escape(line.type)} on the wire: {escape(on_the_wire(line.wire))}</p>"


def cells(counters: RtpCounters) -> Iterator[str]:
    """A row."""
    yield str(counters.packets)
    yield lost(counters)
    for count in (counters.discarded, counters.reordered, counters.duplicate):
        yield NOT_MEASURED if count is None else str(count)
    for jitter in (counters.jitter_ms_mean, counters.jitter_ms_max):
        yield NOT_MEASURED if jitter is None else f"{jitter:.1f} ms"


def lost(counters: RtpCounters) -> str:
    """The number and its share of what was expected."""
    if counters.lost is None:
        return NOT_MEASURED
    expected = counters.packets + counters.lost
    return f"{counters.lost} ({100 * counters.lost / expected:.1f} %)" if counters.lost else "0"


def quality(line: MediaResult) -> Iterator[str]:
    """Delay and scores, those that are known."""
    if line.mos_lq is not None:
        yield f"MOS to listen {line.mos_lq:.2f}"
    if line.mos_cq is not None:
        yield f"in conversation {line.mos_cq:.2f}"
    if line.mos_scale is not None:
        yield f"by the E-model, {line.mos_scale}"
    if line.rtt_ms is not None:
        yield f"round trip {line.rtt_ms:.1f} ms"
    if line.jitter_buffer_ms is not None:
        yield f"jitter buffer {line.jitter_buffer_ms:.0f} ms"


def on_the_wire(wire: WireResult) -> str:
    """What was captured, both ways."""
    told = [f"received {protected(wire.rx)}", f"sent {protected(wire.tx)}"]
    told += [wire.suite] if wire.suite else []
    told += [f"{wire.reused} under a key stream that was used before"] if wire.reused else []
    return "; ".join(told)


def protected(counters: WireCounters) -> str:
    """``300 of 300 packets authenticated``, and what the others were."""
    if counters.plain == counters.packets:
        return f"{counters.packets:,} packets of plain RTP" if counters.packets else "nothing"
    others = [(counters.plain, "plain"), (counters.failed, "not authentic")]
    told = [f"{counters.authenticated:,} of {counters.packets:,} packets authenticated"]
    return ", ".join([*told, *(f"{count:,} {what}" for count, what in others if count)])
