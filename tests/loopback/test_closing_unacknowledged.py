"""An endpoint that closes after it answered a call and before the ACK (RFC 3261 section 15)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from bot import Endpoint
from bot.sip import Message
from tests.support.sip_peer import SipPeer
from tests.support.starting import NewEndpoint

UNLOADED = 'Module "mod-tsx-layer" unregistered'
"""The library's log says so only when no transaction is left."""
QUIET_S = 0.2


def answered(callee: Endpoint, peer: SipPeer) -> Message:
    """The response to the peer's INVITE, which the peer does not acknowledge yet."""
    with callee.expect_call() as incoming:
        peer.send(peer.request("INVITE", body=peer.sdp))
    incoming.value.answer()
    return peer.final()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_no_transaction_outlives_the_library(transport: str, new_endpoint: NewEndpoint) -> None:
    log: list[str] = []
    callee = new_endpoint(transports=[transport], srtp="off", log_level=4, on_log=log.append)
    with SipPeer(callee.uri) as peer, ThreadPoolExecutor() as pool:
        assert answered(callee, peer).status == 200
        closed = pool.submit(callee.close)
        peer.reply(peer.expect("BYE"), 200)
        closed.result()
    assert callee.failure is None
    assert any(UNLOADED in line for line in log)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_bye_waits_for_the_ack(transport: str, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(transports=[transport], srtp="off")
    with SipPeer(callee.uri) as peer, ThreadPoolExecutor() as pool:
        response = answered(callee, peer)
        closed = pool.submit(callee.close)
        assert "BYE" not in [message.method for message in peer.messages(QUIET_S, QUIET_S)]
        peer.ack(response)
        bye = peer.expect("BYE")
        assert bye.header("Reason") is None
        peer.reply(bye, 200)
        closed.result()
    assert callee.failure is None
