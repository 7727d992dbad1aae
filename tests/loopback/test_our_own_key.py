"""A peer that answers with our own key and sends back what we send, untouched (RFC 3711 section 9.1)."""

from __future__ import annotations

import re
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot import ExpectationFailed, SrtpMode, expect
from bot.report.call_result import call_result
from tests.support.sip_peer import SipPeer, pcma, sdp
from tests.support.starting import LOOPBACK, NewEndpoint

SAID = "the same in both directions (RFC 3711 section 9.1)"


@contextmanager
def mirror() -> Iterator[int]:
    """A port that sends back every datagram."""
    done = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        media.bind((LOOPBACK, 0))

        def reflect() -> None:
            while not done.is_set():
                if select.select([media], [], [], 0.05)[0]:
                    data, sender = media.recvfrom(65536)
                    media.sendto(data, sender)

        thread = threading.Thread(target=reflect)
        thread.start()
        try:
            yield media.getsockname()[1]
        finally:
            done.set()
            thread.join()


@pytest.mark.parametrize("salt", ["", "another salt"])
def test_our_own_key_is_no_encryption(salt: str, new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(srtp=SrtpMode.MANDATORY, codecs=["PCMA"])
    with SipPeer() as peer, mirror() as port:
        call = caller.make_call(peer.uri)
        invite = peer.expect("INVITE")
        [line] = re.findall(r"a=crypto:1 .*", invite.sdp or "")[:1]
        if salt:
            line = line.strip()[:-8] + "AAAAAAAA"
        body = sdp(pcma(port, line.strip(), profile="RTP/SAVP"))
        peer.reply(invite, 200, body=body)
        expect(call).to_be_confirmed()
        expect(call).to_have_active_media()
        with pytest.raises(ExpectationFailed, match=re.escape(SAID)):
            expect(call).to_be_encrypted(timeout=1)
        assert SAID in str(call_result(call).media[0].srtp.disagreement)
        call.hangup()
        peer.reply(peer.expect("BYE"), 200)
