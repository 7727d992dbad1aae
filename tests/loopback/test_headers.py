"""Header fields and addresses of all kinds, sent by one side and received by the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from bot import Call, CallEnded, ConfigError, Endpoint, ExpectationFailed, expect
from bot.ipc.events import SipReceived
from bot.sip.headers import HeaderFields
from bot.sip.message import Message
from bot.sip.uri import parse_uri
from tests.support.sip_peer import SipPeer
from tests.support.starting import NewEndpoint, connect, until

SEVERAL: HeaderFields = {
    "P-Asserted-Identity": '"Zoë" <sip:zoe@example.org>',
    "Diversion": ["<sip:one@example.org>;reason=user-busy", "<sip:two@example.org>;reason=no-answer"],
}
ODD_NAMES = [
    "Zoë",
    'quotes " and \\ backslashes',
    "Smith, John <jr>; 🎉",
    "a@b:c;d=e",
    "\\",
    "日本語",
]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Endpoint, Endpoint]]:
    """A caller and a callee that several tests share."""
    common: dict[str, Any] = {"bind": "127.0.0.1", "codecs": ["PCMA"]}
    with Endpoint(name="caller", **common) as caller, Endpoint(name="callee", **common) as callee:
        yield caller, callee


@pytest.fixture
def caller(pair: tuple[Endpoint, Endpoint]) -> Iterator[Endpoint]:
    """The one that calls; its calls end with the test."""
    yield pair[0]
    for call in pair[0].calls:
        with suppress(CallEnded):  # it ends already
            call.hangup()
        call.wait()


@pytest.fixture
def callee(pair: tuple[Endpoint, Endpoint]) -> Iterator[Endpoint]:
    """The one that is called; it has no call when the test ends."""
    yield pair[1]
    until(pair[1], lambda: not pair[1].calls)


def offered(callee: Endpoint, caller: Endpoint, target: str = "", **arguments: Any) -> tuple[Call, Call]:
    """A call that has arrived."""
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(target or callee.uri, **arguments)
    return outgoing, incoming.value


def at(callee: Endpoint, user: str, after: str = "") -> str:
    """A URI of the callee's with another user and with parameters."""
    return f"sip:{user}@{callee.uri.partition('@')[2]}{after}"


def test_on_the_invite_several_of_one_name_in_their_order(callee: Endpoint, caller: Endpoint) -> None:
    _, incoming = offered(callee, caller, headers=SEVERAL)
    (invite,) = [traced.message for traced in incoming.facts.messages if traced.message.method == "INVITE"]
    assert invite.headers("P-Asserted-Identity") == ['"Zoë" <sip:zoe@example.org>']
    assert [value.partition(";")[2] for value in invite.headers("Diversion")] == [
        "reason=user-busy",
        "reason=no-answer",
    ]
    expect(incoming).to_have_header("Diversion", matching="no-answer", on="INVITE")
    expect(incoming).not_to_have_header("Diversion", matching="time-of-day", on="INVITE")
    expect(incoming).not_to_have_header("X-Other", on="INVITE")


def test_pairs_leave_in_their_order(callee: Endpoint, caller: Endpoint) -> None:
    pairs = [("X-A", "1"), ("X-B", "2"), ("X-A", "3")]
    _, incoming = offered(callee, caller, headers=pairs)
    invite = incoming.facts.messages[0].message
    assert [field for field in invite.fields if field[0].startswith("X-")] == pairs


def test_each_response_has_its_own_and_not_the_one_before(callee: Endpoint, caller: Endpoint) -> None:
    outgoing, incoming = offered(callee, caller)
    incoming.ring(headers={"X-Ring": "1", "X-Both": "ring"})
    incoming.ring(183, headers={"X-Progress": "1"}).answer(headers={"X-Answer": "1", "X-Both": "answer"})
    expect(outgoing).to_be_confirmed()
    for kind, mine in {"180": "X-Ring", "183 INVITE": "X-Progress", "200 INVITE": "X-Answer"}.items():
        expect(outgoing).to_have_header(mine, "1", on=kind)
        expect(incoming).to_have_header(mine, "1", on=kind, sent=True)
        for other in {"X-Ring", "X-Progress", "X-Answer"} - {mine}:
            expect(outgoing).not_to_have_header(other, on=kind)
    expect(outgoing).to_have_header("X-Both", "answer", on="200")
    expect(outgoing).not_to_have_header("X-Both", matching="ring", on="200")


