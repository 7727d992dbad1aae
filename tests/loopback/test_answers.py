"""Responses of a callee: provisional responses, refusals with header fields, early media."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import Call, CallState, Endpoint, expect
from tests.support.starting import STARVED_MS, NewEndpoint, until


def call_between(caller: Endpoint, callee: Endpoint, *, ring_timeout: float = 30.0) -> tuple[Call, Call]:
    """A call that was not answered in any way."""
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri, ring_timeout=ring_timeout)
    return outgoing, incoming.value


@pytest.mark.parametrize(
    ("code", "reason", "headers"),
    [
        (300, "Multiple Choices", {"Contact": "<sip:a@127.0.0.1>, <sip:b@127.0.0.1>;q=0.5"}),
        (404, "Not Here", {"X-Why": "moved out"}),
        (480, "Temporarily Unavailable", {"Retry-After": "120;duration=60"}),
        (503, "Out of Order", {"Retry-After": "5", "Warning": '399 bot "no line"'}),
        (600, "Busy Everywhere", {}),
        (699, "Made Up", {}),
    ],
)
def test_refusals_with_what_belongs_to_them(
    code: int, reason: str, headers: dict[str, str], new_endpoint: NewEndpoint
) -> None:
    outgoing, incoming = call_between(new_endpoint(), new_endpoint())
    incoming.answer(code, reason=reason, headers=headers)
    expect(outgoing).to_be_disconnected(code=code, by="remote")
    expect(incoming).to_be_disconnected(code=code, by="local")
    for name, value in headers.items():
        expect(outgoing).to_have_header(name, value)
    assert outgoing.facts.ended is not None
    assert outgoing.facts.ended.reason == reason
    assert outgoing.facts.reached(CallState.CONFIRMED) is None


def test_several_provisional_responses(new_endpoint: NewEndpoint) -> None:
    outgoing, incoming = call_between(new_endpoint(), new_endpoint())
    codes = [180, 181, 182, 199]
    for code in codes:
        incoming.ring(code, headers={f"X-Step-{code}": "yes"})
    until(outgoing, lambda: [traced.message.status for traced in outgoing.facts.messages][-1:] == [199])
    for code in codes:
        expect(outgoing).to_have_header(f"X-Step-{code}", "yes")
    assert [one.message.status for one in outgoing.facts.messages if one.message.status > 100] == codes
    assert outgoing.state is CallState.EARLY  # 199 says that another dialog ended (RFC 6228)
    incoming.answer(486)
    expect(outgoing).to_be_disconnected(code=486, by="remote")


def test_callee_gives_up_by_itself(new_endpoint: NewEndpoint) -> None:
    outgoing, incoming = call_between(new_endpoint(), new_endpoint())
    incoming.ring()
    incoming.answer(480, after=0.3)
    expect(outgoing).to_be_disconnected(code=480, by="remote", timeout=2)
    ringing, refused = (outgoing.facts.response_after_ms(code, code) for code in (180, 480))
    assert ringing is not None
    assert refused is not None
    assert 250 < refused - ringing < 1500


def test_callee_that_says_nothing_at_all_is_cancelled(new_endpoint: NewEndpoint) -> None:
    outgoing, incoming = call_between(new_endpoint(), new_endpoint(), ring_timeout=0.3)
    expect(outgoing).to_be_disconnected(by="error", timeout=2)
    expect(incoming).to_be_disconnected(code=487, by="remote", timeout=2)
    for call in (outgoing, incoming):
        expect(call).to_have_cancelled_correctly()


def test_early_media_both_ways(
    new_endpoint: NewEndpoint, speech: Path, other_speech: Path, tmp_path: Path
) -> None:
    outgoing, incoming = call_between(new_endpoint(), new_endpoint())
    incoming.ring(183)
    for call in (outgoing, incoming):
        expect(call).to_have_active_media()
    received = {call: call.record(tmp_path / f"{call.direction}.wav") for call in (outgoing, incoming)}
    playing = [outgoing.play(speech), incoming.play(other_speech)]
    for playback in playing:
        playback.wait()
    for recording in received.values():
        recording.stop()
    assert (outgoing.state, incoming.state) == (CallState.EARLY, CallState.EARLY)
    expect(received[outgoing]).to_match(other_speech, max_missing_ms=STARVED_MS)
    expect(received[incoming]).to_match(speech, max_missing_ms=STARVED_MS)
    incoming.answer()
    expect(outgoing).to_be_confirmed()
    expect(outgoing).to_have_active_media()
