"""bot.expectations.base: the end of a call's story in words."""

from __future__ import annotations

import pytest

from bot.expectations.base import LAST_MESSAGES, LAST_STATES, history
from bot.ipc.events import CallStateChanged, SipReceived, SipSent
from bot.model import CallState, Direction, EndedBy
from bot.ua.call_record import CallRecord
from tests.support.fakes import KEY, SUITE, invite, message, response, sdp, started

DIALOG = "a@b"


@pytest.fixture
def record() -> CallRecord:
    return CallRecord.of(started(1, DIALOG, direction=Direction.OUTGOING, at=100.0))


def state(state: CallState, at: float, code: int = 0, reason: str = "") -> CallStateChanged:
    return CallStateChanged(at=at, call=1, state=state, code=code, reason=reason, by=EndedBy.REMOTE)


def sent(text: str, at: float = 100.0) -> SipSent:
    return SipSent(at=at, transport="udp", peer="127.0.0.1:5070", text=text)


def received(text: str, at: float = 100.0) -> SipReceived:
    return SipReceived(at=at, transport="udp", peer="127.0.0.1:5070", text=text)


def test_nothing_happened(record: CallRecord) -> None:
    assert history(record) == ["last states:", "  none", "SIP messages:", "  none"]


def test_a_whole_story(record: CallRecord) -> None:
    for event in (
        sent(invite(DIALOG, body=sdp(SUITE)), 100.0),
        state(CallState.CALLING, 100.001),
        received(response(DIALOG, 100, "Trying"), 100.002),
        received(response(DIALOG, 488, "Not Acceptable Here"), 101.25),
        state(CallState.DISCONNECTED, 101.251, 488, "Not Acceptable Here"),
    ):
        record.observe(event)
    assert history(record) == [
        "last states:",
        "     0.001  CALLING",
        "     1.251  DISCONNECTED 488 Not Acceptable Here",
        "SIP messages:",
        f"     0.000  --> INVITE sip:peer@127.0.0.1:5070  [audio RTP/SAVP PCMA, {SUITE}, sendrecv]",
        "     0.002  <-- 100 Trying (INVITE)",
        "     1.250  <-- 488 Not Acceptable Here (INVITE)",
    ]


def test_only_the_end_is_told(record: CallRecord) -> None:
    for number in range(20):
        record.observe(state(CallState.EARLY, 100.0 + number, 180 + number % 10, f"state{number}"))
        record.observe(received(response(DIALOG, 180, f"message{number}")))
    lines = history(record)
    assert sum("state" in line for line in lines) == LAST_STATES + 1  # and the heading
    assert sum("message" in line.casefold() for line in lines) == LAST_MESSAGES + 1
    assert "state19" in lines[LAST_STATES]
    assert "message19" in lines[-1]


def test_several_lines_of_sdp(record: CallRecord) -> None:
    body = sdp(None) + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    record.observe(sent(invite(DIALOG, body=body)))
    assert history(record)[-1].endswith(
        "[audio RTP/AVP PCMA, no crypto, sendrecv; video RTP/AVP H264, no crypto, sendrecv]"
    )


def test_keys_are_not_told(record: CallRecord) -> None:
    text = f"INVITE sip:a@b SIP/2.0\r\nCall-ID: {DIALOG}\r\nContent-Type: application/sdp\r\n\r\n{sdp()}"
    record.observe(sent(text))
    record.observe(sent(message("OPTIONS sip:a:geheim@b SIP/2.0", DIALOG, "1 OPTIONS")))
    words = "\n".join(history(record))
    assert SUITE in words
    assert KEY not in words
    assert "geheim" not in words


@pytest.mark.parametrize("body", ["v=0\r\nm=audio\r\n", "v=0\r\n", "\x00\x01", "m=\r\n"])
def test_broken_sdp_is_no_reason_to_fail(record: CallRecord, body: str) -> None:
    record.observe(sent(invite(DIALOG, body=body)))
    assert "--> INVITE" in history(record)[-1]
