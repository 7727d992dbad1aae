"""Key rings: which keys are tried, how often, and key streams that are used twice."""

from __future__ import annotations

import pytest

from bot.capture import keystream_reuse as keystream
from bot.capture.keys import GivenKeys, KeyRing
from bot.capture.keystream_reuse import KeyStreams, Use
from bot.capture.negotiated_keys import Candidate, Trust
from media.rtp.srtp import SUITES, SrtpContext, SrtpKey
from tests.support.scene import SUITE, key_of, rtp

KEY = key_of(SUITE, 1)


def packets(key: SrtpKey, first: int = 1, count: int = 5) -> list[bytes]:
    context = SrtpContext(key)
    return [context.protect(rtp(number, 160 * number, 0xA)) for number in range(first, first + count)]


def test_a_given_key_is_found_among_many() -> None:
    ring = KeyRing((), GivenKeys(key_of(suite, seed) for seed in range(150) for suite in SUITES))
    assert len(ring) == 150 * len(SUITES)
    opened = [ring.unprotect(packet, 0.0) for packet in packets(key_of(SUITE, 149))]
    assert [one and one.packet_index for one in opened] == [1, 2, 3, 4, 5]
    assert {one.trust for one in opened if one} == {Trust.GIVEN}


def test_rtcp_alone_finds_its_key() -> None:
    report = bytes.fromhex("80c900010000000a")
    ring = KeyRing((), GivenKeys([key_of(SUITE, 2), KEY]))
    opened = ring.unprotect_rtcp(SrtpContext(KEY).protect_rtcp(report), 0.0)
    assert opened is not None
    assert opened.packet == report
    assert ring.unprotect_rtcp(SrtpContext(key_of(SUITE, 3)).protect_rtcp(report), 0.0) is None


def test_a_key_out_of_force_still_opens_after_many_failures() -> None:
    old = Candidate(KEY, Trust.AGREED, since=0.0, until=10.0)
    ring = KeyRing([old], GivenKeys())
    foreign = packets(key_of(SUITE, 5), count=500)
    assert not any(ring.unprotect(one, 20.0) for one in foreign)
    opened = [ring.unprotect(packet, 20.0) for packet in packets(KEY, count=40)]
    first = next(number for number, one in enumerate(opened) if one)
    assert first < 16
    assert all(one is not None and not one.in_force for one in opened[first:])


def test_rollovers_of_a_capture_that_begins_late() -> None:
    context = SrtpContext(KEY)
    late = [context.protect(rtp(number, 0, 0xA)) for number in range(65000, 3 * 65536, 20)][-100:]
    ring = KeyRing((), GivenKeys([KEY]))
    opened = [ring.unprotect(one, 0.0) for one in late]
    assert all(one is not None and one.packet_index >> 16 == 2 for one in opened)


def test_no_key_is_shown() -> None:
    secret = KEY.master_key
    for one in (Candidate(KEY, Trust.AGREED), KeyRing([Candidate(KEY, Trust.AGREED)], GivenKeys([KEY]))):
        assert repr(secret)[2:-1] not in repr(one)


def test_suites_that_differ_in_the_tag_share_a_key_stream() -> None:
    streams = KeyStreams()
    short = SrtpKey("AES_CM_128_HMAC_SHA1_32", KEY.master_key, KEY.master_salt)
    first = streams.identity(KEY, 1)
    assert streams.identity(short, 1) == first
    assert streams.identity(KEY, 2) != first
    assert streams.identity(key_of(SUITE, 2), 1) != first
    assert streams.use(first, 70000, b"one") is not Use.OTHER
    assert streams.use(first, 70000, b"one") is not Use.OTHER
    assert streams.use(first, 70000 + 65536, b"two") is not Use.OTHER
    assert streams.use(first, 70000, b"two") is Use.OTHER


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystream, "MOST_PAGES", 4)
    streams = KeyStreams()
    for index in range(0, 1 << 20, 256):
        streams.use(0, index, b"one")
    assert len(streams._pages) == 4
    assert streams.use(0, (1 << 20) - 256, b"two") is Use.OTHER
    assert streams.use(0, 0, b"two") is Use.NEW  # forgotten
