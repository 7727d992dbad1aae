"""A context finds out what a capture can hold: wraps, holes, unknown beginnings, replays, forgeries."""

import itertools
import random
import struct
import tracemalloc
from collections.abc import Callable, Iterable

import pylibsrtp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media import srtp
from media.srtp import SUITES, AuthenticationFailed, SrtpContext, SrtpError, SrtpKey, Suite
from media.srtp_transform import AesCm, transform

many = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)

Sent = Callable[[int], bytes]

SSRC = 0xCAFEBABE
AUDIO = bytes(range(160))
RTCP = bytes.fromhex("81c80006 cafebabe") + bytes(20)


def key_of(suite: Suite, *, seed: int = 0, mki: bytes = b"") -> SrtpKey:
    dice = random.Random(f"{suite.name}{seed}")
    return SrtpKey(suite.name, dice.randbytes(suite.key_length), dice.randbytes(suite.salt_length), mki)


def rtp(index: int, ssrc: int = SSRC, audio: bytes = AUDIO) -> bytes:
    return struct.pack(">BBHII", 0x80, 8, index & 0xFFFF, index * 160 & 0xFFFFFFFF, ssrc) + audio


@pytest.fixture(params=list(SUITES.values()), ids=list(SUITES))
def suite(request: pytest.FixtureRequest) -> Suite:
    found: Suite = request.param
    return found


@pytest.fixture
def key(suite: Suite) -> SrtpKey:
    return key_of(suite)


@pytest.fixture
def sent(key: SrtpKey) -> Sent:
    """The packet of a 48-bit index as its sender protects it."""
    ours = transform(key)
    return lambda index: ours.protect(rtp(index), 12, SSRC, index)


def check(context: SrtpContext, sent: Sent, indices: Iterable[int]) -> None:
    for index in indices:
        found = context.unprotect(sent(index))
        assert (found.index, found.packet) == (index, rtp(index))


def test_what_a_context_protects_another_unprotects(key: SrtpKey) -> None:
    sender, receiver = SrtpContext(key), SrtpContext(key)
    for index in range(65530, 65545):
        protected = sender.protect(rtp(index))
        assert AUDIO not in protected
        found = receiver.unprotect(protected)
        assert (found.packet, found.index) == (rtp(index), index)
    for _ in range(3):
        report = sender.protect_rtcp(RTCP)
        assert receiver.unprotect_rtcp(report) == RTCP
        assert receiver.unprotect_rtcp(report) == RTCP  # a replay


@pytest.mark.parametrize("mki", [b"", b"\0\0\0\x01"], ids=["no MKI", "MKI"])
def test_over_many_rollovers(suite: Suite, mki: bytes) -> None:
    key = key_of(suite, mki=mki)
    ours = transform(key)
    check(SrtpContext(key), lambda i: ours.protect(rtp(i), 12, SSRC, i), range(100, 500_000, 9973))


def test_replays_late_packets_and_lost_ones(key: SrtpKey, sent: Sent) -> None:
    order = [
        65000,
        65001,
        65001,
        65535,
        65538,
        65534,
        65536,
        64000,
        65539,
        65538,
        65000,
        66000,
        65536 + 32000,
        66000,
    ]
    check(SrtpContext(key), sent, order)


