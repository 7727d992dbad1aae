"""An endpoint behind a NAT without STUN: rport, latching and Contact rewriting."""

from __future__ import annotations

from typing import Any

import pytest

from bot import Call, Endpoint, ExpectationFailed, expect
from bot.deadline import Deadline
from bot.ipc.events import SipSent
from bot.sip.message import Message
from bot.sip.uri import parse_uri
from tests.support.router import PRIVATE, PUBLIC, WITHIN, Router
from tests.support.starting import NewEndpoint, connect

PACKETS = 25
UNREACHED_S = 1.0


def pair(router: Router, new_endpoint: NewEndpoint, **settings: Any) -> tuple[Endpoint, Endpoint]:
    """An endpoint inside with these settings, and one outside."""
    with router.outside.entered():
        outside = new_endpoint(name="outside", bind=PUBLIC, accept_registrations=True)
    with router.inside.entered():
        inside = new_endpoint(name="inside", bind=PRIVATE, registrar=None, **settings)
    return inside, outside


def contact(message: Message) -> str:
    """Where the sender of a message says that it is."""
    return parse_uri(message.header("Contact") or "").host


def assert_both_receive(*calls: Call) -> None:
    for call in calls:
        expect(call).to_have_received_packets(at_least=PACKETS)


def test_unaided_call_has_media_but_the_callee_cannot_end_it(
    router: Router, new_endpoint: NewEndpoint
) -> None:
    inside, outside = pair(router, new_endpoint)
    outgoing, answered = connect(inside, outside)
    invite = answered.facts.messages[0].message
    assert contact(invite) == PRIVATE
    assert answered.facts.messages[0].peer.startswith(f"{WITHIN}:")
    # The response comes back to where the request came from (RFC 3581), the media to where it comes from.
    via = next(one for one in outgoing.facts.messages if one.message.status == 200).message.header("Via")
    assert f"received={WITHIN}" in (via or "")
    assert_both_receive(outgoing, answered)
    line = answered.facts.audio()
    assert line is not None
    assert line.remote is not None
    assert line.remote.startswith(f"{PRIVATE}:")
    answered.hangup()  # to the private address of the Contact
    with pytest.raises(ExpectationFailed):
        expect(outgoing).to_be_disconnected(timeout=UNREACHED_S)


def test_public_address_that_is_known(router: Router, new_endpoint: NewEndpoint) -> None:
    inside, outside = pair(router, new_endpoint, nat_public_address=WITHIN)
    outgoing, answered = connect(inside, outside)
    invite = answered.facts.messages[0]
    assert contact(invite.message) == WITHIN
    assert f"c=IN IP4 {WITHIN}" in invite.text
    assert PRIVATE not in invite.text
    assert_both_receive(outgoing, answered)
    answered.hangup()
    expect(outgoing).to_be_disconnected(code=200, by="remote")


@pytest.mark.parametrize("rewrite", [True, False])
def test_contact_of_a_registration(rewrite: bool, router: Router, new_endpoint: NewEndpoint) -> None:
    with router.outside.entered():
        registrar = new_endpoint(name="registrar", bind=PUBLIC, accept_registrations=True)
    with router.inside.entered():
        inside = new_endpoint(
            name="inside",
            bind=PRIVATE,
            id=f"sip:inside@{PUBLIC}",
            registrar=registrar.uri,
            nat_rewrite_contact=rewrite,
        )
    inside.wait_registered()
    if not rewrite:
        assert registered_contacts(inside) == [PRIVATE]
        return
    assert inside.wait_until(lambda: WITHIN in registered_contacts(inside), Deadline(5.0))
    assert registered_contacts(inside)[0] == PRIVATE


def registered_contacts(endpoint: Endpoint) -> list[str]:
    """The hosts of the Contact of each REGISTER sent that binds one, in order."""
    sent = [entry.event for entry in endpoint.journal.recent() if isinstance(entry.event, SipSent)]
    messages = [Message.parse(event.text) for event in sent]
    return [contact(one) for one in messages if one.method == "REGISTER" and one.header("Contact")]
