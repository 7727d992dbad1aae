"""Subscriptions to the presence of an endpoint (RFC 3856), accepted and refused."""

from __future__ import annotations

import pytest

from bot.ipc.events import SipReceived, SubscriptionReceived
from bot.sip.message import Message
from tests.support.registrar import Registrar
from tests.support.sip_peer import SipPeer
from tests.support.starting import LOOPBACK, NewEndpoint, until


def subscribe(peer: SipPeer, package: str) -> str:
    return peer.request("SUBSCRIBE", headers=f"Event: {package}\r\nExpires: 60\r\n")


def test_presence_is_open(new_endpoint: NewEndpoint) -> None:
    endpoint = new_endpoint(id=f"sip:x@{LOOPBACK}", accept_subscriptions=True)
    assert endpoint.ready is not None
    with SipPeer(f"sip:x@{LOOPBACK}:{endpoint.ready.listeners[0].port}") as peer:
        peer.send(subscribe(peer, "presence"))
        notify = peer.expect("NOTIFY")
        assert "<basic>open</basic>" in notify.body
        assert (notify.header("Subscription-State") or "").startswith("active")
        peer.reply(notify, 200)

        def asked() -> list[SubscriptionReceived]:
            events = [entry.event for entry in endpoint.journal.recent()]
            return [event for event in events if isinstance(event, SubscriptionReceived)]

        until(endpoint, lambda: bool(asked()))
        [event] = asked()
        assert (event.account, event.package) == (f"sip:x@{LOOPBACK}", "presence")
        assert f"sip:peer@{LOOPBACK}" in event.from_uri


def test_the_presence_of_others(new_endpoint: NewEndpoint) -> None:
    other = new_endpoint(accept_subscriptions=True)
    watcher = new_endpoint(subscriptions=[{"uri": other.uri}])
    until(watcher, lambda: other.uri in watcher.presences and watcher.presences[other.uri].is_open is True)
    assert watcher.presences[other.uri].subscription == "active"
    with SipPeer() as peer:
        watcher = new_endpoint(subscriptions=[{"uri": peer.uri}])
        request = peer.expect("SUBSCRIBE")
        assert (request.header("Event"), request.header("Expires")) == ("presence", "600")
        peer.reply(request, 404)
        until(watcher, lambda: watcher.presences.get(peer.uri) is not None)
        refused = watcher.presences[peer.uri]
        assert (refused.is_open, refused.subscription) == (None, "terminated")
        assert (refused.code, refused.reason) == (404, "Not Found")


def test_a_subscription_is_taken_back(new_endpoint: NewEndpoint) -> None:
    other = new_endpoint(accept_subscriptions=True)
    watcher = new_endpoint(subscriptions=[{"uri": other.uri}])
    until(watcher, lambda: other.uri in watcher.presences)
    watcher.close()

    def asked() -> list[str | None]:
        events = [entry.event for entry in other.journal.recent() if isinstance(entry.event, SipReceived)]
        messages = [Message.parse(event.text) for event in events]
        return [message.header("Expires") for message in messages if message.method == "SUBSCRIBE"]

    until(other, lambda: asked()[-1:] == ["0"])


@pytest.mark.parametrize("delay_s", [0.0, 0.1])
def test_presence_is_published(delay_s: float, new_endpoint: NewEndpoint) -> None:
    """And challenged; and taken back, even while the server has not answered yet."""
    with Registrar(delay_s=delay_s) as server:
        account = server.account(registrar=None, proxy=f"{server.uri};lr", publish=True)
        endpoint = new_endpoint(**account)
        published = server.wait_for("PUBLISH", 2)
        assert published[0].header("Event") == "presence"
        assert published[0].header("Authorization") is None
        assert published[1].header("Authorization") is not None
        assert "<basic>open</basic>" in published[1].body
        endpoint.close()
        assert "<basic>closed</basic>" in server.wait_for("PUBLISH", 3)[2].body


@pytest.mark.parametrize("package", ["dialog", "message-summary", "refer", "unheard-of"])
def test_other_packages_are_refused(package: str, new_endpoint: NewEndpoint) -> None:
    with SipPeer(new_endpoint().uri) as peer:
        peer.send(subscribe(peer, package))
        assert peer.response().status == 489
