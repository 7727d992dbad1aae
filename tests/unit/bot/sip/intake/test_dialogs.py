"""bot.sip.intake: requests within a dialog (RFC 3261 12.2), and SDP in responses."""

from __future__ import annotations

import pytest

from bot.sip.intake import SILENCE, Dialogs, Mended, Refusal, judge
from tests.support.intake import IN_DIALOG, message, refusal


class Ended(Dialogs):
    def is_over(self, call_id: bytes) -> bool:
        return call_id == b"2"


class Inviting(Dialogs):
    def is_inviting(self, call_id: bytes) -> bool:
        return call_id == b"2"


class Owning(Dialogs):
    def owner(self, tag: bytes) -> bytes | None:
        return {b"9": b"another", b"8": b"2"}.get(tag)


def in_dialog(method: str) -> bytes:
    return message("", method=method, to=IN_DIALOG)


@pytest.mark.parametrize("to", ["", ";tag=", ";tag=;x"])
def test_an_ack_without_a_tag(to: str) -> None:
    assert refusal(message("", method="ACK", to=to)).rule == "ack-without-tag"


def test_a_request_of_a_dialog_that_has_ended() -> None:
    verdict = judge(in_dialog("INFO"), dialogs=Ended())
    assert isinstance(verdict, Refusal)
    assert (verdict.rule, verdict.code) == ("ended-dialog", 481)
    assert judge(in_dialog("INFO")) is None
    for method in ("BYE", "ACK", "CANCEL"):
        assert judge(in_dialog(method), dialogs=Ended()) is None
    assert judge(message(), dialogs=Ended()) is None  # the Call-ID is used again


@pytest.mark.parametrize(("method", "code"), [("INFO", 481), ("BYE", 481), ("INVITE", 481), ("ACK", SILENCE)])
def test_a_request_with_the_tag_of_another_call(method: str, code: int) -> None:
    verdict = judge(in_dialog(method), dialogs=Owning())
    assert isinstance(verdict, Refusal)
    assert (verdict.rule, verdict.code) == ("other-dialog", code)
    assert judge(in_dialog(method).replace(b";tag=9", b";tag=8"), dialogs=Owning()) is None


def test_an_invite_meets_one_of_ours() -> None:
    verdict = judge(in_dialog("INVITE"), dialogs=Inviting())
    assert isinstance(verdict, Refusal)
    assert (verdict.rule, verdict.code) == ("invite-in-progress", 491)
    assert judge(in_dialog("UPDATE"), dialogs=Inviting()) is None


@pytest.mark.parametrize(
    ("status", "method", "passes"),
    [
        ("183", "INVITE", True),
        ("200", "INVITE", True),
        ("200", "UPDATE", True),
        ("200", "OPTIONS", True),
        ("200", "PRACK", False),
        ("200", "BYE", False),
        ("488", "INVITE", False),
    ],
)
def test_sdp_in_responses(status: str, method: str, passes: bool) -> None:
    head, _, body = message().partition(b"\r\n\r\n")
    lines = head.replace(b"CSeq: 1 INVITE", f"CSeq: 1 {method}".encode()).split(b"\r\n")
    verdict = judge(b"\r\n".join([f"SIP/2.0 {status} x".encode(), *lines[1:]]) + b"\r\n\r\n" + body)
    if passes:
        assert verdict is None
    else:
        assert isinstance(verdict, Mended)
        assert verdict.data.endswith(b"\r\n\r\n")
