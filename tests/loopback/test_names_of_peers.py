"""Host names in messages of peers: resolved while everything else goes on, or not at all (resolve_peers).

In a network namespace of its own, where the system's name server is the test's.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot import expect
from bot.bots import bot
from bot.deadline import Deadline
from bot.ipc import MessageRefused
from tests.support.name_server import NameServer
from tests.support.namespaces import Namespace, cannot_make_namespaces
from tests.support.sip_peer import Dialog, SipPeer, sdp
from tests.support.starting import LOOPBACK, NewEndpoint

KNOWN, SILENT, UNKNOWN = "phone.example.test", "silent.example.test", "gone.example.test"
NAME_SERVER = re.compile(r"^nameserver[ \t]+(\S+)", re.MULTILINE)
AUDIO = "m=audio 40000 RTP/AVP 8\r\n"
CONNECTION = f"c=IN IP4 {LOOPBACK}"
NOT_ACCEPTABLE_HERE = 488
PATIENCE_S = 8.0


def system_name_server() -> str:
    """The address that this machine sends its questions to."""
    with contextlib.suppress(OSError):
        for address in NAME_SERVER.findall(Path("/etc/resolv.conf").read_text()):
            with contextlib.suppress(ValueError):
                return str(ipaddress.IPv4Address(address))
    return ""


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    """What the endpoints of the test ask, and whose answers it decides; the test runs in a namespace."""
    address = system_name_server()
    reason = "no IPv4 name server in /etc/resolv.conf" if not address else cannot_make_namespaces()
    if reason:
        pytest.skip(reason)
    own = () if ipaddress.ip_address(address).is_loopback else (address,)
    with (
        Namespace(*own) as namespace,
        namespace.entered(),
        NameServer({}, {KNOWN: LOOPBACK}, at=(address, 53), silent=[SILENT]) as server,
    ):
        yield server


def offer(name: str) -> str:
    return sdp(AUDIO).replace(CONNECTION, f"c=IN IP4 {name}")


def test_a_name_in_an_offer_is_resolved(name_server: NameServer, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("parrot"), resolve_peers="async", media_address="sdp")
    with SipPeer(callee.uri) as raw:
        answer = raw.ask(raw.request("INVITE", body=offer(KNOWN)))
        assert answer.status == 200
        raw.ack(answer)
        expect(callee.calls[0]).to_be_confirmed()
        assert callee.wait_until(lambda: callee.calls[0].media[0].remote == f"{LOOPBACK}:40000", Deadline(5))
        raw.ask(raw.request("BYE", dialog=Dialog.of(answer)))
    assert {name for _, name in name_server.asked} == {KNOWN}


@pytest.mark.parametrize("name", [SILENT, UNKNOWN])
def test_others_are_served_while_a_name_is_resolved(
    name: str, name_server: NameServer, new_endpoint: NewEndpoint
) -> None:
    callee = new_endpoint(controller=bot("parrot"), resolve_peers="async")
    with SipPeer(callee.uri, timeout=PATIENCE_S) as slow, SipPeer(callee.uri) as other:
        slow.send(slow.request("INVITE", body=offer(name)))
        answer = other.ask(other.request("INVITE", body=sdp(AUDIO)))
        assert answer.status == 200
        other.ack(answer)
        if name == SILENT:
            assert not slow.messages(quiet_s=0.01)
        refused = slow.final()
        slow.ack(refused)
        assert refused.status == NOT_ACCEPTABLE_HERE
        assert refused.header("Warning") == '301 srtpbot "Incompatible network address formats"'
        assert other.ask(other.request("BYE", dialog=Dialog.of(answer))).status == 200
    assert [one.event.rule for one in callee.journal.recent() if isinstance(one.event, MessageRefused)] == [
        "name-in-sdp"
    ]


def via(raw: SipPeer, name: str) -> str:
    return raw.request("OPTIONS").replace(";branch", f";maddr={name};branch", 1)


def contact(raw: SipPeer, name: str) -> str:
    text = raw.request("INVITE", body=sdp(AUDIO))
    return re.sub(r"(?m)^Contact: .*\r\n", f"Contact: <sip:x@{name}>\r\n", text)


def route(raw: SipPeer, name: str) -> str:
    return raw.request("INVITE", headers=f"Record-Route: <sip:{name};lr>\r\n", body=sdp(AUDIO))


def subscription(raw: SipPeer, name: str) -> str:
    text = raw.request("SUBSCRIBE", headers="Event: presence\r\nExpires: 60\r\n")
    return re.sub(r"(?m)^Contact: .*\r\n", f"Contact: <sip:x@{name}>\r\n", text)


def in_control(raw: SipPeer, name: str) -> str:
    return raw.request("INVITE", body=sdp(f"{AUDIO}a=rtcp:40001 IN IP4 {name}\r\n"))


PLACES = [via, contact, route, subscription, in_control]


@pytest.mark.parametrize("peers", ["never", "async"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_name_server_that_does_not_answer_holds_nobody_up(
    place: Callable[[SipPeer, str], str], peers: str, name_server: NameServer, new_endpoint: NewEndpoint
) -> None:
    callee = new_endpoint(controller=bot("parrot"), resolve_peers=peers, accept_subscriptions=True)
    with SipPeer(callee.uri) as slow, SipPeer(callee.uri) as other:
        slow.send(place(slow, SILENT))
        for _ in range(3):
            assert other.ask(other.request("OPTIONS")).status == 200
            assert other.messages(quiet_s=1.0) == []
    assert callee.failure is None
    assert bool(name_server.asked) is (peers == "async")


@pytest.mark.parametrize("peers", ["never", "async"])
def test_the_name_of_the_sender_is_not_needed(
    peers: str, name_server: NameServer, new_endpoint: NewEndpoint
) -> None:
    """The response goes to the source of the request (RFC 3261 18.2.1)."""
    callee = new_endpoint(resolve_peers=peers)
    with SipPeer(callee.uri) as raw:
        request = re.sub(r"(?m)^(Via: SIP/2.0/UDP )[^;:]+", rf"\g<1>{SILENT}", raw.request("OPTIONS"))
        assert SILENT in request
        assert raw.ask(request).status == 200
    assert not name_server.asked


def test_a_request_goes_to_a_resolved_contact(name_server: NameServer, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(resolve_peers="async")
    with SipPeer(callee.uri) as raw:
        plain = raw.request("INVITE", body=sdp(AUDIO))
        invite = re.sub(rf"(?m)^(Contact: <sip:(?:[^@>]*@)?){LOOPBACK}", rf"\g<1>{KNOWN}", plain)
        assert KNOWN in invite
        with callee.expect_call() as incoming:
            raw.send(invite)
        call = incoming.value
        call.answer()
        raw.ack(raw.final())
        expect(call).to_be_confirmed()
        with raw.serving(lambda request: raw.reply(request, 200)):
            call.hangup()
        expect(call).to_be_disconnected(code=200)
    assert {name for _, name in name_server.asked} == {KNOWN}


def test_a_refer_to_a_name(name_server: NameServer, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("parrot"), resolve_peers="async", accept_transfers=True)
    with SipPeer(callee.uri) as raw, SipPeer(callee.uri) as other:
        answer = raw.ask(raw.request("INVITE", body=sdp(AUDIO)))
        raw.ack(answer)
        expect(callee.calls[0]).to_be_confirmed()
        refer = f"Refer-To: <sip:x@{SILENT}>\r\n"
        raw.send(raw.request("REFER", dialog=Dialog.of(answer), headers=refer))
        for _ in range(3):
            assert other.ask(other.request("OPTIONS")).status == 200
            assert other.messages(quiet_s=1.0) == []
    assert callee.failure is None
    assert SILENT in {name for _, name in name_server.asked}


def test_a_name_in_an_answer_is_resolved(name_server: NameServer, new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(resolve_peers="async")
    with SipPeer() as raw:
        outgoing = caller.make_call(raw.uri)
        invite = raw.expect("INVITE")
        raw.reply(invite, 200, body=offer(KNOWN))
        raw.expect("ACK")
        expect(outgoing).to_be_confirmed()
        assert caller.wait_until(lambda: outgoing.media[0].remote == f"{LOOPBACK}:40000", Deadline(5))
        with raw.serving(lambda request: raw.reply(request, 200)):
            outgoing.hangup()
    assert {name for _, name in name_server.asked} == {KNOWN}


def test_name_servers_of_the_settings_are_not_asked_for_names_of_peers(
    name_server: NameServer, new_endpoint: NewEndpoint
) -> None:
    callee = new_endpoint(controller=bot("parrot"), resolve_peers="never", nameserver=[name_server.address])
    with SipPeer(callee.uri) as raw:
        raw.send(via(raw, KNOWN))
        raw.send(contact(raw, KNOWN))
        assert raw.final().status == 200
        assert raw.ask(raw.request("OPTIONS")).status == 200
    assert not name_server.asked
