"""Rollover counters of SRTP sources that continue with another key or address (RFC 3711 section 3.3.1).

The rollover counter continues when the master key changes, and when a source moves to other addresses with
the same key. The module stores packet indices, not packets.
"""

from __future__ import annotations

from collections import OrderedDict

from media.rtp.srtp import SrtpKey

__all__ = ["Rollovers"]

MOST = 10_000


class Rollovers:
    """The highest packet index of each SSRC under each key, over all streams of a capture."""

    def __init__(self) -> None:
        """Create an empty record."""
        self._highest: OrderedDict[tuple[bytes, bytes, int], int] = OrderedDict()

    def note(self, key: SrtpKey, ssrc: int, index: int) -> None:
        """Store the index of an accepted packet."""
        where = key.master_key, key.master_salt, ssrc
        if index > self._highest.get(where, -1):
            self._highest[where] = index
            if len(self._highest) > MOST:
                self._highest.popitem(last=False)

    def near(self, key: SrtpKey, ssrc: int, own: int) -> tuple[int, ...]:
        """Estimates of the next packet index; ``own`` is the index of the stream itself, -1 without one."""
        highest = self._highest.get((key.master_key, key.master_salt, ssrc), -1)
        return tuple(one for one in dict.fromkeys((own, highest)) if one >= 0)
