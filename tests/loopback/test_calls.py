"""How calls begin and end: answered, refused, cancelled, timed out, too many of them."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from bot import Call, CallEnded, CallFailed, CallState, ConfigError, ExpectationFailed, WaitTimeout, expect
from bot.sip.message import Message
from tests.support.starting import LOOPBACK, STARVED_MS, NewEndpoint, connect, until

CALL_SLOTS = 4


def received(call: Call, method: str) -> list[Message]:
    """The requests of a method that the call received."""
    return [one.message for one in call.facts.messages if not one.sent and one.message.method == method]


def settled(call: Call, acknowledged: int) -> None:
    """Wait for so many ACKs: until a re-INVITE is acknowledged there can be no other one."""
    until(call, lambda: len(received(call, "ACK")) >= acknowledged)


def test_caller_hangs_up(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(), new_endpoint()
    outgoing, answered = connect(caller, callee)
    outgoing.hangup()
    expect(outgoing).to_be_disconnected(code=200, by="local")
    expect(answered).to_be_disconnected(code=200, by="remote")
    assert len(received(answered, "BYE")) == 1
    assert not caller.calls
    assert not callee.calls


def test_callee_hangs_up(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    answered.hangup(headers={"Reason": "Q.850;cause=16"})
    expect(answered).to_be_disconnected(code=200, by="local")
    expect(outgoing).to_be_disconnected(code=200, by="remote")
    expect(outgoing).to_have_header("Reason", "Q.850;cause=16")


@pytest.mark.parametrize(
    ("code", "reason"),
    [(486, "Busy Here"), (603, "Decline"), (480, "Gone Fishing"), (302, "Moved Temporarily")],
)
def test_refusal_has_its_code_and_reason(code: int, reason: str, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = new_endpoint().make_call(callee.uri)
    incoming.value.answer(code, reason=reason)
    expect(outgoing).to_be_disconnected(code=code, by="remote")
    expect(incoming.value).to_be_disconnected(code=code, by="local")
    assert outgoing.facts.ended is not None
    assert outgoing.facts.ended.reason == reason
    assert outgoing.facts.reached(CallState.CONFIRMED) is None


def test_hangup_refuses_a_call_that_rings(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = new_endpoint().make_call(callee.uri)
    incoming.value.ring()
    expect(outgoing).to_be_ringing()
    incoming.value.hangup(486)
    expect(outgoing).to_be_disconnected(code=486, by="remote")


def test_ring_then_answer_later(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = new_endpoint().make_call(callee.uri)
    incoming.value.ring(headers={"Alert-Info": "<urn:alert:source:internal>"}).answer(after=0.4)
    expect(outgoing).to_be_ringing()
    expect(outgoing).to_have_header("Alert-Info", matching="internal")
    assert outgoing.state is CallState.EARLY
    expect(outgoing).to_be_confirmed()
    ringing, answered = outgoing.facts.response_after_ms(180, 180), outgoing.facts.response_after_ms(200, 200)
    assert ringing is not None
    assert answered is not None
    assert 300 < answered - ringing < 1500


def test_early_media_flows_before_the_answer(new_endpoint: NewEndpoint, speech: Path, tmp_path: Path) -> None:
    callee = new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = new_endpoint().make_call(callee.uri)
    recording = outgoing.record(tmp_path / "early.wav")
    incoming.value.ring(183)
    expect(outgoing).to_have_active_media()
    incoming.value.play(speech).wait()
    assert outgoing.state is CallState.EARLY
    incoming.value.hangup(487)
    expect(outgoing).to_be_disconnected(code=487, by="remote")
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)


def test_caller_cancels(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = new_endpoint().make_call(callee.uri)
    incoming.value.ring()
    expect(outgoing).to_be_ringing()
    outgoing.hangup()
    expect(outgoing).to_be_disconnected(code=487, by="local")
    expect(incoming.value).to_be_disconnected(code=487, by="remote")
    assert len(received(incoming.value, "CANCEL")) == 1


def test_callee_that_rings_too_long_is_cancelled(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = new_endpoint().make_call(callee.uri, ring_timeout=0.5)
    incoming.value.ring()
    expect(incoming.value).to_be_disconnected(code=487, by="remote", timeout=2)
    expect(outgoing).to_be_disconnected(by="error")


def test_nobody_answers(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((LOOPBACK, 0))
        began = time.monotonic()
        outgoing = caller.make_call(f"sip:nobody@{LOOPBACK}:{silent.getsockname()[1]}", ring_timeout=0.8)
        expect(outgoing).to_be_disconnected(by="error")
        assert time.monotonic() - began > 0.7
    assert not caller.calls
    with pytest.raises(CallEnded):
        outgoing.hangup()


def test_expectation_fails_when_the_call_is_refused_not_at_its_timeout(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = new_endpoint().make_call(callee.uri)
    incoming.value.answer(404)
    with pytest.raises(
        ExpectationFailed, match=r"(?s)expected: CONFIRMED.*can no longer.*404 Not Found.*INVITE"
    ):
        expect(outgoing).to_be_confirmed(timeout=3600)
    with pytest.raises(CallFailed, match="404 Not Found"):
        outgoing.wait(CallState.CONFIRMED, timeout=3600)
    assert outgoing.wait(timeout=0) is CallState.DISCONNECTED


def test_no_call_within_the_time(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    with pytest.raises(WaitTimeout, match=r"no call arrived within 0\.1 s"), callee.expect_call(timeout=0.1):
        pass


@pytest.mark.parametrize(
    "uri", ["bob", "http://127.0.0.1", "sip:", "sip:bob@[::1]", "sip:bob@127.0.0.1:99999"]
)
def test_what_is_no_uri_is_refused(uri: str, new_endpoint: NewEndpoint) -> None:
    with pytest.raises(ConfigError):
        new_endpoint().make_call(uri)


def test_header_injection_is_refused(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint()
    with pytest.raises(ConfigError):
        caller.make_call(caller.uri, headers={"X-Test": "1\r\nX-Other: 2"})
    assert not caller.calls


def test_four_calls_at_once_and_the_fifth_is_busy(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(max_calls=CALL_SLOTS)
    callers = [new_endpoint(), new_endpoint()]
    pairs = [connect(callers[number % 2], callee) for number in range(CALL_SLOTS)]
    for call in [call for pair in pairs for call in pair]:
        expect(call).to_have_received_packets(at_least=10)
    fifth = callers[0].make_call(callee.uri)
    expect(fifth).to_be_disconnected(code=486, by="remote")
    assert len(callee.calls) == CALL_SLOTS

    pairs[0][0].hangup()
    expect(pairs[0][1]).to_be_disconnected(code=200, by="remote")
    connect(callers[0], callee)
    assert len(callee.calls) == CALL_SLOTS


def test_fifth_outgoing_call_is_refused_here(new_endpoint: NewEndpoint) -> None:
    caller, callees = new_endpoint(max_calls=CALL_SLOTS), [new_endpoint(), new_endpoint()]
    for number in range(CALL_SLOTS):
        connect(caller, callees[number % 2])
    with pytest.raises(CallFailed, match=r"(?i)too many"):
        caller.make_call(callees[0].uri)
    assert len(caller.calls) == CALL_SLOTS


def test_endpoints_end_hangs_up(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(), new_endpoint()
    outgoing, answered = connect(caller, callee)
    with callee.expect_call() as incoming:
        ringing = caller.make_call(callee.uri)
    incoming.value.ring()
    expect(ringing).to_be_ringing()
    caller.close()
    expect(answered).to_be_disconnected(code=200, by="remote")
    expect(incoming.value).to_be_disconnected(code=487, by="remote")
    for call in (outgoing, ringing):
        expect(call).to_be_disconnected(by="local", timeout=0)


def test_hold_and_unhold_are_seen_on_both_sides(
    new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    outgoing, answered = connect(new_endpoint(srtp="mandatory"), new_endpoint())
    across = answered.record(tmp_path / "across.wav")

    outgoing.hold()
    expect(outgoing).to_have_active_media(direction="sendonly")
    expect(answered).to_have_active_media(direction="recvonly")
    assert outgoing.media[0].on_hold == "local"
    assert answered.media[0].on_hold == "remote"

    outgoing.unhold()
    expect(outgoing).to_have_active_media()
    expect(answered).to_have_active_media()
    for call in (outgoing, answered):
        assert call.media[0].on_hold is None
        expect(call).to_be_encrypted()
    with outgoing.record(tmp_path / "after.wav") as after:
        answered.play(speech).wait()
    expect(after).to_match(speech, max_missing_ms=STARVED_MS)
    outgoing.play(speech).wait()
    across.stop()
    expect(across).to_match(speech, max_missing_ms=STARVED_MS)
    assert len(answered.facts.states) == len({state.state for state in answered.facts.states})


def test_callee_holds_and_both_hold(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    answered.hold()
    expect(answered).to_have_active_media(direction="sendonly")
    expect(outgoing).to_have_active_media(direction="recvonly")
    settled(outgoing, 1)
    outgoing.hold()
    for call in (outgoing, answered):
        expect(call).to_have_active_media(direction="inactive")
    settled(answered, 2)
    answered.unhold()
    settled(outgoing, 2)
    outgoing.unhold()
    for call in (outgoing, answered):
        expect(call).to_have_active_media()
