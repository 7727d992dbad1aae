"""The offer of a WebRTC browser, which crashes the bare library, is refused, and the endpoint continues."""

from __future__ import annotations

import pytest

from bot import SrtpMode, expect
from tests.support.sip_peer import SipPeer, sdp
from tests.support.starting import NewEndpoint, connect

OFFER = sdp(
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 8\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijklmn\r\n"
    f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=setup:actpass\r\na=rtcp-mux\r\n"
)


@pytest.mark.parametrize("mode", SrtpMode)
def test_webrtc_offer_is_refused_and_the_next_call_works(mode: SrtpMode, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(srtp=mode)
    with SipPeer(callee.uri) as browser:
        for _ in range(3):
            assert browser.ask(browser.request("INVITE", body=OFFER)).status == 488
    outgoing, answered = connect(new_endpoint(srtp=mode), callee)
    for call in (outgoing, answered):
        expect(call).to_be_confirmed()
        expect(call).to_have_received_packets(at_least=5)