def test_the_estimate_is_made_from_the_highest_packet(
    key: SrtpKey, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(srtp, "_nearby", lambda _: ())  # no search puts right what the estimate got wrong
    order = [40000, 8000, 65536 + 6000, 40000, 65536 + 38000, 65536 + 7000, 2 * 65536 + 4000]
    check(SrtpContext(key), sent, order)
    sender = SrtpContext(key)
    for index in order:
        assert sender.protect(rtp(index)) == sent(index)


def test_a_packet_beyond_every_replay_window(key: SrtpKey, sent: Sent) -> None:
    check(SrtpContext(key), sent, [10, 5000, 30000, 10, 5000, 30001])


@pytest.mark.parametrize("rollovers", [1, 2, 100, 255])
def test_a_stream_whose_beginning_is_missing(key: SrtpKey, sent: Sent, rollovers: int) -> None:
    start = rollovers << 16 | 65530
    check(SrtpContext(key), sent, [*range(start, start + 20), start, start - 40000, start + 20])


def test_a_stream_that_rolled_over_more_often_is_not_searched_for_ever(key: SrtpKey, sent: Sent) -> None:
    context = SrtpContext(key)
    for index in range(256 << 16, (256 << 16) + 5):
        with pytest.raises(AuthenticationFailed):
            context.unprotect(sent(index))


@pytest.mark.parametrize("missing", [40_000, 65_536, 200_000, 16 * 65_536])
def test_a_hole_in_the_capture(key: SrtpKey, sent: Sent, missing: int) -> None:
    check(SrtpContext(key), sent, [*range(65530, 65540), *range(65540 + missing, 65560 + missing)])


def test_a_sender_that_begins_anew(key: SrtpKey, sent: Sent) -> None:
    """It uses its key stream twice, which the index shows."""
    start = 3 << 16
    check(SrtpContext(key), sent, [start, start + 1, 7, 8, 9])


def test_packets_beyond_the_library_s_buffer(key: SrtpKey) -> None:
    sender, receiver = SrtpContext(key), SrtpContext(key)
    for index in range(65530, 65550):
        packet = rtp(index, audio=bytes(9000 if index % 3 == 0 else 1480))
        found = receiver.unprotect(sender.protect(packet))
        assert (found.packet, found.index) == (packet, index)


def test_libsrtp_is_not_asked_of_a_stream_where_it_missed_something(key: SrtpKey, sent: Sent) -> None:
    """It would take packets from before for authentic, whose rollovers are not those of our estimate."""
    start = 2 << 16 | 10
    check(SrtpContext(key), sent, [8, 9, 10, start, 11, start + 1, 12, start + 2])
    ours, receiver = transform(key), SrtpContext(key)
    for index in (100, 30000, 60000, 90000, 200):
        packet = rtp(index, audio=bytes(160 if index < 1000 else 1600))
        found = receiver.unprotect(ours.protect(packet, 12, SSRC, index))
        assert (found.packet, found.index) == (packet, index)


def test_reports_count_up_from_0(key: SrtpKey) -> None:
    ours, sender = transform(key), SrtpContext(key)
    for index in range(3):
        assert sender.protect_rtcp(RTCP) == ours.protect_rtcp(RTCP, index)


def test_streams_are_counted_apart(key: SrtpKey) -> None:
    ours, context = transform(key), SrtpContext(key)
    for step in range(50):
        for ssrc, start in ((1, 65520), (2, 5 << 16), (3, 0)):
            index = start + step
            found = context.unprotect(ours.protect(rtp(index, ssrc), 12, ssrc, index))
            assert found.index == index


def test_header_extensions_sources_and_padding_survive(key: SrtpKey) -> None:
    plain = (
        bytes.fromhex("b2080001 000000a0 cafebabe 00000001 00000002 bede0001 10ff0000")
        + AUDIO
        + b"\0\0\0\x04"
    )
    protected = SrtpContext(key).protect(plain)
    assert protected[:28] == plain[:28]
    assert SrtpContext(key).unprotect(protected).packet == plain


# What is not authentic


def test_another_key_fails_every_packet(suite: Suite, sent: Sent) -> None:
    context = SrtpContext(key_of(suite, seed=1))
    for index in range(100):
        with pytest.raises(AuthenticationFailed, match=f"packet {index} of SSRC 0xCAFEBABE is not authentic"):
            context.unprotect(sent(index))
    with pytest.raises(AuthenticationFailed, match="SRTCP packet of SSRC 0xCAFEBABE is not authentic"):
        context.unprotect_rtcp(SrtpContext(key_of(suite)).protect_rtcp(RTCP))


def test_plain_rtp_is_not_authentic(key: SrtpKey) -> None:
    with pytest.raises(AuthenticationFailed):
        SrtpContext(key).unprotect(rtp(1))
    with pytest.raises(AuthenticationFailed):
        SrtpContext(key).unprotect(rtp(1, audio=b""))
    with pytest.raises(AuthenticationFailed):
        SrtpContext(key).unprotect_rtcp(RTCP)
    with pytest.raises(AuthenticationFailed):
        SrtpContext(key).unprotect_rtcp(RTCP[:8])


def test_a_forgery_moves_no_rollover(key: SrtpKey, sent: Sent) -> None:
    context = SrtpContext(key)
    for index in range(30, 40):
        check(context, sent, [index])
        for sequence in (32700, 65000, 5):
            forged = sent(index)[:2] + struct.pack(">H", sequence) + sent(index)[4:]
            with pytest.raises(AuthenticationFailed):
                context.unprotect(forged)


def test_forgeries_before_the_first_packet_hide_nothing(key: SrtpKey, sent: Sent) -> None:
    context = SrtpContext(key)
    for sequence in range(1000):
        with pytest.raises(AuthenticationFailed):
            context.unprotect(rtp(sequence))
    check(context, sent, range(65500, 65600))


def test_a_search_costs_little_where_nothing_is_authentic(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0
    unprotect = AesCm.unprotect

    def counting(self: AesCm, packet: bytes, header: int, ssrc: int, index: int) -> bytes | None:
        nonlocal tries
        tries += 1
        return unprotect(self, packet, header, ssrc, index)

    monkeypatch.setattr(AesCm, "unprotect", counting)
    context = SrtpContext(key_of(SUITES["AES_256_CM_HMAC_SHA1_80"]))
    for number in range(4000):
        with pytest.raises(AuthenticationFailed):
            context.unprotect(rtp(number))
    assert tries == 4000 + (8 + 8) * 255  # at the first 8 failures, the 16th, 32nd ... 2048th


def test_memory_grows_neither_with_packets_nor_with_forged_streams(
    key: SrtpKey, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(srtp, "MOST_STRANGERS", 16)
    context = SrtpContext(key)
    packets = [sent(index) for index in range(300)]
    strangers = itertools.count()

    def feed() -> None:
        for packet in packets:
            context.unprotect(packet)
        for ssrc in itertools.islice(strangers, 1000):
            with pytest.raises(AuthenticationFailed):
                context.unprotect(rtp(1, ssrc))

    feed()
    tracemalloc.start()
    try:
        feed()
        before = tracemalloc.get_traced_memory()[0]
        feed()
        feed()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data", [b"", b"\x80", bytes(40), RTCP, b"\x80\x08" + bytes(5), b"\x9f\x08" + bytes(40)]
)
def test_what_is_no_rtp(key: SrtpKey, data: bytes) -> None:
    context = SrtpContext(key)
    for read in (context.unprotect, context.protect):
        with pytest.raises(SrtpError, match="this is no RTP packet") as raised:
            read(data)
        assert not isinstance(raised.value, AuthenticationFailed)


@pytest.mark.parametrize("data", [b"", RTCP[:7], rtp(1), bytes(40)])
def test_what_is_no_rtcp(key: SrtpKey, data: bytes) -> None:
    context = SrtpContext(key)
    for read in (context.unprotect_rtcp, context.protect_rtcp):
        with pytest.raises(SrtpError, match="this is no RTCP packet"):
            read(data)


@many
@given(
    data=st.binary(max_size=200), first=st.integers(0, 63), at=st.integers(0, 170), flip=st.integers(1, 255)
)
def test_hostile_packets_are_refused(
    key: SrtpKey, sent: Sent, data: bytes, first: int, at: int, flip: int
) -> None:
    context = SrtpContext(key)
    good = bytearray(sent(1))
    good[at] ^= flip
    for packet in (data, bytes([0x80 | first]) + data, bytes(good)):
        with pytest.raises(SrtpError):
            context.unprotect(packet)
        with pytest.raises(SrtpError):
            context.unprotect_rtcp(packet)


# libsrtp and we


@pytest.mark.parametrize("name", sorted(set(SUITES) - {"AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32"}))
def test_libsrtp_does_the_work_where_it_can(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    unprotect = pylibsrtp.Session.unprotect

    def counting(self: pylibsrtp.Session, packet: bytes) -> bytes:
        nonlocal asked
        asked += 1
        return unprotect(self, packet)

    monkeypatch.setattr(pylibsrtp.Session, "unprotect", counting)
    monkeypatch.setattr(type(transform(key_of(SUITES[name]))), "unprotect", None)  # ours is not to be asked
    key = key_of(SUITES[name])
    ours = transform(key)
    context = SrtpContext(key)
    check(context, lambda i: ours.protect(rtp(i), 12, SSRC, i), range(65000, 66000))
    assert asked == 1000


@every_suite
def test_with_libsrtp_and_without_it_the_same_is_found(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_of(suite)
    ours = transform(key)
    dice = random.Random(3)
    with_it = SrtpContext(key)
    monkeypatch.setattr(srtp, "_PROFILES", {})
    without_it = SrtpContext(key)
    index = dice.randrange(65536)
    for _ in range(3000):
        index = max(0, index + dice.choice([1, 1, 1, 2, 3, 500, 20000, -1, -2, -100, -3000, 0]))
        packet = ours.protect(rtp(index), 12, SSRC, index)
        if dice.random() < 0.05:
            at = dice.randrange(12, len(packet))
            packet = packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1 :]
            for context in (with_it, without_it):
                with pytest.raises(AuthenticationFailed):
                    context.unprotect(packet)
        else:
            assert with_it.unprotect(packet) == without_it.unprotect(packet)
