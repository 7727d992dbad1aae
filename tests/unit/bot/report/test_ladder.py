"""bot.report.ladder: messages with sender, receiver and time; retransmissions are marked."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from bot.report.ladder import SHOWN, ladder, own_addresses, participants
from bot.sip.message import Message
from bot.ua.traced_message import TracedMessage
from tests.support.fakes import KEY, SUITE, invite, response, sdp
from tests.support.markup import macro

US, PEER, OTHER = "127.0.0.1:5062", "127.0.0.1:5070", "127.0.0.1:5080"


def traced(text: str, at: float = 0.0, *, sent: bool = True, peer: str = PEER) -> TracedMessage:
    return TracedMessage(sent, at, "udp", peer, Message.parse(text), text, US)


def drawn(*messages: TracedMessage, **more: dict[str, str]) -> str:
    return macro("sip.html", "sip_ladder", ladder(messages, name="caller", zero=0.0, **more))


def titles(markup: str) -> list[str]:
    return re.findall("<title>(.*?)</title>", markup)


def test_an_arrow_for_each_message() -> None:
    found = drawn(
        traced(invite("a@b", body=sdp(SUITE)), 0.001),
        traced(response("a@b", 180, "Ringing"), 0.25, sent=False),
    )
    assert titles(found) == [
        "INVITE, caller to 127.0.0.1:5070 by udp",
        "180 Ringing (INVITE), 127.0.0.1:5070 to caller by udp",
    ]
    assert re.findall("<time>(.*?)</time>", found) == ["0.001", "0.250"]
    assert found.count("<details ") == 2
    assert f"audio RTP/SAVP PCMA; {SUITE}; sendrecv" in found
    assert "<pre>INVITE sip:peer@127.0.0.1:5070 SIP/2.0" in found
    assert KEY not in found


def test_it_is_well_formed() -> None:
    found = drawn(traced(invite("a@b", headers={"X": "<&\"'>"}, body=sdp(SUITE))), traced(invite("a@b"), 9))
    ET.fromstring(found)


def test_the_caller_stands_left() -> None:
    out, inward = traced(invite("a@b")), traced(invite("a@b"), sent=False)
    assert participants([out]) == ["", PEER]
    assert participants([inward]) == [PEER, ""]
    assert participants([inward, traced(invite("c@d"), peer=OTHER)]) == [PEER, "", OTHER]


def test_names_of_our_own() -> None:
    messages = [traced(invite("a@b"))]
    assert own_addresses([("callee", messages)]) == {US: "callee"}
    found = drawn(*messages, names={PEER: "callee"})
    assert "<b>callee</b> 127.0.0.1:5070" in found
    assert f"<b>caller</b> {US}" in found
    assert "<b>peer</b>" in drawn(*messages)


def test_retransmissions_are_marked() -> None:
    text = invite("a@b")
    found = drawn(traced(text), traced(text, 0.5), traced(text, 1.4), traced(invite("a@b", cseq=2), 1.5))
    words = [title.partition(", caller")[0] for title in titles(found)]
    assert words == ["INVITE", "INVITE (retransmission 1)", "INVITE (retransmission 2)", "INVITE"]
    assert found.count('class="request again"') == 4  # two arrows, a shaft and a head each


def test_an_answer_that_differs_is_none() -> None:
    first = response("a@b", 180, "Ringing")
    second = response("a@b", 180, "Ringing", body=sdp(SUITE))
    assert "retransmission" not in drawn(traced(first, sent=False), traced(second, 0.1, sent=False))


def test_a_silence_is_shown() -> None:
    assert "2.5 s" in drawn(traced(invite("a@b")), traced(response("a@b", 200, "OK"), 2.5, sent=False))


def test_very_many_messages_are_bounded() -> None:
    found = drawn(*(traced(invite("a@b", cseq=n), n / 100) for n in range(SHOWN + 300)))
    assert found.count("<details ") == SHOWN
    assert "300 further messages" in found
    assert f"CSeq: {SHOWN + 299} INVITE" in found


def test_no_message_at_all() -> None:
    assert "No SIP message" in drawn()


def test_the_peer_injects_nothing() -> None:
    evil = "<script>alert(1)</script>"
    found = drawn(traced(f"{response('a@b', 200, evil)}{evil}", sent=False, peer=evil))
    assert "<script" not in found
    assert "&lt;script&gt;" in found
