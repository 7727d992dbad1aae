"""Offers and answers after the first (RFC 3264 8): late offers, directions, other keys, UPDATE."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bot import Call, CallFailed, CallState, CryptoSuite, Endpoint, MediaDirection, SrtpMode, expect
from bot.ipc.events import StreamMeasured
from bot.model import StreamStats
from bot.ua import build
from bot.ua.requests import SentRequest
from tests.support.measuring import more_packets
from tests.support.renegotiating import keys, secured, sent_sdp
from tests.support.sip_peer import SipPeer
from tests.support.starting import STARVED_MS, NewEndpoint, connect, until

Renegotiate = Callable[..., SentRequest]

OPPOSITE = {
    MediaDirection.SENDONLY: MediaDirection.RECVONLY,
    MediaDirection.RECVONLY: MediaDirection.SENDONLY,
    MediaDirection.INACTIVE: MediaDirection.INACTIVE,
    MediaDirection.SENDRECV: MediaDirection.SENDRECV,
}
HOLDS = {
    MediaDirection.SENDONLY: ("local", "remote"),
    MediaDirection.INACTIVE: ("local", "remote"),
    MediaDirection.RECVONLY: (None, None),
    MediaDirection.SENDRECV: (None, None),
}


@pytest.mark.parametrize("mode", [SrtpMode.MANDATORY, SrtpMode.OPTIONAL])
def test_a_late_offer_is_answered_in_the_ack(
    mode: SrtpMode, new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    outgoing, answered = connect(new_endpoint(srtp=mode), new_endpoint(srtp=mode), offer=False)
    invites = [traced.text for traced in outgoing.facts.messages if traced.message.method == "INVITE"]
    assert [text.partition("\r\n\r\n")[2] for text in invites] == [""]
    profile = "RTP/SAVP" if mode is SrtpMode.MANDATORY else "RTP/AVP"
    offer, answer = sent_sdp(answered, "SIP/2.0 200").media[0], sent_sdp(outgoing, "ACK ").media[0]
    assert (offer.profile, answer.profile) == (profile, profile)
    suites = build().usable(tuple(CryptoSuite))
    assert (len(offer.crypto), len(answer.crypto)) == (len(suites), 1)
    for call in (outgoing, answered):
        expect(call).to_be_encrypted(offer.crypto[0].suite)
    with answered.record(tmp_path / "there.wav") as there, outgoing.record(tmp_path / "back.wav") as back:
        outgoing.play(speech)
        answered.play(speech).wait()
    for recording in (there, back):
        expect(recording).to_match(speech, max_missing_ms=STARVED_MS)


@pytest.mark.parametrize("mode", [SrtpMode.MANDATORY, SrtpMode.OPTIONAL])
@pytest.mark.parametrize("renegotiate", [Call.reinvite, Call.update], ids=["re-INVITE", "UPDATE"])
def test_every_direction_is_seen_on_both_sides(
    renegotiate: Renegotiate, mode: SrtpMode, new_endpoint: NewEndpoint
) -> None:
    caller, callee = (new_endpoint(srtp=mode, keep_keys=True) for _ in range(2))
    outgoing, answered = connect(caller, callee)
    offered = keys(caller, sent=True)
    for direction, opposite in OPPOSITE.items():
        assert renegotiate(outgoing, direction=direction).wait(5) == 200
        agreed = outgoing.facts.negotiation.current
        assert agreed is not None
        assert (agreed.offer.media[0].direction, agreed.answer.media[0].direction) == (direction, opposite)
        expect(outgoing).to_have_active_media(direction=direction)
        expect(answered).to_have_active_media(direction=opposite)
        assert (outgoing.media[0].on_hold, answered.media[0].on_hold) == HOLDS[direction]
    assert set(keys(caller, sent=True)) == set(offered)  # kept through it all
    more_packets(outgoing, answered)
    for call in (outgoing, answered):
        expect(call).to_be_encrypted()


def test_first_stream_has_sent_before_another_takes_its_place(new_endpoint: NewEndpoint) -> None:
    """A first packet that left while the stream was stopped would leave the call without audio."""
    sides = secured(new_endpoint)
    outgoing, _ = connect(*sides)
    assert outgoing.reinvite(direction=MediaDirection.SENDONLY).wait(5) == 200
    for side in sides:
        assert of_first_stream(side).tx.packets > 0


def of_first_stream(endpoint: Endpoint) -> StreamStats:
    """The last counters of the stream that another took the place of, once they are there."""

    def found() -> list[StreamStats]:
        events = [entry.event for entry in endpoint.journal.recent()]
        return [event.stats for event in events if isinstance(event, StreamMeasured) and event.final]

    until(endpoint, lambda: bool(found()))
    return found()[0]


def test_audio_comes_back_after_a_hold(new_endpoint: NewEndpoint, speech: Path, tmp_path: Path) -> None:
    outgoing, answered = connect(*secured(new_endpoint))
    answered.reinvite(direction=MediaDirection.INACTIVE).wait(5)
    expect(outgoing).to_have_active_media(direction="inactive")
    answered.reinvite(direction=MediaDirection.SENDRECV).wait(5)
    expect(outgoing).to_have_active_media()
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(speech).wait()
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)


@pytest.mark.parametrize("renegotiate", [Call.reinvite, Call.update], ids=["re-INVITE", "UPDATE"])
def test_other_keys(
    renegotiate: Renegotiate, new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    caller, callee = secured(new_endpoint)
    outgoing, answered = connect(caller, callee)
    before, ports = keys(caller, sent=True), [call.media[0].local for call in (outgoing, answered)]
    assert renegotiate(outgoing, rekey=True).wait(5) == 200
    new = keys(caller, sent=True)[-1]
    assert new not in before
    until(callee, lambda: keys(callee, sent=False)[-1] == new)
    more_packets(outgoing, answered)
    assert [call.media[0].local for call in (outgoing, answered)] == ports
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(speech).wait()
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)

    for direction in (MediaDirection.SENDONLY, MediaDirection.SENDRECV):
        outgoing.reinvite(direction=direction).wait(5)  # the library alone would offer its first keys again
    assert keys(caller, sent=True)[-1] == new
    more_packets(outgoing, answered)
    assert renegotiate(outgoing, rekey=True).wait(5) == 200
    assert keys(caller, sent=True)[-1] not in {*before, new}
    more_packets(outgoing, answered)


def is_settled(call: Call) -> bool:
    return call.facts.settled


def test_both_sides_change_their_keys(new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    calls = connect(caller, callee)
    before = {*keys(caller, sent=True), *keys(callee, sent=True)}
    for call, endpoint in zip(calls, (caller, callee), strict=True):
        assert call.reinvite(rekey=True).wait(5) == 200
        until(call, partial(is_settled, call))
        assert keys(endpoint, sent=True)[-1] not in before
        more_packets(*calls)


@pytest.mark.parametrize("rekey", [False, True])
def test_the_peer_makes_the_offer_of_a_reinvite(rekey: bool, new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    outgoing, answered = connect(caller, callee)
    before = keys(caller, sent=True)
    sent = outgoing.reinvite(offer=False, direction=MediaDirection.RECVONLY, rekey=rekey)
    assert sent.wait(5) == 200
    assert sent_sdp(outgoing, "ACK ").media[0].direction is MediaDirection.RECVONLY
    expect(outgoing).to_have_active_media(direction="recvonly")
    expect(answered).to_have_active_media(direction="sendonly")
    assert (keys(caller, sent=True)[-1] in before) is not rekey
    assert outgoing.reinvite(direction=MediaDirection.SENDRECV).wait(5) == 200
    expect(answered).to_have_active_media()
    more_packets(outgoing, answered)


def test_a_refused_hold_leaves_everything_as_it_was(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(*secured(new_endpoint))
    edits = [("RTP/SAVP 8 120", "RTP/SAVP 18"), (r"^a=(rtpmap|fmtp).*\r\n", "")]
    refused = outgoing.reinvite(direction=MediaDirection.RECVONLY, rekey=True, edit_sdp=edits)
    assert refused.wait(5, code="any") >= 400
    expect(outgoing).to_have_active_media()
    more_packets(outgoing, answered)
    answered.hold()  # and it is the peer who holds, not we who only listen
    expect(outgoing).to_have_active_media(direction="recvonly")
    assert outgoing.media[0].on_hold == "remote"


@pytest.mark.parametrize("second", [Call.reinvite, Call.update], ids=["re-INVITE", "UPDATE"])
def test_a_second_offer_has_to_wait_for_the_answer_to_the_first(
    second: Renegotiate, new_endpoint: NewEndpoint
) -> None:
    caller = new_endpoint(srtp="off")
    with SipPeer() as peer:
        answer = {
            "headers": f"Contact: <{peer.uri}>\r\nAllow: INVITE, UPDATE\r\n",
            "body": peer.sdp,
        }
        call = caller.make_call(peer.uri)
        peer.reply(peer.expect("INVITE"), 200, **answer)
        peer.expect("ACK")
        expect(call).to_be_confirmed()
        first = call.reinvite(direction=MediaDirection.SENDONLY)
        request = peer.expect("INVITE")
        with pytest.raises(CallFailed, match="an offer of this side is not answered yet"):
            second(call, direction=MediaDirection.INACTIVE)
        peer.reply(request, 200, **answer)
        peer.expect("ACK")
        assert first.wait(5) == 200
        sent = second(call, direction=MediaDirection.SENDRECV)
        peer.reply(peer.expect("INVITE" if second is Call.reinvite else "UPDATE"), 200, **answer)
        assert sent.wait(5) == 200


def test_a_reinvite_waits_for_the_call_to_be_confirmed(new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.answer(after=0.2)
    assert outgoing.state is not CallState.CONFIRMED
    assert outgoing.reinvite(direction=MediaDirection.SENDONLY).wait(5) == 200
    expect(incoming.value).to_have_active_media(direction="recvonly")


def test_an_update_before_the_answer(new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    ringing = incoming.value.ring(183)
    until(outgoing, lambda: any(line.active for line in outgoing.media))
    assert outgoing.update(direction=MediaDirection.SENDONLY).wait(5) == 200
    assert outgoing.state is CallState.EARLY
    expect(outgoing).to_have_active_media(direction="sendonly")
    expect(ringing).to_have_active_media(direction="recvonly")


def test_an_update_before_anything_was_negotiated(new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.ring()
    expect(outgoing).to_be_ringing()
    with pytest.raises(CallFailed, match="the library does not send it while the call is EARLY"):
        outgoing.update(direction=MediaDirection.SENDONLY)
    incoming.value.answer()
    for call in (outgoing, incoming.value):
        expect(call).to_have_active_media()


@pytest.mark.parametrize("reliable", ["off", "supported"])
def test_an_offer_that_comes_before_the_final_response(reliable: str, new_endpoint: NewEndpoint) -> None:
    caller, callee = (new_endpoint(reliable_provisional=reliable) for _ in range(2))
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri, offer=False)
    incoming.value.ring(183)
    expect(outgoing).to_be_ringing()
    incoming.value.answer()
    for call in (outgoing, incoming.value):
        expect(call).to_be_confirmed()
    more_packets(outgoing, incoming.value)


def test_an_update_before_the_first_offer(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(), new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri, offer=False)
    for call in (outgoing, incoming.value):
        with pytest.raises(CallFailed, match="the first offer of the call has not come yet"):
            call.update()
    incoming.value.answer()
    expect(outgoing).to_be_confirmed()
