"""Reassembly of bytes that arrive out of order, by their offsets."""

from __future__ import annotations

from bisect import bisect_right

__all__ = ["Pieces"]

COST = 100  # approximate overhead of a piece in bytes


class Pieces:
    """Bytes at offsets; where two pieces overlap, the first one is kept."""

    __slots__ = ("_parts", "_starts", "length")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._parts: list[bytes] = []
        self.length = 0
        """Bytes held."""

    def __bool__(self) -> bool:
        """Whether any bytes are held."""
        return bool(self._starts)

    @property
    def memory(self) -> int:
        """Approximate memory in bytes."""
        return self.length + COST * len(self._starts)

    @property
    def first(self) -> int:
        """The lowest stored offset; there must be one."""
        return self._starts[0]

    @property
    def end(self) -> int:
        """The offset after the last stored byte; there must be one."""
        return self._starts[-1] + len(self._parts[-1])

    def add(self, start: int, data: bytes) -> bool:
        """Store the new part of ``data``; False when it contradicts stored bytes."""
        end, covered, agrees = start + len(data), start, True
        missing: list[tuple[int, bytes]] = []
        index = max(0, bisect_right(self._starts, start) - 1)
        while index < len(self._starts) and self._starts[index] < end:
            held_start, held = self._starts[index], self._parts[index]
            low, high = max(start, held_start), min(end, held_start + len(held))
            if low < high:
                agrees &= held[low - held_start : high - held_start] == data[low - start : high - start]
                if covered < low:
                    missing.append((covered, data[covered - start : low - start]))
                covered = high
            index += 1
        if covered < end:
            missing.append((covered, data[covered - start :]))
        for offset, part in missing:
            self._insert(offset, part)
        return agrees

    def take(self, start: int) -> bytes:
        """Remove the bytes up to the first hole after ``start``, and return those from ``start`` on."""
        taken, count = [], 0
        for held_start, held in zip(self._starts, self._parts, strict=True):
            if held_start > start:
                break
            count += 1
            self.length -= len(held)
            if held_start + len(held) > start:
                taken.append(held[start - held_start :])
                start = held_start + len(held)
        del self._starts[:count], self._parts[:count]
        return b"".join(taken)

    def _insert(self, offset: int, part: bytes) -> None:
        index = bisect_right(self._starts, offset)
        self._starts.insert(index, offset)
        self._parts.insert(index, part)
        self.length += len(part)
