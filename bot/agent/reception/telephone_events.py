"""Grouping of telephone-event packets into digits by their timestamp (RFC 4733 2.2.1, 2.5.1.2).

The library starts a new digit when the event code differs from that of the packet before. So a
retransmitted end after the start of the next digit would add two digits. And two equal digits would become
one if the first packets of the second one were lost.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

__all__ = ["HeardDigits", "HeardPacket"]

REMEMBERED = 32
SLACK_MS = 30
"""Maximum advance of the timestamp within a digit; some senders run ahead by a packet."""


@dataclass(frozen=True, slots=True)
class HeardPacket:
    """The meaning of a packet: a digit began, a digit ended, or both."""

    begun: bool
    ended: bool


class HeardDigits:
    """Stores the latest digits by timestamp, in ms."""

    def __init__(self) -> None:
        self._ended: OrderedDict[tuple[str, int], bool] = OrderedDict()
        self._latest: tuple[str, int] | None = None
        self._until = 0

    def hear(self, digit: str, timestamp: int, duration: int, *, new: bool, end: bool) -> HeardPacket:
        """Process a packet that the library reports as a new or a continued digit."""
        key = digit, timestamp
        latest = self._latest
        if latest is not None and latest[0] == digit and not new and key not in self._ended:
            key = latest if timestamp <= self._until + SLACK_MS else key
        begun = key not in self._ended
        ended = end and not self._ended.get(key, False)
        self._ended[key] = self._ended.get(key, False) or end
        if begun:
            self._latest = key
            while len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
        if key == self._latest:
            self._until = timestamp + duration
        return HeardPacket(begun, ended)
