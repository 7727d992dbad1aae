"""Controllers with real calls, and exceptions in callbacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import (
    Call,
    CallbackFailed,
    CallState,
    Controller,
    Digit,
    Endpoint,
    MediaState,
    MessageReceived,
    expect,
)
from bot.bots.parrot import Parrot
from tests.support.starting import LOOPBACK, STARVED_MS, NewEndpoint, until


class Diary(Controller):
    """Answers, and writes down what it is told."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def on_incoming_call(self, call: Call) -> None:
        self.pages.append("incoming")
        call.answer()

    def on_call_state(self, call: Call, state: CallState, code: int, reason: str) -> None:
        self.pages.append(state)

    def on_media_state(self, call: Call, media: MediaState) -> None:
        self.pages.append(f"media {media.direction}")

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        self.pages.append(f"digit {digit.digit}")
        call.hangup()

    def on_message(self, message: MessageReceived) -> None:
        self.pages.append(f"message {message.body}")


class Clumsy(Controller):
    """Raises."""

    def on_incoming_call(self, call: Call) -> None:
        call.ring()
        raise LookupError("no such extension")


def test_callbacks_come_in_order(new_endpoint: NewEndpoint) -> None:
    diary = Diary()
    callee = new_endpoint(controller=diary)
    outgoing = new_endpoint().make_call(callee.uri)
    expect(outgoing).to_have_active_media()
    outgoing.send_dtmf("5")
    expect(outgoing).to_be_disconnected(code=200, by="remote")
    callee.close()
    states = ["INCOMING", "CONNECTING", "CONFIRMED", "DISCONNECTED"]
    assert [page for page in diary.pages if page in set(CallState)] == states
    assert diary.pages[0] == "incoming"
    assert diary.pages.index("media sendrecv") < diary.pages.index("digit 5")
    assert diary.pages[-1] == "DISCONNECTED"


def test_parrot_repeats(new_endpoint: NewEndpoint, speech: Path, tmp_path: Path) -> None:
    callee = new_endpoint(controller=Parrot())
    outgoing = new_endpoint(srtp="mandatory").make_call(callee.uri)
    recording = outgoing.record(tmp_path / "echo.wav")
    outgoing.play(speech).wait()
    outgoing.play(speech, loop=True)
    sent = outgoing.facts.stats(0)
    expect(outgoing).to_have_received_packets(at_least=(sent.rx.packets if sent else 0) + 125)
    recording.stop()
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)


def test_exception_in_a_callback_fails_the_endpoint(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint()
    callee = Endpoint(name="clumsy", bind=LOOPBACK, codecs=["PCMA"], controller=Clumsy())
    with pytest.raises(CallbackFailed) as caught, callee:
        outgoing = caller.make_call(callee.uri)
        expect(outgoing).to_be_ringing()
        until(caller, lambda: outgoing.facts.ended is None)
    text = str(caught.value)
    assert "clumsy: Clumsy callback raised" in text
    assert "LookupError: no such extension" in text
    assert "in on_incoming_call" in text
    expect(outgoing).to_be_disconnected(by="remote")


class ClumsyOnce(Parrot):
    def on_incoming_call(self, call: Call) -> None:
        if call.number == 1:
            raise LookupError("no such extension")
        super().on_incoming_call(call)

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        raise LookupError("no such key")


def test_exception_in_a_callback_ends_its_call_alone(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint()
    callee = Endpoint(name="clumsy", bind=LOOPBACK, codecs=["PCMA"], controller=ClumsyOnce(), goes_on=True)
    with pytest.raises(CallbackFailed, match="no such extension"), callee:
        expect(caller.make_call(callee.uri)).to_be_disconnected(code=500, by="remote")
        second, third = caller.make_call(callee.uri), caller.make_call(callee.uri)
        for call in (second, third):
            expect(call).to_have_active_media()
        second.send_dtmf("5")
        expect(second).to_be_disconnected(by="remote")
        assert third.facts.ended is None
        third.hangup()


def test_exception_in_a_callback_wakes_whoever_waits(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=Clumsy())
    new_endpoint().make_call(callee.uri)
    with pytest.raises(CallbackFailed, match="no such extension"):
        until(callee, lambda: False, timeout=5)
