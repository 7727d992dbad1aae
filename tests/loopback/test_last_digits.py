"""Digits that arrive right before the peer's BYE, as from an application that dials and hangs up."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from bot import Call, Endpoint, expect
from media.rtp.srtp import SrtpContext
from media.rtp.srtp_key import SrtpKey
from tests.support.answered import answered_call
from tests.support.sip_peer import SipPeer
from tests.support.starting import NewEndpoint

TRIES = 10
PLAIN = "m=audio {rtp} RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000"
INLINE = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
SUITE = "AES_CM_128_HMAC_SHA1_80"
SECURE = PLAIN.replace("RTP/AVP", "RTP/SAVP") + f"\na=crypto:1 {SUITE} inline:{INLINE}"
EVENT_MS, PACKETS, ENDS = 20, 5, 3
CODES = "0123456789*#ABCD"


def events(digits: str) -> Iterator[bytes]:
    """The RTP packets of digits, five updates and three ends each (RFC 4733 2.5.1)."""
    sequence = 100
    for place, digit in enumerate(digits):
        for number in range(PACKETS + ENDS):
            end = number >= PACKETS
            duration = 160 * (PACKETS if end else number + 1)
            marker = 0x80 if number == 0 else 0
            header = struct.pack("!BBHII", 0x80, 101 | marker, sequence, 16000 + 1600 * place, 1)
            yield header + struct.pack("!BBH", CODES.index(digit), 0x80 * end + 10, duration)
            sequence += 1


def dialled(endpoint: Endpoint, digits: str, *, media: str = PLAIN) -> Call:
    """A call whose caller sends the digits and a BYE in one go."""
    protect = (
        SrtpContext(SrtpKey.from_inline(SUITE, f"inline:{INLINE}")).protect if media is SECURE else bytes
    )
    with answered_call(endpoint, media) as (stream, call):
        for packet in map(protect, list(events(digits))):
            stream.media.send(packet)
    return call


@pytest.mark.parametrize("media", [PLAIN, SECURE], ids=["RTP", "SRTP"])
@pytest.mark.parametrize("digits", ["7", "1590#", "5555"])
def test_digits_right_before_the_bye(media: str, digits: str, new_endpoint: NewEndpoint) -> None:
    endpoint = new_endpoint(srtp="optional")
    calls = [dialled(endpoint, digits, media=media) for _ in range(TRIES)]
    for call in calls:
        expect(call).to_have_received_dtmf(digits, method="rfc4733")


def test_digits_of_a_call_that_is_hung_up_here(new_endpoint: NewEndpoint) -> None:
    endpoint = new_endpoint()
    for _ in range(TRIES):
        with SipPeer(endpoint.uri) as stream:
            with endpoint.expect_call() as incoming:
                stream.offer(PLAIN)
            incoming.value.answer()
            assert stream.answered() == 200
            expect(incoming.value).to_be_confirmed()
            for packet in events("42"):
                stream.media.send(packet)
            incoming.value.hangup()
            expect(incoming.value).to_be_disconnected()
        expect(incoming.value).to_have_received_dtmf("42")
