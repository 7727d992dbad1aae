"""bot.report.timeline: states, media, files and digits where they were, in a drawing that is told too."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from bot.ipc.events import (
    CallStarted,
    CallStateChanged,
    DtmfReceived,
    DtmfSent,
    MediaStateChanged,
    PlaybackFinished,
    PlaybackStarted,
    RecordingFinished,
    RecordingStarted,
)
from bot.model import CallState, DtmfMethod, MediaDirection
from bot.report.timeline import round_step, timeline
from bot.ua.call_record import CallRecord
from tests.support.fakes import audio, started
from tests.support.markup import macro


def call(*states: tuple[CallState, float], code: int = 200) -> CallRecord:
    begun: CallStarted = started(1, "a@b", at=100.0)
    known = CallRecord.of(begun)
    for state, at in states:
        known.observe(CallStateChanged(at=100 + at, call=1, state=state, code=code, reason="OK"))
    return known


def drawn(known: CallRecord) -> str:
    return macro("timeline.html", "call_timeline", timeline(known))


def titles(markup: str) -> list[str]:
    return re.findall(r"<title>([^<]*)</title>", markup)[1:]


def test_states_until_the_next_one() -> None:
    found = drawn(call((CallState.CALLING, 0.0), (CallState.CONFIRMED, 1.0), (CallState.DISCONNECTED, 5.0)))
    assert titles(found) == ["CALLING: 0.000 s to 1.000 s", "CONFIRMED: 1.000 s to 5.000 s"]
    assert "5.000 s DISCONNECTED (200 OK)" in found
    ET.fromstring(f"<div>{found}</div>")


def test_media_as_it_changed() -> None:
    known = call((CallState.CONFIRMED, 0.0), (CallState.DISCONNECTED, 9.0))
    held = audio(direction=MediaDirection.SENDONLY, suite=None)
    for at, line in ((1.0, audio()), (2.0, audio()), (3.0, held), (4.0, audio(active=False))):
        known.observe(MediaStateChanged(at=100 + at, call=1, media=[line]))
    assert titles(drawn(known))[1:] == [
        "PCMA sendrecv, AES_CM_128_HMAC_SHA1_80: 1.000 s to 3.000 s",
        "PCMA sendonly, plain RTP: 3.000 s to 4.000 s",
        "inactive: 4.000 s to 9.000 s",
    ]


def test_files_and_digits() -> None:
    known = call((CallState.CONFIRMED, 0.0), (CallState.DISCONNECTED, 9.0))
    known.observe(PlaybackStarted(at=101.0, call=1, playback=1))
    known.observe(PlaybackFinished(at=103.0, call=1, playback=1, complete=True))
    known.observe(RecordingStarted(at=101.0, call=1, recording=1))
    known.observe(PlaybackStarted(at=104.0, call=1, playback=2))
    known.observe(RecordingFinished(at=108.0, call=1, recording=1, path="x.wav"))
    known.observe(DtmfSent(at=102.0, call=1, transmission=1, digit="#", method=DtmfMethod.INFO))
    known.observe(DtmfReceived(at=102.5, call=1, digit="7", method=DtmfMethod.RFC4733, duration_ms=100))
    assert titles(drawn(known))[1:] == [
        "play: 1.000 s to 3.000 s",
        "until an end that was not seen: 4.000 s to 9.000 s",
        "record: 1.000 s to 8.000 s",
        "# by info at 2.000 s",
        "7 by rfc4733 at 2.500 s, 100 ms",
    ]


def test_digits_that_come_close_do_not_hide_one_another() -> None:
    known = call((CallState.CONFIRMED, 0.0), (CallState.DISCONNECTED, 900.0))
    for number, digit in enumerate("159"):
        known.observe(
            DtmfSent(at=110.0 + number / 5, call=1, transmission=1, digit=digit, method=DtmfMethod.INFO)
        )
    heights = re.findall(r'y="(\d+)" text-anchor="middle" class="digit"', drawn(known))
    assert heights == ["17", "24", "17"]


@pytest.mark.parametrize("known", [call(), call((CallState.DISCONNECTED, 0.0))])
def test_a_call_of_no_length(known: CallRecord) -> None:
    assert "nan" not in drawn(known)
    assert "<svg" in drawn(known)


@pytest.mark.parametrize(
    ("least", "step"), [(0.9, 1), (1.0, 1), (1.1, 2), (3, 5), (6, 10), (0.03, 0.05), (700, 1000), (0, 1e-6)]
)
def test_round_numbers_on_the_axis(least: float, step: float) -> None:
    assert round_step(least) == pytest.approx(step)
