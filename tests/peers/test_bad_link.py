"""A link with delay, jitter and loss: the audio of a call, and its counters."""

from __future__ import annotations

import pytest

from bot import Endpoint
from bot.report.call_result import call_result
from tests.support.link import ADDRESSES, BadLink, cannot_have
from tests.support.measuring import measured
from tests.support.starting import NewEndpoint, connect

DELAY_MS, JITTER_MS, LOSS_PCT = 60.0, 25.0, 8.0
ENOUGH_PACKETS = 150
HARMLESS_MOS = 4.2


def loss_pct(lost: int | None, packets: int) -> float:
    assert lost is not None
    return 100 * lost / (lost + packets)


@pytest.mark.parametrize("by", ["netem", "a thread of the test"])
def test_delay_jitter_and_loss_show_in_the_figures(by: str, new_endpoint: NewEndpoint) -> None:
    if reason := cannot_have(by):
        pytest.skip(reason)
    with BadLink(by, delay_ms=DELAY_MS, jitter_ms=JITTER_MS, loss_pct=LOSS_PCT) as link:
        endpoints: list[Endpoint] = []
        for end, address in zip(link.ends, ADDRESSES, strict=True):
            with end.entered():
                endpoints.append(new_endpoint(bind=address, codecs=["PCMA"]))
        outgoing, _ = connect(*endpoints)
        stats = measured(
            outgoing,
            lambda one: one.rx.packets >= ENOUGH_PACKETS and bool(one.tx.lost) and one.rtt_ms is not None,
        )
        assert stats.rtt_ms is not None
        assert 2 * (DELAY_MS - JITTER_MS) - 5 <= stats.rtt_ms <= 2 * (DELAY_MS + JITTER_MS) + 60
        assert stats.rx.jitter_ms_mean is not None
        assert stats.rx.jitter_ms_mean > JITTER_MS / 5
        assert LOSS_PCT / 4 < loss_pct(stats.rx.lost, stats.rx.packets) < LOSS_PCT * 2.5
        mos = call_result(outgoing).media[0].mos_lq
        assert mos is not None
        assert mos < HARMLESS_MOS
        for endpoint in endpoints:
            endpoint.close()
