"""The RTP ports of several agents that take the calls of one configuration together."""

from __future__ import annotations

from bot.config.endpoint import EndpointConfig
from bot.errors import ConfigError

__all__ = ["shares_of_rtp_ports"]


def shares_of_rtp_ports(config: EndpointConfig, calls: int, agents: int) -> list[tuple[int, int] | None]:
    """The range of ``rtp_ports`` of each agent with so many calls; None for free ports.

    Raises ConfigError for too few ports.
    """
    if config.rtp_ports is None:
        return [None] * agents
    low, high = config.rtp_ports
    size, needed = (high - low + 1) // agents // 2 * 2, 2 * config.audio_lines * calls
    if size < needed:
        raise ConfigError(
            f"rtp_ports (--rtp-ports): {agents} agents with {calls} calls each need {needed * agents} ports, "
            f"for instance {low}-{low + needed * agents - 1}; got {low}-{high}"
        )
    return [(low + size * number, low + size * (number + 1) - 1) for number in range(agents)]