def test_on_requests_in_a_call(callee: Endpoint, caller: Endpoint) -> None:
    outgoing, answered = connect(caller, callee)
    outgoing.hold(headers={"X-Hold": "1"})
    until(answered, lambda: answered.media[0].direction == "recvonly")
    expect(answered).to_have_header("X-Hold", "1", on="INVITE")
    outgoing.update(headers={"X-Update": "1"}).wait()
    expect(answered).to_have_header("X-Update", "1", on="UPDATE")
    outgoing.send_message("hello", headers={"X-Message": "1"}).wait()
    expect(answered).to_have_header("X-Message", "1", on="MESSAGE")
    outgoing.send_options(headers={"X-Options": "1"}).wait()
    expect(answered).to_have_header("X-Options", "1", on="OPTIONS")
    outgoing.transfer("sip:nobody@127.0.0.1", headers={"X-Refer": "1"})
    expect(answered).to_have_header("X-Refer", "1", on="REFER")
    answered.hangup(headers={"X-Bye": ["1", "2"]})
    expect(outgoing).to_have_header("X-Bye", "2", on="BYE")
    expect(outgoing).not_to_have_header("X-Hold", on="BYE")


def test_on_a_refusal_and_on_cancel(callee: Endpoint, caller: Endpoint) -> None:
    outgoing, incoming = offered(callee, caller)
    incoming.ring(headers={"X-Ring": "1"})
    expect(outgoing).to_be_ringing()
    incoming.hangup(486, headers={"Retry-After": "30"})
    expect(outgoing).to_have_header("Retry-After", "30", on="486")
    expect(outgoing).not_to_have_header("X-Ring", on="486")

    outgoing, incoming = offered(callee, caller)
    incoming.ring()
    expect(outgoing).to_be_ringing()
    outgoing.hangup(headers={"Reason": "SIP;cause=200;text=elsewhere"})
    expect(incoming).to_have_header("Reason", matching="elsewhere", on="CANCEL")


def test_on_a_cancel_that_has_to_wait(caller: Endpoint, sip_peer: SipPeer) -> None:
    call = caller.make_call(sip_peer.uri)
    invite = sip_peer.expect("INVITE")
    cancellation = call.cancel(headers={"Reason": "SIP;cause=487", "X-Two": ["1", "2"]})
    for status in (180, 487):
        sip_peer.reply(invite, status)
    expect(call).to_have_header("Reason", "SIP;cause=487", on="CANCEL", sent=True)
    expect(call).to_have_header("X-Two", "2", on="CANCEL", sent=True)
    cancellation.wait()


def test_on_what_is_no_call(callee: Endpoint, new_endpoint: NewEndpoint) -> None:
    registrar = new_endpoint(accept_registrations=True)
    user = new_endpoint(
        registrar=registrar.uri.replace(f"{registrar.name}@", ""),
        register_headers={"X-Register": ["1", "2"]},
        headers={"REGISTER": {"X-Stamp": "3"}, "OPTIONS": {"X-Stamp": "4"}},
    )
    user.wait_registered()
    answer = user.send_options(callee.uri, headers={"X-Options": ["5", "6"]})
    user.send_message(callee.uri, "hello", headers={"X-Message": ["7", "8"]})
    assert answer.message.header("Allow")

    hears(registrar, "REGISTER", "X-Register", "1", "2")
    hears(registrar, "REGISTER", "X-Stamp", "3")
    hears(callee, "OPTIONS", "X-Options", "5", "6")
    hears(callee, "OPTIONS", "X-Stamp", "4")
    hears(callee, "MESSAGE", "X-Message", "7", "8")


def hears(endpoint: Endpoint, method: str, name: str, *values: str) -> None:
    """The last request of the method carries these, once this side knows of it: its sender may be first."""

    def heard() -> list[list[str]]:
        events = (entry.event for entry in endpoint.journal.recent())
        messages = (Message.parse(event.text) for event in events if isinstance(event, SipReceived))
        return [message.headers(name) for message in messages if message.method == method]

    until(endpoint, lambda: heard()[-1:] == [[*values]])


def test_on_what_the_library_sends_by_itself(new_endpoint: NewEndpoint) -> None:
    headers = {
        "*": {"Organization": "Example"},
        "100": {"X-Trying": "1"},
        "ACK": {"X-Ack": "1"},
        "200 BYE": {"X-Charge": ["1", "2"]},
        "INVITE": {"Allow": "INVITE, ACK, BYE, CANCEL", "User-Agent": "other/2"},
        "200 INVITE": {"Server": "mine/1"},
    }
    caller, callee = new_endpoint(headers=headers), new_endpoint(headers=headers)
    outgoing, answered = connect(caller, callee)
    outgoing.hangup()
    expect(outgoing).to_have_header("X-Charge", "2", on="200 BYE")
    expect(outgoing).to_have_header("X-Trying", on="100")
    expect(outgoing).to_have_header("Server", "mine/1", on="200 INVITE")
    expect(outgoing).not_to_have_header("X-Trying", on="200 INVITE")
    expect(answered).to_have_header("X-Ack", on="ACK")
    expect(answered).to_have_header("User-Agent", "other/2", on="INVITE")
    expect(answered).to_have_header("User-Agent", "srtpbot", on="BYE")
    (invite,) = [one.message for one in answered.facts.messages if one.message.method == "INVITE"]
    assert invite.headers("Allow") == ["INVITE, ACK, BYE, CANCEL"]
    for traced in [*outgoing.facts.messages, *answered.facts.messages]:
        assert traced.message.headers("Organization") == ["Example"], traced.text


