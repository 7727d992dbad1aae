"""Packets of a foreign source change neither the audio, nor the digits, nor the counters of a call."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from collections.abc import Iterator

import pytest

from bot import Call
from bot.model import MediaDirection, RtpCounters
from media.rtp.srtp import SrtpContext, SrtpKey
from tests.support.answered import answered_call
from tests.support.measuring import measured
from tests.support.media_sockets import SILENCE, MediaSockets, rtp_header
from tests.support.programs import LOOPBACK
from tests.support.sip_peer import SipPeer, sdp
from tests.support.starting import NewEndpoint, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="packets are noted on Linux only")

SUITE, INLINE = "AES_CM_128_HMAC_SHA1_80", "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
AUDIO = "m=audio {{rtp}} RTP/{profile} 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000"
PLAIN = AUDIO.format(profile="AVP")
SECURE = f"{AUDIO.format(profile='SAVP')}\na=crypto:1 {SUITE} inline:{INLINE}"
NOISE = bytes(range(160))
BYE = struct.pack("!BBHI", 0x81, 203, 1, 1)
FAR_AWAY = 0x7F000000
"""A round trip of hours, if it were believed."""


@pytest.fixture
def stranger() -> Iterator[MediaSockets]:
    sockets = MediaSockets()
    yield sockets
    sockets.close()


def talking(
    new_endpoint: NewEndpoint, media: str, **settings: object
) -> contextlib.AbstractContextManager[tuple[SipPeer, Call]]:
    """A call to an endpoint with these settings; the peer offers these m= lines."""
    return answered_call(new_endpoint(**settings), media)


def received(call: Call, packets: int, foreign: int = 0) -> RtpCounters:
    """The figures once so many packets were received, and so many dropped."""

    def holds(rx: RtpCounters) -> bool:
        return rx.packets == packets and rx.foreign is not None and rx.foreign.packets == foreign

    return measured(call, lambda stats: holds(stats.rx)).rx


def event(number: int, digit: int) -> bytes:
    return rtp_header(number, 101) + struct.pack("!BBH", digit, 0x8A, 800)


def report(ssrc: int) -> bytes:
    """A receiver's report of a loss of all packets, and of one that took hours (RFC 3550 6.4.2)."""
    block = struct.pack("!IIIIII", ssrc, 0xFF7FFFFF, 1, 0xFFFFFFFF, 1, FAR_AWAY)
    return struct.pack("!BBHI", 0x81, 201, 7, 1) + block


def heard_by(sockets: MediaSockets) -> int:
    """How many packets are there for these sockets."""
    return len(sockets.receive(5, 0.2))


def test_packets_and_digits_of_a_stranger_are_dropped(
    new_endpoint: NewEndpoint, stranger: MediaSockets
) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as (peer, call):
        for number in range(5):
            peer.media.send_audio(number, 8)
        received(call, 5)
        stranger.target = peer.media.target
        for number in range(30):
            stranger.send(rtp_header(number, 8) + NOISE)
            stranger.send(event(100 + number, number % 10))
            stranger.send(b"garbage" * number)
        rx = received(call, 5, 90)
        assert rx.foreign is not None
        assert rx.foreign.sources == [f"{LOOPBACK}:{stranger.port}"]
        for number in range(5, 10):
            peer.media.send_audio(number, 8)
        rx = received(call, 10, 90)
        assert (rx.lost, rx.duplicate, rx.changes, rx.refused, rx.bytes) == (0, 0, [], {}, 1600)
        assert call.facts.received == []
        assert heard_by(stranger) == 0


def test_every_packet_of_a_flood_is_counted(new_endpoint: NewEndpoint, stranger: MediaSockets) -> None:
    """The kernel drops most of them, and none of the peer's."""
    with talking(new_endpoint, PLAIN, srtp="off") as (peer, call), contextlib.closing(other()) as second:
        stranger.target = peer.media.target
        for number in range(50):
            peer.media.send_audio(number, 8)
            for _ in range(20):
                stranger.send(rtp_header(number, 8) + NOISE)
                second.sendto(b"", (LOOPBACK, peer.media.target))
            wait_for_foreign(call, 40 * number)
        rx = received(call, 50, 2000)
        assert rx.foreign is not None
        assert rx.lost == 0
        assert len(rx.foreign.sources) == 2


