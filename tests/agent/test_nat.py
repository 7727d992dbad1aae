"""What an endpoint tells of its address, how it keeps a NAT open, and whether its media follows the peer."""

from __future__ import annotations

import socket
import struct
import time

import pytest

from bot import expect
from bot.sip import Message, parse_uri
from tests.agent.raw_peer import RawPeer, answer_body
from tests.agent.starting import LOOPBACK, NewEndpoint

ELSEWHERE = "203.0.113.7"
ANNOUNCED_ONLY_S = 5.0
PCMA, SAMPLES = 8, 160
KEEP_ALIVE_S = 2
LATCHED_AFTER = 40
"""Packets from another port than the announced one; the library follows well before that."""


def contact(message: Message) -> str:
    return parse_uri(message.header("Contact") or "").host


def test_public_address_is_what_peers_are_told(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(nat_public_address=ELSEWHERE)
    assert f"@{ELSEWHERE}:" in caller.uri
    with RawPeer() as peer:
        caller.make_call(peer.uri)
        invite = peer.receive("INVITE")
        assert peer.sender[0] == LOOPBACK
    assert contact(invite) == ELSEWHERE
    assert f"SIP/2.0/UDP {ELSEWHERE}:" in (invite.header("Via") or "")
    assert f"c=IN IP4 {ELSEWHERE}" in invite.body


def test_every_request_asks_for_the_port_that_it_came_from(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint()
    with RawPeer() as peer:
        caller.make_call(peer.uri)
        assert ";rport;" in (peer.receive("INVITE").header("Via") or "")


def test_registration_is_kept_alive_over_udp(new_endpoint: NewEndpoint) -> None:
    with RawPeer() as registrar:
        endpoint = new_endpoint(registrar=registrar.uri, nat_keep_alive_s=KEEP_ALIVE_S)
        registrar.respond(
            registrar.receive("REGISTER"),
            200,
            "OK",
            headers=f"Contact: <{endpoint.uri}>;expires=300\r\n",
        )
        endpoint.wait_registered()
        times = []
        for _ in range(2):
            assert registrar.keep_alive() == b"\r\n"
            times.append(time.monotonic())
        assert 0.5 < times[1] - times[0] < KEEP_ALIVE_S + 0.5  # four fifths of it, in whole seconds


@pytest.mark.parametrize("announced", [True, False], ids=["the port of the SDP", "another port"])
def test_media_goes_where_the_media_of_the_peer_comes_from(
    announced: bool, new_endpoint: NewEndpoint
) -> None:
    """Symmetric RTP (RFC 4961): a peer behind a NAT sends from a port that its SDP does not know."""
    caller = new_endpoint(srtp="off")
    with (
        RawPeer() as peer,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as said,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as real,
    ):
        for one in (said, real):
            one.bind((LOOPBACK, 0))
            one.settimeout(ANNOUNCED_ONLY_S)
        call = caller.make_call(peer.uri)
        invite = peer.receive("INVITE")
        port = int(invite.body.partition("m=audio ")[2].split()[0])
        peer.respond(invite, 200, "OK", body=answer_body(said.getsockname()[1]))
        peer.receive("ACK")
        expect(call).to_be_confirmed()
        said.recv(2048)  # at first it believes the SDP
        speaking = said if announced else real
        for number in range(LATCHED_AFTER):
            header = struct.pack("!BBHII", 0x80, PCMA, number, number * SAMPLES, 4711)
            speaking.sendto(header + bytes([0xD5]) * SAMPLES, (LOOPBACK, port))
        expect(call).to_have_received_packets(at_least=LATCHED_AFTER // 2)
        assert speaking.recv(2048)[1] & 0x7F == PCMA