def test_the_expectation_fails_at_once_where_nothing_is_to_come(callee: Endpoint, caller: Endpoint) -> None:
    outgoing, answered = connect(caller, callee)
    with pytest.raises(ExpectationFailed, match=r"(?s)no X-Nothing in 1 received INVITE.*the INVITE is here"):
        expect(answered).to_have_header("X-Nothing", on="INVITE", timeout=3600)
    with pytest.raises(ExpectationFailed, match=r"User-Agent: srtpbot"):
        expect(answered).not_to_have_header("User-Agent", on="INVITE")
    with pytest.raises(ExpectationFailed, match="observed: no received BYE"):
        expect(outgoing).not_to_have_header("X-Nothing", on="BYE", timeout=0.1)
    with pytest.raises(ConfigError, match="is not a kind of SIP message"):
        expect(outgoing).to_have_header("X", on="200 OK please")


def test_user_agent(callee: Endpoint, new_endpoint: NewEndpoint) -> None:
    _, incoming = offered(callee, new_endpoint(user_agent="Example Phone/1.0 (🎉)"))
    expect(incoming).to_have_header("User-Agent", "Example Phone/1.0 (🎉)", on="INVITE")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_display_names_arrive_as_they_were(name: str, callee: Endpoint, new_endpoint: NewEndpoint) -> None:
    _, incoming = offered(callee, new_endpoint(id="sip:me@127.0.0.1", display_name=name))
    assert parse_uri(incoming.remote_uri).display_name == name
    assert parse_uri(incoming.remote_uri).user == "me"


def test_display_name_in_the_id_and_in_the_target(callee: Endpoint, new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(id="Zoë (home) <sip:zoe@127.0.0.1>")
    _, incoming = offered(callee, caller, f'"Bob \\"B\\" 🎉" <{at(callee, "bob")}>')
    assert parse_uri(incoming.remote_uri).display_name == "Zoë (home)"
    assert parse_uri(incoming.facts.local_uri).display_name == 'Bob "B" 🎉'


def test_uri_parameters_headers_and_escapes(callee: Endpoint, caller: Endpoint) -> None:
    target = at(callee, "a%20b%40c", ";user=phone;x=y?Subject=hi%20you&X-Case=7")
    outgoing, incoming = offered(callee, caller, target)
    invite = incoming.facts.messages[0].message
    assert parse_uri(invite.uri).user == "a%20b%40c"
    assert parse_uri(invite.uri).param("user") == "phone"
    assert parse_uri(invite.uri).param("x") == "y"
    assert parse_uri(invite.uri).headers is None
    expect(incoming).to_have_header("Subject", "hi you", on="INVITE")
    expect(incoming).to_have_header("X-Case", "7", on="INVITE")
    assert parse_uri(incoming.facts.local_uri).user == "a%20b%40c"
    assert parse_uri(outgoing.remote_uri).user == "a%20b%40c"


def test_uri_headers_and_the_transport_that_is_added(new_endpoint: NewEndpoint) -> None:
    callee, caller = new_endpoint(transports=["tcp"]), new_endpoint(transports=["tcp"])
    bare = callee.uri.partition(";")[0]
    _, incoming = offered(callee, caller, f'"B" <{bare}?Subject=x>')
    expect(incoming).to_have_header("Subject", "x", on="INVITE")
    assert incoming.facts.transport == "tcp"


def test_tel_uri_goes_to_the_proxy_as_it_is(new_endpoint: NewEndpoint) -> None:
    proxy = new_endpoint()
    caller = new_endpoint(proxy=f"{at(proxy, 'x', ';lr')}".replace("x@", ""))
    outgoing, incoming = offered(proxy, caller, "tel:+49-30-1234;phone-context=example.org")
    invite = incoming.facts.messages[0].message
    assert invite.uri == "tel:+49-30-1234;phone-context=example.org"
    expect(incoming).to_have_header("To", matching=r"tel:\+49-30-1234", on="INVITE")
    incoming.answer()
    expect(outgoing).to_be_confirmed()


def test_tel_uri_goes_to_the_registrars_domain(new_endpoint: NewEndpoint) -> None:
    registrar = new_endpoint()
    caller = new_endpoint(registrar=registrar.uri.replace(f"{registrar.name}@", ""), register_at_start=False)
    _, incoming = offered(registrar, caller, "tel:+4930-ABC;isub=1;Ext=5")
    host = registrar.uri.partition("@")[2]
    assert incoming.facts.messages[0].message.uri == f"sip:+4930-abc;isub=1;ext=5@{host};user=phone"


def test_tel_uri_that_nobody_would_route(new_endpoint: NewEndpoint) -> None:
    with pytest.raises(ConfigError, match="set proxy or registrar"):
        new_endpoint().make_call("tel:+49301234")
