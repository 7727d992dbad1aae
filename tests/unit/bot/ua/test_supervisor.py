"""bot.ua.supervisor: delays of the replacement of a crashed agent, and the endpoint during the delay."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.config import EndpointConfig
from bot.deadline import Deadline
from bot.errors import CallEnded, CallFailed, EndpointCrashed, NativeError, WaitTimeout
from bot.ipc import (
    AgentCrashed,
    AgentReplaced,
    AgentStopped,
    CommandFailed,
    Listener,
    MakeCall,
    Register,
    ReplacementFailed,
    SendRequest,
    Start,
)
from bot.model import CallState, Transport
from bot.ua import Endpoint, supervisor
from bot.ua.supervisor import BACK_OFF_S, HEALTHY_S, Supervisor
from tests.support.fakes import LONG, PEER, FakeDriver, Rig, at_once, ready, while_waiting

NewRig = Callable[..., Rig]


class Clock:
    """The monotonic clock, moved by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Rounds:
    """Agents that die when they are told to, and the waits before each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.waits: list[float] = []
        self.starts: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.outcomes: list[bool] = []
        monkeypatch.setattr(supervisor, "time", self.clock)
        self.supervisor = Supervisor(self._replace)
        monkeypatch.setattr(self.supervisor._closing, "wait", self._wait)

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.clock.now += seconds
        return False

    def _replace(self) -> bool:
        self.starts.put(None)
        return self.outcomes.pop(0) if self.outcomes else True

    def die(self) -> float:
        """An agent dies and is replaced."""
        wait_s = self.supervisor.died()
        self.supervisor.join()
        return wait_s


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Rounds:
    return Rounds(monkeypatch)


def test_the_first_replacement_comes_at_once_and_the_others_later_and_later(rounds: Rounds) -> None:
    reported = [rounds.die() for _ in range(len(BACK_OFF_S) + 2)]
    assert reported == rounds.waits == [*BACK_OFF_S, BACK_OFF_S[-1], BACK_OFF_S[-1]]


def test_a_healthy_agent_ends_the_row(rounds: Rounds) -> None:
    for _ in range(4):
        rounds.die()
    rounds.clock.now += HEALTHY_S
    assert rounds.die() == BACK_OFF_S[0]
    assert rounds.die() == BACK_OFF_S[1]


def test_a_replacement_that_fails_is_tried_again(rounds: Rounds) -> None:
    rounds.outcomes = [False, False, True]
    rounds.die()
    assert rounds.waits == list(BACK_OFF_S[:3])
    assert rounds.starts.qsize() == 3


def test_waiting_for_a_replacement_is_no_health(rounds: Rounds) -> None:
    rounds.outcomes = [False] * 20
    rounds.die()
    assert rounds.waits[-1] == BACK_OFF_S[-1]


def test_no_agent_is_started_after_the_end() -> None:
    started = threading.Event()

    def replace() -> bool:
        started.set()
        return True

    one = Supervisor(replace)
    one.close()
    one.died()
    one.join()
    assert not started.is_set()


# ---- an endpoint


@pytest.fixture
def supervised(new_rig: NewRig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(supervisor, "BACK_OFF_S", (0.0,))
    return new_rig(on_crash="restart")


def replaced(rig: Rig, drivers: list[FakeDriver]) -> FakeDriver:
    """The agent that takes the place of the first one, once it listens."""

    def is_told() -> bool:
        return any(isinstance(entry.event, AgentReplaced) for entry in rig.journal.recent())

    assert rig.endpoint.wait_until(is_told, Deadline(LONG))
    return drivers[-1]


def test_a_crash_fails_an_endpoint_unless_it_is_told_to_restart(rig: Rig, drivers: list[FakeDriver]) -> None:
    rig.driver.crash()
    with pytest.raises(EndpointCrashed):
        rig.endpoint.make_call(PEER)
    assert len(drivers) == 1


def test_another_agent_goes_on_with_ports_and_numbers(supervised: Rig, drivers: list[FakeDriver]) -> None:
    lost, listeners = supervised.confirmed(), [Listener(Transport.UDP, "192.0.2.1", 40000, 5062)]
    supervised.driver.feed(ready(*listeners))
    supervised.driver.crash("it was killed by SIGSEGV")
    again = replaced(supervised, drivers)
    [start] = again.told(Start)
    assert (start.first_call, start.listeners) == (2, listeners)
    assert lost.call.facts.ended_by == "error"
    assert supervised.endpoint.failure is None
    assert supervised.endpoint.calls == []
    [crash] = [entry.event for entry in supervised.journal.recent() if isinstance(entry.event, AgentCrashed)]
    assert (crash.reason, crash.lost_calls, crash.replaced_in_s) == ("it was killed by SIGSEGV", [1], 0.0)
    assert supervised.endpoint.make_call(PEER).facts.state is CallState.CALLING
    assert again.told(MakeCall)


def test_what_waits_for_the_agent_that_died_is_told(supervised: Rig) -> None:
    line = supervised.confirmed()
    supervised.driver.ignore(SendRequest)
    with (
        pytest.raises(CallEnded, match="the agent died: it was killed by SIGABRT"),
        at_once(),
        while_waiting(supervised.journal, supervised.driver.crash),
    ):
        line.call.send_info("x")


@pytest.mark.parametrize(
    "ask",
    [
        lambda endpoint: endpoint.send_message(PEER, "hello", timeout=LONG),
        lambda endpoint: endpoint.send_options(PEER, timeout=LONG),
    ],
    ids=["MESSAGE", "OPTIONS"],
)
def test_requests_outside_of_calls_are_not_waited_for_any_more(
    ask: Callable[[Endpoint], object], supervised: Rig
) -> None:
    with (
        pytest.raises((CallFailed, WaitTimeout), match="the agent died"),
        at_once(),
        while_waiting(supervised.journal, supervised.driver.crash),
    ):
        ask(supervised.endpoint)


def test_a_command_for_a_lost_call_finds_it_ended(supervised: Rig, sound: Path) -> None:
    line = supervised.confirmed()
    playback = line.call.play(sound)
    supervised.driver.crash()
    for verb in (line.call.hangup, lambda: line.call.send_dtmf("1"), line.call.loopback, playback.wait):
        with pytest.raises(CallEnded), at_once():
            verb()


def test_commands_that_come_meanwhile_wait(new_rig: NewRig, drivers: list[FakeDriver]) -> None:
    rig = new_rig(on_crash="restart")
    rig.driver.crash()
    call = rig.endpoint.make_call(PEER)
    assert drivers[-1].told(MakeCall)
    assert call.endpoint is rig.endpoint


def test_an_agent_that_somebody_ended_is_replaced(supervised: Rig, drivers: list[FakeDriver]) -> None:
    supervised.driver.feed(AgentStopped(at=0.0))
    replaced(supervised, drivers)
    [crash] = [entry.event for entry in supervised.journal.recent() if isinstance(entry.event, AgentCrashed)]
    assert crash.reason == "it was ended by somebody else"


def test_a_port_that_is_taken_is_tried_again(
    supervised: Rig, drivers: list[FakeDriver], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = iter([True, True])

    def start(number: int, command: Any) -> list[Any]:
        if next(refusals, False):
            why = "cannot listen on udp 127.0.0.1:5062: Address already in use"
            return [
                CommandFailed(at=0.0, request=number, kind="native", reason=why),
                AgentStopped(at=0.0),
            ]
        return by_default(drivers[-1], number, command)

    by_default = FakeDriver._by_default
    monkeypatch.setattr(
        FakeDriver,
        "_by_default",
        lambda self, number, command: (
            start(number, command) if isinstance(command, Start) else by_default(self, number, command)
        ),
    )
    supervised.driver.crash()
    replaced(supervised, drivers)
    failed = [one.event for one in supervised.journal.recent() if isinstance(one.event, ReplacementFailed)]
    assert len(failed) == 2
    assert "Address already in use" in failed[0].reason
    crashes = [entry.event for entry in supervised.journal.recent() if isinstance(entry.event, AgentCrashed)]
    assert len(crashes) == 1


def test_registrations_are_as_they_were_wanted(new_rig: NewRig, drivers: list[FakeDriver]) -> None:
    bob = "sip:bob@example.org"
    rig = new_rig(
        on_crash="restart",
        id="sip:alice@example.org",
        registrar="sip:example.org",
        accounts=[{"id": bob, "registrar": "sip:example.org", "register_at_start": False}],
    )
    for account, on in ((None, False), (bob, True)):
        with pytest.raises(Exception, match="did not answer"):
            (rig.endpoint.register if on else rig.endpoint.unregister)(account, timeout=0.01)
    assert rig.driver.told(Register)
    rig.driver.crash()
    [start] = replaced(rig, drivers).told(Start)
    config: EndpointConfig = start.config
    assert (config.register_at_start, config.accounts[0].register_at_start) == (False, True)


def test_closing_while_an_agent_is_awaited(new_rig: NewRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACK_OFF_S", (LONG,))
    rig = new_rig(on_crash="restart")
    rig.driver.crash()
    with at_once():
        rig.endpoint.close()
    with pytest.raises(CallEnded):
        rig.endpoint.make_call(PEER)


def test_commands_give_up_after_their_timeout(new_rig: NewRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACK_OFF_S", (LONG,))
    rig = new_rig(on_crash="restart")
    rig.driver.crash()
    with pytest.raises(NativeError, match="is not replaced yet"):
        rig.endpoint.request(Register(account=""), 0.05)
