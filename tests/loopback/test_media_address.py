"""Where media of an incoming call goes before its address has proved itself."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import Endpoint, expect
from bot.bots import bot
from bot.deadline import Deadline
from bot.sip.message import Message
from tests.support.media_sockets import SILENCE, rtp_header
from tests.support.sip_peer import SipPeer, pcma, sdp
from tests.support.starting import LOOPBACK, NewEndpoint

ELSEWHERE = "127.0.0.2"
"""Another address than that of the signalling."""
QUIET_S, PATIENCE_S = 1.5, 5.0


class Place:
    """An RTP port at an address that sends no SIP."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.port: int = self.socket.getsockname()[1]

    def bytes_within(self, seconds: float, *, enough: int = 1 << 30) -> int:
        """The bytes that come, until there are enough."""
        deadline, count = Deadline(seconds), 0
        while count < enough and select.select([self.socket], [], [], deadline.left)[0]:
            count += len(self.socket.recv(2048))
        return count

    def send(self, port: int, packets: int = 12) -> None:
        """Send audio from here."""
        for number in range(packets):
            self.socket.sendto(rtp_header(number, 8) + SILENCE, (LOOPBACK, port))


@pytest.fixture(params=[LOOPBACK, ELSEWHERE])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    one = Place(request.param)
    yield one
    one.socket.close()


class Caller:
    """Invites an endpoint that plays a tone, with media at a place; there is no ACK yet."""

    def __init__(self, new_endpoint: NewEndpoint, peer: SipPeer, place: Place, **settings: Any) -> None:
        self.endpoint: Endpoint = new_endpoint(controller=bot("tone"), **settings)
        peer.remote = (LOOPBACK, self.endpoint.started.listeners[0].port)
        self.peer, peer.target = peer, self.endpoint.uri
        offer = sdp(pcma(place.port)).replace(LOOPBACK, place.host)
        self.response: Message = peer.ask(peer.request("INVITE", body=offer))
        assert self.response.status == 200
        self.port = int((self.response.sdp or "").partition("m=audio ")[2].split()[0])


def test_nothing_goes_there_before_the_ack(
    new_endpoint: NewEndpoint, sip_peer: SipPeer, place: Place
) -> None:
    caller = Caller(new_endpoint, sip_peer, place)
    assert place.bytes_within(QUIET_S) == 0
    caller.peer.ack(caller.response)
    assert place.bytes_within(PATIENCE_S, enough=2000) >= 2000


def test_a_packet_from_there_proves_the_address(
    new_endpoint: NewEndpoint, sip_peer: SipPeer, place: Place
) -> None:
    caller = Caller(new_endpoint, sip_peer, place)
    place.send(caller.port)
    assert place.bytes_within(PATIENCE_S, enough=2000) >= 2000


def test_packets_from_elsewhere_prove_nothing(
    new_endpoint: NewEndpoint, sip_peer: SipPeer, place: Place
) -> None:
    caller = Caller(new_endpoint, sip_peer, place)
    other = Place(LOOPBACK)
    other.send(caller.port)
    assert place.bytes_within(QUIET_S) == 0
    other.socket.close()


def test_by_the_description_at_once(new_endpoint: NewEndpoint, sip_peer: SipPeer, place: Place) -> None:
    Caller(new_endpoint, sip_peer, place, media_address="sdp")
    assert place.bytes_within(PATIENCE_S, enough=2000) >= 2000


def test_an_honest_call_hears_all_of_it(new_endpoint: NewEndpoint, speech: Path, tmp_path: Path) -> None:
    """The player begins with the ACK, and so does the media."""
    callee = new_endpoint(controller=bot("player", play=speech))
    outgoing = new_endpoint().make_call(callee.uri)
    recording = outgoing.record(tmp_path / "heard.wav")
    expect(outgoing).to_be_disconnected(code=200, by="remote", timeout=20)
    expect(recording).to_match(speech)
