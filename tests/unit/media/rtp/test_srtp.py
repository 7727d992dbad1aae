"""A context finds out what a capture can hold: wraps, holes, unknown beginnings, replays, forgeries."""

import itertools
import random
import struct
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import replace

import pylibsrtp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.rtp import srtp
from media.rtp.srtp import SUITES, AuthenticationFailed, SrtpContext, SrtpError, SrtpKey, Standing, Suite
from media.rtp.srtp_transform import AesCm, transform

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


def test_a_packet_of_one_context_is_unprotected_by_another(key: SrtpKey) -> None:
    sender, receiver = SrtpContext(key), SrtpContext(key)
    for index in range(65530, 65545):
        protected = sender.protect(rtp(index))
        assert AUDIO not in protected
        found = receiver.unprotect(protected)
        assert (found.packet, found.index) == (rtp(index), index)
    for _ in range(3):
        report = sender.protect_rtcp(RTCP)
        for standing in (Standing.ACCEPTED, Standing.REPLAYED):
            found_report = receiver.unprotect_rtcp(report)
            assert (found_report.packet, found_report.standing) == (RTCP, standing)


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


def standings(context: SrtpContext, sent: Sent, indices: Iterable[int]) -> list[Standing]:
    return [context.unprotect(sent(index)).standing for index in indices]


@pytest.mark.parametrize("start", [3 << 16, 1 << 16, (1 << 16) - 3])
def test_a_sender_that_restarts_its_rollover_counter(key: SrtpKey, sent: Sent, start: int) -> None:
    """It is authentic until it does (RFC 3711 section 3.3.1), and again once it counts right."""
    context = SrtpContext(key)
    began = [start + step for step in range(10)]
    anew = [(start + step) % 65536 for step in range(10, 30)]
    assert standings(context, sent, began) == [Standing.ACCEPTED] * 10
    assert standings(context, sent, anew) == [Standing.ASTRAY] * 20
    found = context.unprotect(sent(anew[-1] + 1))
    assert (found.index, found.due) == (anew[-1] + 1, start + 30)
    assert standings(context, sent, [start + 30]) == [Standing.ACCEPTED]


def test_rollovers_are_not_searched_where_the_beginning_was_captured(key: SrtpKey, sent: Sent) -> None:
    begun = SrtpContext(key, from_the_beginning=True)
    late = range(2 << 16, (2 << 16) + 20)
    assert standings(begun, sent, late) == [Standing.ASTRAY] * 20
    assert standings(begun, sent, range(20, 40)) == [Standing.ACCEPTED] * 20
    assert standings(SrtpContext(key), sent, late) == [Standing.ACCEPTED] * 20


@pytest.mark.parametrize("ahead", [1, 3])
def test_a_jump_of_the_rollover_counter_without_time_for_the_packets(
    key: SrtpKey, sent: Sent, ahead: int
) -> None:
    """A hole of the capture is as long as what it hides; a sender that skips rollovers is astray."""
    index = 100 + (ahead << 16)
    for pause_s, standing in ((0.02, Standing.ASTRAY), (1000.0, Standing.ACCEPTED)):
        context = SrtpContext(key, from_the_beginning=True)
        assert context.unprotect(sent(99), at=10.0).standing is Standing.ACCEPTED
        assert context.unprotect(sent(index), at=10.0 + pause_s).standing is standing


def test_the_rollovers_of_another_key_go_on(key: SrtpKey, sent: Sent) -> None:
    """RFC 3711 section 3.3.1: after re-keying the rollover counter is not reset; many senders reset it."""
    for first in (70_000, 4464):
        context = SrtpContext(key, from_the_beginning=True)
        found = context.unprotect(sent(first), near=[69_999])
        assert (found.index, found.standing) == (first, Standing.ACCEPTED)


def test_the_replay_window(key: SrtpKey, sent: Sent) -> None:
    context = SrtpContext(key)
    order = [65500, 65600, 65500, 65501, 65501, 65600, 65473, 65472, 65400]
    assert standings(context, sent, order) == [
        Standing.ACCEPTED,
        Standing.ACCEPTED,
        Standing.REPLAYED,
        Standing.ACCEPTED,
        Standing.REPLAYED,
        Standing.REPLAYED,
        Standing.ACCEPTED,
        Standing.LATE,
        Standing.LATE,
    ]


def test_the_window_that_the_sender_recommends(suite: Suite) -> None:
    key = replace(key_of(suite), window=1024)
    ours = transform(key)
    order = [5000, 6000, 4977, 4976, 6000, 4977]
    found = [SrtpContext(key)] * 6
    stands = [
        each.unprotect(ours.protect(rtp(i), 12, SSRC, i)).standing
        for each, i in zip(found, order, strict=True)
    ]
    taken, late, again = Standing.ACCEPTED, Standing.LATE, Standing.REPLAYED
    assert stands == [taken, taken, taken, late, again, again]


