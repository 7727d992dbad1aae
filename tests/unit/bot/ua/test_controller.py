"""bot.ua.controller: which event calls what, in which order and on which thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from bot.deadline import Deadline
from bot.errors import CallbackFailed, CallFailed, EndpointCrashed
from bot.ipc.commands import Answer, Hangup
from bot.ipc.events import CallbackFailed as CallbackRaised
from bot.ipc.events import (
    DtmfReceived,
    MessageReceived,
    MessageWaiting,
    PlaybackFinished,
    RegistrationChanged,
    SubscriptionReceived,
    TransferProgressed,
    VoiceChanged,
    Wired,
)
from bot.model import CallState, DtmfMethod, MediaState
from bot.ua.call import Call
from bot.ua.call_record import Digit
from bot.ua.controller import Controller
from tests.support.fakes import LONG, PEER, Rig, at_once, audio, measured

ALICE = "sip:alice@example.org"
NewRig = Callable[..., Rig]


class Witness(Controller):
    """Notes every callback and the thread that it came on."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []
        self.threads: set[int] = set()

    def note(self, *what: object) -> None:
        self.threads.add(threading.get_ident())
        self.seen.append(what)

    def on_incoming_call(self, call: Call) -> None:
        self.note("incoming", call.number)

    def on_call_state(self, call: Call, state: CallState, code: int, reason: str) -> None:
        self.note("state", call.number, state)

    def on_media_state(self, call: Call, media: MediaState) -> None:
        self.note("media", call.number, media.index)

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        self.note("digit", call.number, digit.digit, digit.method)

    def on_played(self, call: Call, complete: bool) -> None:
        self.note("played", call.number, complete)

    def on_message(self, message: MessageReceived) -> None:
        self.note("message", message.body)


def text(body: str) -> MessageReceived:
    return MessageReceived(at=0.0, from_uri=PEER, to_uri="sip:a@b", content_type="text/plain", body=body)


def failures(rig: Rig) -> list[CallbackRaised]:
    return [entry.event for entry in rig.journal.recent() if isinstance(entry.event, CallbackRaised)]


def failed(rig: Rig) -> CallbackRaised:
    """Wait for the failure of a callback."""
    assert rig.journal.wait_until(lambda: bool(failures(rig)), Deadline(LONG))
    return failures(rig)[0]


# ---- which, and in which order


def test_every_event_in_its_order(new_rig: NewRig) -> None:
    witness = Witness()
    rig = new_rig(controller=witness)
    line = rig.incoming()
    line.media(audio(0), audio(1, kind="video", active=False))
    line.state(CallState.CONFIRMED, 200, "OK")
    line.digits("1", DtmfMethod.INFO)
    rig.driver.feed(PlaybackFinished(at=0.0, call=1, playback=1, complete=True), text("hello"))
    line.ended()
    rig.endpoint.close()
    assert witness.seen == [
        ("incoming", 1),
        ("state", 1, CallState.INCOMING),
        ("media", 1, 0),
        ("media", 1, 1),
        ("state", 1, CallState.CONFIRMED),
        ("digit", 1, "1", DtmfMethod.INFO),
        ("played", 1, True),
        ("message", "hello"),
        ("state", 1, CallState.DISCONNECTED),
    ]


def test_one_thread_and_not_the_tests(new_rig: NewRig) -> None:
    witness = Witness()
    rig = new_rig(controller=witness)
    for dialog in ("1@peer", "2@peer"):
        rig.incoming(dialog=dialog).ended()
    rig.endpoint.close()
    assert len(witness.seen) == 6
    assert len(witness.threads) == 1
    assert threading.get_ident() not in witness.threads


def test_outgoing_calls_do_not_come_in(new_rig: NewRig) -> None:
    witness = Witness()
    rig = new_rig(controller=witness)
    rig.outgoing()
    rig.endpoint.close()
    assert witness.seen == [("state", 1, CallState.CALLING)]


def test_each_digit_is_its_own(new_rig: NewRig) -> None:
    """Though the callbacks run late, when more digits are in the record."""
    release, seen = threading.Event(), []

    class Slow(Controller):
        def on_incoming_call(self, call: Call) -> None:
            assert release.wait(LONG)

        def on_dtmf(self, call: Call, digit: Digit) -> None:
            seen.append(digit.digit)

    rig = new_rig(controller=Slow())
    rig.incoming().digits("123#")
    release.set()
    rig.endpoint.close()
    assert seen == ["1", "2", "3", "#"]


def test_what_concerns_no_callback_calls_none(new_rig: NewRig) -> None:
    witness = Witness()
    rig = new_rig(controller=witness)
    rig.driver.feed(
        measured(1, 1, 1),
        DtmfReceived(at=0.0, call=99, digit="1", method=DtmfMethod.INFO, duration_ms=None),
    )
    rig.endpoint.close()
    assert witness.seen == []


