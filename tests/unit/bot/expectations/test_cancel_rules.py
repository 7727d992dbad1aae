"""bot.expectations.cancel_rules: a CANCEL held against its INVITE, field by field, and what has to follow."""

from __future__ import annotations

from typing import Any

import pytest

from bot.expectations.cancel_rules import incomplete, wrong_with
from bot.sip.message import Message
from bot.ua.traced_message import TracedMessage

HEAD = {
    "Via": "SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK1",
    "From": "<sip:a@127.0.0.1>;tag=1",
    "To": "<sip:b@127.0.0.1>",
    "Call-ID": "x@y",
}


def traced(start: str, cseq: str, *, sent: bool, **changed: str) -> TracedMessage:
    """A message of a call; a header's dashes are underscores."""
    fields = HEAD | {"CSeq": cseq} | {name.replace("_", "-"): value for name, value in changed.items()}
    text = "\r\n".join([start, *(f"{name}: {value}" for name, value in fields.items()), "", ""])
    return TracedMessage(sent, 0.0, "udp", "127.0.0.1:5070", Message.parse(text), text)


def story(
    sent: bool = True, *, uri: str = "sip:b@127.0.0.1", cseq: int = 7, **cancel: str
) -> list[TracedMessage]:
    """An INVITE that was given up, seen from the side that gave it up or from the other."""
    return [
        traced("INVITE sip:b@127.0.0.1 SIP/2.0", "7 INVITE", sent=sent),
        traced("SIP/2.0 180 Ringing", "7 INVITE", sent=not sent),
        traced(f"CANCEL {uri} SIP/2.0", f"{cseq} CANCEL", sent=sent, **cancel),
        traced("SIP/2.0 200 OK", f"{cseq} CANCEL", sent=not sent),
        traced("SIP/2.0 487 Request Terminated", "7 INVITE", sent=not sent),
        traced("ACK sip:b@127.0.0.1 SIP/2.0", "7 ACK", sent=sent),
    ]


@pytest.mark.parametrize("sent", [True, False])
def test_all_is_well(sent: bool) -> None:
    assert wrong_with(story(sent)) == []
    assert incomplete(story(sent)) is None


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"uri": "sip:c@127.0.0.1"}, "Request-URI is 'sip:c@127.0.0.1', the INVITE's is 'sip:b@127.0.0.1'"),
        ({"Call_ID": "z"}, "Call-ID is 'z', the INVITE's is 'x@y'"),
        ({"From": "<sip:a@127.0.0.1>;tag=2"}, "From is '<sip:a@127.0.0.1>;tag=2'"),
        ({"To": "<sip:b@127.0.0.1>;tag=3"}, "To is '<sip:b@127.0.0.1>;tag=3'"),
        ({"cseq": 8}, "CSeq number is 8, the INVITE's is 7"),
        ({"Via": "SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK2"}, "top Via is"),
        ({"Route": "<sip:p;lr>"}, "Route is ['<sip:p;lr>'], the INVITE's is []"),
        ({"Require": "100rel"}, "it has Require or Proxy-Require"),
    ],
)
@pytest.mark.parametrize("sent", [True, False])
def test_every_field_counts(sent: bool, changed: dict[str, Any], fault: str) -> None:
    [found] = wrong_with(story(sent, **changed))
    assert found.startswith(fault)


def test_cancel_before_any_response_is_the_senders_fault() -> None:
    def hasty(sent: bool) -> list[TracedMessage]:
        messages = story(sent)
        messages[1], messages[2] = messages[2], messages[1]
        return messages

    assert wrong_with(hasty(True)) == ["it was sent before any provisional response"]
    assert wrong_with(hasty(False)) == []  # on the way one may overtake the other


@pytest.mark.parametrize(
    ("length", "lacking"),
    [
        (0, "no CANCEL"),
        (2, "no CANCEL"),
        (3, "no response to the CANCEL"),
        (4, "no final response to the INVITE"),
        (5, "no ACK of the 487"),
    ],
)
def test_what_is_still_to_come(length: int, lacking: str) -> None:
    assert incomplete(story()[:length]) == lacking


def test_cancel_without_an_invite() -> None:
    assert incomplete(story()[2:]) == "no INVITE that the CANCEL belongs to"
    assert wrong_with(story()[2:]) == []


def test_it_belongs_to_the_invite_of_its_number() -> None:
    challenged = traced("INVITE sip:b@127.0.0.1 SIP/2.0", "6 INVITE", sent=True, Via="SIP/2.0/UDP x;branch=0")
    assert wrong_with([challenged, *story()]) == []
