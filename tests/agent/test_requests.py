"""Requests inside and outside a call: MESSAGE, OPTIONS, REFER, and what becomes of them."""

from __future__ import annotations

import pytest

from bot import ConfigError, Endpoint, expect
from bot.deadline import Deadline
from tests.agent.starting import NewEndpoint, connect

WAIT_S = 5.0


def bodies(endpoint: Endpoint, count: int) -> list[str]:
    """What so many MESSAGEs said; the answer may be known to its sender before they are here."""
    endpoint.wait_until(lambda: len(endpoint.messages) >= count, Deadline(WAIT_S))
    return [one.body for one in endpoint.messages]


def test_message_outside_a_call(new_endpoint: NewEndpoint) -> None:
    sender, receiver = new_endpoint(), new_endpoint()
    assert sender.send_message(receiver.uri, "hello", timeout=WAIT_S) == 200
    assert bodies(receiver, 1) == ["hello"]
    assert not sender.messages


def test_second_message_to_the_same_peer_has_an_answer_of_its_own(new_endpoint: NewEndpoint) -> None:
    sender, receiver = new_endpoint(), new_endpoint()
    codes = [sender.send_message(receiver.uri, text, timeout=WAIT_S) for text in ("one", "two")]
    assert codes == [200, 200]
    assert bodies(receiver, 2) == ["one", "two"]


def test_message_in_a_call(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(), new_endpoint()
    outgoing, _ = connect(caller, callee)
    assert outgoing.send_message("in the call", headers={"X-Test": "7"}).wait(WAIT_S) == 200
    assert bodies(callee, 1) == ["in the call"]


def test_options_in_a_call_is_answered(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    # The library has no use for OPTIONS in a dialog and says so: 500 "Unhandled by dialog usages".
    assert outgoing.send_options().wait(WAIT_S) == 500
    expect(answered).to_be_confirmed()


def test_blind_transfer(new_endpoint: NewEndpoint) -> None:
    caller, callee, third = new_endpoint(), new_endpoint(accept_transfers=True), new_endpoint()
    outgoing, answered = connect(caller, callee)
    with third.expect_call(timeout=WAIT_S) as incoming:
        transfer = outgoing.transfer(third.uri)
    reached = incoming.value.answer()
    assert transfer.refer.wait(WAIT_S) == 202
    assert transfer.wait(WAIT_S) == 200
    assert transfer.progress[0] == 100
    expect(reached).to_be_confirmed()
    outgoing.hangup()
    expect(answered).to_be_disconnected(by="remote")
    expect(reached).to_be_confirmed()


def test_transfer_is_refused_unless_it_is_allowed(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    assert outgoing.transfer("sip:anyone@127.0.0.1:9").wait(WAIT_S) == 603
    expect(answered).to_be_confirmed()


def test_transfer_to_somebody_who_is_busy(new_endpoint: NewEndpoint) -> None:
    caller, callee, third = new_endpoint(), new_endpoint(accept_transfers=True), new_endpoint()
    outgoing, _ = connect(caller, callee)
    with third.expect_call(timeout=WAIT_S) as incoming:
        transfer = outgoing.transfer(third.uri)
    incoming.value.answer(486)
    assert transfer.wait(WAIT_S) == 486


def test_transfer_to_what_is_no_uri(new_endpoint: NewEndpoint) -> None:
    outgoing, _ = connect(new_endpoint(), new_endpoint())
    with pytest.raises(ConfigError, match="URI"):
        outgoing.transfer("nobody")