def test_the_others_events_are_not_its_own(new_rig: NewRig) -> None:
    witness = Witness()
    alice = new_rig(name="alice", controller=witness)
    new_rig(name="bob", journal=alice.journal).incoming()
    alice.endpoint.close()
    assert witness.seen == []


def test_a_plain_controller_does_nothing(new_rig: NewRig) -> None:
    rig = new_rig(controller=Controller())
    line = rig.incoming()
    line.media(audio())
    line.digits("1")
    rig.driver.feed(PlaybackFinished(at=0.0, call=1, playback=1, complete=True), text("hello"))
    line.ended()
    rig.endpoint.close()
    assert len(rig.driver.commands) == 2  # Start and Shutdown
    assert rig.endpoint.failure is None


# ---- what callbacks may do


def test_callbacks_use_every_verb_and_wait(new_rig: NewRig) -> None:
    answered = threading.Event()

    class Patient(Controller):
        def on_incoming_call(self, call: Call) -> None:
            call.answer()
            call.wait(CallState.CONFIRMED, timeout=LONG)
            call.hangup(headers={"Reason": self.endpoint.name})
            answered.set()

    rig = new_rig(controller=Patient())
    line = rig.incoming()
    assert rig.journal.wait_until(lambda: bool(rig.driver.told(Answer)), Deadline(LONG))
    line.state(CallState.CONFIRMED, 200, "OK")
    assert answered.wait(LONG)
    assert rig.driver.last(Hangup).headers == [("Reason", "srtpbot")]


def test_a_callback_may_close_the_endpoint(new_rig: NewRig) -> None:
    closed = threading.Event()

    class Leaver(Controller):
        def on_message(self, message: MessageReceived) -> None:
            self.endpoint.close()
            closed.set()

    rig = new_rig(controller=Leaver())
    rig.driver.feed(text("leave"))
    assert closed.wait(LONG)


# ---- exceptions


class Careless(Controller):
    def on_incoming_call(self, call: Call) -> None:
        raise LookupError("no such prompt")


def test_an_exception_is_in_the_journal_and_fails_the_endpoint(new_rig: NewRig) -> None:
    rig = new_rig(controller=Careless())
    line = rig.incoming()
    said = failed(rig)
    assert said.where == "Careless callback"
    assert "LookupError: no such prompt" in said.traceback
    assert "on_incoming_call" in said.traceback
    with pytest.raises(CallbackFailed, match="no such prompt"), at_once():
        line.call.wait(timeout=LONG)


def test_an_exception_ends_the_block(new_rig: NewRig) -> None:
    rig = new_rig(controller=Careless())

    def block() -> None:
        with rig.endpoint:
            rig.incoming()
            failed(rig)

    with pytest.raises(CallbackFailed, match="Careless callback raised"):
        block()


def test_later_callbacks_run_after_an_exception(new_rig: NewRig) -> None:
    class Once(Witness):
        def on_incoming_call(self, call: Call) -> None:
            raise LookupError

    once = Once()
    rig = new_rig(controller=once)
    rig.incoming()
    rig.endpoint.close()
    assert once.seen == [("state", 1, CallState.INCOMING)]
    assert len(failures(rig)) == 1


def test_a_call_that_ends_meanwhile_is_no_failure(new_rig: NewRig) -> None:
    over = threading.Event()

    class Answerer(Controller):
        def on_incoming_call(self, call: Call) -> None:
            call.answer()

        def on_call_state(self, call: Call, state: CallState, code: int, reason: str) -> None:
            if state is CallState.DISCONNECTED:
                over.set()

    rig = new_rig(controller=Answerer())
    rig.driver.refuse(Answer, "ended", "call 1 has ended")
    rig.incoming().ended(487, "Request Terminated")
    assert over.wait(LONG)
    assert len(rig.driver.told(Answer)) == 1
    assert failures(rig) == []
    assert rig.endpoint.failure is None


def test_a_command_that_the_call_refuses_is_a_failure(new_rig: NewRig) -> None:
    class Answerer(Controller):
        def on_incoming_call(self, call: Call) -> None:
            call.answer()

    rig = new_rig(controller=Answerer())
    rig.driver.refuse(Answer, "call", "it was answered already")
    rig.incoming()
    assert "it was answered already" in failed(rig).traceback
    with pytest.raises(CallbackFailed):
        rig.endpoint.make_call(PEER)


def test_the_crash_ends_a_callback_that_waits(new_rig: NewRig) -> None:
    raised: list[type[BaseException]] = []
    waiting = threading.Event()

    class Patient(Controller):
        def on_incoming_call(self, call: Call) -> None:
            waiting.set()
            try:
                call.wait(CallState.CONFIRMED, timeout=LONG)
            except (EndpointCrashed, CallFailed) as error:
                raised.append(type(error))

    rig = new_rig(controller=Patient())
    rig.incoming()
    assert waiting.wait(LONG)
    with at_once():
        rig.driver.crash()
        rig.endpoint.close()
    assert raised == [EndpointCrashed]


