"""Hold in all its forms (RFC 3264 8.4, RFC 2543), another codec, a refresh, re-INVITEs refused, glare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot import Call, ConfigError, ExpectationFailed, MediaDirection, expect
from bot.deadline import Deadline
from bot.ua.requests import SentRequest
from tests.support.crossing import Crossing
from tests.support.measuring import counted, more_packets
from tests.support.renegotiating import sent_sdp
from tests.support.starting import NewEndpoint, connect, until
from tests.support.transferring import mark

WAIT_S = 5.0
QUIET_S = 0.3
SENDRECV, SENDONLY, RECVONLY, INACTIVE = (
    MediaDirection.SENDRECV,
    MediaDirection.SENDONLY,
    MediaDirection.RECVONLY,
    MediaDirection.INACTIVE,
)
Step = Callable[[Call, Call], SentRequest]


def flows_to(call: Call) -> None:
    """RTP arrives, past what was counted so far."""
    more_packets(call, at_least=5)


def silent_at(call: Call) -> None:
    """No RTP arrives for a while; what was under way has arrived before."""
    call.endpoint.wait_until(lambda: False, Deadline(0.1))
    before = counted(call).rx.packets
    call.endpoint.wait_until(lambda: False, Deadline(QUIET_S))
    assert counted(call).rx.packets == before


def acknowledged(call: Call, count: int) -> None:
    """Wait until so many ACKs have gone or come: before, the library sends no other re-INVITE."""
    until(call, lambda: sum(traced.message.method == "ACK" for traced in call.facts.messages) == count)


def are(outgoing: Call, answered: Call, ours: MediaDirection, theirs: MediaDirection) -> None:
    """Both sides see these directions."""
    expect(outgoing).to_have_active_media(direction=ours)
    expect(answered).to_have_active_media(direction=theirs)


@pytest.mark.parametrize(("direction", "opposite"), [(SENDONLY, RECVONLY), (INACTIVE, INACTIVE)])
def test_audio_stops_while_held_and_comes_back(
    direction: MediaDirection, opposite: MediaDirection, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    outgoing, answered = connect(new_endpoint(srtp="mandatory"), new_endpoint(srtp="mandatory"))
    assert outgoing.hold(direction=direction).wait(WAIT_S) == 200
    are(outgoing, answered, direction, opposite)
    assert (outgoing.media[0].on_hold, answered.media[0].on_hold) == ("local", "remote")
    with outgoing.record(tmp_path / "heard.wav") as received:
        if direction is SENDONLY:
            held = answered.play(mark(tmp_path, 1))  # to nobody
            silent_at(outgoing)
            flows_to(answered)  # who holds may still be heard
            held.wait()
        else:  # what is played now waits for the media
            silent_at(outgoing)
            silent_at(answered)
        assert outgoing.unhold().wait(WAIT_S) == 200
        are(outgoing, answered, SENDRECV, SENDRECV)
        answered.play(mark(tmp_path, 2)).wait()
    expect(received).to_contain_marker(2)
    with pytest.raises(ExpectationFailed):
        expect(received).to_contain_marker(1)
    flows_to(answered)


BOTH: dict[str, list[tuple[Step, MediaDirection, MediaDirection]]] = {
    "first in, first out": [
        (lambda ours, theirs: ours.hold(), SENDONLY, RECVONLY),
        (lambda ours, theirs: theirs.hold(direction=SENDONLY), INACTIVE, INACTIVE),
        (lambda ours, theirs: ours.unhold(), RECVONLY, SENDONLY),
        (lambda ours, theirs: theirs.unhold(), SENDRECV, SENDRECV),
    ],
    "first in, last out": [
        (lambda ours, theirs: ours.hold(), SENDONLY, RECVONLY),
        (lambda ours, theirs: theirs.hold(direction=SENDONLY), INACTIVE, INACTIVE),
        (lambda ours, theirs: theirs.unhold(), SENDONLY, RECVONLY),
        (lambda ours, theirs: ours.unhold(), SENDRECV, SENDRECV),
    ],
    "inactive where the peer holds": [
        (lambda ours, theirs: theirs.hold(), RECVONLY, SENDONLY),
        (lambda ours, theirs: ours.hold(), INACTIVE, INACTIVE),
        (lambda ours, theirs: theirs.unhold(), INACTIVE, INACTIVE),
        (lambda ours, theirs: ours.unhold(), SENDRECV, SENDRECV),
    ],
    "both inactive": [
        (lambda ours, theirs: ours.hold(direction=INACTIVE), INACTIVE, INACTIVE),
        (lambda ours, theirs: theirs.hold(direction=INACTIVE), INACTIVE, INACTIVE),
        (lambda ours, theirs: ours.unhold(), INACTIVE, INACTIVE),
        (lambda ours, theirs: theirs.unhold(), SENDRECV, SENDRECV),
    ],
}


@pytest.mark.parametrize("steps", BOTH.values(), ids=BOTH)
def test_both_sides_hold_and_each_resumes(
    steps: list[tuple[Step, MediaDirection, MediaDirection]], new_endpoint: NewEndpoint
) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    for count, (step, ours, theirs) in enumerate(steps, start=2):
        sent = step(outgoing, answered)
        assert sent.wait(WAIT_S) == 200
        are(outgoing, answered, ours, theirs)
        for call in (outgoing, answered):
            acknowledged(call, count)
    for call in (outgoing, answered):
        assert call.media[0].on_hold is None
        flows_to(call)


def test_hold_as_in_rfc_2543(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(srtp="off"), new_endpoint(srtp="off"))
    nowhere = [(r"^c=IN IP4 \S+", "c=IN IP4 0.0.0.0")]
    assert outgoing.reinvite(edit_sdp=nowhere).wait(WAIT_S) == 200
    expect(answered).to_have_active_media(direction="inactive")
    assert answered.media[0].on_hold == "remote"
    silent_at(outgoing)
    answer = sent_sdp(answered, "SIP/2.0 200").media[0]
    assert (answer.connection, answer.direction) == ("0.0.0.0", SENDRECV)  # as the library has it
    assert outgoing.reinvite().wait(WAIT_S) == 200
    are(outgoing, answered, SENDRECV, SENDRECV)
    for call in (outgoing, answered):
        flows_to(call)


# ---- codecs


def test_another_codec(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    outgoing, answered = connect(
        new_endpoint(codecs=["PCMA", "PCMU", "G722"]), new_endpoint(codecs=["PCMA", "PCMU"])
    )
    calls = (outgoing, answered)
    for call in calls:
        expect(call).to_use_codec("PCMA")
    assert outgoing.reinvite(codecs=["PCMU"]).wait(WAIT_S) == 200
    for call in calls:
        expect(call).to_use_codec("PCMU")
    offer = sent_sdp(outgoing, "INVITE ").media[0]
    assert [payload for payload in offer.formats if payload != "120"] == ["0"]
    with answered.record(tmp_path / "heard.wav") as received:
        outgoing.play(mark(tmp_path, 3)).wait()
    expect(received).to_contain_marker(3)

    assert answered.hold().wait(WAIT_S) == 200  # whoever offers next, the codec stays
    assert answered.unhold().wait(WAIT_S) == 200
    are(outgoing, answered, SENDRECV, SENDRECV)
    for call in calls:
        expect(call).to_use_codec("PCMU")
    assert answered.update(codecs=["PCMA", "PCMU"]).wait(WAIT_S) == 200  # which the other one takes no more
    for call in calls:
        expect(call).to_use_codec("PCMU")
    assert outgoing.update(codecs=["PCMA", "PCMU"]).wait(WAIT_S) == 200
    for call in calls:
        expect(call).to_use_codec("PCMA")
        flows_to(call)


def test_a_codec_that_the_endpoint_does_not_have(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(codecs=["PCMA", "G722"]), new_endpoint())
    with pytest.raises(ConfigError, match="GSM is not among the codecs of this endpoint: PCMA, G722"):
        outgoing.reinvite(codecs=["PCMA", "GSM"])
    assert outgoing.reinvite().wait(WAIT_S) == 200  # and nothing of it stays
    for call in (outgoing, answered):
        expect(call).to_use_codec("PCMA")


# ---- refused


def test_a_refused_reinvite_leaves_the_session_as_it_was(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(
        new_endpoint(srtp="mandatory", codecs=["PCMA", "G722"]), new_endpoint(srtp="mandatory")
    )
    calls = (outgoing, answered)
    before = [call.media for call in calls]
    plain = [("RTP/SAVP", "RTP/AVP"), (r"^a=crypto:.*\r\n", "")]
    assert outgoing.reinvite(direction=SENDONLY, edit_sdp=plain).wait(WAIT_S, code=488) == 488
    assert (
        outgoing.reinvite(codecs=["G722"]).wait(WAIT_S, code=500) == 500
    )  # the library's code; RFC 3261 14.2 has 488
    assert [call.media for call in calls] == before
    for call in calls:
        flows_to(call)
    assert outgoing.hold().wait(WAIT_S) == 200
    are(outgoing, answered, SENDONLY, RECVONLY)
    expect(answered).to_use_codec("PCMA")


def test_a_refresh_changes_nothing(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(srtp="mandatory"), new_endpoint(srtp="mandatory"))
    calls = (outgoing, answered)
    before, changes = [call.media for call in calls], [len(call.facts.media_history) for call in calls]
    for call in calls:
        assert call.reinvite().wait(WAIT_S) == 200
    until(answered, lambda: answered.facts.settled)
    for call in calls:
        flows_to(call)
    assert [call.media for call in calls] == before
    assert [len(call.facts.media_history) for call in calls] == changes
    offers = [sent_sdp(call, "INVITE ") for call in calls]
    assert [offer.media[0].direction for offer in offers] == [SENDRECV, SENDRECV]


def test_glare(new_endpoint: NewEndpoint) -> None:
    """Both get 491 (RFC 3261 14.2), and whoever asked for it tries again (14.1)."""
    caller, callee = new_endpoint(srtp="off"), new_endpoint(srtp="off")
    with Crossing(caller, callee) as way:
        with callee.expect_call() as incoming:
            outgoing = caller.make_call(way.uri)
        answered = incoming.value.answer()
        are(outgoing, answered, SENDRECV, SENDRECV)
        way.hold = 2
        ours, theirs = outgoing.hold(), answered.hold()
        assert (ours.wait(WAIT_S, code=491), theirs.wait(WAIT_S, code=491)) == (491, 491)
        for call in (outgoing, answered):
            expect(call).to_have_active_media()
            assert call.media[0].on_hold is None
            flows_to(call)
        assert (
            theirs.wait(WAIT_S, retry=True) == 200
        )  # the callee waits less: up to 2 s, the caller 2.1 to 4 s
        are(outgoing, answered, RECVONLY, SENDONLY)
        assert ours.wait(WAIT_S, retry=True) == 200
        are(outgoing, answered, INACTIVE, INACTIVE)
        for call, refused in ((outgoing, 1), (answered, 1)):
            sent = [traced for traced in call.facts.messages if traced.sent and traced.message.status == 491]
            assert len(sent) == refused
        outgoing.hangup()
        expect(answered).to_be_disconnected(by="remote")
