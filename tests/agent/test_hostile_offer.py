"""The offer of a WebRTC browser, which ends the bare library, is refused, and the endpoint goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bot import SrtpMode, expect
from bot.sip import Message, parse_uri
from tests.agent.starting import LOOPBACK, NewEndpoint, connect

ANSWER_S = 5.0
OFFER = "\r\n".join(
    [
        "v=0",
        f"o=- 1 1 IN IP4 {LOOPBACK}",
        "s=-",
        f"c=IN IP4 {LOOPBACK}",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 8",
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:8 PCMA/8000",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789abcdefghijklmn",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=setup:actpass",
        "a=rtcp-mux",
        "",
    ]
)


def invite(uri: str, port: int, number: int) -> bytes:
    """An INVITE with the offer, as if from a browser's gateway at this port."""
    return (
        f"INVITE {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {LOOPBACK}:{port};branch=z9hG4bK-browser-{number}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:browser@{LOOPBACK}:{port}>;tag=browser\r\n"
        f"To: <{uri}>\r\n"
        f"Call-ID: browser-{number}\r\n"
        "CSeq: 1 INVITE\r\n"
        f"Contact: <sip:browser@{LOOPBACK}:{port}>\r\n"
        "Content-Type: application/sdp\r\n"
        f"Content-Length: {len(OFFER)}\r\n\r\n{OFFER}"
    ).encode()


def finals(browser: socket.socket) -> Iterator[Message]:
    """The final responses that arrive; a TimeoutError when none does."""
    while True:
        message = Message.parse(browser.recv(65536).decode())
        if message.status >= 200:
            yield message


@pytest.mark.parametrize("mode", SrtpMode)
def test_webrtc_offer_is_refused_and_the_next_call_works(mode: SrtpMode, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(srtp=mode)
    target = parse_uri(callee.uri)
    assert target.port is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as browser:
        browser.bind((LOOPBACK, 0))
        browser.settimeout(ANSWER_S)
        for number in range(3):
            browser.sendto(invite(callee.uri, browser.getsockname()[1], number), (target.host, target.port))
            assert next(finals(browser)).status == 488
    outgoing, answered = connect(new_endpoint(srtp=mode), callee)
    for call in (outgoing, answered):
        expect(call).to_be_confirmed()
        expect(call).to_have_received_packets(at_least=5)
