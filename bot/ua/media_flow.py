"""Whether a plausible number of audio packets was sent and received, given the time since the answer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from bot.model import CallState, MediaDirection, MediaState, RtpCounters, StreamStats
from bot.ua.call_record import CallRecord

__all__ = [
    "due_s",
    "flows_plausibly",
    "heard_of",
    "received_plausibly",
    "remarks",
    "sent_plausibly",
    "unheard_packets",
]

SHARE = 0.5
"""Required fraction of the audio that is due; a peer may begin late, and packets may be lost."""
STARTING_S = 0.5
"""Time that a peer may need to begin, in seconds; a shorter call is not judged."""
USUAL_MS = 20.0
HEARING = {MediaDirection.SENDRECV, MediaDirection.RECVONLY}
SPEAKING = {MediaDirection.SENDRECV, MediaDirection.SENDONLY}
LONG_GAP_MS = 500.0
"""Shortest gap in the received packets that is reported, in ms."""


def due_s(facts: CallRecord, index: int, directions: set[MediaDirection]) -> float:
    """For how long the m= line was active in one of these directions since the call was confirmed, in s."""
    confirmed = facts.reached(CallState.CONFIRMED)
    if confirmed is None:
        return 0.0
    until = facts.measured_at.get(index, confirmed.at)
    total = 0.0
    history = [*facts.media_history, (until, ())]
    for (begin, lines), (end, _) in itertools.pairwise(history):
        runs = any(line.index == index and line.active and line.direction in directions for line in lines)
        total += max(0.0, min(end, until) - max(begin, confirmed.at)) if runs else 0.0
    return total


def received_plausibly(facts: CallRecord, line: MediaState, rx: RtpCounters) -> bool:
    """Whether enough of the due audio arrived; silence that the peer suppressed was not due."""
    due = due_s(facts, line.index, HEARING) - (rx.paused_ms or 0.0) / 1000
    return rx.packets > 0 and heard_s(line, rx) >= SHARE * max(0.0, due - STARTING_S)


def sent_plausibly(facts: CallRecord, line: MediaState, tx: RtpCounters, *, suppressing: bool) -> bool:
    """Whether this side sent enough; with silence suppression any packet will do."""
    due = 0.0 if suppressing else due_s(facts, line.index, SPEAKING)
    return tx.packets > 0 and heard_s(line, tx) >= SHARE * max(0.0, due - STARTING_S)


def flows_plausibly(
    facts: CallRecord,
    line: MediaState,
    stats: StreamStats,
    direction: MediaDirection = MediaDirection.SENDRECV,
    *,
    suppressing: bool,
) -> bool:
    """Whether a plausible amount of audio was sent and received, as far as ``direction`` has it."""
    sent = sent_plausibly(facts, line, stats.tx, suppressing=suppressing)
    received = received_plausibly(facts, line, stats.rx)
    return (sent or direction is MediaDirection.RECVONLY) and (
        received or direction is MediaDirection.SENDONLY
    )


def heard_s(line: MediaState, counters: RtpCounters) -> float:
    """How long the audio in the packets is, in s."""
    return counters.packets * packet_ms(line, counters) / 1000


def packet_ms(line: MediaState, counters: RtpCounters) -> float:
    """How long a packet lasts."""
    return counters.packet_ms or line.ptime_ms or USUAL_MS


def unheard_packets(facts: CallRecord, line: MediaState, rx: RtpCounters) -> int:
    """The number of due packets that neither arrived nor count as lost; includes refused packets.

    Up to 0.5 s of packets may be missing because the stream began late or packets are in flight.
    """
    due = due_s(facts, line.index, HEARING) - (rx.paused_ms or 0.0) / 1000 - STARTING_S
    by_time = int(max(0.0, due) * 1000 / packet_ms(line, rx)) - rx.packets - (rx.lost or 0)
    return max(0, by_time, rx.unauthentic - (rx.lost or 0))


def heard_of(facts: CallRecord, line: MediaState, stats: StreamStats) -> str:
    """Sent and received packets, in one line."""
    due = due_s(facts, line.index, HEARING)
    sent = due_s(facts, line.index, SPEAKING)
    received = ", ".join([f"received {amount(line, stats.rx, due)}", *remarks(stats.rx)])
    return f"{received}; sent {amount(line, stats.tx, sent)}"


def amount(line: MediaState, counters: RtpCounters, due: float) -> str:
    """Packets, and how long their audio is of the time that was there."""
    return f"{counters.packets} packets ({heard_s(line, counters):.1f} of {due:.1f} s)"


def remarks(rx: RtpCounters) -> Iterator[str]:
    """Remarks about the received packets: silence, gaps, refused and foreign packets."""
    for reason, count in (rx.refused or {}).items():
        yield f"{count} refused ({reason})"
    if rx.foreign is not None and rx.foreign.packets:
        yield str(rx.foreign)
    if rx.longest_gap_ms is not None and rx.longest_gap_ms > LONG_GAP_MS:
        yield f"a gap of {rx.longest_gap_ms / 1000:.1f} s"
    if rx.paused_ms:
        yield f"{rx.paused_ms / 1000:.1f} s suppressed as silence"
    if rx.silent:
        yield "all of it silence"
    yield from map(str, rx.changes or [])
    if rx.more_changes:
        yield f"and {rx.more_changes} more changes"
