"""Kamailio as registrar and as a proxy that stays in the path: digest, Record-Route, media past it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import Call, CallFailed, CryptoSuite, DtmfMethod, Endpoint, expect
from bot.ipc.events import SipReceived, SipSent
from bot.sip.message import Message
from bot.sip.uri import parse_uri
from bot.ua.traced_message import TracedMessage
from tests.support.calls import assert_both_hear
from tests.support.kamailio import Kamailio
from tests.support.programs import LOOPBACK
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.peer("kamailio")

SUITE = CryptoSuite.AES_256_CM_HMAC_SHA1_32
"""Not the first in anybody's order."""


@pytest.fixture(scope="module")
def kamailio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    with Kamailio(tmp_path_factory.mktemp("registrar") / "kamailio") as peer:
        yield peer


def registers(endpoint: Endpoint) -> list[Message]:
    """The REGISTER requests that it sent."""
    sent = [entry.event for entry in endpoint.journal.recent() if isinstance(entry.event, SipSent)]
    return [one for one in (Message.parse(event.text) for event in sent) if one.method == "REGISTER"]


def registrar_said(endpoint: Endpoint) -> list[int]:
    """The status codes of the answers to them."""
    got = [entry.event for entry in endpoint.journal.recent() if isinstance(entry.event, SipReceived)]
    messages = [Message.parse(event.text) for event in got]
    return [message.status for message in messages if message.status and message.cseq_method == "REGISTER"]


def requests_sent(call: Call, method: str) -> list[TracedMessage]:
    """The requests of a method that this side of a call sent."""
    return [traced for traced in call.facts.messages if traced.sent and traced.message.method == method]


def assert_goes_by_the_proxy(call: Call, method: str, kamailio: Kamailio) -> None:
    """The request is for the peer and goes to the proxy, by a Route (RFC 3261 12.2.1.1)."""
    [request] = [one for one in requests_sent(call, method) if one.message.header("Route")]
    proxy = f"{LOOPBACK}:{kamailio.port}"
    assert re.match(rf"<sip:{proxy};.*\blr\b", request.message.header("Route") or "")
    assert request.peer == proxy
    assert parse_uri(request.message.uri).port != kamailio.port


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_registration(transport: str, kamailio: Kamailio, new_endpoint: NewEndpoint) -> None:
    endpoint = new_endpoint(**kamailio.account("alice", transport))
    registered = endpoint.wait_registered()
    assert (registered.active, registered.code) == (True, 200)
    assert registrar_said(endpoint)[:2] == [401, 200]
    assert [one.header("Authorization") is not None for one in registers(endpoint)[:2]] == [False, True]


def test_wrong_password_is_tried_once(kamailio: Kamailio, new_endpoint: NewEndpoint) -> None:
    endpoint = new_endpoint(**{**kamailio.account("alice"), "password": "looking-glass"})
    with pytest.raises(CallFailed, match="alice: not registered: 401 Unauthorized") as failure:
        endpoint.wait_registered()
    assert "looking-glass" not in str(failure.value)
    assert registrar_said(endpoint) == [401, 401]
    assert sum(register.header("Authorization") is not None for register in registers(endpoint)) == 1


@pytest.mark.parametrize(
    ("caller_by", "callee_by", "ending"),
    [
        ("udp", "udp", "caller"),
        ("udp", "udp", "callee"),
        ("tcp", "tcp", "callee"),
        ("udp", "tcp", "caller"),
    ],
)
def test_call_of_two_registered_users(
    caller_by: str,
    callee_by: str,
    ending: str,
    kamailio: Kamailio,
    new_endpoint: NewEndpoint,
    tmp_path: Path,
) -> None:
    callee = new_endpoint(**kamailio.account("bob", callee_by), srtp="optional")
    caller = new_endpoint(
        **kamailio.account("alice", caller_by), srtp="mandatory", suites=[SUITE], codecs=["PCMA"]
    )
    for endpoint in (callee, caller):
        endpoint.wait_registered()
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(kamailio.uri("bob", caller_by))
    answered = incoming.value.answer()
    for call, transport in ((outgoing, caller_by), (answered, callee_by)):
        expect(call).to_be_confirmed()
        expect(call).to_have_active_media()
        expect(call).to_be_encrypted(SUITE)
        expect(call).to_use_codec("PCMA")
        assert call.facts.transport == transport
    ends = [call.facts.audio() for call in (outgoing, answered)]
    assert ends[0] is not None
    assert ends[1] is not None
    assert (ends[0].local, ends[0].remote) == (ends[1].remote, ends[1].local)  # nobody is between them

    assert_both_hear(outgoing, answered, tmp_path)
    outgoing.send_dtmf("4")
    expect(answered).to_have_received_dtmf("4", method=DtmfMethod.RFC4733)
    expect(outgoing).not_to_have_received_dtmf()

    first, second = (outgoing, answered) if ending == "caller" else (answered, outgoing)
    first.hangup()
    expect(first).to_be_disconnected(code=200, by="local")
    expect(second).to_be_disconnected(code=200, by="remote")
    assert_goes_by_the_proxy(outgoing, "ACK", kamailio)
    assert_goes_by_the_proxy(first, "BYE", kamailio)
    assert not requests_sent(second, "BYE")


def test_user_who_is_not_there(kamailio: Kamailio, new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(**kamailio.account("alice"))
    expect(caller.make_call(kamailio.uri("nobody"))).to_be_disconnected(code=404, by="remote")


def test_caller_without_a_password_is_not_let_through(kamailio: Kamailio, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(**kamailio.account("bob"))
    callee.wait_registered()
    stranger = new_endpoint(name="stranger")
    expect(stranger.make_call(kamailio.uri("bob"))).to_be_disconnected(code=407, by="remote")
    assert not callee.calls
