"""A controller decides about a REFER: at once or after a time, by UDP and TCP; no call waits meanwhile."""

from __future__ import annotations

import threading

import pytest

from bot import Call, CallbackFailed, CallState, Controller, Endpoint, expect
from bot.ipc.events import TransferRequested
from tests.support.starting import LOOPBACK, NewEndpoint, connect, until

SOON = 5.0


class Decider(Controller):
    """Answers every call; says what it was made with to every REFER, or raises it."""

    def __init__(self, decision: object = None) -> None:
        self.decision = decision
        self.asked: list[TransferRequested] = []
        self.made: list[Call] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def on_incoming_call(self, call: Call) -> None:
        call.answer()

    def on_refer(self, call: Call, request: TransferRequested) -> bool | int | None:
        self.asked.append(request)
        assert self.may_go_on.wait(SOON)
        if isinstance(self.decision, Exception):
            raise self.decision
        assert self.decision is None or isinstance(self.decision, int)
        return self.decision

    def on_transfer(self, call: Call) -> None:
        self.made.append(call)


def confirmed(caller: Endpoint, uri: str) -> Call:
    call = caller.make_call(uri)
    call.wait(CallState.CONFIRMED, timeout=SOON)
    return call


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    ("decision", "accepts", "code"),
    [
        (True, False, 202),
        (202, False, 202),
        (False, True, 603),
        (486, True, 486),
        (403, False, 403),
        (None, True, 202),
        (None, False, 603),
    ],
)
def test_what_is_decided_is_answered(
    decision: bool | int | None, accepts: bool, code: int, transport: str, new_endpoint: NewEndpoint
) -> None:
    decider = Decider(decision)
    callee = new_endpoint(controller=decider, accept_transfers=accepts, transports=[transport])
    caller, third = new_endpoint(transports=[transport]), new_endpoint(transports=[transport])
    outgoing = confirmed(caller, callee.uri)
    transfer = outgoing.transfer(f"{third.uri}?X-A=secret")
    if code == 202:
        with third.expect_call(timeout=SOON) as incoming:
            pass
        incoming.value.answer()
    assert transfer.refer.wait(SOON, code="any") == code
    [request] = decider.asked
    assert request.refer_to == third.uri
    assert not request.replaces
    until(callee, lambda: len(decider.made) == (code == 202))
    expect(outgoing).to_be_confirmed()


def test_each_refer_is_decided_anew(new_endpoint: NewEndpoint) -> None:
    decider = Decider(False)
    callee, caller, third = new_endpoint(controller=decider), new_endpoint(), new_endpoint()
    outgoing = confirmed(caller, callee.uri)
    assert outgoing.transfer(third.uri).refer.wait(SOON, code="any") == 603
    decider.decision = 480
    assert outgoing.transfer(third.uri).refer.wait(SOON, code="any") == 480
    decider.decision = True
    assert outgoing.transfer(third.uri).refer.wait(SOON, code="any") == 202
    assert len(decider.asked) == 3


def test_it_is_asked_once_and_may_take_its_time(new_endpoint: NewEndpoint) -> None:
    """Retransmissions ask nobody again, and calls go on."""
    decider = Decider(486)
    decider.may_go_on.clear()
    callee, caller = new_endpoint(controller=decider), new_endpoint()
    outgoing = confirmed(caller, callee.uri)
    transfer = outgoing.transfer(f"sip:somebody@{LOOPBACK}:9")

    def sent() -> int:
        return sum(traced.sent and traced.message.method == "REFER" for traced in outgoing.facts.messages)

    until(caller, lambda: sent() >= 3)
    assert caller.send_options(callee.uri, timeout=SOON).code == 200
    decider.may_go_on.set()
    assert transfer.refer.wait(SOON, code="any") == 486
    assert len(decider.asked) == 1


def test_an_attended_transfer_is_told(new_endpoint: NewEndpoint) -> None:
    decider = Decider(False)
    callee, caller, third = new_endpoint(controller=decider), new_endpoint(), new_endpoint()
    outgoing = confirmed(caller, callee.uri)
    second, _ = connect(caller, third)
    assert outgoing.transfer_to(second).refer.wait(SOON, code="any") == 603
    assert decider.asked[0].replaces


@pytest.mark.parametrize("wrong", [LookupError("no such extension"), 200, 99, 700])
def test_a_decision_that_is_none_refuses_and_fails_the_endpoint(
    wrong: object, new_endpoint: NewEndpoint
) -> None:
    callee, caller = new_endpoint(controller=Decider(wrong)), new_endpoint()
    outgoing = confirmed(caller, callee.uri)
    assert outgoing.transfer(f"sip:somebody@{LOOPBACK}:9").refer.wait(SOON, code="any") == 500
    with pytest.raises(CallbackFailed, match=r"no such extension|on_refer: expected True, False"):
        until(callee, lambda: False)


def test_a_call_that_ends_while_it_is_asked(new_endpoint: NewEndpoint) -> None:
    decider = Decider(True)
    decider.may_go_on.clear()
    callee, caller = new_endpoint(controller=decider), new_endpoint()
    outgoing = confirmed(caller, callee.uri)
    outgoing.transfer(f"sip:somebody@{LOOPBACK}:9")
    until(callee, lambda: bool(decider.asked))
    outgoing.hangup()
    decider.may_go_on.set()
    until(callee, lambda: not callee.calls)
    assert confirmed(caller, callee.uri).state is CallState.CONFIRMED
    assert callee.failure is None


def test_the_endpoint_closes_while_it_is_asked(new_endpoint: NewEndpoint) -> None:
    decider = Decider(True)
    decider.may_go_on.clear()
    callee, caller = new_endpoint(controller=decider), new_endpoint()
    confirmed(caller, callee.uri).transfer(f"sip:somebody@{LOOPBACK}:9")
    until(callee, lambda: bool(decider.asked))
    closing = threading.Thread(target=callee.close)
    closing.start()
    decider.may_go_on.set()
    closing.join(SOON * 2)
    assert callee.failure is None
