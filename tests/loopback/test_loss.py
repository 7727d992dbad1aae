"""Simulated loss: what an endpoint drops shows in its own counters, in the peer's, and in the peer's RTCP."""

from __future__ import annotations

import pytest

from bot.model import RtpCounters
from tests.support.measuring import measured
from tests.support.starting import NewEndpoint, connect

SENT_PCT, RECEIVED_PCT = 19, 9
"""What one side drops of what it sends and receives; the library drops one per cent more."""
ENOUGH_PACKETS = 120


def lost_pct(received: RtpCounters) -> float:
    assert received.lost is not None
    return 100 * received.lost / (received.lost + received.packets)


def test_loss_is_counted_where_it_is_missed_and_told_to_the_sender(new_endpoint: NewEndpoint) -> None:
    lossy, whole = connect(new_endpoint(tx_drop_pct=SENT_PCT, rx_drop_pct=RECEIVED_PCT), new_endpoint())
    for call, percent in ((whole, SENT_PCT), (lossy, RECEIVED_PCT)):
        stats = measured(call, lambda stats: stats.rx.packets >= ENOUGH_PACKETS)
        assert lost_pct(stats.rx) == pytest.approx(percent + 1, abs=9)
    for call in (whole, lossy):
        assert measured(call, lambda stats: bool(stats.tx.lost)).tx.lost
