"""Registration as a registrar sees it: digests, refreshes, refusals, several identities, mailboxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from bot import CallFailed, ConfigError, ExpectationFailed, WaitTimeout, expect
from bot.sip.message import Message
from tests.support.registrar import Registrar
from tests.support.starting import LOOPBACK, NewEndpoint, until

SOON = 5.0
NewRegistrar = Callable[..., Registrar]


@pytest.fixture
def new_registrar() -> Iterator[NewRegistrar]:
    """Start registrars; asked for before endpoints, they end after them."""
    with ExitStack() as running:
        yield lambda **odd: running.enter_context(Registrar(**odd))


def numbers(requests: list[Message]) -> list[int]:
    return [one.cseq[0] for one in requests if one.cseq]


def assert_counted_up(requests: list[Message]) -> None:
    """One Call-ID, and CSeq rises by one from request to request (RFC 3261 10.2, 22.2)."""
    assert len({one.call_id for one in requests}) == 1
    first = numbers(requests)[0]
    assert numbers(requests) == list(range(first, first + len(requests)))


@pytest.mark.parametrize("qop", [True, False])
@pytest.mark.parametrize(("code", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")])
def test_challenge_is_met(
    code: int, header: str, qop: bool, new_registrar: NewRegistrar, new_endpoint: NewEndpoint
) -> None:
    registrar = new_registrar(challenge=code, qop=qop)
    alice = new_endpoint(**registrar.account())
    registered = alice.wait_registered()
    assert (registered.active, registered.code, registered.expires_s) == (True, 200, 300)
    assert registered.account == f"sip:alice@{LOOPBACK}"
    assert "expires=300" in registered.contact
    first, second = registrar.of("REGISTER")
    assert first.header(header) is None
    assert ("qop=auth" in (second.header(header) or "")) is qop
    assert_counted_up([first, second])
    alice.unregister()
    assert_counted_up(registrar.of("REGISTER"))


def test_wrong_password_is_said_and_tried_once(
    new_registrar: NewRegistrar, new_endpoint: NewEndpoint
) -> None:
    registrar = new_registrar()
    alice = new_endpoint(**registrar.account(password="looking-glass"))
    with pytest.raises(CallFailed, match=r"not registered: 401 Unauthorized: .* password is wrong") as said:
        alice.wait_registered()
    assert "looking-glass" not in str(said.value)
    assert [one.header("Authorization") is None for one in registrar.of("REGISTER")] == [True, False]
    expect(alice).not_to_be_registered(code=401)


def test_credentials_for_another_realm(new_registrar: NewRegistrar, new_endpoint: NewEndpoint) -> None:
    registrar = new_registrar()
    alice = new_endpoint(**registrar.account(realm="elsewhere"))
    with pytest.raises(CallFailed, match="401 Unauthorized: the account has no credentials for the realm"):
        alice.wait_registered()
    assert len(registrar.of("REGISTER")) == 1


def test_an_empty_password_is_used(new_registrar: NewRegistrar, new_endpoint: NewEndpoint) -> None:
    registrar = new_registrar(password="")
    alice = new_endpoint(**registrar.account())
    assert alice.wait_registered(timeout=SOON).code == 200
    assert alice.send_options(registrar.uri, timeout=SOON).code == 200


def test_a_password_alone_is_that_of_the_address(
    new_registrar: NewRegistrar, new_endpoint: NewEndpoint
) -> None:
    registrar = new_registrar()
    alice = new_endpoint(**registrar.account(user=None, id=f"sip:alice@{LOOPBACK}"))
    assert alice.wait_registered(timeout=SOON).code == 200
    assert alice.send_options(registrar.uri, timeout=SOON).code == 200


@pytest.mark.parametrize("realm", ["a.example", "b.example", "c.example"])
def test_each_realm_gets_its_credentials(
    realm: str, new_registrar: NewRegistrar, new_endpoint: NewEndpoint
) -> None:
    """Whatever challenges: a registrar, or a peer that is called or asked."""
    users = {"a.example": ("alice", "wonderland"), "b.example": ("alicia", ""), "c.example": ("al", "third")}
    user, password = users[realm]
    registrar = new_registrar(realm=realm, password=password)
    credentials = [
        {"user": "alicia", "password": "", "realm": "b.example"},
        {"user": "al", "password": "third", "realm": "*"},
    ]
    alice = new_endpoint(
        id=f"sip:alice@{LOOPBACK}",
        registrar=registrar.uri,
        user="alice",
        password="wonderland",
        realm="a.example",
        credentials=credentials,
    )
    assert alice.wait_registered(timeout=SOON).code == 200
    assert alice.send_options(registrar.uri, timeout=SOON).code == 200
    for method in ("REGISTER", "OPTIONS"):
        assert f'username="{user}"' in (registrar.of(method)[-1].header("Authorization") or "")


def test_stale_nonce_is_replaced(new_registrar: NewRegistrar, new_endpoint: NewEndpoint) -> None:
    registrar = new_registrar(stale=1)
    alice = new_endpoint(**registrar.account())
    alice.wait_registered()
    asked = registrar.of("REGISTER")
    nonces = [(one.header("Authorization") or "").partition('nonce="')[2][:16] for one in asked]
    assert len(set(nonces)) == len(nonces) == 3  # none, the one that is stale, the new one
    assert_counted_up(asked)


def test_refresh_comes_before_a_short_registration_expires(
    new_registrar: NewRegistrar, new_endpoint: NewEndpoint
) -> None:
    registrar = new_registrar()
    alice = new_endpoint(**registrar.account(expires_s=1))
    alice.wait_registered()
    since = alice.registration
    assert since is not None
    until(alice, lambda: alice.registration is not since)
    assert alice.registration is not None
    assert alice.registration.at - since.at < 1.0
    expect(alice).to_be_registered(expires_s=1)
    assert_counted_up(registrar.wait_for("REGISTER", 3))


def test_registration_is_taken_back(new_registrar: NewRegistrar, new_endpoint: NewEndpoint) -> None:
    registrar = new_registrar()
    alice = new_endpoint(**registrar.account(register_at_start=False))
    expect(alice).not_to_be_registered()
    with pytest.raises(WaitTimeout, match="register_at_start is false"):
        alice.wait_registered(timeout=0.05)
    with pytest.raises(CallFailed, match="is not registered"):
        alice.unregister()
    assert not registrar.requests
    alice.register()
    expect(alice).to_be_registered()
    left = alice.unregister()
    assert (left.active, left.code) == (False, 200)
    assert registrar.of("REGISTER")[-1].header("Expires") == "0"
    expect(alice).not_to_be_registered()
    assert alice.register().active  # and again


def test_closing_takes_the_registration_back(new_registrar: NewRegistrar, new_endpoint: NewEndpoint) -> None:
    registrar = new_registrar()
    alice = new_endpoint(**registrar.account())
    alice.wait_registered()
    alice.register()
    alice.close()
    asked = registrar.of("REGISTER")
    assert [one.header("Expires") for one in asked[-2:]] == ["0", "0"]
    assert_counted_up(asked)


def test_longer_interval_that_the_registrar_asks_for(
    new_registrar: NewRegistrar, new_endpoint: NewEndpoint
) -> None:
    registrar = new_registrar(min_expires=120)
    alice = new_endpoint(**registrar.account(expires_s=60))
    assert alice.wait_registered().expires_s == 120
    asked = registrar.of("REGISTER")
    assert [one.header("Expires") for one in asked] == ["60", "60", "120", "120"]
    assert_counted_up(asked)


@pytest.mark.parametrize("code", [403, 503])
def test_refusal(code: int, new_registrar: NewRegistrar, new_endpoint: NewEndpoint) -> None:
    registrar = new_registrar(refusal=code)
    alice = new_endpoint(**registrar.account())
    with pytest.raises(CallFailed, match=f"alice.*not registered: {code} Refused|not registered: {code}"):
        alice.wait_registered()
    expect(alice).not_to_be_registered(code=code)


def test_no_registrar(new_endpoint: NewEndpoint) -> None:
    alice = new_endpoint()
    with pytest.raises(ConfigError, match="has no registrar"):
        alice.register()


def test_service_route_and_headers(new_registrar: NewRegistrar, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    registrar = new_registrar(headers="Service-Route: <sip:127.0.0.1:9;lr>, <sip:far.example;lr>\r\n")
    headers = {"X-Phone": "7", "Path": "<sip:edge.example;lr>", "Supported": "path"}
    alice = new_endpoint(**registrar.account(register_headers=headers))
    assert alice.wait_registered().service_route == ["<sip:127.0.0.1:9;lr>, <sip:far.example;lr>"]
    for asked in registrar.of("REGISTER"):
        assert asked.header("X-Phone") == "7"
        assert asked.header("Path") == "<sip:edge.example;lr>"
        assert "path" in (asked.headers("Supported"))
    alice.make_call(callee.uri)
    [call] = alice.calls
    until(alice, lambda: bool(call.facts.messages))
    invite = call.facts.messages[0]
    assert invite.peer == f"{LOOPBACK}:9"  # it goes where the registrar wants it to go
    assert invite.message.headers("Route") == ["<sip:127.0.0.1:9;lr>", "<sip:far.example;lr>"]


def test_outbound_proxy(new_registrar: NewRegistrar, new_endpoint: NewEndpoint) -> None:
    proxy = new_registrar()
    alice = new_endpoint(**{**proxy.account(), "registrar": f"sip:{LOOPBACK}:9", "proxy": f"{proxy.uri};lr"})
    alice.wait_registered()
    assert proxy.of("REGISTER")[0].uri == f"sip:{LOOPBACK}:9"
    assert proxy.of("REGISTER")[0].header("Route") == f"<{proxy.uri};lr>"


def test_several_identities(new_registrar: NewRegistrar, new_endpoint: NewEndpoint) -> None:
    one, other = new_registrar(), new_registrar(challenge=407)
    bob = {**other.account("bob"), "expires_s": 60}
    both = new_endpoint(**one.account(), accounts=[bob])
    peer = new_endpoint()
    assert both.wait_registered().expires_s == 300
    assert both.wait_registered("bob").expires_s == 60
    expect(both).to_be_registered(account="bob")
    with peer.expect_call() as incoming:
        both.make_call(peer.uri, account="bob")
    assert f"sip:bob@{LOOPBACK}" in incoming.value.remote_uri
    assert both.calls[0].account == f"sip:bob@{LOOPBACK}"
    for user in ("alice", "bob"):
        target = f"sip:{user}@{both.uri.partition('@')[2]}"
        with both.expect_call() as arrived:
            peer.make_call(target)
        assert arrived.value.account == f"sip:{user}@{LOOPBACK}"
        arrived.value.hangup(486)
    both.unregister("bob")
    expect(both).not_to_be_registered(account="bob")
    expect(both).to_be_registered()
    with pytest.raises(
        ConfigError, match=r"unknown account 'carol'; configured accounts: sip:alice@127.0.0.1, sip:bob"
    ):
        both.make_call(peer.uri, account="carol")


def test_mailbox_is_asked_for(new_registrar: NewRegistrar, new_endpoint: NewEndpoint) -> None:
    registrar = new_registrar()
    alice = new_endpoint(**registrar.account(id=f"sip:alice@{LOOPBACK}:{registrar.port}", mwi=True))
    expect(alice).to_have_messages_waiting(new=2, old=8)
    assert alice.mailbox is not None
    assert (alice.mailbox.waiting, alice.mailbox.urgent_old) == (True, 1)
    [asked] = [one for one in registrar.of("SUBSCRIBE") if one.header("Authorization")]
    assert asked.header("Event") == "message-summary"


def test_mailbox_is_told_unasked(new_endpoint: NewEndpoint) -> None:
    box, phone, deaf = new_endpoint(), new_endpoint(mwi="unsolicited"), new_endpoint()
    headers = {"Event": "message-summary", "Subscription-State": "terminated"}
    kind, body = "application/simple-message-summary", "Messages-Waiting: no\r\nVoice-Message: 0/3\r\n"
    told = [
        box.send_request("NOTIFY", one.uri, body=body, content_type=kind, headers=headers, code="any")
        for one in (phone, deaf)
    ]
    assert [one.code for one in told] == [200, 481]
    expect(phone).to_have_messages_waiting(new=0, old=3)
    expect(phone).not_to_have_messages_waiting()
    assert deaf.mailbox is None


def test_a_registration_of_others_is_none_of_ours(
    new_registrar: NewRegistrar, new_endpoint: NewEndpoint
) -> None:
    registrar = new_registrar(bound="<sip:alice@192.0.2.77:5062>;q=0.5, <sip:alice@192.0.2.78>")
    endpoint = new_endpoint(**registrar.account())
    with pytest.raises(
        CallFailed, match=r"not registered: 200 OK: the registrar lists only other Contacts: .*"
    ):
        endpoint.wait_registered(timeout=SOON)
    with pytest.raises(ExpectationFailed, match=r"192\.0\.2\.77.*not ours: <sip:alice@127"):
        expect(endpoint).to_be_registered()
