"""Registration and requests outside of calls with real peers: Kamailio registers, SIPp asks and answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import Endpoint, expect
from bot.deadline import Deadline
from bot.ipc.events import SipSent
from bot.sip.message import Message
from tests.support.kamailio import Kamailio
from tests.support.programs import LOOPBACK
from tests.support.sipp import Scripted
from tests.support.starting import NewEndpoint

kamailio_needed = pytest.mark.peer("kamailio")
sipp_needed = pytest.mark.peer("sipp")
SUMMARY = {"Event": "message-summary", "Subscription-State": "terminated"}


@pytest.fixture(scope="module")
def kamailio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    with Kamailio(tmp_path_factory.mktemp("short") / "kamailio", min_expires_s=1) as peer:
        yield peer


def requests(endpoint: Endpoint, method: str) -> list[Message]:
    """The requests of a method that it sent, each once."""
    sent = [entry.event for entry in endpoint.journal.recent() if isinstance(entry.event, SipSent)]
    texts = dict.fromkeys(event.text for event in sent if event.text.startswith(f"{method} "))
    return [Message.parse(text) for text in texts]


def assert_counted_up(asked: list[Message]) -> None:
    """CSeq rises by one from request to request, across challenges (RFC 3261 10.2, 22.2)."""
    assert len({one.call_id for one in asked}) == 1
    numbers = [one.cseq[0] for one in asked if one.cseq]
    assert numbers == list(range(numbers[0], numbers[0] + len(asked)))


def others(kamailio: Kamailio, user: str) -> dict[str, Any]:
    """An identity without what belongs to its endpoint."""
    own = kamailio.account(user)
    return {key: own[key] for key in ("id", "user", "password", "registrar")}


@kamailio_needed
def test_refreshed_before_it_expires_and_taken_back(kamailio: Kamailio, new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(**kamailio.account("bob"), expires_s=600)
    alice = new_endpoint(**kamailio.account("alice"), expires_s=2)
    first = alice.wait_registered()
    assert first.expires_s == 2
    alice.wait_until(
        lambda: alice.registration is not None and alice.registration.at > first.at + 2.1, Deadline(5)
    )
    expect(alice).to_be_registered(expires_s=2)  # the first one has expired by now
    caller.wait_registered()
    with alice.expect_call() as incoming:
        outgoing = caller.make_call(kamailio.uri("alice"))
    incoming.value.answer()
    expect(outgoing).to_be_confirmed()
    outgoing.hangup()
    alice.unregister()
    expect(alice).not_to_be_registered()
    expect(caller.make_call(kamailio.uri("alice"))).to_be_disconnected(code=404, by="remote")
    asked = requests(alice, "REGISTER")
    assert [one.header("Authorization") is not None for one in asked[:2]] == [False, True]
    assert asked[-1].header("Expires") == "0"
    assert_counted_up(asked)


@kamailio_needed
def test_two_identities_are_called_through_the_registrar(
    kamailio: Kamailio, new_endpoint: NewEndpoint
) -> None:
    both = new_endpoint(**kamailio.account("alice"), accounts=[others(kamailio, "dave")])
    bob = new_endpoint(**kamailio.account("bob"))
    for account in ("alice", "dave"):
        both.wait_registered(account)
    bob.wait_registered()
    for user in ("alice", "dave"):
        with both.expect_call() as incoming:
            outgoing = bob.make_call(kamailio.uri(user))
        assert incoming.value.account == f"sip:{user}@{LOOPBACK}"
        incoming.value.answer(486)
        expect(outgoing).to_be_disconnected(code=486, by="remote")
        with bob.expect_call() as arrived:
            both.make_call(kamailio.uri("bob"), account=user)
        assert f"sip:{user}@{LOOPBACK}" in arrived.value.remote_uri
        arrived.value.hangup(486)
    both.unregister("dave")
    expect(both).to_be_registered()
    expect(both).not_to_be_registered("dave")


@kamailio_needed
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_requests_through_the_proxy(transport: str, kamailio: Kamailio, new_endpoint: NewEndpoint) -> None:
    alice = new_endpoint(**kamailio.account("alice", transport), mwi=True)
    bob = new_endpoint(**kamailio.account("bob", transport), user_agent="bob/1")
    for one in (alice, bob):
        one.wait_registered()
    first = requests(alice, "REGISTER")[0]
    # By TCP the library registers a flow (RFC 5626 4.2), and proxies may add themselves to it (RFC 3327).
    asks_for_a_flow = transport == "tcp"
    assert (first.headers("Supported") == ["outbound, path"]) is asks_for_a_flow
    assert ("reg-id=1" in (first.header("Contact") or "")) is asks_for_a_flow
    uri = kamailio.uri(transport=transport)
    assert (alice.send_options(uri).code, alice.send_options(uri).user_agent) == (200, "kamailio")
    answer = alice.send_options(kamailio.uri("bob", transport))
    assert (answer.code, answer.user_agent) == (200, "bob/1")
    asked = requests(alice, "OPTIONS")[-2:]
    assert [one.header("Proxy-Authorization") is not None for one in asked] == [False, True]
    assert_counted_up(asked)
    assert bob.send_message(kamailio.uri("alice", transport), "hello", timeout=5) == 200
    told = bob.send_request(
        "NOTIFY",
        kamailio.uri("alice", transport),
        body="Messages-Waiting: yes\r\nVoice-Message: 2/8\r\n",
        content_type="application/simple-message-summary",
        headers=SUMMARY,
    )
    assert told.code == 200
    expect(alice).to_have_messages_waiting(new=2, old=8)


@kamailio_needed
def test_outbound_proxy(kamailio: Kamailio, new_endpoint: NewEndpoint) -> None:
    settings = {**kamailio.account("alice"), "registrar": f"sip:{LOOPBACK}", "proxy": f"{kamailio.uri()};lr"}
    alice = new_endpoint(**settings)
    bob = new_endpoint(**kamailio.account("bob"))
    for one in (alice, bob):
        one.wait_registered()
    assert requests(alice, "REGISTER")[0].header("Route") == f"<{kamailio.uri()};lr>"


@sipp_needed
def test_sipp_tells_of_the_mailbox(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    phone = new_endpoint(mwi="unsolicited")
    with Scripted("calls/mailbox", tmp_path, uri=phone.uri):
        expect(phone).to_have_messages_waiting(new=3, old=1)
    assert phone.mailbox is not None
    assert (phone.mailbox.urgent_new, phone.mailbox.urgent_old) == (1, 0)


@sipp_needed
def test_sipp_answers_options(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    asker = new_endpoint()
    with Scripted("answers/options", tmp_path) as peer:
        answer = asker.send_options(peer.uri, headers={"X-Test": "7"}, timeout=5)
    assert (answer.code, answer.reason, answer.user_agent) == (200, "Here", "SIPp")
    assert answer.allow == ("INVITE", "ACK", "BYE")
    assert answer.accept == ("application/sdp;level=1", "*/*")
    assert answer.supported == ("timer", "path")