def wait_for_foreign(call: Call, at_least: int) -> None:
    measured(call, lambda stats: stats.rx.foreign is not None and stats.rx.foreign.packets >= at_least)


def test_reports_of_a_stranger_are_dropped(new_endpoint: NewEndpoint, stranger: MediaSockets) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as (peer, call):
        for number in range(5):
            peer.media.send_audio(number, 8)
        received(call, 5)
        (ours,) = struct.unpack_from("!I", next(one for one in raw(peer.media) if one[1] & 127 == 8), 8)
        for packet in (report(ours), BYE, b"\0"):
            stranger.rtcp.sendto(packet, (LOOPBACK, peer.media.target + 1))
        received(call, 5, 3)
        peer.media.report(peer.media.rtcp, peer.media.target + 1)
        stats = measured(call, lambda stats: stats.rx.packets == 5)
        assert (stats.tx.lost, stats.rtt_ms) == (None, None)


def raw(sockets: MediaSockets) -> Iterator[bytes]:
    sockets.rtp.settimeout(5)
    while True:
        yield sockets.rtp.recv(4096)


def test_a_peer_behind_a_nat_is_kept_to(new_endpoint: NewEndpoint, stranger: MediaSockets) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as (peer, call), contextlib.closing(other()) as nat:
        target = LOOPBACK, peer.media.target
        for number in range(12):
            nat.sendto(rtp_header(number, 8) + SILENCE, target)
        received(call, 12)
        stranger.target = peer.media.target
        for number in range(50):
            stranger.send(rtp_header(number, 8) + NOISE)
        received(call, 12, 50)
        for number in range(12, 20):
            nat.sendto(rtp_header(number, 8) + SILENCE, target)
        assert received(call, 20, 50).lost == 0
        nat.settimeout(5)
        assert nat.recv(4096)[1] & 127 == 8  # what is sent goes where the peer's came from


def other() -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((LOOPBACK, 0))
    return one


def test_what_a_stranger_sent_before_the_peer_is_not_counted(
    new_endpoint: NewEndpoint, stranger: MediaSockets
) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as (peer, call):
        stranger.target = peer.media.target
        for number in range(30):
            stranger.send(rtp_header(number, 8, ssrc=9) + NOISE)
        measured(call, lambda stats: stats.rx.packets > 0)
        peer.media.send_audio(0, 8)
        measured(call, lambda stats: stats.rx.foreign is not None and stats.rx.foreign.packets == 30)
        for number in range(1, 40):
            peer.media.send_audio(number, 8)
        rx = measured(call, lambda stats: stats.rx.packets >= 30).rx
        assert (rx.lost, rx.changes) == (0, [])
        assert rx.foreign is not None
        assert rx.foreign.packets == 30


def test_a_reinvite_that_moves_the_media_opens_the_stream_again(
    new_endpoint: NewEndpoint, stranger: MediaSockets
) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as (peer, call):
        for number in range(5):
            peer.media.send_audio(number, 8)
        received(call, 5)
        body = sdp(PLAIN.format(rtp=stranger.port).replace("\n", "\r\n") + "\r\n")
        peer.send(peer.request("INVITE", dialog=peer.dialog, body=body))
        assert peer.answered() == 200
        until(call, lambda: any(str(stranger.port) in (line.remote or "") for line in call.media))
        stranger.target = peer.media.target
        for number in range(5, 12):
            stranger.send_audio(number, 8)
        received(call, 12)
        peer.media.send_audio(100, 8)  # still on its way from where the peer was: no stranger
        stranger.send_audio(12, 8)
        assert received(call, 13).lost == 0


