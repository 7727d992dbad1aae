"""bot.sip.prack: each reliable provisional response and its PRACK."""

from __future__ import annotations

import pytest

from bot.sip.message import Message
from bot.sip.prack import acknowledged, reliable_responses, unacknowledged


def ringing(rseq: int, *, cseq: int = 1, status: int = 180, require: str = "100rel") -> Message:
    """A provisional response."""
    fields = f"CSeq: {cseq} INVITE\r\nRequire: {require}\r\nRSeq: {rseq}\r\n"
    return Message.parse(f"SIP/2.0 {status} Any\r\n{fields}\r\n")


def prack(rack: str, *, cseq: int = 2) -> Message:
    """A PRACK."""
    return Message.parse(f"PRACK sip:b SIP/2.0\r\nCSeq: {cseq} PRACK\r\nRAck: {rack}\r\n\r\n")


def accepted(cseq: int = 2, status: int = 200) -> Message:
    """The answer to a PRACK."""
    return Message.parse(f"SIP/2.0 {status} Any\r\nCSeq: {cseq} PRACK\r\n\r\n")


def test_a_whole_exchange() -> None:
    messages = [ringing(7), ringing(7), prack("7 1 INVITE"), accepted(), ringing(8, status=183)]
    messages += [prack("8 1 INVITE", cseq=3), accepted(3)]
    assert reliable_responses(messages) == acknowledged(messages) == [(7, 1), (8, 1)]
    assert unacknowledged(messages) == []


@pytest.mark.parametrize(
    "message",
    [ringing(7, require="timer"), ringing(7, status=100), ringing(7, status=200)],
)
def test_other_responses_need_no_prack(message: Message) -> None:
    assert reliable_responses([message]) == []


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ([ringing(7)], "no PRACK for RSeq 7 of INVITE 1"),
        ([ringing(7), prack("7 1 INVITE")], "no PRACK for RSeq 7 of INVITE 1"),
        ([ringing(7), prack("7 1 INVITE"), accepted(status=481)], "no PRACK for RSeq 7 of INVITE 1"),
        ([ringing(7), prack("7 2 INVITE"), accepted()], "no PRACK for RSeq 7 of INVITE 1"),
        ([ringing(7), prack("seven"), accepted()], "no PRACK for RSeq 7 of INVITE 1"),
        ([prack("9 1 INVITE"), accepted()], "a PRACK for RSeq 9, which was not sent"),
        ([ringing(7), ringing(9)], "RSeq 9 follows 7; RFC 3262 3 has it rise by one"),
    ],
)
def test_what_is_wrong(messages: list[Message], fault: str) -> None:
    assert fault in unacknowledged(messages)


def test_another_invite_begins_anew() -> None:
    messages = [ringing(7), prack("7 1 INVITE"), accepted()]
    messages += [ringing(99, cseq=5), prack("99 5 INVITE", cseq=6), accepted(6)]
    assert unacknowledged(messages) == []
