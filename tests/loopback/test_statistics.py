"""The counters of real streams: losses are no reordering, and the jitter buffer has a delay."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import Call, Endpoint, expect
from bot.model import StreamStats
from media.audio.wav import read
from media.signals.marker import find_markers
from tests.support.measuring import counted, measured
from tests.support.sip_peer import SipPeer
from tests.support.starting import NewEndpoint, connect

UNREAD_S = 0.4
"""A full jitter buffer alone delays audio by more."""


def after(packets: int, call: Call) -> StreamStats:
    expect(call).to_have_received_packets(at_least=packets, timeout=10)
    stats = call.facts.stats(0)
    assert stats is not None
    return stats


def test_what_is_lost_was_not_reordered(new_endpoint: NewEndpoint) -> None:
    _, answered = connect(new_endpoint(), new_endpoint(rx_drop_pct=19))
    stats = after(150, answered)
    assert (stats.rx.lost or 0) > 10
    assert stats.rx.reordered == 0


@pytest.mark.parametrize("codec", ["PCMA", "G722", "GSM", "speex/16000"])
def test_the_jitter_buffer_delays_by_a_packet_at_least(codec: str, new_endpoint: NewEndpoint) -> None:
    pair = connect(new_endpoint(codecs=[codec]), new_endpoint(codecs=[codec]))
    for call in pair:
        call.loopback()
    for call in pair:
        stats = after(50, call)
        assert stats.jitter_buffer_ms is not None
        assert 10 <= stats.jitter_buffer_ms <= 300


def test_audio_that_nobody_records_passes_the_jitter_buffer_too(
    new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    with answered.record(tmp_path / "before.wav"):
        after(25, answered)
    after(100, answered)  # a jitter buffer that is not read is full by now
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play("marker:7").wait()
        expect(answered).to_have_received_packets(at_least=after(100, answered).rx.packets + 50)
    [heard] = find_markers(read(recording.path))
    *_, played = (one.at for one in outgoing.facts.activities if one.kind == "play")
    *_, recorded = (one.at for one in answered.facts.activities if one.kind == "record")
    assert recorded + heard.start_s - played < UNREAD_S


def test_a_stream_that_was_never_heard_has_no_delay(new_endpoint: NewEndpoint) -> None:
    _, answered = connect(new_endpoint(), new_endpoint(rx_drop_pct=100))
    expect(answered).to_have_sent_packets(at_least=25)
    stats = answered.facts.stats(0)
    assert stats is not None
    assert (stats.rx.packets, stats.jitter_buffer_ms) == (0, None)


@pytest.mark.parametrize(
    ("missing", "twice"),
    [
        (range(20, 30), range(40, 50)),
        (range(60, 80), range(40, 50)),
        (range(5, 95, 10), range(42, 45)),
        (range(0), range(40, 50)),
        (range(20, 23), range(40, 50)),
        (range(100, 172), range(185, 216)),
    ],
    ids=["as many", "the loss is later", "single losses", "no loss", "more than are lost", "72 and 31"],
)
def test_packets_that_come_twice_hide_no_loss(
    missing: range, twice: range, new_endpoint: NewEndpoint
) -> None:
    sent = [number for number in range(1, 221) if number not in missing]
    repeated = [number for number in sent if number in twice]
    stats = after_raw(sorted(sent + repeated), new_endpoint(codecs=["PCMA"], srtp="off"))
    assert (stats.rx.lost, stats.rx.duplicate, stats.rx.reordered) == (len(missing), len(repeated), 0)


def test_packets_that_come_again_behind_later_ones_hide_no_loss(new_endpoint: NewEndpoint) -> None:
    numbers = [number for number in range(1, 151) if not 20 <= number < 30]
    numbers[100:100] = numbers[60:75]
    stats = after_raw(numbers, new_endpoint(codecs=["PCMA"], srtp="off"))
    assert (stats.rx.lost, stats.rx.duplicate, stats.rx.reordered) == (10, 15, 0)


def test_packets_that_come_late_are_not_lost(new_endpoint: NewEndpoint) -> None:
    numbers = list(range(1, 151))
    for place in range(20, 120, 10):
        numbers[place : place + 2] = reversed(numbers[place : place + 2])
    stats = after_raw(numbers, new_endpoint(codecs=["PCMA"], srtp="off"))
    assert (stats.rx.lost, stats.rx.duplicate, stats.rx.reordered) == (0, 0, 10)


def after_raw(numbers: list[int], endpoint: Endpoint) -> StreamStats:
    """What is counted of RTP packets with these sequence numbers."""
    with SipPeer(endpoint.uri) as peer:
        with endpoint.expect_call() as incoming:
            peer.offer("m=audio {rtp} RTP/AVP 8\na=rtpmap:8 PCMA/8000")
        call = incoming.value
        call.answer()
        assert peer.answered() == 200
        expect(call).to_be_confirmed()
        for number in numbers:
            peer.media.send_audio(number, 8)
        measured(call, lambda stats: stats.rx.packets >= len(numbers))
        return counted(call)  # the library may have been ahead of what had been noted of a burst
