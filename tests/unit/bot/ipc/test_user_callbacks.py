"""bot.ipc.user_callbacks: exceptions of user code fail the run; waits in observers are refused."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import NoReturn

import pytest

from bot.deadline import Deadline
from bot.errors import BotError, CallbackFailed, CalledFromObserver
from bot.ipc.events import CallbackFailed as CallbackRaised
from bot.ipc.events import ExpectationChecked
from bot.ua.call import Call
from bot.ua.controller import Controller
from bot.ua.endpoint import Endpoint
from bot.ua.journal import Entry, Journal
from tests.support.fakes import LONG, PEER, Rig, at_once

NewRig = Callable[..., Rig]


def raise_lookup_error(*arguments: object) -> NoReturn:
    raise LookupError("no such customer")


def fail_the_test(*arguments: object) -> NoReturn:
    pytest.fail("not as expected")


def leave(*arguments: object) -> NoReturn:
    sys.exit(0)


def on_a_thread(act: Callable[[], object]) -> None:
    """As an agent's events come; what the main thread is told to end by, it ends by."""
    thread = threading.Thread(target=act)
    thread.start()
    thread.join(LONG)


ANY_EXCEPTION = pytest.mark.parametrize(
    ("raising", "words"),
    [
        (raise_lookup_error, "LookupError: no such customer"),
        (fail_the_test, "Failed: not as expected"),
        (leave, "SystemExit: 0"),
    ],
)


@ANY_EXCEPTION
def test_an_observer_that_raises_fails_waits_at_once_and_the_block(
    raising: Callable[..., NoReturn], words: str, new_rig: NewRig
) -> None:
    rig = new_rig()
    rig.journal.observe(raising)
    on_a_thread(rig.incoming)
    with pytest.raises(CallbackFailed, match=words), at_once():
        rig.endpoint.wait_until(lambda: False, Deadline(LONG))

    def block() -> None:
        with rig.endpoint:
            pass

    with pytest.raises(CallbackFailed, match=f"(?s)observer {raising.__name__} raised.*{words}"):
        block()


@ANY_EXCEPTION
def test_on_log_that_raises_fails_the_endpoint(
    raising: Callable[..., NoReturn], words: str, tmp_path: object
) -> None:
    def block() -> None:
        with Endpoint(bind="127.0.0.1", log_level=5, on_log=raising):
            pass

    with pytest.raises(CallbackFailed, match=f"(?s)on_log raised.*{words}"), at_once():
        block()


@ANY_EXCEPTION
def test_a_controller_that_raises_fails_the_endpoint(
    raising: Callable[..., NoReturn], words: str, new_rig: NewRig
) -> None:
    class Careless(Controller):
        def on_incoming_call(self, call: Call) -> None:
            raising()

    rig = new_rig(controller=Careless())

    def block() -> None:
        with rig.endpoint:
            rig.incoming()

    with pytest.raises(CallbackFailed, match=f"(?s)Careless callback raised.*{words}"):
        block()


def test_a_controller_that_raises_at_the_end_fails_the_endpoint(new_rig: NewRig) -> None:
    class Careless(Controller):
        def on_end(self) -> None:
            raise_lookup_error()

    rig = new_rig(controller=Careless())

    def block() -> None:
        with rig.endpoint:
            pass

    with pytest.raises(CallbackFailed, match=r"(?s)Careless callback raised.*no such customer"):
        block()
    rig.journal.join(rig.endpoint.name)  # it has left all the same


def test_the_others_observers_hear_everything(new_rig: NewRig) -> None:
    """And an observer that raised is not called again."""
    rig = new_rig()
    received: list[Entry] = []
    called: list[Entry] = []

    def careless(entry: Entry) -> None:
        called.append(entry)
        raise LookupError

    rig.journal.observe(careless)
    rig.journal.observe(received.append)
    line = rig.incoming()
    line.ended()
    assert len(called) == 1
    assert {called[0], *(one for one in received if one.endpoint == rig.endpoint.name)} <= set(received)
    assert [one.endpoint for one in received if isinstance(one.event, CallbackRaised)] == ["journal"]
    assert line.call.facts.ended is not None


def test_it_fails_every_endpoint_of_the_journal(new_rig: NewRig) -> None:
    first = new_rig(name="first")
    second = new_rig(name="second", journal=first.journal)
    first.journal.observe(raise_lookup_error)
    checked = ExpectationChecked(at=0.0, name="x", passed=True, expected="1", observed="1")
    first.journal.append("run", checked)
    for rig in (first, second):
        assert isinstance(rig.endpoint.failure, CallbackFailed)


def test_a_failing_journal_without_endpoints_raises_in_nobody() -> None:
    journal = Journal()
    journal.observe(raise_lookup_error)
    journal.append("run", ExpectationChecked(at=0.0, name="x", passed=True, expected="1", observed="1"))
    assert [type(entry.event) for entry in journal.recent()] == [ExpectationChecked, CallbackRaised]


# ---- verbs where nothing may wait

VERBS: list[Callable[[Rig, Call], object]] = [
    lambda rig, call: rig.endpoint.make_call(PEER),
    lambda rig, call: rig.endpoint.send_message(PEER, "hello"),
    lambda rig, call: rig.endpoint.send_options(PEER),
    lambda rig, call: rig.endpoint.wait_registered(),
    lambda rig, call: rig.endpoint.close(),
    lambda rig, call: call.answer(),
    lambda rig, call: call.hangup(),
    lambda rig, call: call.send_dtmf("1"),
    lambda rig, call: call.measure(),
]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_in_an_observer_is_refused_at_once(verb: Callable[[Rig, Call], object], rig: Rig) -> None:
    line = rig.confirmed()
    refusals: list[BotError] = []

    def observe(entry: Entry) -> None:
        with pytest.raises(CalledFromObserver, match="use a Controller") as refused:
            verb(rig, line.call)
        refusals.append(refused.value)

    before = len(rig.driver.commands)
    stop = rig.journal.observe(observe)
    with at_once():
        line.digits("5")
    stop()
    assert refusals
    assert len(rig.driver.commands) == before
    assert rig.endpoint.failure is None  # the observer dealt with it


def test_what_needs_no_waiting_is_allowed(rig: Rig) -> None:
    line, seen = rig.confirmed(), []
    rig.journal.observe(lambda entry: seen.append(line.call.wait(line.call.state)))
    line.digits("5")
    assert seen


def test_a_verb_in_another_thread_works(rig: Rig) -> None:
    line = rig.confirmed()
    threads: list[threading.Thread] = []

    def observe(entry: Entry) -> None:
        if not threads:
            threads.append(threading.Thread(target=line.call.hangup))
            threads[0].start()

    rig.journal.observe(observe)
    line.digits("5")
    threads[0].join(LONG)
    assert rig.endpoint.failure is None


def test_a_verb_in_on_log_is_refused_at_once() -> None:
    there: list[Endpoint] = []

    def log(line: str) -> None:
        if there:
            there[0].make_call(PEER)

    def block() -> None:
        with Endpoint(bind="127.0.0.1", log_level=5, on_log=log) as endpoint:
            there.append(endpoint)
            endpoint.make_call(PEER)
            endpoint.wait_until(lambda: False, Deadline(LONG))

    with pytest.raises(CallbackFailed, match="CalledFromObserver"), at_once():
        block()
