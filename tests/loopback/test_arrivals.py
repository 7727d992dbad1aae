"""Discarded packets of a stream are counted, with the reason."""

from __future__ import annotations

import contextlib
import struct
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from bot import Call, ExpectationFailed, expect
from bot.deadline import Deadline
from bot.model import RtpCounters
from media.rtp.srtp import SrtpContext, SrtpKey
from tests.support.answered import answered_call
from tests.support.measuring import measured
from tests.support.sip_peer import SipPeer
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="packets are noted on Linux only")

SUITE, INLINE = "AES_CM_128_HMAC_SHA1_80", "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
AUDIO = "m=audio {{rtp}} RTP/{profile} 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000"
PLAIN = AUDIO.format(profile="AVP")
SECURE = f"{AUDIO.format(profile='SAVP')}\na=crypto:1 {SUITE} inline:{INLINE}"
WITH_MKI = f"{SECURE}|2^20|1:4"
PACKET_S = 0.02
A_LAW_SILENCE = b"\xd5" * 160

Protect = Callable[[bytes], bytes]


class Peer:
    """A peer that sends any packet, one each 20 ms."""

    def __init__(self, stream: SipPeer, call: Call) -> None:
        self._stream = stream
        self.call = call
        self._due = time.monotonic()

    def send(self, packet: bytes) -> None:
        self.pass_time(self._due - time.monotonic())
        self._due += PACKET_S
        self._stream.media.send(packet)

    def pass_time(self, seconds: float) -> None:
        self.call.endpoint.wait_until(lambda: False, Deadline(max(0.0, seconds)))

    def audio(self, numbers: range, *, ssrc: int = 1, ahead: int = 0, protect: Protect = bytes) -> None:
        for number in numbers:
            self.send(protect(rtp(8, number, number * 160 + ahead, A_LAW_SILENCE, ssrc=ssrc)))

    def event(
        self, number: int, digit: int, timestamp: int, duration: int, *, end: bool, kind: int = 101
    ) -> None:
        self.send(rtp(kind, number, timestamp, struct.pack("!BBH", digit, 0x8A if end else 10, duration)))

    def received(self, holds: Callable[[RtpCounters], bool]) -> RtpCounters:
        return measured(self.call, lambda stats: holds(stats.rx)).rx


def rtp(kind: int, number: int, timestamp: int, payload: bytes, *, ssrc: int = 1) -> bytes:
    return struct.pack("!BBHII", 0x80, kind, number % 65536, timestamp % 2**32, ssrc) + payload


@contextlib.contextmanager
def talking(new_endpoint: NewEndpoint, media: str, **settings: object) -> Iterator[Peer]:
    """A call from a peer made of sockets, with these m= lines."""
    with answered_call(new_endpoint(**settings), media) as (stream, call):
        yield Peer(stream, call)


def key(inline: str = INLINE) -> SrtpContext:
    return SrtpContext(SrtpKey.from_inline(SUITE, f"inline:{inline}"))


# ---- refused


def test_packets_that_are_not_authentic(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, SECURE, srtp="mandatory") as peer:
        other = key("A" * 40)
        peer.audio(range(10), protect=other.protect)
        rx = peer.received(lambda rx: rx.refusals == 10)
        assert (rx.packets, rx.refused) == (0, {"not authentic": 10})
        with pytest.raises(ExpectationFailed, match="10 packets came, none of which could be read: 10 not"):
            expect(peer.call).to_be_encrypted(timeout=0)


def test_packets_that_carry_an_mki_which_the_library_cannot_read(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, WITH_MKI, srtp="mandatory") as peer:
        identified = key(f"{INLINE}|2^20|1:4")
        peer.audio(range(10), protect=identified.protect)
        rx = peer.received(lambda rx: rx.refusals == 10)
        assert rx.refused == {"not authentic, carrying an MKI of 4 bytes": 10}


def test_authentic_packets_beside_others(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, SECURE, srtp="mandatory") as peer:
        mine, other = key(), key("A" * 40)
        peer.audio(range(10), protect=mine.protect)
        peer.audio(range(10, 14), protect=other.protect)
        rx = peer.received(lambda rx: rx.refusals == 4)
        assert (rx.packets, rx.refused) == (10, {"not authentic": 4})
        expect(peer.call).to_be_encrypted(timeout=0)


