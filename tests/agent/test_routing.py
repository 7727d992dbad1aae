"""Where requests go: the outbound proxy (RFC 3261 8.1.2), and the route set of a dialog (12.2.1.1)."""

from __future__ import annotations

from bot import Call, expect
from bot.sip import Message
from tests.agent.raw_peer import RawPeer, answer_body
from tests.agent.starting import LOOPBACK, NewEndpoint

FAR = "203.0.113.9"


def routes(message: Message) -> list[str]:
    """The Route header fields, one entry each."""
    return [one.strip() for value in message.headers("Route") for one in value.split(",")]


def accepted(new_endpoint: NewEndpoint, peer: RawPeer, *recorded: str) -> tuple[Call, Message]:
    """A call that a peer answers with these Record-Route header fields, and its ACK."""
    caller = new_endpoint(srtp="off")
    call = caller.make_call(peer.uri)
    record = "".join(f"Record-Route: {one}\r\n" for one in recorded)
    contact = f"Contact: <sip:raw@{FAR}:5080>\r\n"
    peer.respond(peer.receive("INVITE"), 200, "OK", headers=record + contact, body=answer_body(peer.port + 1))
    acknowledged = peer.receive("ACK")
    expect(call).to_be_confirmed()
    return call, acknowledged


def test_outbound_proxy_gets_requests_for_others(new_endpoint: NewEndpoint) -> None:
    with RawPeer() as proxy:
        caller = new_endpoint(proxy=f"sip:{LOOPBACK}:{proxy.port};lr")
        call = caller.make_call("sip:bob@example.test")
        invite = proxy.receive("INVITE")
        proxy.respond(invite, 404, "Not Found")
        expect(call).to_be_disconnected(code=404, by="remote")
    assert invite.uri == "sip:bob@example.test"
    assert routes(invite) == [f"<sip:{LOOPBACK}:{proxy.port};lr>"]


def test_two_loose_routers(new_endpoint: NewEndpoint) -> None:
    with RawPeer() as near:
        mine, other = f"<sip:{LOOPBACK}:{near.port};lr;r2=on>", f"<sip:{FAR}:5062;transport=tcp;lr;r2=on>"
        call, acknowledged = accepted(new_endpoint, near, other, mine)
        call.hangup()
        bye = near.receive("BYE")
        near.respond(bye, 200, "OK")
        expect(call).to_be_disconnected(code=200, by="local")
    for request in (acknowledged, bye):
        assert request.uri == f"sip:raw@{FAR}:5080"
        assert routes(request) == [mine, other]


def test_strict_router_is_the_request_uri(new_endpoint: NewEndpoint) -> None:
    with RawPeer() as strict:
        mine, other = f"<sip:{LOOPBACK}:{strict.port}>", f"<sip:{FAR}:5062;lr>"
        call, acknowledged = accepted(new_endpoint, strict, other, mine)
        call.hangup()
        bye = strict.receive("BYE")
        strict.respond(bye, 200, "OK")
        expect(call).to_be_disconnected(code=200, by="local")
    for request in (acknowledged, bye):
        assert request.uri == f"sip:{LOOPBACK}:{strict.port}"
        assert routes(request) == [other, f"<sip:raw@{FAR}:5080>"]