# ---- the end


def test_nothing_is_called_after_close(new_rig: NewRig) -> None:
    witness = Witness()
    rig = new_rig(controller=witness)
    rig.endpoint.close()
    rig.driver.feed(text("too late"))
    assert witness.seen == []
    assert not witness._thread.is_alive()


# ---- timers, voice, one controller for another


def test_timers_come_in_the_order_of_their_times(new_rig: NewRig) -> None:
    witness = Witness()
    rig = new_rig(controller=witness)
    for seconds in (0.06, 0.02, 0.04, 0.02, LONG):
        witness.after(seconds, partial(witness.note, "due", seconds))
    assert rig.journal.wait_until(lambda: False, Deadline(0.3)) is False
    with at_once():
        witness.detach()
    assert witness.seen == [("due", 0.02), ("due", 0.02), ("due", 0.04), ("due", 0.06)]
    assert len(witness.threads) == 1


def fail() -> None:
    raise LookupError("no such extension")


def test_what_a_timer_raises_fails_the_endpoint(new_rig: NewRig) -> None:
    witness = Witness()
    rig = new_rig(controller=witness)
    witness.after(0, fail)
    assert rig.journal.wait_until(lambda: bool(failures(rig)), Deadline(LONG))
    witness.detach()


class Starter(Witness):
    """Notes its beginning, its end and the voice."""

    def on_start(self) -> None:
        self.seen.append(("start", self.endpoint.ready))

    def on_end(self) -> None:
        self.seen.append(("end",))

    def on_voice(self, call: Call, voice: VoiceChanged) -> None:
        self.note("voice", call.number, voice.speaking)


def test_begin_voice_and_end(new_rig: NewRig) -> None:
    starter = Starter()
    rig = new_rig(controller=starter)
    line = rig.incoming()
    rig.journal.append(rig.endpoint.name, VoiceChanged(at=1.0, call=line.number, speaking=True))
    starter.detach()
    assert starter.seen[0] == ("start", None)
    assert ("voice", 1, True) in starter.seen
    assert starter.seen[-1] == ("end",)


def test_serving_another_controller(new_rig: NewRig) -> None:
    lead, other = Witness(), Starter()
    rig = new_rig(controller=lead)
    other.serve(lead)
    assert other.endpoint is rig.endpoint
    other.after(0, lambda: other.note("due"))
    lead.after(0, lambda: lead.note("due"))
    assert rig.journal.wait_until(lambda: False, Deadline(0.1)) is False
    lead.detach()
    assert other.threads == lead.threads
    assert ("due",) in other.seen


def test_what_happens_outside_of_calls(new_rig: NewRig) -> None:
    seen: list[object] = []

    class Clerk(Controller):
        def on_registration(self, registration: RegistrationChanged) -> None:
            seen.append(registration)

        def on_mailbox(self, mailbox: MessageWaiting) -> None:
            seen.append(mailbox)

        def on_subscription(self, subscription: SubscriptionReceived) -> None:
            seen.append(subscription)

    rig = new_rig(controller=Clerk())
    events: list[Wired] = [
        RegistrationChanged(at=0.0, active=False, code=403, reason="Forbidden", expires_s=0),
        MessageWaiting(at=0.0, account=ALICE, waiting=True, new=2),
        SubscriptionReceived(at=0.0, from_uri=PEER, account=ALICE),
    ]
    rig.driver.feed(*events)
    rig.endpoint.close()
    assert seen == events


def test_a_state_comes_with_its_code_and_reason(new_rig: NewRig) -> None:
    seen: list[tuple[object, ...]] = []

    class Clerk(Controller):
        def on_call_state(self, call: Call, state: CallState, code: int, reason: str) -> None:
            seen.append((state, code, reason))

        def on_transfer_progress(self, call: Call, code: int, reason: str, final: bool) -> None:
            seen.append((code, reason, final))

    rig = new_rig(controller=Clerk())
    line = rig.incoming()
    rig.driver.feed(TransferProgressed(at=0.0, call=line.number, code=180, reason="Ringing", final=False))
    line.ended(486, "Busy Here")
    rig.endpoint.close()
    assert seen == [
        (CallState.INCOMING, 0, ""),
        (180, "Ringing", False),
        (CallState.DISCONNECTED, 486, "Busy Here"),
    ]


def test_an_override_of_before_hears_the_state_alone(new_rig: NewRig) -> None:
    seen: list[object] = []
    controller = Controller()

    def on_call_state(call: Call, state: CallState) -> None:
        seen.append(state)

    controller.__dict__["on_call_state"] = on_call_state
    rig = new_rig(controller=controller)
    rig.incoming().ended(486, "Busy Here")
    rig.endpoint.close()
    assert seen == [CallState.INCOMING, CallState.DISCONNECTED]
