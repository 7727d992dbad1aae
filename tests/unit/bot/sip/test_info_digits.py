"""The digit in the body of an INFO."""

from __future__ import annotations

import pytest

from bot.sip import Message, digit_of


def info(kind: str, body: str) -> Message:
    return Message.parse(f"INFO sip:a@b SIP/2.0\r\nContent-Type: {kind}\r\n\r\n{body}")


@pytest.mark.parametrize(
    ("kind", "body", "found"),
    [
        ("application/dtmf", "5", ("5", None)),
        ("application/dtmf;charset=utf-8", "10\r\n", ("*", None)),
        ("Application/DTMF", "Signal=7\r\nDuration=80\r\n", ("7", 80)),
        ("audio/telephone-event", "11", ("#", None)),
        ("application/vnd.nortelnetworks.digits", "p=Digit-Collection\r\ny=Digits\r\nd=5\r\n", ("5", None)),
        ("application/hook-flash", "", ("flash", None)),
        (
            "multipart/mixed;boundary=x",
            "--x\r\nContent-Type: application/dtmf\r\n\r\n5\r\n--x--",
            ("5", None),
        ),
        ("application/dtmf", "hello", None),
        ("application/dtmf", "55", None),
        ("text/plain", "5", None),
    ],
)
def test_a_digit_in_an_info(kind: str, body: str, found: tuple[str, float | None] | None) -> None:
    assert digit_of(info(kind, body)) == found
