"""Where requests go: the outbound proxy (RFC 3261 8.1.2), and the route set of a dialog (12.2.1.1)."""

from __future__ import annotations

from bot import Call, expect
from bot.sip.message import Message
from tests.support.sip_peer import SipPeer
from tests.support.starting import LOOPBACK, NewEndpoint

FAR = "203.0.113.9"


def routes(message: Message) -> list[str]:
    """The Route header fields, one entry each."""
    return [one.strip() for value in message.headers("Route") for one in value.split(",")]


def accepted(new_endpoint: NewEndpoint, peer: SipPeer, *recorded: str) -> tuple[Call, Message]:
    """A call that a peer answers with these Record-Route header fields, and its ACK."""
    caller = new_endpoint(srtp="off")
    call = caller.make_call(peer.uri)
    record = "".join(f"Record-Route: {one}\r\n" for one in recorded)
    contact = f"Contact: <sip:far@{FAR}:5080>\r\n"
    peer.reply(peer.expect("INVITE"), 200, headers=record + contact, body=peer.sdp)
    acknowledged = peer.expect("ACK")
    expect(call).to_be_confirmed()
    return call, acknowledged


def test_outbound_proxy_gets_requests_for_others(new_endpoint: NewEndpoint) -> None:
    with SipPeer() as proxy:
        caller = new_endpoint(proxy=f"sip:{LOOPBACK}:{proxy.port};lr")
        call = caller.make_call("sip:bob@example.test")
        invite = proxy.expect("INVITE")
        proxy.reply(invite, 404)
        expect(call).to_be_disconnected(code=404, by="remote")
    assert invite.uri == "sip:bob@example.test"
    assert routes(invite) == [f"<sip:{LOOPBACK}:{proxy.port};lr>"]


def test_two_loose_routers(new_endpoint: NewEndpoint) -> None:
    with SipPeer() as near:
        mine, other = f"<sip:{LOOPBACK}:{near.port};lr;r2=on>", f"<sip:{FAR}:5062;transport=tcp;lr;r2=on>"
        call, acknowledged = accepted(new_endpoint, near, other, mine)
        call.hangup()
        bye = near.expect("BYE")
        near.reply(bye, 200)
        expect(call).to_be_disconnected(code=200, by="local")
    for request in (acknowledged, bye):
        assert request.uri == f"sip:far@{FAR}:5080"
        assert routes(request) == [mine, other]


def test_strict_router_is_the_request_uri(new_endpoint: NewEndpoint) -> None:
    with SipPeer() as strict:
        mine, other = f"<sip:{LOOPBACK}:{strict.port}>", f"<sip:{FAR}:5062;lr>"
        call, acknowledged = accepted(new_endpoint, strict, other, mine)
        call.hangup()
        bye = strict.expect("BYE")
        strict.reply(bye, 200)
        expect(call).to_be_disconnected(code=200, by="local")
    for request in (acknowledged, bye):
        assert request.uri == f"sip:{LOOPBACK}:{strict.port}"
        assert routes(request) == [other, f"<sip:far@{FAR}:5080>"]
