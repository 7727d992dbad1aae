"""Calls from SIP messages: their lifetime, the bounds on stored data, hostile messages."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.capture import calls as calls_module
from bot.capture.calls import Calls
from bot.capture.keys import GivenKeys
from bot.capture.negotiated_keys import Due, Negotiated, negotiated
from bot.capture.sip_messages import JournalMessage
from bot.capture.stream import Stream
from media.capture.reader import Address
from tests.support.scene import ALICE, BOB, START, SUITE, Scene, inline, sdp

OFFER = sdp(ALICE, f"1 {SUITE} {inline(SUITE, 1)}")
ANSWER = sdp(BOB, f"1 {SUITE} {inline(SUITE, 2)}")


def fed(scene: Scene) -> Calls:
    calls = Calls()
    for at, source, target, payload in scene.sent:
        calls.feed(JournalMessage(at, source, target, payload.decode()))
    return calls


def test_a_call_that_is_refused_and_tried_again() -> None:
    scene = Scene()
    scene.invite(OFFER)
    scene.answer(status="401 Unauthorized", to_tag="x")
    (refused,) = fed(scene).summaries()
    assert (refused.status, refused.answered) == (401, None)
    assert refused.ended == pytest.approx(scene.now)
    scene.invite(OFFER, cseq=2)
    scene.answer(ANSWER, cseq=2)
    (answered,) = fed(scene).summaries()
    assert (answered.status, answered.ended) == (200, None)
    scene.bye()
    (ended,) = fed(scene).summaries()
    assert ended.started == pytest.approx(START + 0.01)
    assert ended.ended is not None


def test_what_is_no_call() -> None:
    scene = Scene()
    scene.message("REGISTER sip:example SIP/2.0", ALICE, BOB, cseq="1 REGISTER")
    scene.message("BYE sip:example SIP/2.0", ALICE, BOB, cseq="1 BYE")
    scene.message("nonsense", ALICE, BOB)
    assert fed(scene).summaries() == ()


def test_a_call_whose_beginning_was_not_captured() -> None:
    scene = Scene()
    scene.answer(ANSWER)
    calls = fed(scene)
    assert len(calls.summaries()) == 1
    route, until = calls.route(ALICE.media, BOB.media, scene.now)
    assert route is not None
    assert route.by_caller
    assert until == math.inf


def test_whose_an_address_is_changes_with_time() -> None:
    scene = Scene()
    scene.call(OFFER, ANSWER)
    scene.bye()
    first = scene.now
    scene.now += 10
    scene.call_id = "two@example"
    scene.call(OFFER, ANSWER)
    calls = fed(scene)
    route, until = calls.route(ALICE.media, BOB.media, first)
    assert route is not None
    assert route.hop.call_id == "one@example"
    assert first < until < scene.now
    later, _ = calls.route(ALICE.media, BOB.media, scene.now)
    assert later is not None
    assert later.hop.call_id == "two@example"
    early, _ = calls.route(ALICE.media, BOB.media, START - 1)
    assert early == route


@pytest.mark.parametrize("session", [1, 2])
def test_calls_whose_peer_receives_all_of_them_at_one_port(session: int) -> None:
    """The sender's own address tells them apart while they last, even if its o= line is always the same."""
    scene = Scene()
    scene.call(OFFER, ANSWER)
    first = scene.now
    scene.call_id = "two@example"
    other = Address(ALICE.host, 4100)
    offer = sdp(ALICE, f"1 {SUITE} {inline(SUITE, 3)}", media=other, session=2)
    scene.call(offer, sdp(BOB, f"1 {SUITE} {inline(SUITE, 4)}", session=session))
    calls = fed(scene)
    for source, call_id in ((ALICE.media, "one@example"), (other, "two@example")):
        route, until = calls.route(source, BOB.media, scene.now)
        assert route is not None
        assert (route.hop.call_id, route.by_caller, until) == (call_id, True, math.inf)
    assert calls.route(ALICE.media, BOB.media, first)[1] < scene.now, "it is looked at again"


def test_an_address_is_nobodys_when_its_call_is_over() -> None:
    scene = Scene()
    scene.call(OFFER, ANSWER)
    scene.bye()
    over = scene.now
    scene.call_id = "two@example"
    other = sdp(ALICE, f"1 {SUITE} {inline(SUITE, 3)}", media=Address(ALICE.host, 4100), session=2)
    scene.call(other, sdp(BOB, f"1 {SUITE} {inline(SUITE, 4)}", session=2))
    calls = fed(scene)
    for at, call_id in ((over + 1, "one@example"), (over + 60, "two@example")):
        route, _ = calls.route(ALICE.media, BOB.media, at)
        assert route is not None
        assert route.hop.call_id == call_id


def test_sdp_that_a_proxy_passes_on_stays_with_the_first_hop() -> None:
    scene = Scene()
    proxy = Address("192.0.2.9", 5060)
    for ends, branch in (((ALICE.sip, proxy), "1"), ((proxy, BOB.sip), "2")):
        scene.message("INVITE sip:b SIP/2.0", ALICE, BOB, OFFER, tags=("a", ""), ends=ends, branch=branch)
    for ends, branch in (((BOB.sip, proxy), "2"), ((proxy, ALICE.sip), "1")):
        scene.message("SIP/2.0 200 OK", BOB, ALICE, ANSWER, ends=ends, branch=branch)
    calls = fed(scene)
    routes = {calls.route(ALICE.media, BOB.media, START + n / 100)[0] for n in range(10)}
    assert len(routes) == 1


