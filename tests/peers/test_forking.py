"""A call that a proxy forks to all phones of one user (RFC 3261 16.7): one answers, the others are let go."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot import Call, Endpoint, expect
from bot.sip.message import Message
from tests.support.kamailio import Kamailio
from tests.support.starting import NewEndpoint, until

pytestmark = pytest.mark.peer("kamailio")


@pytest.fixture(scope="module")
def kamailio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    with Kamailio(tmp_path_factory.mktemp("forking") / "kamailio", forks=True) as peer:
        yield peer


@pytest.fixture
def phones(kamailio: Kamailio, new_endpoint: NewEndpoint) -> tuple[Endpoint, Endpoint]:
    """Two phones of bob's."""
    first, second = (
        new_endpoint(**{**kamailio.account("bob"), "name": name}, srtp="off") for name in ("desk", "pocket")
    )
    for phone in (first, second):
        phone.wait_registered()
    return first, second


@pytest.fixture
def caller(kamailio: Kamailio, new_endpoint: NewEndpoint) -> Endpoint:
    endpoint = new_endpoint(**kamailio.account("alice"), srtp="off")
    endpoint.wait_registered()
    return endpoint


def ringing(
    caller: Endpoint, phones: tuple[Endpoint, Endpoint], kamailio: Kamailio
) -> tuple[Call, tuple[Call, Call]]:
    """A call that rings at both phones, and the caller knows of both."""
    with phones[0].expect_call() as first, phones[1].expect_call() as second:
        outgoing = caller.make_call(kamailio.uri("bob"))
    calls = first.value, second.value
    for call in calls:
        call.ring()
    until(outgoing, lambda: len(tags(outgoing, 180)) == len(calls))
    return outgoing, calls


def received(call: Call, *, status: int = 0, method: str = "") -> list[Message]:
    """The responses of a status, or the requests of a method, that this side received."""
    messages = [traced.message for traced in call.facts.messages if not traced.sent]
    return [message for message in messages if (message.status, message.method) == (status, method)]


def tags(call: Call, status: int) -> set[str | None]:
    """The To tags of the responses: one for each phone."""
    return {one.to_tag for one in received(call, status=status)}


@pytest.mark.parametrize("answers", [0, 1], ids=["the first", "the second"])
def test_who_answers_gets_the_call_and_the_other_a_cancel(
    answers: int, caller: Endpoint, phones: tuple[Endpoint, Endpoint], kamailio: Kamailio
) -> None:
    outgoing, calls = ringing(caller, phones, kamailio)
    winner, loser = calls[answers], calls[1 - answers]
    winner.answer()
    for call in (outgoing, winner):
        expect(call).to_be_confirmed()
        expect(call).to_have_received_packets(at_least=10)
    [accepted] = tags(outgoing, 200)
    assert accepted in tags(outgoing, 180)

    expect(loser).to_be_disconnected(code=487, by="remote")
    [cancel] = received(loser, method="CANCEL")
    assert "cause=200" in (cancel.header("Reason") or "")
    assert received(loser, method="ACK")
    assert not received(outgoing, status=487)  # the proxy keeps it to itself

    outgoing.hangup()
    expect(winner).to_be_disconnected(code=200, by="remote")
    assert not received(loser, method="BYE")


def test_caller_that_gives_up_is_given_up_at_all_phones(
    caller: Endpoint, phones: tuple[Endpoint, Endpoint], kamailio: Kamailio
) -> None:
    outgoing, calls = ringing(caller, phones, kamailio)
    outgoing.hangup()
    for call in calls:
        expect(call).to_be_disconnected(code=487, by="remote")
    expect(outgoing).to_be_disconnected(code=487, by="local")


def test_refusals_of_all_phones_come_as_one(
    caller: Endpoint, phones: tuple[Endpoint, Endpoint], kamailio: Kamailio
) -> None:
    outgoing, calls = ringing(caller, phones, kamailio)
    calls[0].hangup(486)
    calls[1].hangup(404)
    expect(outgoing).to_be_disconnected(by="remote")
    assert len(received(outgoing, status=486) + received(outgoing, status=404)) == 1


def test_decline_ends_the_ringing_everywhere(
    caller: Endpoint, phones: tuple[Endpoint, Endpoint], kamailio: Kamailio
) -> None:
    outgoing, calls = ringing(caller, phones, kamailio)
    calls[0].hangup(603)
    expect(outgoing).to_be_disconnected(code=603, by="remote")
    expect(calls[1]).to_be_disconnected(code=487, by="remote")
