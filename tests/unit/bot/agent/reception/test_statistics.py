"""Counters of a received stream: separate for each source; a restart is neither loss nor jitter."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import pytest

from bot.agent.reception.packet import is_rtp, payload_begin
from bot.agent.reception.statistics import Reception
from bot.model import RtpCounters

LIBRARY = RtpCounters(packets=0, bytes=0, lost=76, reordered=9, duplicate=0, jitter_ms_max=117_407.0)
STEP, STEP_S = 160, 0.02
SILENCE, SOUND = b"\xd5" * 160, bytes(range(160))
Sent = tuple[float, int, int, int, int, bytes]
"""When it arrives, its payload type, sequence number, timestamp, SSRC and payload."""


def stream(
    numbers: Iterable[int], *, ssrc: int = 1, start: int = 0, at: float = 0.0, payload: bytes = SOUND
) -> list[Sent]:
    """Packets with these sequence numbers; the first number is at this time and timestamp."""
    listed = list(numbers)
    return [
        (at + (n - listed[0]) * STEP_S, 8, n % 65536, (start + (n - listed[0]) * STEP) % 2**32, ssrc, payload)
        for n in listed
    ]


def received(sent: Iterable[Sent], *, codec: str = "PCMA", now: float | None = None) -> RtpCounters:
    reception = Reception(clock_rate=8000, codec=codec, payload_type=8, event=101)
    at = 0.0
    for at, kind, number, timestamp, ssrc, payload in sent:
        data = struct.pack("!BBHII", 0x80, kind, number, timestamp, ssrc) + payload
        reception.take(at, data[:40].ljust(40, b"\0"), len(data))
    return reception.counters(at if now is None else now, LIBRARY)


def test_a_stream_that_goes_on_is_as_the_library_counts_it() -> None:
    found = received(stream(range(100)))
    assert (found.lost, found.jitter_ms_max, found.changes) == (76, 117_407.0, [])
    assert found.packet_ms == 20


@pytest.mark.parametrize(("number", "start"), [(60, 9600), (500, 77_777_777), (3, 9600), (60_000, 1)])
def test_another_ssrc_is_a_change_and_no_loss(number: int, start: int) -> None:
    later = stream(range(number, number + 60), ssrc=2, start=start, at=1.2)
    found = received([*stream(range(60)), *later])
    assert found.changes is not None
    assert [(change.packet, change.kind) for change in found.changes] == [(61, "ssrc")]
    assert str(found.changes[0]) == "the SSRC changed at packet 61 (0x00000001 became 0x00000002)"
    assert (found.lost, found.loss_events, found.reordered, found.duplicate) == (0, 0, 0, 0)
    assert found.jitter_ms_max == pytest.approx(0, abs=0.01)


def test_losses_beside_a_change_are_counted() -> None:
    first, second = stream([*range(20), *range(23, 60)]), stream([*range(30), *range(31, 60)], ssrc=2, at=1.2)
    found = received([*first, *second])
    assert (found.lost, found.loss_events) == (4, 2)


@pytest.mark.parametrize("start", [0, 3_000_000_000, 2**31, 9440 + 80_000])
def test_timestamps_that_begin_anew_are_a_change_and_no_jitter(start: int) -> None:
    found = received([*stream(range(60)), *stream(range(60, 120), start=start, at=1.2)])
    assert found.changes is not None
    assert [(change.packet, change.kind) for change in found.changes] == [(61, "timestamps")]
    assert found.jitter_ms_max == pytest.approx(0, abs=0.01)
    assert found.lost == 0


def test_timestamps_that_wrap_go_on() -> None:
    assert received(stream(range(120), start=2**32 - 60 * STEP)).changes == []


def test_sequence_numbers_that_begin_anew() -> None:
    found = received([*stream(range(60)), *stream(range(30_000, 30_060), start=9600, at=1.2)])
    assert found.changes is not None
    [change] = found.changes
    assert (change.packet, change.kind, change.what) == (61, "sequence", "59 became 30000")
    assert (found.lost, found.duplicate) == (0, 0)


def test_sequence_numbers_that_wrap_go_on() -> None:
    found = received(stream([*range(65_500, 65_536), *range(65_538, 65_600)]))
    assert (found.changes, found.loss_events) == ([], 1)


def test_two_sources_side_by_side() -> None:
    mixed = sorted([*stream(range(60)), *stream(range(900, 960), ssrc=2, start=5, at=0.001)])
    found = received(mixed)
    assert found.changes is not None
    assert found.more_changes is not None
    assert len(found.changes) + found.more_changes == 119
    assert (found.lost, found.reordered) == (0, 0)


def test_a_packet_that_comes_late_is_not_lost() -> None:
    sent = stream(range(60))
    sent[30], sent[32] = sent[32], sent[30]
    found = received([*sent, *stream(range(60), ssrc=2, at=1.2)])
    assert (found.lost, found.loss_events, found.reordered, found.duplicate) == (0, 0, 2, 0)


def test_a_packet_that_comes_twice() -> None:
    sent = stream(range(60))
    found = received([*sent[:30], sent[29], *sent[30:], *stream(range(60), ssrc=2, at=1.2)])
    assert (found.lost, found.duplicate) == (0, 1)


def test_a_pause_that_the_timestamps_tell_is_no_gap_of_the_sender() -> None:
    sent = [*stream(range(50)), *stream(range(50, 100), start=50 * STEP + 8000 * 2, at=3.0)]
    found = received(sent)
    assert found.longest_gap_ms == pytest.approx(2020, abs=1)
    assert found.paused_ms == pytest.approx(2020, abs=1)


def test_a_gap_of_lost_packets_is_no_pause() -> None:
    found = received([*stream(range(50)), *stream(range(150, 200), start=150 * STEP, at=3.0)])
    assert found.longest_gap_ms == pytest.approx(2020, abs=1)
    assert found.paused_ms == 0


def test_a_gap_of_lost_packets_before_a_digit_is_no_pause() -> None:
    digit: Sent = (3.0, 101, 150, 150 * STEP, 1, b"\x01\x0a\x00\xa0")
    found = received([*stream(range(50)), digit, *stream(range(151, 200), start=151 * STEP, at=3.02)])
    assert found.longest_gap_ms == pytest.approx(2020, abs=1)
    assert found.paused_ms == 0


def test_comfort_noise_says_that_the_peer_pauses() -> None:
    noise: Sent = (1.0, 13, 50, 50 * STEP, 1, b"\x40")
    found = received([*stream(range(50)), noise], now=5.0)
    assert found.paused_ms == pytest.approx(4020, abs=1)
    assert found.refused == {}


@pytest.mark.parametrize(("codec", "payload", "silent"), [
    ("PCMA", SILENCE, True),
    ("PCMU", b"\xff" * 160, True),
    ("PCMA", SOUND, False),
    ("L16", b"\0\1" * 20, True),
    ("GSM", b"\xd5" * 33, True),
])  # fmt: skip
def test_whether_all_was_silence(codec: str, payload: bytes, silent: bool) -> None:
    assert received(stream(range(100), payload=payload), codec=codec).silent is silent


def test_a_codec_that_changes_its_payload_may_sound() -> None:
    sent = [*stream(range(50), payload=b"\1" * 33), *stream(range(50, 60), payload=b"\2" * 33, at=1.0)]
    assert received(sent, codec="GSM").silent is False


def test_digits_under_another_payload_type() -> None:
    def event(number: int, digit: int, timestamp: int) -> Sent:
        return (number * STEP_S, 99, number, timestamp, 1, struct.pack("!BBH", digit, 10, 160))

    found = received([*stream(range(10)), *(event(n, 5, 1600) for n in range(10, 13)), event(13, 11, 3200)])
    assert found.unoffered_digits == {"99": "5#"}
    assert found.refused == {"payload type 99": 4}


@pytest.mark.parametrize(("mki", "size"), [(b"\1", "1 byte"), (b"\0\0\0\1", "4 bytes")])
def test_refused_packets_with_an_identifier_are_named(mki: bytes, size: str) -> None:
    reception = Reception(clock_rate=8000, codec="PCMA", payload_type=8, event=None)
    for number in range(150):
        tag = struct.pack("!QH", number * 0x9E3779B97F4A7C15 % 2**64, number * 40_503 % 65536)
        reception.refuse_unauthentic(
            struct.pack("!QH", number * 0xBF58476D1CE4E5B9 % 2**64, number) + mki + tag
        )
    found = reception.counters(0.0, LIBRARY)
    assert found.refused == {f"not authentic, carrying an MKI of {size}": 150}
    assert found.unauthentic == found.refusals == 150


def test_plain_silence_has_no_identifier() -> None:
    reception = Reception(clock_rate=8000, codec="PCMA", payload_type=8, event=None)
    for _ in range(20):
        reception.refuse_unauthentic(b"\xd5" * 24)
    assert reception.counters(0.0, LIBRARY).refused == {"not authentic": 20}


@pytest.mark.parametrize(("data", "length"), [(b"\0" * 40, 172), (b"\x80".ljust(40, b"\0"), 11)])
def test_what_is_no_rtp(data: bytes, length: int) -> None:
    assert not is_rtp(data, length)


def test_a_header_with_contributing_sources_and_an_extension() -> None:
    data = struct.pack("!BBHII", 0x91, 8, 1, 2, 3) + b"\0" * 4 + b"\xbe\xde\0\1" + b"\1\2\3\4" + b"\xaa" * 12
    assert data[payload_begin(data) :] == b"\xaa" * 12
