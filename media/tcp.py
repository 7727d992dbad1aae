"""Owns the order of TCP's bytes, each direction by itself (RFC 9293); it must not know what they say.

Only what a capture shows can be known: it may begin in the middle of a connection, and lack segments that
the peer received. So a hole is waited for as long as its bytes may still come, and then passed over.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from media.ip import Unreadable
from media.pieces import Pieces

__all__ = ["BREAK", "Streams"]

SYN, ACK = 0x02, 0x10
MODULUS = 1 << 32
WINDOW = 16 << 20
"""Further away from what is expected than any window of today, a sequence number is another connection's."""
PATIENCE_S = 30.0
"""How long a hole is waited for: some retransmissions."""
ACKNOWLEDGED_S = 1.0
"""How long when the peer has acknowledged the bytes; captures may have the two directions out of order."""
MOST_STREAMS, MOST_OF_A_STREAM, MOST_MEMORY = 4096, 1 << 20, 16 << 20

NO_DATA = "TCP without data"
REPEATED = "TCP data repeated"
MALFORMED = "malformed TCP header"
CROWDED_OUT = "TCP data out of order beyond what is buffered"

BREAK = b""
"""Instead of data: bytes are missing here, or a new connection begins."""

Data = tuple[bytes, bytes]
"""Which direction (addresses and ports as on the wire), and its next bytes or BREAK."""


@dataclass(slots=True)
class Direction:
    """What one side sends; positions count the bytes since ``first``, whose sequence number is known."""

    first: int
    position: int = 0
    pieces: Pieces = field(default_factory=Pieces)
    hole_since: float = 0.0

    def distance(self, sequence: int) -> int:
        """From the byte that is expected next to this one; negative for those before it."""
        ahead = (sequence - self.first - self.position) % MODULUS
        return ahead if ahead < MODULUS // 2 else ahead - MODULUS

    def next_bytes(self) -> bytes:
        """What is held of the bytes that are expected next."""
        data = self.pieces.take(self.position)
        self.position += len(data)
        return data

    def beyond_the_hole(self) -> bytes:
        """What is held behind the first hole."""
        self.position = self.pieces.first
        return self.next_bytes()


class Streams:
    """All connections of a capture, in bounded memory; the least used are forgotten."""

    def __init__(self, skipped: Counter[str]) -> None:
        self._skipped = skipped
        self._directions: OrderedDict[bytes, Direction] = OrderedDict()
        self._waiting: dict[bytes, Direction] = {}
        self._memory = 0
        self.gaps = 0
        """Places where bytes are missing."""

    def add(self, addresses: bytes, segment: bytes, at: float) -> Iterator[Data]:
        """The bytes that are in order now, of this direction or its opposite. Raises Unreadable.

        ``addresses`` are source and target as IP has them, ``at`` is in seconds.
        """
        if len(segment) < 20:
            raise Unreadable(MALFORMED)
        sequence, acknowledged, header, flags = struct.unpack_from("!IIBB", segment, 4)
        header = (header >> 4) * 4
        if not 20 <= header <= len(segment):
            raise Unreadable(MALFORMED)
        key = addresses + segment[:4]
        if self._waiting and flags & ACK:
            yield from self._acknowledge(opposite(key), acknowledged, at)
        data = segment[header:]
        direction = self._directions.get(key)
        if flags & SYN:
            sequence = (sequence + 1) % MODULUS
            if direction is None or direction.first != sequence:
                yield from self._begin(key, sequence)
                direction = self._directions[key]
        if not data:
            raise Unreadable(NO_DATA)
        if direction is None or abs(direction.distance(sequence)) > WINDOW:
            yield from self._begin(key, sequence)
        yield from self._data(key, sequence, data, at)

    def close(self) -> Iterator[Data]:
        """What still waits for a hole to be filled."""
        for key in list(self._waiting):
            yield from self._flush(key)

    def _begin(self, key: bytes, sequence: int) -> Iterator[Data]:
        """A connection, the first of these addresses and ports or the next."""
        before = self._directions.get(key)
        yield from self._flush(key)
        if before is not None and before.position:
            yield key, BREAK
        self._directions[key] = Direction(sequence)
        while len(self._directions) > MOST_STREAMS:
            yield from self._flush(next(iter(self._directions)))
            self._directions.popitem(last=False)

    def _data(self, key: bytes, sequence: int, data: bytes, at: float) -> Iterator[Data]:
        direction = self._directions[key]
        self._directions.move_to_end(key)
        start = direction.position + direction.distance(sequence)
        if start + len(data) <= direction.position:
            raise Unreadable(REPEATED)
        if not direction.pieces and start <= direction.position:
            data = data[direction.position - start :]
            direction.position += len(data)
            yield key, data
            return
        if not direction.pieces:
            direction.hole_since = at
        self._memory -= direction.pieces.memory
        direction.pieces.add(start, data)
        ordered = direction.next_bytes()
        self._waiting[key] = direction
        self._settle(key)
        if ordered:
            direction.hole_since = at
            yield key, ordered
        if direction.pieces.memory > MOST_OF_A_STREAM or self._memory > MOST_MEMORY:
            self._skipped[CROWDED_OUT] += 1
            yield from self._flush(key)
        elif direction.pieces and at - direction.hole_since > PATIENCE_S:
            yield from self._pass_over(key)

    def _acknowledge(self, key: bytes, acknowledged: int, at: float) -> Iterator[Data]:
        direction = self._waiting.get(key)
        if direction is None or at - direction.hole_since <= ACKNOWLEDGED_S:
            return
        received = direction.position + direction.distance(acknowledged)
        while direction.pieces and received >= direction.pieces.first:
            yield from self._pass_over(key)

    def _flush(self, key: bytes) -> Iterator[Data]:
        direction = self._waiting.get(key)
        while direction is not None and direction.pieces:
            yield from self._pass_over(key)

    def _pass_over(self, key: bytes) -> Iterator[Data]:
        """Give up the first hole of a direction that has one."""
        direction = self._waiting[key]
        self._memory -= direction.pieces.memory
        data = direction.beyond_the_hole()
        self._settle(key)
        self.gaps += 1
        yield key, BREAK
        yield key, data

    def _settle(self, key: bytes) -> None:
        """Count what is held again."""
        pieces = self._waiting[key].pieces
        self._memory += pieces.memory
        if not pieces:
            del self._waiting[key]


def opposite(key: bytes) -> bytes:
    """The other direction's key."""
    length = len(key) // 2 - 2
    source, target, ports = key[:length], key[length : 2 * length], key[2 * length :]
    return target + source + ports[2:] + ports[:2]
