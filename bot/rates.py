"""Recent use of each source of messages, an IP address; the number of stored sources is bounded.

Rates use token buckets; a burst may have the messages of two seconds.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

__all__ = ["EVERYBODY", "Sources", "host_of"]

MOST_SOURCES = 4096
ABUSE_S = 60.0
"""How long a source that exceeded a limit has less than others."""
BURST_S = 2.0
EVERYBODY = "*"
"""The source that stands for all of them together."""


class Source:
    """A token bucket."""

    __slots__ = ("abused_at", "levels")

    def __init__(self) -> None:
        self.levels: dict[str, tuple[float, float]] = {}
        """By the name of a rate: the tokens that were left, and when."""
        self.abused_at = float("-inf")


class Sources:
    """The sources that were seen last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, Source] = OrderedDict()

    def takes(self, host: str, rate: str, per_s: float) -> bool:
        """Count a message; whether the source stays within ``per_s`` per second. 0: no limit."""
        if not per_s:
            return True
        now, source = self._clock(), self._of(host)
        most = max(1.0, per_s * BURST_S)
        tokens, at = source.levels.get(rate, (most, now))
        tokens = min(most, tokens + (now - at) * per_s)
        within = tokens >= 1
        source.levels[rate] = (tokens - 1 if within else tokens), now
        return within

    def abused(self, host: str) -> None:
        """A source has exceeded a limit."""
        self._of(host).abused_at = self._clock()

    def is_abusing(self, host: str) -> bool:
        """Whether it has done so in the last minute."""
        source = self._known.get(host)
        return source is not None and self._clock() - source.abused_at < ABUSE_S

    def _of(self, host: str) -> Source:
        source = self._known.get(host)
        if source is None:
            source = self._known[host] = Source()
            if len(self._known) > MOST_SOURCES:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(host)
        return source


@lru_cache(maxsize=MOST_SOURCES)
def host_of(peer: str) -> str:
    """The source of ``host:port``: the address, and of IPv6 its network of 64 bits."""
    host = peer.rpartition(":")[0].strip("[]")
    if ":" in host:
        import ipaddress

        try:
            return str(ipaddress.IPv6Network((host.partition("%")[0], 64), strict=False))
        except ValueError:
            return host
    return host
