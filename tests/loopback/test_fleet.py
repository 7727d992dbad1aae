"""Many agents as one endpoint."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bot import expect
from bot.bots.parrot import Parrot
from bot.deadline import Deadline
from bot.fleet import Fleet, FleetBusy
from bot.ipc import ExpectationChecked, SipSent
from bot.ua import Call
from tests.support.starting import LOOPBACK

NewFleet = Callable[..., Fleet]
DEADLINE_S = 40.0
pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def new_fleet() -> Iterator[NewFleet]:
    """Start fleets of agents with two calls each; they are closed in reverse order."""
    with ExitStack() as started:

        def start(name: str, **settings: Any) -> Fleet:
            given = {
                "bind": LOOPBACK,
                "codecs": ["PCMA"],
                "srtp": "mandatory",
                "calls_per_agent": 2,
                **settings,
            }
            return started.enter_context(Fleet(name=name, **given))

        yield start


def ended(call: Call) -> bool:
    return call.endpoint.wait_until(lambda: call.facts.ended is not None, Deadline(DEADLINE_S))


def test_calls_on_several_agents(new_fleet: NewFleet, tmp_path: Path) -> None:
    callee = new_fleet("callee", calls=4, controller=Parrot)
    caller = new_fleet("caller", calls=4)
    assert (len(caller.endpoints), caller.slots) == (2, 4)
    calls = [caller.make_call(uri) for uri in (*callee.uris, *callee.uris)]
    assert calls[0].endpoint is calls[1].endpoint is not calls[2].endpoint is calls[3].endpoint, (
        "one is filled"
    )
    with pytest.raises(FleetBusy, match="caller: all 4 call slots of this side are taken"):
        caller.make_call(callee.uris[0])
    for call in calls:
        expect(call).to_be_confirmed(timeout=DEADLINE_S)
    recording = calls[0].record(tmp_path / "heard.wav")
    calls[0].play("silence:1,marker:17,silence:1,marker:17,silence:1").wait()
    recording.stop(linger=1)
    expect(recording).to_contain_marker(17)
    told = [entry.event for entry in caller.entries(calls[0])]
    assert any(isinstance(event, SipSent) and event.text.startswith("INVITE") for event in told)
    assert any(isinstance(event, ExpectationChecked) and event.passed for event in told)
    calls[0].hangup()
    again = caller.make_call(callee.uris[0], wait=DEADLINE_S)
    expect(again).to_be_encrypted(timeout=DEADLINE_S)
    caller.forget(calls[0])
    assert not caller.entries(calls[0])
    assert calls[0].facts.messages, "they are packed, not lost"


def test_incoming_calls_of_any_agent(new_fleet: NewFleet) -> None:
    callee, caller = new_fleet("callee", calls=4), new_fleet("caller", calls=2)
    for uri in callee.uris:
        with callee.expect_call(timeout=DEADLINE_S) as incoming:
            outgoing = caller.make_call(uri)
        incoming.value.answer()
        expect(outgoing).to_be_confirmed(timeout=DEADLINE_S)


def test_an_agent_that_dies_costs_its_own_calls(new_fleet: NewFleet) -> None:
    callee = new_fleet("callee", calls=4, controller=Parrot)
    caller = new_fleet("caller", calls=4)
    calls = [caller.make_call(uri) for uri in (*callee.uris, *callee.uris)]
    for call in calls:
        expect(call).to_be_confirmed(timeout=DEADLINE_S)
    lost = [call for call in calls if call.endpoint is calls[0].endpoint]
    os.kill(calls[0].endpoint.pid, signal.SIGKILL)
    for call in lost:
        assert ended(call)
        assert "the agent died" in call.facts.ended_text
    assert [call.facts.ended for call in calls if call not in lost] == [None, None]
    assert caller.used == 2
    again = [caller.make_call(uri, wait=DEADLINE_S) for uri in callee.uris]
    for call in again:
        expect(call).to_be_confirmed(timeout=DEADLINE_S)
        assert call.endpoint is calls[0].endpoint, "only its slots are free"


def test_agents_are_renewed(new_fleet: NewFleet) -> None:
    callee = new_fleet("callee", calls=2, controller=Parrot)
    caller = new_fleet("caller", calls=1, renewed_after=2)
    names = []
    for _ in range(3):
        call = caller.make_call(callee.uris[0], wait=DEADLINE_S)
        names.append(call.endpoint.name)
        expect(call).to_be_confirmed(timeout=DEADLINE_S)
        call.hangup()
        assert ended(call)
    assert names == ["caller-1", "caller-1", "caller-2"]


def test_a_callback_that_raises_fails_the_fleet() -> None:
    class Broken(Parrot):
        def on_incoming_call(self, call: Call) -> None:
            raise ValueError("broken")

    with (
        pytest.raises(Exception, match="broken"),
        Fleet(name="callee", calls=1, bind=LOOPBACK, controller=Broken) as callee,
        Fleet(name="caller", calls=1, bind=LOOPBACK) as caller,
    ):
        assert ended(caller.make_call(callee.uris[0]))
