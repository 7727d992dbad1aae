"""Limits that a call adds to the comparison of its recording: late audio, and packets that the library lost.

A comparison only uses the audio of a file. Lost packets without audible gaps were concealed perfectly, and
complete audio may still have arrived too late. The call knows both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bot.ipc import PlaybackStarted
from bot.model import CallState
from bot.ua import Recording, packet_ms

if TYPE_CHECKING:
    from media.audio.wav import Audio
    from media.compare.compare import Comparison, Options

__all__ = ["MAX_DELAY_MS", "in_time", "since_the_answer", "within_the_call"]

LONG_GAP_PACKETS = 3
"""A gap between two packets, in packets, that no jitter buffer expects."""
MAX_DELAY_MS = 2500.0
"""Maximum time in ms from the answer, or from the last start of a playback, to the audio."""


def within_the_call(
    comparison: Comparison, recording: Recording, wanted: Audio, options: Options, *, max_delay_ms: float
) -> Comparison:
    """The comparison with the limits of the call applied."""
    reasons = [*late(comparison, recording, max_delay_ms), *lost(comparison, recording, wanted, options)]
    if not comparison.matched:
        reasons += not_lost(comparison, recording)
    return with_reasons(comparison, reasons)


def in_time(comparison: Comparison, max_delay_ms: float) -> Comparison:
    """The comparison of a recording with audio that was due at its start."""
    return with_reasons(comparison, too_late(comparison.delay_ms, max_delay_ms))


def with_reasons(comparison: Comparison, found: Iterable[str]) -> Comparison:
    """The comparison; it fails if there is a reason."""
    reasons = tuple(found)
    if not reasons:
        return comparison
    return dataclasses.replace(comparison, matched=False, reasons=(*comparison.reasons, *reasons))


def late(comparison: Comparison, recording: Recording, max_delay_ms: float) -> Iterator[str]:
    """Whether the audio began too late, measured from the time at which it could begin."""
    begin = started_at(recording)
    if begin is None or comparison.delay_ms is None:
        return
    heard_at = begin + comparison.delay_ms / 1000
    due_at = max([begin, *(at for at in could_begin(recording) if at <= heard_at)])
    yield from too_late(1000 * (heard_at - due_at), max_delay_ms)


def too_late(delay_ms: float | None, max_delay_ms: float) -> Iterator[str]:
    """Whether a delay exceeds its limit."""
    if delay_ms is not None and delay_ms > max_delay_ms:
        yield f"it came {delay_ms:.0f} ms after it was due, more than {max_delay_ms:g} ms"


def started_at(recording: Recording) -> float | None:
    """The start of the recording on the monotonic clock."""
    activities = recording.call.facts.activities
    kept = [
        activity.at
        for activity in activities
        if (activity.kind, activity.number) == ("record", recording.number)
    ]
    return kept[0] if kept else None


def since_the_answer(audio: Audio, recording: Recording) -> Audio | None:
    """The recorded audio without early media; None if the call was not answered."""
    from media.audio.wav import Audio

    confirmed, begin = recording.call.facts.reached(CallState.CONFIRMED), started_at(recording)
    if confirmed is None:
        return None
    early_s = max(0.0, confirmed.at - begin) if begin is not None else 0.0
    return Audio(audio.samples[round(early_s * audio.rate) :], audio.rate)


def could_begin(recording: Recording) -> Iterator[float]:
    """The time of the answer, and the time at which any endpoint of the run began to play."""
    confirmed = recording.call.facts.reached(CallState.CONFIRMED)
    if confirmed is not None:
        yield confirmed.at
    for entry in recording.call.endpoint.journal.recent():
        if isinstance(entry.event, PlaybackStarted):
            yield entry.event.at


def lost(comparison: Comparison, recording: Recording, wanted: Audio, options: Options) -> Iterator[str]:
    """Whether the library counted more lost packets than the comparison found missing audio.

    Only losses within the reference, and within its sound, count.
    """
    from media.audio.levels import speech_level

    facts = recording.call.facts
    line = facts.audio()
    stats = facts.stats(line.index) if line is not None else None
    if line is None or stats is None or not stats.rx.lost or not stats.rx.packets:
        return
    each_ms, expected = packet_ms(line, stats.rx), stats.rx.packets + stats.rx.lost
    sound_ms = 1000 * wanted.duration_s * (speech_level(wanted).activity or 0.0)
    share = min(1 / each_ms / expected, 1 / (1000 * wanted.duration_s))
    unheard_ms = stats.rx.lost * each_ms * sound_ms * share - (comparison.missing_ms or 0.0)
    if unheard_ms > max(options.max_missing_ms, sound_ms * options.limits.concealed):
        yield (
            f"{stats.rx.lost} of {expected} packets were lost, about {unheard_ms:.0f} ms more of the "
            "audio than is heard to be missing"
        )


def not_lost(comparison: Comparison, recording: Recording) -> Iterator[str]:
    """Packets that arrived too late for the jitter buffer: audio is missing, but no packet was lost.

    The jitter buffer plays with the smallest delay that sufficed so far. It conceals a packet that arrives
    after its successor, or that a busy machine reads late. RFC 3550 6.4.1 counts neither as lost.
    """
    facts = recording.call.facts
    line = facts.audio()
    stats = facts.stats(line.index) if line is not None else None
    if line is None or stats is None or stats.rx.lost != 0 or stats.rx.refused:
        return
    if not (comparison.concealed_ms or comparison.missing_ms):
        return
    rx, remarks = stats.rx, []
    if rx.reordered:
        remarks.append(f"{rx.reordered} came out of order")
    if rx.longest_gap_ms is not None and rx.longest_gap_ms > LONG_GAP_PACKETS * packet_ms(line, rx):
        remarks.append(f"one came {rx.longest_gap_ms:.0f} ms after the one before")
    if remarks:
        yield f"none of the {rx.packets} packets was lost on the way here: {', '.join(remarks)}"
