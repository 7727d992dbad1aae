"""States, responses and their times: live, afterwards, and when they can no longer come."""

from __future__ import annotations

import pytest

from bot import expect
from bot.errors import ConfigError, ExpectationFailed
from bot.model import CallState
from tests.support.fakes import LONG, Line, Rig, at_once, audio, response, while_waiting


def test_a_state_is_waited_for_and_remembered(rig: Rig, line: Line) -> None:
    with while_waiting(rig.journal, lambda: line.state(CallState.CONNECTING, 200, "OK")), at_once():
        expect(line.call).to_have_reached("connecting", timeout=LONG)
    line.ended()
    expect(line.call).to_have_reached(CallState.CONNECTING)
    with at_once(), pytest.raises(ExpectationFailed, match="expected: CONFIRMED"):
        expect(line.call).to_have_reached("confirmed", timeout=LONG)
    with pytest.raises(ConfigError, match="state 'UP' is unknown; expected one of NULL, CALLING"):
        expect(line.call).to_have_reached("up")


def test_a_state_that_must_not_come(rig: Rig, line: Line) -> None:
    expect(line.call).not_to_have_reached("early")
    with (
        while_waiting(rig.journal, lambda: line.state(CallState.EARLY, 180, "Ringing")),
        at_once(),
        pytest.raises(ExpectationFailed, match=r"(?s)never EARLY.*observed: CALLING EARLY"),
    ):
        expect(line.call).not_to_have_reached("early", during=LONG)


def test_a_response_is_waited_for(rig: Rig, line: Line) -> None:
    ringing = response(line.dialog, 180, "Ringing")
    with while_waiting(rig.journal, lambda: line.received(ringing)), at_once():
        expect(line.call).to_have_response(180, timeout=LONG)
    expect(line.call).not_to_have_response(183)
    with pytest.raises(ExpectationFailed, match="observed: 180"):
        expect(line.call).not_to_have_response(180, during=LONG)
    line.ended()
    expect(line.call).to_have_response(180)
    with at_once(), pytest.raises(ExpectationFailed, match=r"expected: 183\nobserved: 180\nit can no longer"):
        expect(line.call).to_have_response(183, timeout=LONG)


def test_the_time_of_a_response(rig: Rig, line: Line) -> None:
    with (
        while_waiting(rig.journal, lambda: line.received(response(line.dialog, 180, "Ringing"))),
        at_once(),
    ):
        expect(line.call).to_be_ringing_within(60_000, timeout=LONG)
    with pytest.raises(ExpectationFailed, match=r"(?s)within 0 ms.*observed: after \d"):
        expect(line.call).to_be_ringing_within(0)
    with pytest.raises(ExpectationFailed, match=r"(?s)observed: not answered.*waited 0 s"):
        expect(line.call).to_be_answered_within(60_000, timeout=0)
    line.answered()
    line.ended()
    expect(line.call).to_be_answered_within(60_000)
    expect(line.call).to_be_answered_after(0)
    with pytest.raises(ExpectationFailed, match="not before 60000 ms"):
        expect(line.call).to_be_answered_after(60_000)


def test_a_call_that_ended_is_not_waited_for(line: Line) -> None:
    line.ended(486, "Busy Here")
    for assertion in (expect(line.call).to_be_ringing_within, expect(line.call).to_be_answered_after):
        with at_once(), pytest.raises(ExpectationFailed, match="486 Busy Here"):
            assertion(100, timeout=LONG)


def test_media_of_any_direction_and_inactive_media(rig: Rig, line: Line) -> None:
    expect(line.call).not_to_have_active_media()
    line.media(audio(active=False))
    expect(line.call).to_have_inactive_media()
    with while_waiting(rig.journal, lambda: line.media(audio())), at_once():
        expect(line.call).to_have_active_media(direction="any", timeout=LONG)
    with pytest.raises(ExpectationFailed, match="observed: audio active, sendrecv"):
        expect(line.call).to_have_inactive_media(timeout=0)
    with at_once(), pytest.raises(ExpectationFailed, match="no active media"):
        expect(line.call).not_to_have_active_media(during=LONG)


def test_media_before_a_response(rig: Rig, line: Line) -> None:
    with at_once(), pytest.raises(ExpectationFailed, match="observed: no 180 came, CALLING"):
        expect(line.call).not_to_have_media_before(180, timeout=0)
    line.received(response(line.dialog, 180, "Ringing"))
    expect(line.call).not_to_have_media_before(180)
    line.media(audio())
    expect(line.call).not_to_have_media_before(180)
    line.received(response(line.dialog, 183, "Session Progress"))
    with pytest.raises(ExpectationFailed, match=r"observed: media \d+\.\d ms before the 183"):
        expect(line.call).not_to_have_media_before(183)