def test_packets_that_are_sent_again(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, SECURE, srtp="mandatory") as peer:
        mine = key()
        packets = [mine.protect(rtp(8, number, number * 160, A_LAW_SILENCE)) for number in range(120)]
        for packet in [*packets, *packets[110:115]]:
            peer.send(packet)
        rx = peer.received(lambda rx: rx.refusals == 5)
        assert (rx.packets, rx.refused) == (120, {"replayed": 5})


def test_packets_of_a_payload_type_that_nobody_negotiated(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as peer:
        peer.audio(range(5))
        for number in range(5, 9):
            peer.send(rtp(0, number, number * 160, b"\xff" * 160))
        rx = peer.received(lambda rx: rx.refusals == 4)
        assert (rx.packets, rx.refused) == (5, {"payload type 0": 4})


# ---- changes


def test_another_ssrc_is_no_loss(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as peer:
        peer.audio(range(60))
        peer.audio(range(136, 196), ssrc=2)
        rx = peer.received(lambda rx: rx.packets == 120)
        assert rx.lost == 0
        assert [(one.packet, one.kind) for one in rx.changes or []] == [(61, "ssrc")]


def test_timestamps_that_begin_anew_are_no_jitter(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as peer:
        peer.audio(range(60))
        peer.audio(range(60, 120), ahead=3_000_000_000)
        rx = peer.received(lambda rx: rx.packets == 120)
        assert [(one.packet, one.kind) for one in rx.changes or []] == [(61, "timestamps")]
        assert rx.jitter_ms_max is not None
        assert rx.jitter_ms_max < 1000


# ---- digits


def test_an_end_that_is_sent_again_is_no_other_digit(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as peer:
        for number in range(5):
            peer.event(number, 7, 8000, 160 * (number + 1), end=False)
        peer.event(5, 7, 8000, 960, end=True)
        peer.event(6, 8, 12_000, 160, end=False)
        peer.event(7, 7, 8000, 960, end=True)
        peer.event(8, 8, 12_000, 480, end=False)
        peer.event(9, 8, 12_000, 800, end=True)
        expect(peer.call).to_have_received_dtmf("78")
        assert [one.duration_ms for one in peer.call.facts.received] == [120, 100]


def test_a_digit_without_an_end(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as peer:
        for number in range(5):
            peer.event(number, 7, 8000, 160 * (number + 1), end=False)
        with pytest.raises(ExpectationFailed, match="digit 7 has no end"):
            expect(peer.call).to_have_received_dtmf("7", timeout=0.3)
        expect(peer.call).to_have_received_dtmf("7", allow_unended=True)


def test_digits_under_a_payload_type_that_was_not_offered(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as peer:
        for number in range(5):
            peer.event(number, 5, 8000, 160 * (number + 1), end=number == 4, kind=99)
        peer.received(lambda rx: bool(rx.unoffered_digits))
        with pytest.raises(
            ExpectationFailed, match=r"'5' came .* under payload type 99.* set telephone_event: 99"
        ):
            expect(peer.call).to_have_received_dtmf("5", timeout=0)
        with pytest.raises(ExpectationFailed, match="payload type 99"):
            expect(peer.call).not_to_have_received_dtmf()


# ---- a plausible amount


def test_one_packet_is_no_audio(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as peer:
        peer.audio(range(1))
        peer.pass_time(1.5)
        with pytest.raises(ExpectationFailed, match=r"received 1 packets \(0.0 of 1\.\d s\)"):
            expect(peer.call).to_have_media(timeout=0)
        expect(peer.call).to_have_media("sendonly", timeout=0)
        expect(peer.call).to_have_media("any", timeout=0)


def test_enough_packets_are_audio(new_endpoint: NewEndpoint) -> None:
    with talking(new_endpoint, PLAIN, srtp="off") as peer:
        peer.audio(range(75))
        expect(peer.call).to_have_media()
        found = peer.received(lambda rx: rx.packets == 75)
        assert found.silent
