"""Public addresses in SIP and SDP, keep-alives of a NAT, and media that follows the peer."""

from __future__ import annotations

import socket
import time

import pytest

from bot import expect
from bot.sip.message import Message
from bot.sip.uri import parse_uri
from tests.support.media_sockets import SILENCE, rtp_header
from tests.support.sip_peer import SipPeer, pcma, sdp
from tests.support.starting import LOOPBACK, NewEndpoint

ELSEWHERE = "203.0.113.7"
ANNOUNCED_ONLY_S = 5.0
PCMA = 8
KEEP_ALIVE_S = 2
LATCHED_AFTER = 40
"""Packets from another port than the announced one; the library follows well before that."""


def contact(message: Message) -> str:
    return parse_uri(message.header("Contact") or "").host


def test_public_address_is_what_peers_are_told(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(nat_public_address=ELSEWHERE)
    assert f"@{ELSEWHERE}:" in caller.uri
    with SipPeer() as peer:
        caller.make_call(peer.uri)
        invite = peer.expect("INVITE")
        assert peer.remote[0] == LOOPBACK
    assert contact(invite) == ELSEWHERE
    assert f"SIP/2.0/UDP {ELSEWHERE}:" in (invite.header("Via") or "")
    assert f"c=IN IP4 {ELSEWHERE}" in invite.body


def test_every_request_asks_for_the_port_that_it_came_from(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint()
    with SipPeer() as peer:
        caller.make_call(peer.uri)
        assert ";rport;" in (peer.expect("INVITE").header("Via") or "")


def test_registration_is_kept_alive_over_udp(new_endpoint: NewEndpoint) -> None:
    with SipPeer() as registrar:
        endpoint = new_endpoint(registrar=registrar.uri, nat_keep_alive_s=KEEP_ALIVE_S)
        registrar.reply(
            registrar.expect("REGISTER"),
            200,
            "OK",
            headers=f"Contact: <{endpoint.uri}>;expires=300\r\n",
        )
        endpoint.wait_registered()
        times = []
        for _ in range(2):
            assert registrar.keep_alive() == b"\r\n"
            times.append(time.monotonic())
        assert times[1] - times[0] > 0.5  # the library sends after four fifths of it, in whole seconds


@pytest.mark.parametrize("announced", [True, False], ids=["the port of the SDP", "another port"])
def test_media_goes_where_the_media_of_the_peer_comes_from(
    announced: bool, new_endpoint: NewEndpoint
) -> None:
    """Symmetric RTP (RFC 4961): a peer behind a NAT sends from a port that its SDP does not know."""
    caller = new_endpoint(srtp="off")
    with (
        SipPeer() as peer,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as said,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as real,
    ):
        for one in (said, real):
            one.bind((LOOPBACK, 0))
            one.settimeout(ANNOUNCED_ONLY_S)
        call = caller.make_call(peer.uri)
        invite = peer.expect("INVITE")
        port = int(invite.body.partition("m=audio ")[2].split()[0])
        peer.reply(invite, 200, body=sdp(pcma(said.getsockname()[1])))
        peer.expect("ACK")
        expect(call).to_be_confirmed()
        said.recv(2048)  # at first it believes the SDP
        speaking = said if announced else real
        for number in range(LATCHED_AFTER):
            speaking.sendto(rtp_header(number, PCMA) + SILENCE, (LOOPBACK, port))
        expect(call).to_have_received_packets(at_least=LATCHED_AFTER // 2)
        assert speaking.recv(2048)[1] & 0x7F == PCMA
