"""The counters of real streams: losses are no reordering, and the jitter buffer has a delay."""

from __future__ import annotations

import pytest

from bot import Call, expect
from bot.model import StreamStats
from tests.agent.starting import NewEndpoint, connect


def after(packets: int, call: Call) -> StreamStats:
    expect(call).to_have_received_packets(at_least=packets, timeout=10)
    stats = call.known.stats(0)
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


def test_audio_that_nobody_takes_leaves_no_jitter_buffer(new_endpoint: NewEndpoint) -> None:
    _, answered = connect(new_endpoint(), new_endpoint())
    assert after(25, answered).jitter_buffer_ms is None
    answered.listen()
    assert after(50, answered).jitter_buffer_ms is not None


def test_a_stream_that_was_never_heard_has_no_delay(new_endpoint: NewEndpoint) -> None:
    _, answered = connect(new_endpoint(), new_endpoint(rx_drop_pct=100))
    expect(answered).to_have_sent_packets(at_least=25)
    stats = answered.known.stats(0)
    assert stats is not None
    assert (stats.rx.packets, stats.jitter_buffer_ms) == (0, None)
