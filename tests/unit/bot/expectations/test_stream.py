"""bot.expectations.stream and headers of selected messages."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot import expect
from bot.errors import ConfigError, ExpectationFailed
from bot.ipc.events import MediaStateChanged
from bot.model import MediaDirection, MediaState
from tests.support.fakes import LONG, PEER, Line, Rig, at_once, message, response, while_waiting


def runs(line: Line, **facts: Any) -> None:
    """The library has told of a stream."""
    state = MediaState(
        index=0,
        type="audio",
        active=True,
        direction=MediaDirection.SENDRECV,
        codec="PCMA",
        clock_rate=8000,
        **facts,
    )
    line.driver.feed(MediaStateChanged(at=time.monotonic(), call=line.number, media=[state]))


def test_a_stream_is_waited_for(rig: Rig, line: Line) -> None:
    with (
        while_waiting(
            rig.journal, lambda: runs(line, ptime_ms=30, payload_type=8, telephone_event=101, rtcp_mux=True)
        ),
        at_once(),
    ):
        expect(line.call).to_have_stream(ptime_ms=30, telephone_event=101, timeout=LONG)
    expect(line.call).to_have_stream(rtcp_mux=True, payload_type=8)
    with pytest.raises(ExpectationFailed, match=r"(?s)expected: ptime_ms 20.*observed: ptime_ms 30"):
        expect(line.call).to_have_stream(ptime_ms=20, timeout=0)


def test_no_telephone_events_are_0(line: Line) -> None:
    with pytest.raises(ExpectationFailed, match="observed: no audio stream"):
        expect(line.call).to_have_stream(telephone_event=0, timeout=0)
    runs(line, channels=1, rtcp_mux=False)
    expect(line.call).to_have_stream(telephone_event=0, rtcp_mux=False, channels=1)
    with pytest.raises(ConfigError, match="no expectation of the stream"):
        expect(line.call).to_have_stream()


def test_headers_of_one_kind_of_message(line: Line) -> None:
    line.received(response(line.dialog, 180, "Ringing", headers={"X-Ring": "1"}))
    line.sent(message(f"ACK {PEER} SIP/2.0", line.dialog, "1 ACK", {"X-Ack": "1"}))
    expect(line.call).to_have_header("X-Ring", "1", on="180")
    expect(line.call).to_have_header("X-Ack", on="ACK", sent=True)
    expect(line.call).not_to_have_header("X-Ring", on="180", matching="2")
    for on, sent, observed in (
        ("183", False, "received 183"),
        ("180", True, "sent 180"),
        ("INVITE", True, "X-Ring"),
    ):
        with pytest.raises(ExpectationFailed, match=f"observed: no {observed}"):
            expect(line.call).to_have_header("X-Ring", timeout=0, on=on, sent=sent)
    with pytest.raises(ExpectationFailed, match="observed: X-Ring: 1"):
        expect(line.call).not_to_have_header("X-Ring", on="180", timeout=0)
    with pytest.raises(ExpectationFailed, match="observed: no received 200"):
        expect(line.call).not_to_have_header("X-Ring", on="200", timeout=0)
