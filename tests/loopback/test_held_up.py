"""A parent that does not read: its agents continue their calls, and the events arrive later."""

from __future__ import annotations

import threading

from bot import Endpoint, expect
from bot.ipc import SipReceived
from bot.ua.journal import Entry
from tests.support.sip_peer import SipPeer
from tests.support.starting import NewEndpoint, connect

REQUESTS = 500
PADDING = "Subject: " + "x" * 2500 + "\r\n"
"""With the log of the responses, more than a socket holds by far."""
LONG_S = 60.0


class Holding:
    """Holds the thread up on which an endpoint hears its agent, from the first OPTIONS on."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.began, self.free = threading.Event(), threading.Event()
        endpoint.journal.observe(self._observe)

    def _observe(self, entry: Entry) -> None:
        if isinstance(entry.event, SipReceived) and entry.event.text.startswith("OPTIONS "):
            self.began.set()
            self.free.wait(LONG_S)


def test_an_observer_that_does_not_return_does_not_hold_the_agent_up(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint()
    callee = new_endpoint(limits_requests_per_s=0, limits_messages_per_s=0)
    outgoing, answered = connect(caller, callee)
    holding = Holding(callee)
    try:
        with SipPeer(callee.uri) as peer:
            for _ in range(REQUESTS):
                assert peer.ask(peer.request("OPTIONS", headers=PADDING)).status == 200
        assert holding.began.is_set()
        outgoing.send_dtmf("159").wait()
    finally:
        holding.free.set()
    expect(answered).to_have_received_dtmf("159", timeout=20)
    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200, by="remote")


def test_an_agent_outlives_a_parent_that_was_held_up_longer_than_a_pump_may_hang(
    new_endpoint: NewEndpoint,
) -> None:
    callee = new_endpoint()
    holding = Holding(callee)
    release = threading.Timer(2.0, holding.free.set)
    with SipPeer(callee.uri) as peer:
        assert peer.ask(peer.request("OPTIONS")).status == 200
        assert holding.began.wait(LONG_S)
        release.start()
        release.join()
        assert peer.ask(peer.request("OPTIONS")).status == 200
    connect(new_endpoint(), callee)
