"""Owns the order of a stream's packets by their sequence numbers (RFC 3550, A.1); not what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Sequence"]

Item = TypeVar("Item")

WINDOW = 50  # packets held until the one before them comes: 1 s
FIRST = 3  # packets among which the first is looked for
DROPOUT, MISORDER = 3000, 100  # packets: RFC 3550, A.1


class Sequence(Generic[Item]):
    """Puts a stream's packets in the order of their sequence numbers, and counts those that never came.

    A packet waits until the one before it has come or 50 wait; those that come twice or later are dropped. A
    number far from the others is believed when the next one follows it: the sender has begun anew.
    """

    def __init__(self) -> None:
        self._first: list[tuple[int, Item]] = []  # until there are enough to tell which is the first
        self._next: int | None = None
        self._held: dict[int, Item] = {}
        self._stray: tuple[int, Item] | None = None

    def put(self, sequence: int, item: Item) -> Iterator[tuple[int, Item]]:
        """The packets whose turn it is, each with how many before it are lost."""
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
        """What follows without a gap, and across gaps until at most `most` packets are held."""
        assert self._next is not None or not self._held
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