def moved(peer: SipPeer, call: Call, to: MediaSockets, media: str = PLAIN) -> None:
    """Move the peer's media by a re-INVITE."""
    body = sdp(media.format(rtp=to.port).replace("\n", "\r\n") + "\r\n")
    peer.send(peer.request("INVITE", dialog=peer.dialog, body=body))
    assert peer.answered() == 200
    until(call, lambda: any(str(to.port) in (line.remote or "") for line in call.media))
    to.target = peer.media.target


@pytest.mark.parametrize("late", [1, 3, 10])
def test_late_packets_do_not_start_the_moved_stream(
    late: int, new_endpoint: NewEndpoint, stranger: MediaSockets
) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as (peer, call):
        for number in range(5):
            peer.media.send_audio(number, 8)
        received(call, 5)
        moved(peer, call, stranger)
        for number in range(late):
            peer.media.send_audio(5 + number, 8)
        for number in range(1000, 1020):
            stranger.send_audio(number, 8)
        rx = received(call, 25)
        assert (rx.lost, rx.duplicate, rx.discarded, rx.refused) == (0, 0, 0, {})


def test_media_that_go_on_from_where_they_were(new_endpoint: NewEndpoint, stranger: MediaSockets) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as (peer, call):
        for number in range(5):
            peer.media.send_audio(number, 8)
        received(call, 5)
        moved(peer, call, stranger)
        for number in range(5, 45):
            peer.media.send_audio(number, 8)
        assert measured(call, lambda stats: stats.rx.packets >= 35).rx.packets == 35


@pytest.mark.parametrize(("sent", "again"), [(20, 5), (99, 50), (3, 3)])
def test_replayed_packets_are_refused_from_the_first_on(
    sent: int, again: int, new_endpoint: NewEndpoint
) -> None:
    with talking(new_endpoint, SECURE, srtp="mandatory") as (peer, call):
        mine = SrtpContext(SrtpKey.from_inline(SUITE, f"inline:{INLINE}"))
        packets = [mine.protect(rtp_header(number, 8) + SILENCE) for number in range(sent)]
        for packet in [*packets, *packets[:again], *packets[:again]]:
            peer.media.send(packet)
        rx = measured(call, lambda stats: stats.rx.refusals == 2 * again).rx
        assert (rx.packets, rx.duplicate, rx.refused) == (sent, 0, {"replayed": 2 * again})


def test_replayed_packets_of_a_stranger_are_dropped(
    new_endpoint: NewEndpoint, stranger: MediaSockets
) -> None:
    with talking(new_endpoint, SECURE, srtp="mandatory") as (peer, call):
        mine = SrtpContext(SrtpKey.from_inline(SUITE, f"inline:{INLINE}"))
        stranger.target = peer.media.target
        for number in range(20):
            packet = mine.protect(rtp_header(number, 8) + SILENCE)
            peer.media.send(packet)
            stranger.send(packet)
        rx = measured(call, lambda stats: stats.rx.packets == 20).rx
        assert rx.foreign is not None
        assert rx.foreign.packets + rx.refusals == 20
        assert heard_by(stranger) == 0


def test_packets_of_before_a_reinvite_are_replayed_after_it(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, SECURE, srtp="mandatory") as (peer, call):
        mine = SrtpContext(SrtpKey.from_inline(SUITE, f"inline:{INLINE}"))
        packets = [mine.protect(rtp_header(number, 8) + SILENCE) for number in range(80)]
        for packet in packets[:50]:
            peer.media.send(packet)
        received(call, 50)
        body = sdp(SECURE.format(rtp=peer.media.port).replace("\n", "\r\n") + "\r\na=sendonly\r\n")
        peer.send(peer.request("INVITE", dialog=peer.dialog, body=body))
        assert peer.answered() == 200
        until(call, lambda: any(line.direction is MediaDirection.RECVONLY for line in call.media))
        for packet in [*packets[50:], *packets[:50]]:
            peer.media.send(packet)
        rx = measured(call, lambda stats: stats.rx.refusals == 50).rx
        assert (rx.packets, rx.refused) == (80, {"replayed": 50})
