"""Table of the RTP streams of a call: packets, loss, jitter and quality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.capture.verification import WireCounters, WireResult
from bot.model import RtpCounters
from bot.report.call_result import MediaResult
from bot.ua import remarks

__all__ = ["Streams", "on_the_wire", "streams"]

HEADS = ("stream", "packets", "lost", "discarded", "reordered", "duplicate", "jitter", "at most")
NOT_MEASURED = "\N{EN DASH}"


@dataclass(frozen=True)
class Streams:
    """Data of the template about the streams."""

    heads: Sequence[str]
    rows: list[tuple[str, list[str]]]
    """Rows: a name and its cells; a dash is a number that was not measured."""
    notes: list[str]
    """Lines below the table."""


def streams(media: list[MediaResult]) -> Streams:
    """The counters of each direction, and the scores, remarks and captured packets of each m= line."""
    rows = [
        (f"{line.type} {way}", list(cells(counters)))
        for line in media
        for way, counters in (("received", line.rx), ("sent", line.tx))
        if counters is not None
    ]
    return Streams(HEADS, rows, [note for line in media for note in notes(line)])


def notes(line: MediaResult) -> Iterator[str]:
    """Scores, remarks and captured packets of one m= line."""
    if told := "; ".join(quality(line)):
        yield f"{line.type}: {told}"
    if line.rx is not None and (told := "; ".join(remarks(line.rx))):
        yield f"{line.type} received: {told}"
    if line.wire is not None:
        yield f"{line.type} on the wire: {on_the_wire(line.wire)}"


def cells(counters: RtpCounters) -> Iterator[str]:
    """A row."""
    yield str(counters.packets)
    yield lost(counters)
    for count in (counters.discarded, counters.reordered, counters.duplicate):
        yield NOT_MEASURED if count is None else str(count)
    for jitter in (counters.jitter_ms_mean, counters.jitter_ms_max):
        yield NOT_MEASURED if jitter is None else f"{jitter:.1f} ms"


def lost(counters: RtpCounters) -> str:
    """The number, and its percentage of the expected packets."""
    if counters.lost is None:
        return NOT_MEASURED
    expected = counters.packets + counters.lost
    return f"{counters.lost} ({100 * counters.lost / expected:.1f} %)" if counters.lost else "0"


def quality(line: MediaResult) -> Iterator[str]:
    """Delay and scores, without values that were not measured."""
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
    """Captured packets of both directions."""
    told = [f"received {protected(wire.rx)}", f"sent {protected(wire.tx)}"]
    told += [wire.suite] if wire.suite else []
    told += [f"{wire.reused} under a key stream that was used before"] if wire.reused else []
    return "; ".join(told)


def protected(counters: WireCounters) -> str:
    """``300 of 300 packets authenticated``, and the numbers of other packets."""
    if counters.plain == counters.packets:
        return f"{counters.packets:,} packets of plain RTP" if counters.packets else "nothing"
    others = [(counters.plain, "plain"), (counters.failed, "not authentic")]
    if counters.protected:
        told = [f"{counters.protected:,} of {counters.packets:,} packets protected by DTLS-SRTP"]
    else:
        told = [f"{counters.authenticated:,} of {counters.packets:,} packets authenticated"]
    return ", ".join([*told, *(f"{count:,} {what}" for count, what in others if count)])
