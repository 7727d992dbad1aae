"""Recordings of markers, and the verdict on them: which audio came back, how late, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.load.detail import LATE, MISSING, SILENCE, UNHEARD, CallDetail
from bot.load.hearing import Hearing
from bot.load.listener import Heard
from bot.load.sounds import LEAD_S, Section
from bot.model import CallState
from bot.ua import Call, Recording

__all__ = ["Take", "judge_audio"]

MISSING_MS = 200.0
"""More audio of a marker than this must not be missing; a codec may cost some of its 480 ms."""
MAX_ECHO_MS = 800.0
"""The longest that audio may take there and back: twice the 400 ms of ITU-T G.114."""


@dataclass
class Take:
    """A recording of a marker, and when the recording and the playback began."""

    section: Section
    recording: Recording
    played: int
    """Index of the playback among the activities of the call."""
    is_cut_short: bool = False
    """Whether the call ended before its echo was due; then it proves nothing about the audio."""


def judge_audio(detail: CallDetail, call: Call, takes: Sequence[Take], hearing: Hearing) -> None:
    """Search the recordings for their markers and note what is wrong; waits for the searching processes."""
    takes = [take for take in takes if not take.is_cut_short]
    if not takes or call.facts.reached(CallState.CONFIRMED) is None or detail.verdict == "ended":
        return
    delays: list[float] = []
    heard_all: list[int] = []
    missing = 0.0
    for take in takes:
        heard = hearing.listen(take.recording.path, take.section.identity)
        heard_all += heard.identities
        missing += heard.missing_ms
        if heard.start_s is not None:
            delays.append(_delay_ms(take, heard.start_s))
        _judge_take(detail, take, heard)
    detail.markers_sent = " ".join(str(take.section.identity) for take in takes)
    detail.markers_heard = " ".join(map(str, heard_all))
    detail.missing_ms = missing if delays else None
    detail.delay_ms = round(max(delays), 1) if delays else None
    if delays and max(delays) > MAX_ECHO_MS:
        detail.fail(LATE, f"heard after {max(delays):.0f} ms, at most {MAX_ECHO_MS:.0f}")


def _judge_take(detail: CallDetail, take: Take, heard: Heard) -> None:
    where = f"at its {take.recording.path.stem}"
    own, others = take.section.identity, [one for one in heard.identities if one != take.section.identity]
    if heard.start_s is None and others:
        detail.fail("wrong marker", f"{where} marker {others[0]} was heard, not {own}: other audio")
    elif heard.problem:
        detail.fail("no audio", f"{where}: {heard.problem}")
    elif heard.start_s is None and heard.silent:
        detail.fail(SILENCE, f"{where} all was silent; marker {own} was expected")
    elif heard.start_s is None:
        detail.fail(UNHEARD, f"{where} marker {own} was not heard")
    elif heard.missing_ms > MISSING_MS:
        detail.fail(MISSING, f"{where} {heard.missing_ms:.0f} ms of marker {own} were missing")


def _delay_ms(take: Take, start_s: float) -> float:
    """From the playing of the marker to its arrival: both begin when the media is active, or later."""
    activities = take.recording.call.facts.activities
    plays = [one for one in activities if one.kind == "play"]
    records = [one for one in activities if one.kind == "record" and one.number == take.recording.number]
    if take.played >= len(plays) or not records:
        return 0.0
    return 1000 * (records[0].at + start_s - plays[take.played].at - LEAD_S)
