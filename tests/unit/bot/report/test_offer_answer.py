"""bot.report.offer_answer: each offer beside its answer, the agreed crypto line marked, no key."""

from __future__ import annotations

from bot.report.offer_answer import exchanges
from bot.sip.message import Message
from bot.ua.traced_message import TracedMessage
from tests.support.fakes import KEY, SUITE, invite, message, response, sdp
from tests.support.markup import macro


def traced(text: str, at: float, *, sent: bool) -> TracedMessage:
    return TracedMessage(sent, at, "udp", "127.0.0.1:5070", Message.parse(text), text)


OFFER = traced(invite("a@b", body=sdp(SUITE)), 0.0, sent=True)
ANSWER = traced(response("a@b", 200, "OK", body=sdp(SUITE)), 0.1, sent=False)
REOFFER = traced(invite("a@b", cseq=2, body=sdp(None)), 1.0, sent=False)
REFUSED = traced(response("a@b", 488, "Not Acceptable Here", cseq=2), 1.1, sent=True)
REANSWER = traced(response("a@b", 200, "OK", cseq=2, body=sdp(None)), 1.1, sent=True)


def shown(*messages: TracedMessage) -> str:
    return "".join(macro("sip.html", "offer_and_answer", exchange, 0.0) for exchange in exchanges(messages))


def test_an_offer_and_its_answer() -> None:
    (found,) = exchanges([OFFER, ANSWER])
    assert (found.offer, found.answer) == (OFFER, ANSWER)


def test_each_negotiation_of_a_call() -> None:
    found = exchanges([OFFER, ANSWER, REOFFER, REANSWER])
    assert [(one.offer, one.answer) for one in found] == [(OFFER, ANSWER), (REOFFER, REANSWER)]


def test_an_offer_that_was_refused() -> None:
    assert exchanges([OFFER, ANSWER, REOFFER, REFUSED])[1].answer is None
    assert "There was none." in shown(OFFER)


def test_the_answer_of_a_provisional_response_is_replaced_by_the_final_one() -> None:
    early = traced(response("a@b", 183, "Session Progress", body=sdp(SUITE)), 0.05, sent=False)
    (found,) = exchanges([OFFER, early, ANSWER])
    assert found.answer is ANSWER


def test_a_late_offer() -> None:
    empty = traced(invite("a@b"), 0.0, sent=True)
    acknowledged = traced(message("ACK sip:x SIP/2.0", "a@b", "1 ACK", body=sdp(SUITE)), 0.2, sent=True)
    (found,) = exchanges([empty, ANSWER, acknowledged])
    assert (found.offer, found.answer) == (ANSWER, acknowledged)


def test_what_was_agreed_on_is_marked_and_no_key_is_shown() -> None:
    two = sdp(SUITE).replace("a=sendrecv", f"a=crypto:2 AES_256_CM_HMAC_SHA1_80 inline:{KEY}\r\na=sendrecv")
    offer = traced(invite("a@b", body=two), 0.0, sent=True)
    found = shown(offer, ANSWER)
    assert found.count(f'<mark class="agreed">a=crypto:1 {SUITE} inline:[redacted]</mark>') == 2
    assert found.count("<mark>a=crypto:2 AES_256_CM_HMAC_SHA1_80 inline:[redacted]</mark>") == 1
    assert "<b>m=audio 4000 RTP/SAVP 8 101</b>" in found
    assert "sent in INVITE,\n0.000 s" in found
    assert "received in 200 OK (INVITE),\n0.100 s" in found
    assert KEY not in found


def test_the_peer_injects_nothing() -> None:
    evil = "<script>alert(1)</script>"
    body = sdp(SUITE).replace("s=-", f"s={evil}").replace("m=audio", f"a=crypto:{evil}\r\nm=audio")
    assert "<script" not in shown(traced(invite("a@b", body=body), 0.0, sent=True))