def test_a_response_that_comes_from_another_port_than_the_request_went_to() -> None:
    scene = Scene()
    odd = Address(ALICE.host, 40123)
    scene.message("INVITE sip:b SIP/2.0", ALICE, BOB, OFFER, tags=("a", ""), ends=(odd, BOB.sip))
    scene.answer(ANSWER)
    route, _ = fed(scene).route(ALICE.media, BOB.media, scene.now)
    assert route is not None
    assert len(list(route.hop.agreements())) == 1


def test_an_answer_to_a_reliable_offer_in_prack() -> None:
    scene = Scene()
    scene.invite()
    scene.message("SIP/2.0 183 Session Progress", BOB, ALICE, ANSWER, headers=["RSeq: 1", "Require: 100rel"])
    scene.message("PRACK sip:b SIP/2.0", ALICE, BOB, OFFER, cseq="2 PRACK", headers=["RAck: 1 1 INVITE"])
    route, _ = fed(scene).route(ALICE.media, BOB.media, scene.now)
    assert route is not None
    (agreement,) = route.hop.agreements()
    assert not agreement.by_caller
    assert [candidate.trust.value for candidate in negotiated(route).candidates] == ["agreed", "peer"]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "MOST_CALLS", 3)
    monkeypatch.setattr(calls_module, "MOST_DESCRIPTIONS", 20)
    scene = Scene()
    for number in range(100):
        scene.invite(OFFER, cseq=number + 1, to_tag="b")
        scene.answer(ANSWER, cseq=number + 1, to_tag=f"b{number}")
    for number in range(5):
        scene.call_id = str(number)
        scene.invite(OFFER)
    calls = fed(scene)
    assert len(calls.summaries()) == 3
    route, _ = calls.route(ALICE.media, BOB.media, START + 0.1)
    assert route is not None
    assert len(route.hop.descriptions) == 20
    assert "only the first 3 calls were looked at" in calls.notes
    assert len(calls.notes) == 2


LINES = st.sampled_from(
    [
        *OFFER.splitlines(),
        *ANSWER.splitlines(),
        "m=audio 0 RTP/SAVP 0",
        "m=audio 99999 RTP/SAVP 0",
        "m=audio 65535 RTP/AVP 8",
        "m=",
        "c=IN IP6 ::1",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:65535",
        "a=rtcp-mux",
        "a=crypto:1",
        f"a=crypto:2 {SUITE} inline:;inline:|||",
        f"a=crypto:1 {SUITE} {inline(SUITE, 1)}|2^99|9:9",
        "a=rtpmap:0 /",
        "a=rtpmap:0 PCMU/0/0",
        "a=rtpmap:101 x/99999999999/99999",
    ]
)
BODIES = st.lists(LINES, max_size=15).map("\r\n".join) | st.text(max_size=80)
STARTS = st.sampled_from(
    [
        "INVITE sip:b SIP/2.0",
        "ACK sip:b SIP/2.0",
        "PRACK sip:b SIP/2.0",
        "BYE sip:b SIP/2.0",
        "SIP/2.0 200 OK",
        "SIP/2.0 183 X",
        "SIP/2.0 488 X",
        "UPDATE sip:b SIP/2.0",
        "CANCEL sip:b SIP/2.0",
    ]
)
HEADERS = st.lists(
    st.sampled_from(
        [
            "From: <sip:a>;tag=a",
            "From: <sip:b>;tag=b",
            "To: <sip:b>;tag=b",
            "To: x",
            "Via: SIP/2.0/UDP x;branch=1",
            "CSeq: 1 INVITE",
            "CSeq: 2 INVITE",
            "CSeq: 1 ACK",
            "CSeq: x",
            "RSeq: 1",
            "RAck: 1 1 INVITE",
            "CSeq: 9999999999 PRACK",
            "Content-Type: application/sdp",
            "Call-ID: 2",
            "Via: ,;branch=",
        ]
    ),
    max_size=7,
).map("\r\n".join)


@given(st.lists(st.tuples(STARTS, HEADERS, BODIES, st.booleans()), max_size=12))
@settings(max_examples=300, deadline=None)
def test_hostile_messages(messages: list[tuple[str, str, str, bool]]) -> None:
    calls = Calls()
    for number, (start, headers, body, forth) in enumerate(messages):
        ends = (ALICE.sip, BOB.sip) if forth else (BOB.sip, ALICE.sip)
        calls.feed(JournalMessage(START + number, *ends, f"{start}\r\nCall-ID: 1\r\n{headers}\r\n\r\n{body}"))
    calls.summaries()
    given_keys = GivenKeys()
    for at in range(len(messages)):
        for one, other in ((ALICE.media, BOB.media), (BOB.media, ALICE.media), (BOB.rtcp, ALICE.rtcp)):
            route, _ = calls.route(one, other, START + at)
            agreed = negotiated(route) if route else Negotiated(Due.NOTHING, (), ())
            stream = Stream((one, other, 1), route, agreed, given_keys)
            stream.format(0)
            stream.agreement()
