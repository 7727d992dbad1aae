"""Reordering of a stream's packets by sequence number (RFC 3550, A.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Sequence"]

Item = TypeVar("Item")

WINDOW = 50  # packets held for a missing predecessor: 1 s
FIRST = 3  # packets from which the first one is chosen
DROPOUT, MISORDER = 3000, 100  # packets: RFC 3550, A.1


class Sequence(Generic[Item]):
    """Sorts a stream's packets by sequence number, and counts the missing ones.

    A packet waits until its predecessor arrives or 50 packets wait. Duplicate and late packets are dropped.
    A distant number is accepted when the next one follows it: the sender has restarted.
    """

    def __init__(self) -> None:
        self._first: list[tuple[int, Item]] = []  # until there are enough packets to choose the first one
        self._next: int | None = None
        self._held: dict[int, Item] = {}
        self._stray: tuple[int, Item] | None = None

    def put(self, sequence: int, item: Item) -> Iterator[tuple[int, Item]]:
        """The packets that are due, each with the number of packets lost before it."""
        if self._next is None:
            self._first.append((sequence, item))
            if len(self._first) == FIRST:
                yield from self._begin()
            return
        distance = (sequence - self._next) & 0xFFFF
        if distance == 0 and not self._held:
            self._next = (sequence + 1) & 0xFFFF
            yield 0, item
        elif distance < DROPOUT:
            self._held.setdefault(sequence, item)
            yield from self._release(WINDOW)
        elif distance < 0x10000 - MISORDER:
            yield from self._astray(sequence, item)

    def flush(self) -> Iterator[tuple[int, Item]]:
        """All packets that are still held."""
        if self._next is None and self._first:
            yield from self._begin()
        yield from self._release(0)

    def _begin(self) -> Iterator[tuple[int, Item]]:
        first, self._first = self._first, []
        origin = first[0][0]
        before = ((sequence - origin) & 0xFFFF for sequence, _ in first)
        back = max((0x10000 - distance for distance in before if distance >= 0x10000 - FIRST), default=0)
        self._next = (origin - back) & 0xFFFF
        for sequence, item in first:
            yield from self.put(sequence, item)

    def _release(self, most: int) -> Iterator[tuple[int, Item]]:
        """The packets that follow without a gap; across gaps until at most `most` packets are held."""
        while self._held:
            expected = self._next or 0
            lost = 0
            if expected not in self._held:
                if len(self._held) <= most:
                    return
                lost = min((sequence - expected) & 0xFFFF for sequence in self._held)
            sequence = (expected + lost) & 0xFFFF
            self._next = (sequence + 1) & 0xFFFF
            yield lost, self._held.pop(sequence)

    def _astray(self, sequence: int, item: Item) -> Iterator[tuple[int, Item]]:
        stray, self._stray = self._stray, (sequence, item)
        if stray and sequence == (stray[0] + 1) & 0xFFFF:
            yield from self._release(0)
            self._next, self._stray = (sequence + 1) & 0xFFFF, None
            yield 0, stray[1]
            yield 0, item
