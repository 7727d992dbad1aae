"""A call from a peer made of sockets, answered by an endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bot import Call, Endpoint, expect
from tests.support.sip_peer import SipPeer
from tests.support.starting import until

__all__ = ["answered_call"]


@contextmanager
def answered_call(endpoint: Endpoint, media: str) -> Iterator[tuple[SipPeer, Call]]:
    """The peer offers these m= lines; within the block the call is confirmed and has active media."""
    with SipPeer(endpoint.uri) as peer:
        with endpoint.expect_call() as incoming:
            peer.offer(media)
        call = incoming.value.answer()
        assert peer.answered() == 200
        expect(call).to_be_confirmed()
        until(call, lambda: any(line.active for line in call.media))
        yield peer, call
