"""The streams of a capture, and what was decrypted of them, as text for people; it knows no options."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.pcap.decrypt import Decrypted
    from bot.pcap.report import Analysis, StreamReport
    from bot.pcap.split import Split

__all__ = ["decrypted", "parts", "streams"]

LISTED = 200
"""Streams, files and digits that are named; JSON has all."""
WIDTH = 400
"""A row is one line, however long: an address that was cut would be worth nothing."""
HEAD = (
    "#", "call", "from", "to", "SSRC", "codec", "packets", "RTCP", "lost", "jitter ms", "s", "authenticated",
)  # fmt: skip


def streams(analysis: Analysis) -> str:
    """A table of the streams, what was negotiated for each call, and what is wrong."""
    if not analysis.streams:
        return "\n".join(["no RTP streams", *_notes(analysis.notes)])
    shown = analysis.streams[:LISTED]
    numbers = {call.call_id: str(number) for number, call in enumerate(analysis.calls, start=1)}
    rows = [_row(number, one, numbers) for number, one in enumerate(shown, start=1)]
    lines = [
        table(HEAD, rows),
        *_more(len(analysis.streams), "streams"),
        *_calls(analysis, shown, numbers),
        *_problems(shown),
        *_notes(analysis.notes),
    ]
    return printable("\n".join(lines))


def _row(number: int, one: StreamReport, calls: dict[str, str]) -> Sequence[str]:
    return (
        str(number),
        calls.get(one.call_id or "", "none"),
        one.source,
        one.target,
        f"{one.ssrc:08X}",
        f"{one.codec}/{one.clock_rate}" if one.codec else ", ".join(map(str, one.payload_types)),
        str(one.packets),
        str(one.rtcp_packets),
        str(one.lost),
        "" if one.jitter_ms_mean is None else f"{one.jitter_ms_mean:.1f}/{one.jitter_ms_max:.1f}",
        f"{one.duration_s:.1f}",
        _authenticated(one),
    )


def _authenticated(one: StreamReport) -> str:
    if one.protection is None:
        return "plain" if one.packets else ""
    if not one.packets:
        return ""
    return f"{one.protection.authenticated}/{one.protection.packets}"


def _calls(analysis: Analysis, shown: Sequence[StreamReport], numbers: dict[str, str]) -> list[str]:
    """For each call that has streams: who with whom, and what was said about keys."""
    lines = [""]
    named = {one.call_id: one for one in shown}
    for call in analysis.calls:
        stream = named.get(call.call_id)
        if stream is None:
            continue
        lines.append(f"call {numbers[call.call_id]}: {call.caller} -> {call.callee}, {call.call_id}")
        offered = ", ".join(stream.offered) or "no crypto"
        lines.append(f"  {stream.profile}: offered {offered}; answered {stream.answered or 'none'}")
    return lines if len(lines) > 1 else []


def _problems(shown: Sequence[StreamReport]) -> list[str]:
    lines = [
        f"  stream {number}: {problem}"
        for number, one in enumerate(shown, start=1)
        for problem in (one.protection.problems if one.protection else ())
    ]
    return ["", "problems:", *lines] if lines else []


def _notes(notes: Sequence[str]) -> list[str]:
    return [f"note: {one}" for one in notes]


def _more(count: int, what: str) -> list[str]:
    return [f"... and {count - LISTED} more {what}; --json has all"] if count > LISTED else []


def parts(split: Split, folder: str) -> str:
    """What was written of each stream."""
    rows = [
        (f"{folder}/{one.file}", str(one.packets), f"{one.stream.source} -> {one.stream.target}")
        for one in split.parts[:LISTED]
    ]
    shown = [table(("file", "packets", "stream"), rows), *_more(len(split.parts), "files")]
    return printable("\n".join([*shown, *_notes(split.analysis.notes)]))


def decrypted(result: Decrypted, folder: str) -> str:
    """What was written, which digits were heard, and what could not be opened."""
    lines = [f"{folder}/rtp.pcap: {result.packets} packets"]
    for one in result.recordings[:LISTED]:
        missing = f", {one.missing_ms:.0f} ms missing" if one.missing_ms else ""
        lines.append(f"{folder}/{one.file}: {one.duration_s:.2f} s{missing}")
        lines += [f"  {problem}" for problem in one.problems]
    lines += _more(len(result.recordings), "recordings")
    lines += [f"{folder}/{name}: both sides, the caller on the left" for name in result.stereo[:LISTED]]
    if result.digits:
        rows = [
            (one.digit, _time(one.at), f"{one.duration_ms:.0f} ms", f"{one.source} -> {one.target}")
            for one in result.digits[:LISTED]
        ]
        lines += ["", table(("digit", "at", "for", "stream"), rows), *_more(len(result.digits), "digits")]
    return printable("\n".join([*lines, *_notes(result.notes)]))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, none of them cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = Table(*head, box=None, pad_edge=False)
    for row in rows:
        columns.add_row(*(Text(printable(cell)) for cell in row))
    out = io.StringIO()
    Console(file=out, width=WIDTH, no_color=True, highlight=False).print(columns)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def printable(text: str) -> str:
    """What a capture says, for a terminal: it may hold escape sequences."""
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text)


def _time(at: float) -> str:
    """The time of day (UTC) of a digit."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f}"[:-3]
    except (OverflowError, ValueError, OSError):
        return f"{at:.3f}"
