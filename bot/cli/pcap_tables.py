"""Tables of ``srtpbot pcap``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.harmless import harmless, readable
from bot.report.console import rendered, table, width_of

if TYPE_CHECKING:
    from bot.capture.calls import CapturedCall
    from bot.capture.decrypt import Decrypted
    from bot.capture.digits import Heard
    from bot.capture.report import Analysis, StreamReport
    from bot.capture.split import Split

__all__ = ["decrypted", "parts", "streams"]

LISTED = 200
"""Largest number of listed streams, files and digits; JSON has all of them."""
WIDTH = 400
"""Width of the tables: rows are never wrapped or cut."""
HEAD = (
    "#", "call", "from", "to", "SSRC", "codec", "packets", "RTCP", "lost", "duplicates", "jitter ms", "s",
    "authenticated",
)  # fmt: skip


def streams(analysis: Analysis) -> str:
    """The streams, the negotiation of each call, and the problems."""
    analysis = readable(analysis, lines=False)
    head: list[str] = []
    if not analysis.streams:
        head = ["no RTP streams"]
    shown = analysis.streams[:LISTED]
    numbers = {call.call_id: str(number) for number, call in enumerate(analysis.calls, start=1)}
    if shown:
        rows = [_row(number, one, numbers) for number, one in enumerate(shown, start=1)]
        head = [wide_table(HEAD, rows), *_more(len(analysis.streams), "streams")]
    lines = [
        *head,
        *_calls(analysis, shown, numbers),
        *_digits(analysis.digits),
        *_problems(analysis, shown, numbers),
        *_remarks(shown),
        *_notes(analysis.notes),
    ]
    return "\n".join(lines)


def _row(number: int, one: StreamReport, calls: dict[str, str]) -> Sequence[str]:
    return (
        str(number),
        calls.get(one.call_id or "", "none"),
        one.source,
        one.target,
        f"{one.ssrc:08X}",
        _codec(one),
        str(one.packets),
        str(one.rtcp_packets),
        str(one.lost),
        str(one.duplicates),
        "" if one.jitter_ms_mean is None else f"{one.jitter_ms_mean:.1f}/{one.jitter_ms_max:.1f}",
        f"{one.duration_s:.1f}",
        _authenticated(one),
    )


def _codec(one: StreamReport) -> str:
    """The codec and its clock rate; the payload types of an unknown codec."""
    if one.codec is None:
        return ", ".join(map(str, one.payload_types))
    return one.codec if one.clock_rate is None else f"{one.codec}/{one.clock_rate}"


def _authenticated(one: StreamReport) -> str:
    if one.protection is None:
        shown = "cut short" if one.cut == one.packets else "plain"
        return shown if one.packets else ""
    if not one.packets:
        return ""
    untagged = f" ({one.protection.untagged} without a tag)" if one.protection.untagged else ""
    if one.protection.keyed_by_dtls:
        return f"by DTLS ({one.protection.dtls_packets} DTLS packets)"
    return f"{one.protection.authenticated}/{one.protection.packets}{untagged}"


def _calls(analysis: Analysis, shown: Sequence[StreamReport], numbers: dict[str, str]) -> list[str]:
    """Parties and keys of each call, or the reason for missing streams."""
    lines = [""]
    named = {one.call_id: one for one in shown}
    silent = 0
    for call in analysis.calls:
        silent += call.call_id not in named
        if call.call_id not in named and silent > LISTED:
            continue
        stream = named.get(call.call_id)
        lines.append(f"call {numbers[call.call_id]}: {call.caller} -> {call.callee}, {call.call_id}")
        if stream is None:
            lines.append(f"  {_outcome(call)}; no RTP of it")
            continue
        offered = ", ".join(stream.offered) or "no crypto"
        lines.append(f"  {stream.profile}: offered {offered}; answered {stream.answered or 'none'}")
    return lines if len(lines) > 1 else []


def _outcome(call: CapturedCall) -> str:
    """The course of a call in the capture."""
    if call.answered is not None:
        return "answered"
    return "no final response" if call.status is None else f"not answered: {call.status}"


def _problems(analysis: Analysis, shown: Sequence[StreamReport], numbers: dict[str, str]) -> list[str]:
    lines = [
        f"  call {numbers[call.call_id]}: {problem}" for call in analysis.calls for problem in call.problems
    ][:LISTED]
    numbered = [(number, one.protection) for number, one in enumerate(shown, start=1) if one.protection]
    lines += [f"  stream {number}: {problem}" for number, its in numbered for problem in its.problems]
    return ["", "problems:", *lines] if lines else []


def _remarks(shown: Sequence[StreamReport]) -> list[str]:
    return [
        f"note: stream {number}: {remark}"
        for number, one in enumerate(shown, start=1)
        for remark in one.remarks
    ]


def _digits(digits: Sequence[Heard]) -> list[str]:
    """The digits with time, duration and method."""
    if not digits:
        return []
    rows = [
        (
            digit.digit,
            _time(digit.at),
            "" if digit.duration_ms is None else f"{digit.duration_ms:.0f} ms",
            "SIP INFO" if digit.ssrc is None else f"RFC 4733, {digit.ssrc:08X}",
            f"{digit.source} -> {digit.target}",
        )
        for digit in digits[:LISTED]
    ]
    return ["", wide_table(("digit", "at", "for", "by", "from and to"), rows), *_more(len(digits), "digits")]


def _notes(notes: Sequence[str]) -> list[str]:
    return [f"note: {one}" for one in notes]


def _more(count: int, what: str) -> list[str]:
    return [f"... and {count - LISTED} more {what}; --json has all"] if count > LISTED else []


def parts(split: Split, folder: str) -> str:
    """The written files of each stream."""
    split, folder = readable(split, lines=False), harmless(folder)
    rows = [
        (f"{folder}/{part.file}", str(part.packets), f"{part.stream.source} -> {part.stream.target}")
        for part in split.parts[:LISTED]
    ]
    shown = [wide_table(("file", "packets", "stream"), rows), *_more(len(split.parts), "files")]
    return "\n".join([*shown, *_notes(split.analysis.notes)])


def decrypted(result: Decrypted, folder: str) -> str:
    """Written files, detected digits, and streams that were not decrypted."""
    result, folder = readable(result, lines=False), harmless(folder)
    lines = [f"{folder}/rtp.pcap: {result.packets} packets"]
    for recording in result.recordings[:LISTED]:
        missing = f", {recording.missing_ms:.0f} ms missing" if recording.missing_ms else ""
        lines.append(f"{folder}/{recording.file}: {recording.duration_s:.2f} s{missing}")
        lines += [f"  {problem}" for problem in recording.problems]
    lines += _more(len(result.recordings), "recordings")
    lines += [f"{folder}/{name}: both sides, the caller on the left" for name in result.stereo[:LISTED]]
    return "\n".join([*lines, *_notes(result.notes)])


def wide_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with unlimited width."""
    return rendered(table(rows, head), width=width_of(WIDTH))


def _time(at: float) -> str:
    """The time of day (UTC) of a digit."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f}"[:-3]
    except (OverflowError, ValueError, OSError):
        return f"{at:.3f}"