def test_reports_that_begin_anew_are_replays(key: SrtpKey) -> None:
    """Section 3.2.1: an SRTCP index never goes back under the same key."""
    ours, receiver = transform(key), SrtpContext(key)
    indices = [7, 8, 8, 300, 299, 10, 0, 301]
    found = [receiver.unprotect_rtcp(ours.protect_rtcp(RTCP, index)) for index in indices]
    assert [one.index for one in found] == indices
    taken, again, late = Standing.ACCEPTED, Standing.REPLAYED, Standing.LATE
    assert [one.standing for one in found] == [taken, taken, again, taken, taken, late, late, taken]


@pytest.mark.parametrize("mki", [b"", b"\x07"], ids=["no MKI", "MKI"])
@pytest.mark.parametrize("tag", [True, False], ids=["tag", "no tag"])
def test_session_parameters_switch_protection_off(suite: Suite, tag: bool, mki: bytes) -> None:
    """UNAUTHENTICATED_SRTP, UNENCRYPTED_SRTP and KDR (RFC 4568 section 6.3)."""
    whole = SrtpContext(key_of(suite)).protect(rtp(1))
    for bare in (True, False):
        key = replace(key_of(suite, mki=mki), authenticated=tag, encrypted=not bare, derivation_rate=256)
        ours, receiver = transform(key), SrtpContext(key)
        for index in range(250, 270):
            packet = ours.protect(rtp(index), 12, SSRC, index)
            assert len(packet) == len(rtp(index)) + key.tag_length + len(mki)
            assert (AUDIO in packet) is (bare and not suite.aead)
            assert receiver.unprotect(packet).packet == rtp(index)
            report = ours.protect_rtcp(RTCP, index)
            assert receiver.unprotect_rtcp(report).packet == RTCP
    assert len(whole) == len(rtp(1)) + suite.tag_length


def test_packets_longer_than_an_ethernet_frame(key: SrtpKey) -> None:
    sender, receiver = SrtpContext(key), SrtpContext(key)
    for index in range(65530, 65550):
        packet = rtp(index, audio=bytes(9000 if index % 3 == 0 else 1480))
        found = receiver.unprotect(sender.protect(packet))
        assert (found.packet, found.index) == (packet, index)


def test_a_late_start_of_another_count_moves_no_rollover(key: SrtpKey, sent: Sent) -> None:
    start = 2 << 16 | 10
    check(SrtpContext(key), sent, [8, 9, 10, start, 11, start + 1, 12, start + 2])


LIBSRTP_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


@pytest.mark.parametrize("name", LIBSRTP_PROFILES)
def test_a_context_accepts_what_libsrtp_accepts(name: str) -> None:
    """libsrtp is the oracle: rollovers, the replay window and forgeries give the same answers."""
    key, dice = key_of(SUITES[name]), random.Random(3)
    library = pylibsrtp.Session(
        pylibsrtp.Policy(
            key=key.master_key + key.master_salt,
            ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND,
            srtp_profile=LIBSRTP_PROFILES[name],
        )
    )
    ours, context = transform(key), SrtpContext(key, from_the_beginning=True)
    index, rejected = 40_000, 0
    for _ in range(3000):
        index = max(0, index + dice.choice([1, 1, 1, 2, 3, 500, 20000, -1, -2, -100, -3000, 0]))
        packet = ours.protect(rtp(index), 12, SSRC, index)
        if dice.random() < 0.05:
            at = dice.randrange(12, len(packet))
            packet = packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1 :]
        try:
            expected = library.unprotect(packet)
        except pylibsrtp.Error:
            rejected += 1
            expected = None
        try:
            found = context.unprotect(packet)
        except AuthenticationFailed:
            assert expected is None
        else:
            assert (found.packet if found.standing is Standing.ACCEPTED else None) == expected
    assert index > 1 << 20
    assert rejected > 500


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
def test_other_data_is_no_rtp(key: SrtpKey, data: bytes) -> None:
    context = SrtpContext(key)
    for read in (context.unprotect, context.protect):
        with pytest.raises(SrtpError, match="this is no RTP packet") as raised:
            read(data)
        assert not isinstance(raised.value, AuthenticationFailed)


@pytest.mark.parametrize("data", [b"", RTCP[:7], rtp(1), bytes(40)])
def test_other_data_is_no_rtcp(key: SrtpKey, data: bytes) -> None:
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
