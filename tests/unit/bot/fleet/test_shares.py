"""The RTP ports of a fleet's agents."""

from __future__ import annotations

import pytest

from bot.config import EndpointConfig, shares_of_rtp_ports
from bot.errors import ConfigError
from bot.fleet import Fleet


def test_every_agent_has_ports_of_its_own() -> None:
    config = EndpointConfig(rtp_ports=(4000, 4031))
    assert shares_of_rtp_ports(config, 4, 4) == [(4000, 4007), (4008, 4015), (4016, 4023), (4024, 4031)]


def test_a_share_begins_at_an_even_port() -> None:
    config = EndpointConfig(rtp_ports=(4000, 4029))
    assert shares_of_rtp_ports(config, 4, 3) == [(4000, 4009), (4010, 4019), (4020, 4029)]


def test_free_ports_are_nobodys() -> None:
    assert shares_of_rtp_ports(EndpointConfig(), 4, 2) == [None, None]


def test_too_few_ports() -> None:
    with pytest.raises(ConfigError, match="3 agents with 4 calls each need 24 ports, for instance 4000-4023"):
        shares_of_rtp_ports(EndpointConfig(rtp_ports=(4000, 4020)), 4, 3)


@pytest.mark.parametrize(("calls", "calls_per_agent"), [(0, None), (1, 0)])
def test_a_fleet_takes_a_call(calls: int, calls_per_agent: int | None) -> None:
    with pytest.raises(ConfigError, match="expected 1 or more, got 0"):
        Fleet(calls=calls, calls_per_agent=calls_per_agent)
